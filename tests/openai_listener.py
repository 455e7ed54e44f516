"""A server that listens on 127.0.0.1 and speaks OpenAI's protocol, with a path and a key of its own; for tests only.

with OpenAIListener(["alpha"], lambda messages: "yes", path="/team", key="s3cret") as server:
    ... f"{server.url}/v1" ...
    server.calls[0].authorization, server.calls[0].body
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from openai_server import completion, places


@dataclass(frozen=True)
class Call:
    """One call as it came in; the body of a GET is empty."""

    path: str
    authorization: str | None
    body: dict[str, Any]


class OpenAIListener:
    """The server, on a free port while the context is open. `meta` is what its list tells of every model.

    `headers` go with every answer beside the usual ones.
    """

    def __init__(
        self,
        models: Sequence[str],
        answer: Callable[[Sequence[dict[str, str]]], str] = lambda messages: "yes",
        *,
        path: str = "",
        key: str | None = None,
        meta: dict[str, Any] | None = None,
    ) -> None:
        self.models = list(models)
        self.answer = answer
        self.path = path
        self.key = key
        self.meta = meta
        self.headers: dict[str, str] = {}
        self.calls: list[Call] = []
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"listener": self}))
        self._http.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}{self.path}"

    @property
    def chats(self) -> list[Call]:
        return [call for call in self.calls if call.path.endswith("/chat/completions")]

    def __enter__(self) -> OpenAIListener:
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()

    def reply(self, call: Call) -> tuple[int, dict[str, Any]]:
        """Status and body of the answer."""
        if self.key is not None and call.authorization != f"Bearer {self.key}":
            return 401, {"error": {"message": "Incorrect API key provided"}}
        if call.path == f"{self.path}/v1/models":
            about = {"object": "model", "owned_by": "me", **({"meta": self.meta} if self.meta else {})}
            return 200, {"object": "list", "data": [{"id": model, **about} for model in self.models]}
        if call.path != f"{self.path}/v1/chat/completions":
            return 404, {"error": {"message": f"no such path: {call.path}"}}
        if call.body["model"] not in self.models:
            return 404, {"error": {"message": f"The model {call.body['model']} does not exist"}}
        text = self.answer(call.body["messages"])
        usage = {"prompt_tokens": sum(len(message["content"].split()) for message in call.body["messages"]), "completion_tokens": 1}
        *before, last = text.split(" ")
        tokens = [(f"{word} ", {f"{word} ": 1.0}) for word in before] + [(last, {last: 0.8, "no": 0.1})]
        return 200, completion(text, logprobs=places(*tokens), usage=usage)


class _Handler(BaseHTTPRequestHandler):
    listener: OpenAIListener
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._handle({})

    def do_POST(self) -> None:
        self._handle(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _handle(self, body: dict[str, Any]) -> None:
        call = Call(self.path, self.headers.get("Authorization"), body)
        self.listener.calls.append(call)
        status, answer = self.listener.reply(call)
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in self.listener.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)
