"""Where the dashboard keeps things, and which recordings it can see. The only reader of the environment."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from der_core.errors import ReportError, SettingsError
from der_core.evaluation.runs import RunStore
from der_core.routing.encoding import ENCODER_VARIABLE

ROOT = Path(__file__).resolve().parents[2]
DEMO_STORE = ROOT / "assets" / "demo.sqlite"
DEMO_RUNS = ROOT / "assets" / "runs"
HOME_VARIABLE = "DER_HOME"
REMOTE_VARIABLE = "DER_ALLOW_REMOTE"
_CLEANED: set[Path] = set()
"""Folders of runs from which this process has removed what others left unfinished."""


@dataclass(frozen=True)
class RecordingRef:
    """One recording: the store that holds it and its name there. `shipped`: it came with the product, read-only."""

    file: Path
    name: str
    shipped: bool = False

    @property
    def title(self) -> str:
        """The name people choose it by."""
        return f"{self.name} (shipped)" if self.shipped else self.name


def home() -> Path:
    """Return the folder of this user's recordings and runs: $DER_HOME, else der_home where the server was started."""
    return Path(os.environ.get(HOME_VARIABLE) or "der_home").absolute()


def check_home() -> None:
    """Raise SettingsError where the home of recordings and runs is no folder, or none that can be made and written to."""
    place = home()
    try:
        existing = next(folder for folder in (place, *place.parents) if folder.exists())
        is_file = not existing.is_dir()
        why = f"{existing} is a file" if is_file else "" if os.access(existing, os.W_OK | os.X_OK) else "nothing can be written there"
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        why = error.strerror or "it cannot be looked at"
    if why:
        raise SettingsError(
            f"The folder {str(place)[:300]} cannot be used for recordings and runs: {why}; "
            f"set {HOME_VARIABLE} to a folder that can be written to and start the dashboard again."
        )


def store_file() -> Path:
    """Return the store that new replies go to."""
    return home() / "recordings.sqlite"


def run_store() -> RunStore:
    """Return the finished trainings of this home; those that came with the product were copied into it once."""
    return _run_store(home() / "runs")


def _run_store(root: Path) -> RunStore:
    store = RunStore(root)
    if root not in _CLEANED:
        _CLEANED.add(root)
        store.clean_up()
    with suppress(ReportError):  # where nothing can be copied in, the runs that are there can still be seen
        store.adopt(DEMO_RUNS)
    return store


def own_encoder() -> str:
    """Return the encoder that the person named beside the bundled one, $DER_ENCODER; "" for none."""
    return os.environ.get(ENCODER_VARIABLE, "")


def models_folder() -> Path:
    """Return the folder in which installed model files that come in pieces are joined."""
    return home() / "models"


def states_folder() -> Path:
    """Return the folder in which embedded experts keep what they read once for all questions."""
    return home() / "states"


def gguf_folder() -> Path | None:
    """Return the folder of the user's own GGUF files, $DER_GGUF, None where it is not set or not a folder."""
    value = os.environ.get("DER_GGUF")
    return Path(value) if value and Path(value).is_dir() else None


def allow_remote() -> bool:
    """Return whether experts on other computers may be called: only where $DER_ALLOW_REMOTE is 1."""
    return os.environ.get(REMOTE_VARIABLE) == "1"
