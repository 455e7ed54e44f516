"""Writing files whole or not at all, and knowing before the work whether they can be written."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from der_core.errors import SettingsError

SCRATCH = ".new-"
"""How the names of unfinished files and folders begin, until they are moved into place."""
LEFT_OVER_S = 600.0
"""Age from which on nobody is writing an unfinished one any more."""
ROOM_BYTES = 1 << 20
LONGEST_NAME_BYTES = 255


def write_whole(path: Path, body: bytes) -> None:
    """Write a file; whoever reads it, or kills this process, finds the old one or the whole new one."""
    handle, name = tempfile.mkstemp(prefix=SCRATCH, dir=path.parent)
    unfinished = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(unfinished, 0o666 & ~_umask())  # temporary files are private, results are not
        os.replace(unfinished, path)
    except BaseException:
        with suppress(OSError):
            unfinished.unlink()
        raise


def check_output(path: Path, option: str, *, room_bytes: int = ROOM_BYTES) -> None:
    """Raise SettingsError unless a file can be written there, so that no work is done in vain; `option` is how it was named.

    Its folder must be there; what may have filled up or changed meanwhile is found out by a file of `room_bytes` that is removed again.
    """
    change = f"Name another file with {option}, or make room for this one."
    if not path.name or len(path.name.encode("utf-8", "replace")) > LONGEST_NAME_BYTES or "\0" in str(path):
        raise SettingsError(f"{str(path)[:80]!r} is no name of a file. {change}")
    try:
        if path.is_dir():
            raise SettingsError(f"{path} is a folder, and a file is to be written there. {change}")
        if path.exists() and not path.is_file():
            raise SettingsError(f"{path} is no plain file. {change}")
        if path.parent.exists() and not path.parent.is_dir():
            raise SettingsError(f"{path} cannot be written: {path.parent} is a file, not a folder. {change}")
        if not path.parent.is_dir():
            raise SettingsError(f"The folder {path.parent} is not there. Make it with: mkdir -p {path.parent}")
        _try(path.parent, room_bytes)
    except OSError as error:
        raise SettingsError(f"{path} cannot be written ({error.strerror}). {change}") from error


def check_output_folder(folder: Path, option: str) -> None:
    """Raise SettingsError unless files can be written into a folder, which is made where it is not there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _try(folder, ROOM_BYTES)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no name of a folder"
        raise SettingsError(f"Nothing can be written to {str(folder)[:200]} ({why}). Name another folder with {option}.") from error


def clean_up(folder: Path) -> None:
    """Remove what killed processes left unfinished in a folder; what is recent may still be in the making."""
    with suppress(OSError):
        for left in folder.glob(f"{SCRATCH}*"):
            with suppress(OSError):
                if time.time() - left.stat().st_mtime > LEFT_OVER_S:
                    shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()


def read_bounded(path: Path, most_bytes: int) -> bytes:
    """Return the bytes of a plain file; raises OSError, with the reason, for anything else and for a larger one."""
    if not path.is_file():
        raise FileNotFoundError(2, "it is no plain file" if path.exists() else "No such file")
    with path.open("rb") as file:
        body = file.read(most_bytes + 1)
    if len(body) > most_bytes:
        raise OSError(27, f"it is larger than {most_bytes / 2**20:g} MB")
    return body


def _try(folder: Path, size: int) -> None:
    handle, name = tempfile.mkstemp(prefix=SCRATCH, dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(bytes(size))
            file.flush()
            os.fsync(file.fileno())
    finally:
        os.unlink(name)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
