"""How questions, specs, requests and replies become the rows of a store, and come back unchanged."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields
from hashlib import blake2b
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import TypeAdapter, ValidationError

from der_core.config import ExpertSpec
from der_core.errors import SettingsError
from der_core.experts.bounds import oddities
from der_core.experts.protocol import Request
from der_core.records import Label, Question, Reply

REPLY_COLUMNS = (
    "text",
    "label",
    "p_yes",
    "load_s",
    "prompt_s",
    "generation_s",
    "wall_s",
    "prompt_tokens",
    "cached_tokens",
    "generated_tokens",
    "reason",
    "alternatives",
    "token_logprobs",
    "printed",
    "interpreter",
)
"""Columns of the table `replies` that hold the fields of a Reply, in their order; its digest is kept with the frame."""


_ALWAYS_WRITTEN = ("name", "backend", "model", "style", "host", "params_billions", "digest")
_MOST_ALTERNATIVES_BYTES = 1 << 20
_MOST_TEXT_BYTES = 1 << 23
_LONGEST_VECTOR = 1 << 16
_LONGEST_FIELDS = {"id": 1_000, "text": 1 << 20, "passage": 1 << 22, "kind": 1_000, "passage_key": 1_000}
_LONGEST_SPEC_FIELD = 4_096
_MOST_PARAMS_BILLIONS = 1e6

T = TypeVar("T")
_QUESTIONS, _SPECS, _META = TypeAdapter(Question), TypeAdapter(ExpertSpec), TypeAdapter(dict[str, Any])  # Any: JSON
_ADAPTERS: dict[type[object], TypeAdapter[Any]] = {}  # Any: each of its kind


def digest(text: str) -> bytes:
    """Return the 16 bytes by which a text is found again."""
    return blake2b(text.encode(), digest_size=16).digest()


def key_bytes(key: str) -> bytes:
    """Return the bytes of a request key ("b2:" and hexadecimal digits)."""
    return bytes.fromhex(key.removeprefix("b2:"))


def to_json(value: object) -> str:
    """Return canonical JSON: sorted keys, no spaces, text as it is."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def question_to_json(question: Question) -> str:
    """Return a question as canonical JSON, fields without a value left out."""
    return to_json({name: value for name, value in asdict(question).items() if value is not None})


def question_from_json(body: str) -> Question:
    """Read what `question_to_json` wrote; ValueError for anything else."""
    question = _from_json(_QUESTIONS, body, {field.name for field in fields(Question)})
    for name, longest in _LONGEST_FIELDS.items():
        if len(getattr(question, name) or "") > longest:
            raise ValueError(f"{name} is longer than {longest:,} characters")
    if question.gold not in (None, Label.YES, Label.NO):
        raise ValueError("a gold answer that is neither yes nor no")
    return question


def spec_to_json(spec: ExpertSpec) -> str:
    """Return the settings of an expert as canonical JSON, those of later versions only where they are set."""
    return to_json({name: value for name, value in asdict(spec).items() if name in _ALWAYS_WRITTEN or value not in (None, False, "")})


def spec_from_json(body: str) -> ExpertSpec:
    """Read what `spec_to_json` wrote; ValueError for anything else."""
    spec = _from_json(_SPECS, body, {field.name for field in fields(ExpertSpec)})
    try:
        spec.check()
    except SettingsError as error:
        raise ValueError(str(error)) from error
    if any(len(value) > _LONGEST_SPEC_FIELD for value in asdict(spec).values() if isinstance(value, str)):
        raise ValueError(f"an expert with a text longer than {_LONGEST_SPEC_FIELD:,} characters")
    if spec.params_billions is not None and not 0 < spec.params_billions <= _MOST_PARAMS_BILLIONS:
        raise ValueError(f"an expert of {spec.params_billions} billion parameters")
    return spec


def meta_from_json(body: str) -> dict[str, Any]:  # Any: JSON
    """Read a JSON object that was kept about a recording; ValueError for anything else."""
    return _from_json(_META, body, None)


def checked(kind: type[T], /, **values: object) -> T:
    """Return a record with these values; ValueError where one is not of the type, or out of the bounds, that the record declares."""
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    record: T = _validated(lambda: _ADAPTERS[kind].validate_python(values))
    return record


def _validated(validate: Callable[[], T]) -> T:
    try:
        return validate()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(": ".join([*map(str, first["loc"]), first["msg"]])) from error


def _from_json(kind: TypeAdapter[T], body: str, names: set[str] | None) -> T:
    """Read JSON of that kind, whose depth is bounded and whose text holds no half characters; `names` are its fields (None: any)."""
    if not isinstance(body, str):
        raise ValueError(f"a {type(body).__name__} instead of text")
    value = _validated(lambda: kind.validate_json(body, strict=True))
    unknown = set(json.loads(body)) - names if names is not None else set()
    if unknown:
        raise ValueError(f"a field {min(unknown)!r:.60} that is not known")
    return value


def frame_of(request: Request) -> str:
    """Return a request less the texts of its messages, as canonical JSON; few differ in a recording."""
    roles = [role for role, _ in request.messages]
    return to_json({"backend": request.backend, "model_digest": request.model_digest, "options": dict(request.options), "roles": roles})


def request_of(frame: str, texts: Sequence[str]) -> Request:
    """Return the request that `frame_of` and its texts came from; KeyError or ValueError where they do not fit."""
    parts = json.loads(frame)
    messages = tuple(zip(parts["roles"], texts, strict=True))
    return Request(parts["backend"], parts["model_digest"], messages, parts["options"])


