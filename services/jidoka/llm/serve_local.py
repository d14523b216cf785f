"""`python -m jidoka.llm.serve_local --model PATH`: a GGUF model behind an OpenAI-compatible server.

A process of its own on loopback, since it takes two cores and 2 GB. The first line of its standard
input is the token that callers must send; then it prints `{"ready": true, "base_url": ...}` and
serves until its standard input ends, it is told to stop, or its parent is gone.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, Final

_PR_SET_PDEATHSIG: Final = 1
_CACHE_MIB: Final = 256  # of prompts that another session has pushed out of the slot


def main(argv: list[str] | None = None) -> int:
    """Serve; return the exit code."""
    options = _options(argv)
    _die_with_parent(options.parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C in the terminal is the parent's to hear
    token = sys.stdin.readline().strip()
    try:
        server = _serve(options, token)
    except (ImportError, RuntimeError, ValueError) as problem:
        _say({"ready": False, "why": f"{type(problem).__name__}: {problem}"[:500]})
        return 1
    _say({"ready": True, "base_url": f"{server.listening_address}/v1"})
    while sys.stdin.read(4096):
        pass  # the end of the input is the end of the owner
    # the library's own way out waits for running answers, which nobody will read
    os._exit(0)


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m jidoka.llm.serve_local")
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--context", type=int, default=8192, help="tokens")
    parser.add_argument("--threads", type=int, default=_threads())
    parser.add_argument("--parent", type=int, default=0, help="pid; 0: whoever started it")
    return parser.parse_args(argv)


def _threads() -> int:
    """Return two, or one where the processors are busy with other things.

    The threads wait for each other at every layer: on 2 processors at a load of about 10, two took
    53 s for an answer for which one took 8 s a minute later.
    """
    return 1 if os.getloadavg()[0] > (os.cpu_count() or 1) else 2


def _die_with_parent(parent: int) -> None:
    """Have the kernel end this process with the thread that started it."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if parent and os.getppid() != parent:
        os._exit(0)  # it went before the line above


def _serve(options: argparse.Namespace, token: str) -> Any:
    """Return the running server; the library has no types."""
    import xllamacpp  # noqa: PLC0415 # pyright: ignore[reportMissingImports, reportMissingTypeStubs]

    if not options.model.is_file():
        raise ValueError("there is no such model file")
    library: Any = xllamacpp
    params = library.CommonParams()
    params.model.path = str(options.model)
    params.model_alias = {"local"}
    params.port = options.port
    params.api_keys = [token] if token else []
    params.n_ctx, params.n_parallel = options.context, 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = options.threads
    params.use_jinja = params.offline = True
    params.ui = False
    params.cache_ram_mib = _CACHE_MIB
    params.verbosity = 1  # errors only: what is said here is the owner's log
    return library.Server(params)


def _say(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
