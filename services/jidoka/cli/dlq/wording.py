"""What the commands of quarantine have in common: its arguments, a message as words and JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from jidoka.client import Quarantined

Number = Annotated[int, typer.Argument(help="As `jidoka dlq list` shows it.")]
Program = Annotated[
    str | None, typer.Option("--program", help="Only what this program put away: coordinator, ...")
]


def summary(message: Quarantined) -> dict[str, Any]:
    """Return what is known of a message, without its content, as JSON values."""
    return {
        "number": message.number,
        "program": message.program,
        "time": time_of(message),
        "code": message.code,
        "reason": reason_of(message),
        "what": message.what,
        "session_id": message.session_id,
        "subject": message.subject,
        "cursor": message.cursor,
        "size_bytes": message.size_bytes,
        "whole": message.whole,
    }


def time_of(message: Quarantined) -> str:
    """Return when it was put away, in UTC to the millisecond."""
    return message.time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def reason_of(message: Quarantined) -> str:
    """Return why it was put away, as its error says it."""
    return str(message.error.get("message") or message.code)


def title_of(message: Quarantined) -> str:
    """Return what it was and whose."""
    return f"{message.what} of {message.session_id}" if message.session_id else message.what
