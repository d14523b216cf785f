"""The program `jidoka`: what is typed, what is printed, and what it exits with."""

from __future__ import annotations

import io
import os
import sys

import typer

from jidoka.cli.app import app
from jidoka.cli.failing import INTERRUPTED, report, report_misuse
from jidoka.contract.errors import JidokaError


def main() -> None:
    """Run the command line and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a mark instead of a crash, in any locale
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Return the exit code of one command line."""
    as_json = "--json" in arguments
    try:
        code = app(arguments, prog_name="jidoka", standalone_mode=False)
    except JidokaError as error:
        return report(error, as_json=as_json)
    except typer.TyperException as problem:
        return report_misuse(problem, as_json=as_json)  # pyright: ignore[reportArgumentType]
    except (typer.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        # whoever read us has left, as `head` does; nothing is printed at exit either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code if isinstance(code, int) else 0


if __name__ == "__main__":
    main()
