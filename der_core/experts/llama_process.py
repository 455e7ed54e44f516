"""The process in which llama.cpp runs: one GGUF file, served on loopback until its owner ends.

Run as a script, with its orders as one line of JSON on the standard input; the address, or why there is none, comes back
as one line. It imports nothing of this package, so that it starts at once, and it ends when its standard input does:
a process that is killed leaves no model behind in memory. Loading a file and generating hold the interpreter for seconds;
in a process of their own they keep nobody else waiting.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

_QUIET = -1


def serve(orders: dict[str, Any]) -> Any:  # Any: JSON; xllamacpp has no types
    """Return a running server of the file that `orders` name; RuntimeError where llama.cpp cannot load it."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = orders["path"]
    params.n_ctx = orders["context_tokens"]
    params.n_parallel = 1
    params.n_gpu_layers = 0
    params.n_batch = params.n_ubatch = orders["batch_tokens"]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = orders["threads"]
    params.cache_prompt = True
    params.cache_ram_mib = 0
    # Models with sliding-window attention (Gemma 3) otherwise lose the prefix of a longer prompt.
    params.swa_full = True
    params.fit_params = False
    params.ui = False
    params.endpoint_slots = True
    params.slot_save_path = os.path.join(orders["states"], "")
    params.api_keys = [orders["key"]]
    params.cors_origins = ""
    params.verbosity = _QUIET
    if orders["template"]:
        params.chat_template = orders["template"]
    return xllamacpp.Server(params)


def main() -> None:
    """Serve as the standard input orders, until it ends."""
    orders = json.loads(sys.stdin.readline())
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever the library prints must not be taken for the address
    try:
        server = serve(orders)
        told = {"address": server.listening_address}
    except (RuntimeError, ImportError) as error:
        told = {"error": f"{type(error).__name__}: {error}"}
    answers.write(json.dumps(told) + "\n")
    answers.flush()
    sys.stdin.read()
    os._exit(0)  # the library waits for calls that are under way; their owner is gone


if __name__ == "__main__":
    main()
