"""Saved routers: one zip of `policy.safetensors` and `manifest.json`, and nothing that could run.

A file from a stranger is data: sizes are capped before anything is unpacked, only these two members are
accepted, every array must have the name, shape and kind that the manifest implies, and every field of the
manifest is checked (`der_core.routing.saved.manifest`).
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors import numpy as safetensors

from der_core.config import ExpertSpec
from der_core.errors import RouterFileError
from der_core.files import read_bounded, write_whole
from der_core.routing.planning import PlannerPolicy, planner_shapes
from der_core.routing.policy import PolicyNetwork, weight_shapes
from der_core.routing.saved.manifest import Manifest, read_manifest, write_manifest
from der_core.routing.saved.trained import TrainedRouter, check_encoder_matches, check_experts_match
from der_core.routing.state import COMPONENTS, FIELDS, QUERY_COMPONENTS, QUERY_FIELD, Projection, QueryState, Scaling, StateEncoder
from der_core.routing.sureness import Sureness, sureness_shape

TENSORS, MANIFEST = "policy.safetensors", "manifest.json"
MAX_BYTES = {TENSORS: 64 * 2**20, MANIFEST: 16 * 2**20}
"""Largest size of each member once unpacked, and together of the file; a router has well under one megabyte."""

SURENESS = "sureness"
_SCALING = {"scaling.mean": "mean", "scaling.spread": "spread"}
Arrays = dict[str, NDArray[np.float32]]
_MAX_FILE = sum(MAX_BYTES.values())
_LONG_AGO = (1980, 1, 1, 0, 0, 0)  # so that equal routers give equal files
_ENCRYPTED = 0x1  # bit of a zip member's flags


def save_router(router: TrainedRouter, path: Path) -> None:
    """Write `router` to `path`, whole or not at all."""
    try:
        write_whole(path, pack_router(router))
    except OSError as error:
        raise RouterFileError(f"The router could not be written to {path} ({error.strerror}). Name another file.") from error


def pack_router(router: TrainedRouter) -> bytes:
    """Return the bytes of the file; equal routers give equal bytes."""
    members = {TENSORS: safetensors.save(_arrays(router)), MANIFEST: write_manifest(router)}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, body in members.items():
            archive.writestr(zipfile.ZipInfo(name, _LONG_AGO), body, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def load_router(
    source: Path | bytes,
    *,
    expected_experts: Sequence[ExpertSpec] | None = None,
    expected_encoder: str | None = None,
) -> TrainedRouter:
    """Return the router saved at a path, or in the bytes of an upload.

    Raises RouterMismatch where the schema, the experts (names, styles, digests) or the encoder are not the
    expected ones, RouterFileError for a file that is not a whole, honest router.
    """
    members = _unpack(source if isinstance(source, bytes) else _read(source))
    manifest, left_out = read_manifest(members[MANIFEST])
    router = replace(_build(manifest, _read_arrays(members[TENSORS])), left_out=left_out)
    if expected_experts is not None:
        check_experts_match(router, expected_experts)
    if expected_encoder is not None:
        check_encoder_matches(router, expected_encoder)
    return router


def _read(path: Path) -> bytes:
    try:
        return read_bounded(path, _MAX_FILE)
    except OSError as error:
        raise RouterFileError(f"The router {path} cannot be read ({error.strerror}). Check the path.") from error


def _unpack(body: bytes) -> dict[str, bytes]:
    if len(body) > _MAX_FILE:
        raise RouterFileError(f"The file is larger than {_MAX_FILE // 2**20} MB, which no router is. Choose a router's zip file.")
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            return {info.filename: _unpack_member(archive, info) for info in _members(archive)}
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError, OSError) as error:
        raise RouterFileError(
            "The file is not a whole zip of a router. Choose a file saved by this program, or export it again."
        ) from error


def _members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    infos = archive.infolist()
    if sorted(info.filename for info in infos) != sorted((TENSORS, MANIFEST)):
        raise RouterFileError(f"The zip does not hold exactly {TENSORS} and {MANIFEST}, so it is not a router of this program.")
    for info in infos:
        if info.flag_bits & _ENCRYPTED or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise RouterFileError(f"{info.filename} is encrypted or packed in a way this program does not write. Export the router again.")
        if info.file_size > MAX_BYTES[info.filename]:
            raise RouterFileError(f"{info.filename} unpacks to {info.file_size:,} bytes, more than any router has. Do not trust this file.")
    return infos


def _unpack_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    with archive.open(info) as member:
        return member.read(MAX_BYTES[info.filename])  # no more, whatever the zip really holds


def _arrays(router: TrainedRouter) -> Arrays:
    projections = router.state.projections.items()
    parts = {f"projection.{name}.{part}": getattr(projection, part) for name, projection in projections for part in ("mean", "basis")}
    if isinstance(router.state, StateEncoder) and router.state.scaling is not None:
        parts |= {name: getattr(router.state.scaling, part) for name, part in _SCALING.items()}
    if router.sureness is not None:
        parts[SURENESS] = router.sureness.weights
    return {name: np.ascontiguousarray(array, dtype=np.float32) for name, array in (*router.network.weights.items(), *parts.items())}


def _read_arrays(body: bytes) -> dict[str, NDArray[Any]]:  # Any: kinds are checked later, against the manifest
    try:
        return safetensors.load(body)
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise RouterFileError(f"{TENSORS} cannot be read as safetensors. Export the router again.") from error


def _build(manifest: Manifest, arrays: dict[str, NDArray[Any]]) -> TrainedRouter:  # Any: see _read_arrays
    shapes = _projection_shapes(manifest)
    fitted = _take(arrays, shapes)
    projections = {name: Projection(fitted[f"projection.{name}.mean"], fitted[f"projection.{name}.basis"]) for name in manifest.components}
    state: StateEncoder | QueryState
    network: PolicyNetwork | PlannerPolicy
    if manifest.config.algorithm == "planner":
        state, network, own = _build_planner(manifest, arrays, projections)
    else:
        state, network, own = _build_agent(manifest, arrays, projections)
    fitted |= own
    if manifest.is_sure:
        fitted |= _take(arrays, {SURENESS: sureness_shape(state.n_query_components, len(manifest.experts))})
    if len(arrays) != len(fitted):
        raise RouterFileError(f"{TENSORS} holds arrays that no router with these settings has. Export the router again.")
    sureness = Sureness.of_weights(fitted[SURENESS]) if manifest.is_sure else None
    return TrainedRouter(state=state, network=network, sureness=sureness, **manifest.facts())


def _build_agent(
    manifest: Manifest,
    arrays: dict[str, NDArray[Any]],
    projections: dict[str, Projection],  # Any: see _read_arrays
) -> tuple[StateEncoder, PolicyNetwork, Arrays]:
    """What an agent sees and what it chooses by, with the arrays that they were read from."""
    episode, n_experts = manifest.config.episode, len(manifest.experts)
    state = StateEncoder(episode, n_experts, manifest.encoder, manifest.dimension, projections)
    own: Arrays = {}
    if manifest.scaled:
        own = _take(arrays, dict.fromkeys(_SCALING, (state.size,)))
        state.scaling = _read_scaling(own)
    weights = _take(arrays, weight_shapes(state.size, manifest.config.ppo.hidden, n_experts + int(episode.has_stop_action)))
    return state, PolicyNetwork(weights, masks_stop=episode.has_stop_action), own | weights


def _build_planner(
    manifest: Manifest,
    arrays: dict[str, NDArray[Any]],
    projections: dict[str, Projection],  # Any: see _read_arrays
) -> tuple[QueryState, PlannerPolicy, Arrays]:
    """What a planner sees and what it plans by, with the arrays that they were read from."""
    state = QueryState(manifest.encoder, manifest.dimension, projections[QUERY_FIELD])
    weights = _take(arrays, planner_shapes(state.n_query_components, len(manifest.experts)))
    return state, PlannerPolicy.of_weights(weights), weights


def _read_scaling(fitted: Arrays) -> Scaling:
    scaling = Scaling(**{part: fitted[name] for name, part in _SCALING.items()})
    if (scaling.spread <= 0).any():
        raise RouterFileError(f"{TENSORS} holds spreads of the state that are not above 0. Train the router again.")
    return scaling


def _projection_shapes(manifest: Manifest) -> dict[str, tuple[int, ...]]:
    planned = manifest.config.algorithm == "planner"
    fields: tuple[str, ...] = (QUERY_FIELD,) if planned else FIELDS if manifest.config.episode.state == "features" else ()
    most, width = (QUERY_COMPONENTS, 2 * manifest.dimension) if planned else (COMPONENTS, manifest.dimension)
    if set(manifest.components) != set(fields) or any(k > most for k in manifest.components.values()) or (planned and manifest.scaled):
        raise RouterFileError("The router's text fields do not fit its kind of state. Export the router again.")
    means: dict[str, tuple[int, ...]] = {f"projection.{name}.mean": (width,) for name in fields}
    return means | {f"projection.{name}.basis": (width, manifest.components[name]) for name in fields}


def _take(arrays: dict[str, NDArray[Any]], shapes: dict[str, tuple[int, ...]]) -> Arrays:  # Any: see _read_arrays
    """Return the arrays named in `shapes`; each must be there, of that shape, float32 and finite."""
    for name, shape in shapes.items():
        array = arrays.get(name)
        if array is None or array.shape != shape or array.dtype != np.float32:
            found = "nothing" if array is None else f"{array.dtype} of shape {array.shape}"
            raise RouterFileError(f"{TENSORS} should hold {name} as float32 of shape {shape} and holds {found}. Export the router again.")
        if not np.isfinite(array).all():
            raise RouterFileError(f"{TENSORS} holds numbers in {name} that are not finite. Train the router again.")
    return {name: arrays[name] for name in shapes}
