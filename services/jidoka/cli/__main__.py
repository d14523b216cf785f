"""The program `jidoka`: what is typed, what is printed, and what it exits with.

All the rest is imported where Ctrl+C is already listened to: that takes half a second.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Final

FAILED: Final = 1
INTERRUPTED: Final = 130


def main() -> None:
    """Run the command line and exit with its code."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # whoever started us closed it
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a mark instead of a crash, in any locale
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Return the exit code of one command line."""
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except (BrokenPipeError, SystemExit):
        # whoever read us has left, as `head` does; within a command typer makes a 1 of that
        _say_no_more()
        return 0
    except OSError as problem:  # a full disk behind `>`, say
        _say_no_more()
        print(f"error: {problem}", file=sys.stderr)
        return FAILED
    return code


def _say_no_more() -> None:
    """Have nothing printed at the exit either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


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
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    main()
