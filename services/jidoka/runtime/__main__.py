"""`python -m jidoka.runtime`: the embedded runtime of one home, in the foreground.

On standard output one line says that it is ready, or why not: JSON, unless a person reads it on a
terminal. SIGTERM, SIGINT and SIGHUP end it with all that it started.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys

from jidoka.contract.errors import JidokaError
from jidoka.core.rules import parse_rules
from jidoka.runtime import home
from jidoka.runtime.children import Children, raise_file_limit
from jidoka.runtime.supervisor import Supervisor
from jidoka.settings import AgentSettings, RuntimeSettings, check_all, load


async def serve(settings: RuntimeSettings) -> None:
    """Run broker and programs until a signal ends them."""
    raise_file_limit()
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(signum, stop.set)
    supervisor = Supervisor(settings, os.environ, Children(loop))
    await supervisor.run(stop, lambda: _tell_ready(settings))


def _tell_ready(settings: RuntimeSettings) -> None:
    _tell(
        f"jidoka is up, home {settings.home}. Ctrl+C ends it.",
        {"ready": "runtime", "pid": os.getpid(), "home": str(settings.home)},
    )


def _tell(sentence: str, value: object) -> None:
    """Print for whoever reads: a person at a terminal, else a program."""
    try:
        print(sentence if sys.stdout.isatty() else json.dumps(value), flush=True)  # noqa: T201
    except BrokenPipeError:
        # who started us has left; the programs run on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _tell_why_not(error: JidokaError) -> None:
    """Print an error once for each reader: a sentence at a terminal, an object for a program."""
    if sys.stdout.isatty() or sys.stderr.isatty():
        sys.stderr.write(f"error: {error.message}\n")
    if not sys.stdout.isatty():
        _tell("", {"error": error.as_dict()})


def main() -> int:
    """Run the runtime; return the exit code of what ended it."""
    try:
        check_all(os.environ)
        parse_rules(load(AgentSettings, os.environ).permission_rules, "permission_rules")
        settings = load(RuntimeSettings, os.environ)
        home.prepare(settings)
        with home.locked(settings):
            asyncio.run(serve(settings))
    except JidokaError as error:
        _tell_why_not(error)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
