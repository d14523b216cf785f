"""The program `jidoka`: what is typed, what is printed, and what it exits with.

All the rest is imported where Ctrl+C is already listened to: that takes half a second.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Final

INTERRUPTED: Final = 130


def main() -> None:
    """Run the command line and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a mark instead of a crash, in any locale
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Return the exit code of one command line."""
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        return INTERRUPTED


def _run(arguments: list[str]) -> int:
    import typer  # noqa: PLC0415

    from jidoka.cli.app import app  # noqa: PLC0415
    from jidoka.cli.failing import report, report_misuse  # noqa: PLC0415
    from jidoka.contract.errors import JidokaError  # noqa: PLC0415

    as_json = "--json" in arguments
    try:
        code = app(arguments, prog_name="jidoka", standalone_mode=False)
    except JidokaError as error:
        return report(error, as_json=as_json)
    except typer.TyperException as problem:
        return report_misuse(problem, as_json=as_json)  # pyright: ignore[reportArgumentType]
    except typer.Abort:
        return INTERRUPTED
    except BrokenPipeError:
        # whoever read us has left, as `head` does; nothing is printed at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    main()
