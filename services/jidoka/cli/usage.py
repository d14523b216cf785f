"""`jidoka usage`: tokens and money, by session, owner, model, day or turn."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from jidoka.cli import options

if TYPE_CHECKING:
    from jidoka.client import Client
    from jidoka.client.usage import Account, Spent


def command(
    session: Annotated[
        str | None, typer.Option("--session", help="Of one session: its name, number or id.")
    ] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="Of the sessions of one.")] = None,
    by: Annotated[str, typer.Option("--by", help="session, owner, model, day or turn.")] = "",
    as_json: options.AsJson = False,
) -> int:
    """Show what was spent, added up from the model calls in the log."""
    from jidoka.cli.door import session_id_of, with_client  # noqa: PLC0415
    from jidoka.cli.showing import print_json, print_table  # noqa: PLC0415
    from jidoka.client.usage import BYS, grouping, spent  # noqa: PLC0415

    grouped = grouping(by or ("turn" if session else "session"))
    if grouped is None:
        raise typer.BadParameter(f"must be one of {', '.join(BYS)}", param_hint="--by")

    async def work(client: Client) -> Account:
        session_id = await session_id_of(client, session) if session else None
        return await spent(client, session_id=session_id, owner=owner, by=grouped)

    account = with_client(work)
    rows = sorted(account.rows.values(), key=lambda row: (row.cost_usd, row.input_tokens))
    rows = sorted(rows, key=lambda row: row.key) if grouped in ("day", "turn") else rows[::-1]
    if as_json:
        total = asdict(account.total)
        print_json({"by": grouped, "rows": [asdict(row) for row in rows], "total": total})
        return 0
    titles = (grouped.upper(), "NAME", "CALLS", "INPUT", "OUTPUT", "USD", "")
    print_table(titles, [_cells(row) for row in (*rows, account.total)])
    return 0


def _cells(row: Spent) -> tuple[str, ...]:
    tokens = (f"{row.input_tokens:,}", f"{row.output_tokens:,}")
    notes = (
        f"{row.unpriced} without a price" if row.unpriced else "",
        f"{row.unmeasured} without a count" if row.unmeasured else "",
    )
    cost = f"{row.cost_usd:.4f}" if row.calls > row.unpriced else ""
    return (
        *(row.key, row.name, f"{row.calls:,}", *tokens, cost),
        ", ".join(note for note in notes if note),
    )
