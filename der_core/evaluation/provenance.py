"""How a recording was made: what is kept of it in the recording's meta, and read from there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from der_core.evaluation.report import installed_versions, machine
from der_core.recording.store import Store

Meta = Mapping[str, Any]  # Any: a JSON object, as the file holds it


def recording_meta(store: Store, recording: str, command: str) -> dict[str, Any]:  # Any: a JSON object
    """Return what to keep with a recording that `command` makes or goes on with: all its commands so far, versions, machine."""
    before = next((commands_of(info.meta) for info in store.recordings() if info.name == recording), [])
    commands = list(dict.fromkeys([*before, command]))
    return {"command": command, "commands": commands, "versions": installed_versions(), "machine": machine()}


def commands_of(meta: Meta) -> list[str]:
    """Return the commands by which a recording was made, in the order of their first use; what is no text is left out."""
    told = meta.get("commands")
    commands = told if isinstance(told, list) and told else [meta.get("command")]
    return [command for command in commands if isinstance(command, str)]
