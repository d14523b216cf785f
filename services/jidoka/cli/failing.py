"""How an error reaches a person or a program: one line and a hint, or one JSON object."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any, Final, Protocol

from jidoka.contract.errors import ERRORS, InvalidMessage, JidokaError

INTERRUPTED: Final = 130
TURN_FAILED: Final = 1


class Misuse(Protocol):
    """What typer raises when a command line does not fit."""

    exit_code: int
    ctx: Any

    def format_message(self) -> str:
        """Return what is wrong."""
        ...


def report(error: JidokaError, *, as_json: bool) -> int:
    """Print an error and return the exit code that it stands for."""
    if as_json:
        print(json.dumps({"error": error.as_dict()}, ensure_ascii=False))
    else:
        print_error(error.message, error.details())
    return error.exit_code


def print_error(message: str, details: Mapping[str, Any]) -> None:
    """Print an error for a person: a line, and a line each for several ways out of it."""
    from jidoka.cli.showing import on_one_line  # noqa: PLC0415 - most commands need no such thing

    ways = [f"  - {way}" for way in details.get("ways", ())]
    if ways:
        message = message.partition(" Ways to ")[0] + " Ways out:"
    lines = "\n".join([f"error: {message}", *ways]).split("\n")
    print("\n".join(map(on_one_line, lines)), file=sys.stderr)


def report_misuse(problem: Misuse, *, as_json: bool) -> int:
    """Print what is wrong with a command line, the right form, and return exit code 2."""
    reason = problem.format_message().replace(": Value error, ", ": ")
    context = getattr(problem, "ctx", None)
    if as_json:
        return report(InvalidMessage.of("arguments", reason), as_json=True)
    if reason.startswith("Usage:"):  # no command was given: the help is the answer
        print(reason, file=sys.stderr)
        return problem.exit_code
    print(f"error: {reason}", file=sys.stderr)
    if context is not None:
        print(context.command.get_usage(context), file=sys.stderr)
        print(f"Try '{context.command_path} --help'.", file=sys.stderr)
    return problem.exit_code


def exit_code_of(code: str) -> int:
    """Return the exit code of an error by its stable code."""
    kind = ERRORS.get(code)
    return TURN_FAILED if kind is None else kind.exit_code