def places_from_json(places: str) -> list[int]:
    """Read the numbers of a request's texts; ValueError for anything else."""
    return [int(number) for number in json.loads(places)]


def is_about(text: str, question: Question) -> bool:
    """Whether a prompt text contains the question, whatever case it begins with and however it ends."""
    return question.text.strip().rstrip("? ")[1:] in text


def pack_text(text: str, question: Question | None) -> bytes:
    """Return the text compressed, with `question` as dictionary where there is one."""
    packer = zlib.compressobj(level=9, zdict=_dictionary(question)) if question else zlib.compressobj(level=9)
    return packer.compress(text.encode()) + packer.flush()


def unpack_text(body: bytes, question: Question | None) -> str:
    """Read what `pack_text` wrote; ValueError for anything else."""
    unpacker = zlib.decompressobj(zdict=_dictionary(question)) if question else zlib.decompressobj()
    return _unpacked(unpacker, body, _MOST_TEXT_BYTES)


def reply_to_row(reply: Reply) -> tuple[Any, ...]:  # Any: SQL values
    """Return the values of REPLY_COLUMNS; what UTF-8 cannot hold is replaced in the text."""
    plain = [getattr(reply, name) for name in REPLY_COLUMNS[2:10]]
    return (
        storable(reply.text),
        int(reply.label),
        *(None if isinstance(value, float) and math.isnan(value) else value for value in plain),
        storable(reply.reason) or None,
        zlib.compress(storable(to_json([[token, round(logprob, 6)] for token, logprob in reply.alternatives])).encode(), 9)
        if reply.alternatives
        else None,
        np.asarray(reply.token_logprobs, dtype="<f4").tobytes() or None,
        None if reply.printed is None else storable(reply.printed),
        reply.interpreter or None,
    )


def reply_from_row(row: Sequence[Any]) -> Reply:  # Any: SQL values
    """Read the values of REPLY_COLUMNS and the digest of the model; a time that is not known is nan.

    TypeError or ValueError where they are not those of a reply.
    """
    text, label, p_yes, *rest = row
    load_s, prompt_s, generation_s, wall_s = (math.nan if seconds is None else seconds for seconds in rest[:4])
    prompt_tokens, cached_tokens, generated_tokens, reason, alternatives, logprobs, printed, interpreter, digest = rest[4:]
    reply = Reply(
        text,
        Label(label),
        p_yes,
        load_s,
        prompt_s,
        generation_s,
        wall_s,
        prompt_tokens,
        cached_tokens,
        generated_tokens,
        digest,
        reason or "",
        alternatives_from_bytes(alternatives),
        logprobs_from_bytes(logprobs),
        printed,
        interpreter or "",
    )
    for what in oddities(reply):
        raise ValueError(what)
    return reply


def logprobs_from_bytes(body: object) -> tuple[float, ...]:
    """Read the log-probabilities of a reply's tokens; TypeError or ValueError for anything else."""
    if body is not None and not isinstance(body, bytes):
        raise TypeError(f"the log-probabilities of the tokens are {body!r:.60}")
    found = tuple(np.frombuffer(body or b"", dtype="<f4").tolist())
    if not all(math.isfinite(logprob) for logprob in found):
        raise ValueError("the log-probabilities of the tokens are not finite")
    return found


def alternatives_from_bytes(body: bytes | None) -> tuple[tuple[str, float], ...]:
    """Read the likely tokens of a reply with their log-probabilities; ValueError for anything else."""
    if body is None:
        return ()
    pairs = json.loads(_unpacked(zlib.decompressobj(), body, _MOST_ALTERNATIVES_BYTES))
    if not isinstance(pairs, list) or not all(isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) for pair in pairs):
        raise ValueError("not a list of likely tokens")
    return tuple((token, float(logprob)) for token, logprob in pairs)


def _unpacked(unpacker: zlib._Decompress, body: bytes, most_bytes: int) -> str:
    try:
        packed = unpacker.decompress(body, most_bytes)
    except (zlib.error, TypeError) as error:
        raise ValueError(f"not what was packed ({error})") from error
    if not unpacker.eof:
        raise ValueError(f"packed text that is cut, or longer than {most_bytes:,} bytes")
    return packed.decode()


def storable(text: str) -> str:
    """Return the text with what UTF-8 cannot hold (half a character) replaced."""
    return text.encode("utf-8", "replace").decode()


def pack_vector(vector: ArrayLike) -> tuple[bytes, str]:
    """Return the numbers of a vector as bytes, and how they are packed: "f2" where halves lose nothing, else "f4"."""
    full = np.asarray(vector, dtype="<f4")
    half = full.astype("<f2")
    return (half.tobytes(), "f2") if np.array_equal(half.astype("<f4"), full) else (full.tobytes(), "f4")


def unpack_vector(body: bytes, packed: str) -> NDArray[np.float32]:
    """Read what `pack_vector` wrote; ValueError for anything else."""
    if packed not in ("f2", "f4") or not isinstance(body, bytes):
        raise ValueError("not a packed vector")
    vector = np.frombuffer(body, dtype=f"<{packed}").astype(np.float32)
    if not 0 < len(vector) <= _LONGEST_VECTOR:
        raise ValueError(f"a vector of {len(vector):,} numbers")
    if not np.isfinite(vector).all():
        raise ValueError("a vector with a number that is none")
    return vector


def _dictionary(question: Question) -> bytes:
    return f"{question.passage or ''}\n{question.text}".encode()
