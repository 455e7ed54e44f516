"""Exchanges with Ollama: requests, statuses and replies in the shape in which a real one of August 2026 gave them; texts are our own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

MODEL = "tiny:1b"
OPTIONS = {"temperature": 0, "seed": 7, "num_predict": 8, "num_ctx": 2048}
SYSTEM = {"role": "system", "content": "You answer questions with one word: yes or no."}
SHORT = "Question: Is a mile longer than a yard?\n\nAnswer with one word, yes or no."
LONG = "Passage: " + "The lock keeper opens the upper gate at dawn and writes the level into a green book. " * 160 + f"\n\n{SHORT}"
WHEN = "2026-01-01T00:00:00Z"
DIGEST = "ab" * 32
DETAILS = {
    "parent_model": "",
    "format": "gguf",
    "family": "tiny",
    "families": ["tiny"],
    "parameter_size": "0.1B",
    "quantization_level": "Q4_0",
}
YES_OR_NO = {"type": "string", "enum": ["yes", "no"]}
LOGPROBS = {"think": False, "logprobs": True, "top_logprobs": 20}
LISTED = {"name": MODEL, "model": MODEL, "size": 1234, "digest": DIGEST}


@dataclass(frozen=True)
class Exchange:
    """One call, and what came back."""

    name: str
    method: str
    path: str
    body: dict[str, Any] | None
    status: int
    reply: dict[str, Any]


def _chat(text: str, model: str = MODEL, options: dict[str, Any] = OPTIONS, **more: Any) -> dict[str, Any]:
    return {"model": model, "stream": False, "messages": [SYSTEM, {"role": "user", "content": text}], "options": options, **more}


def _said(content: str, prompt_tokens: int, **more: Any) -> dict[str, Any]:
    return {
        "model": MODEL,
        "created_at": WHEN,
        "message": {"role": "assistant", "content": content},
        "done": True,
        "done_reason": "stop",
        **more,
        "total_duration": 1_800_000_000,
        "load_duration": 900_000_000,
        "prompt_eval_count": prompt_tokens,
        "prompt_eval_duration": 500_000_000,
        "eval_count": 2,
        "eval_duration": 90_000_000,
    }


def _token(token: str, logprob: float, **more: Any) -> dict[str, Any]:
    return {"token": token, "logprob": logprob, "bytes": list(token.encode()), **more}


_FREE = [_token("No", -0.4), _token("Yes", -1.3)]
_HELD = [_token("no", -0.3), _token("yes", -1.4)]
_QUOTE = _token('"', 0.0)
_TOO_LONG = {
    "code": 400,
    "message": "request (2747 tokens) exceeds the available context size (2048 tokens), try increasing it",
    "type": "exceed_context_size_error",
    "n_prompt_tokens": 2747,
    "n_ctx": 2048,
}

EXCHANGES = [
    Exchange("version", "GET", "/api/version", None, 200, {"version": "0.0.0"}),
    Exchange(
        "models",
        "GET",
        "/api/tags",
        None,
        200,
        {
            "models": [
                LISTED
                | {
                    "modified_at": WHEN,
                    "details": DETAILS | {"context_length": 8192, "embedding_length": 64},
                    "capabilities": ["completion"],
                }
            ]
        },
    ),
    Exchange(
        "a chat without messages loads the model",
        "POST",
        "/api/chat",
        {"model": MODEL, "messages": [], "stream": False},
        200,
        {"model": MODEL, "created_at": WHEN, "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "load"},
    ),
    Exchange(
        "log-probabilities",
        "POST",
        "/api/chat",
        _chat(SHORT, **LOGPROBS),
        200,
        _said("No", 41, logprobs=[_token("No", -0.4, top_logprobs=_FREE)]),
    ),
    Exchange(
        "loaded models",
        "GET",
        "/api/ps",
        None,
        200,
        {"models": [LISTED | {"details": DETAILS, "expires_at": WHEN, "size_vram": 0, "context_length": 2048}]},
    ),
    Exchange(
        "a model in full",
        "POST",
        "/api/show",
        {"model": MODEL},
        200,
        {
            "modelfile": "FROM tiny",
            "parameters": 'stop    "<end>"',
            "template": "{{ .Prompt }}",
            "details": DETAILS,
            "model_info": {"general.architecture": "tiny", "tiny.context_length": 8192},
            "capabilities": ["completion"],
            "modified_at": WHEN,
        },
    ),
    Exchange("no such model in full", "POST", "/api/show", {"model": "gone:1b"}, 404, {"error": "model 'gone:1b' not found"}),
    Exchange("no such model", "POST", "/api/chat", _chat(SHORT, model="gone:1b"), 404, {"error": "model 'gone:1b' not found"}),
    Exchange(
        "a thought of a model that has none",
        "POST",
        "/api/chat",
        _chat(SHORT, think=True),
        400,
        {"error": f'"{MODEL}" does not support thinking'},
    ),
    Exchange(
        "an option of another type",
        "POST",
        "/api/chat",
        _chat(SHORT, options=OPTIONS | {"top_k": "several"}),
        500,
        {"error": 'option "top_k" must be of type integer'},
    ),
    Exchange("no body", "POST", "/api/chat", None, 400, {"error": "unexpected EOF"}),
    Exchange("a long prompt", "POST", "/api/chat", _chat(LONG), 200, _said("No", 1026)),
    Exchange(
        "a long prompt that may not be cut",
        "POST",
        "/api/chat",
        _chat(LONG, truncate=False, shift=False),
        400,
        {"error": json.dumps({"error": _TOO_LONG}, separators=(",", ":"))},
    ),
    Exchange(
        "held to yes or no",
        "POST",
        "/api/chat",
        _chat(SHORT, format=YES_OR_NO, **LOGPROBS),
        200,
        _said(
            '"no"',
            41,
            logprobs=[
                _token('"', -9.1, top_logprobs=_FREE),
                _token("no", -0.3, top_logprobs=_HELD),
                _token('"', 0.0, top_logprobs=[_QUOTE]),
            ],
        ),
    ),
]
