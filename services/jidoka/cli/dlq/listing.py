"""`jidoka dlq list`: what is in quarantine."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from jidoka.cli import options
from jidoka.cli.dlq.wording import Program, reason_of, summary, time_of

if TYPE_CHECKING:
    from jidoka.client import Client, Quarantined

TITLES = ("number", "program", "time", "code", "what", "session", "reason")
MOST_OF_A_REASON = 160


def command(
    *,
    program: Program = None,
    session: Annotated[
        str | None, typer.Option("--session", help="Only those of one session.")
    ] = None,
    code: Annotated[str | None, typer.Option("--code", help="Only those with this code.")] = None,
    after: Annotated[int, typer.Option(min=0, help="Begin behind this number.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=10_000)] = 100,
    as_json: options.AsJson = False,
) -> int:
    """List what is in quarantine, oldest first; the next page is `--after` the last number."""
    from jidoka.cli.door import session_id_of, with_client  # noqa: PLC0415
    from jidoka.cli.showing import print_json, print_table  # noqa: PLC0415

    async def work(client: Client) -> tuple[Quarantined, ...]:
        session_id = await session_id_of(client, session) if session else None
        return await client.list_quarantined(
            program=program, session_id=session_id, code=code, after=after, limit=limit + 1
        )

    found = with_client(work)
    page = found[:limit]
    if as_json:
        print_json([summary(message) for message in page])
        return 0
    print_table(TITLES, [_row(message) for message in page])
    if len(found) > limit:
        print(f"There is more: --after {page[-1].number}", file=sys.stderr)
    return 0


def _row(message: Quarantined) -> tuple[str, ...]:
    from jidoka.cli.transcript import harmless  # noqa: PLC0415

    reason = " ".join(reason_of(message).split())
    if len(reason) > MOST_OF_A_REASON:
        reason = f"{reason[:MOST_OF_A_REASON]}…"
    cells = (message.program, time_of(message), message.code, message.what)
    row = (str(message.number), *cells, message.session_id or "", reason)
    return tuple(map(harmless, row))
