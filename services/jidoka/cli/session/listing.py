"""`jidoka session list`: what is there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jidoka.cli import options

if TYPE_CHECKING:
    from jidoka.client import Client
    from jidoka.contract.replies import SessionInfo

TITLES = ("", "id", "name", "status", "phase", "model", "messages", "cost", "project")
NUMBERED = 10
"""As far as numbers name sessions."""


def command(
    *,
    status: Annotated[
        list[str] | None,
        typer.Option("--status", "-s", help="Only these: one, or several with commas."),
    ] = None,
    project: Annotated[
        Path | None,
        typer.Option("--project", "-p", readable=False, help="Only those of this folder."),
    ] = None,
    text: Annotated[str | None, typer.Option("--text", help="Only those with these words.")] = None,
    show_all: Annotated[bool, typer.Option("--all", "-a", help="Terminated ones too.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 1_000,
    as_json: options.AsJson = False,
) -> int:
    """List sessions, newest first; terminated ones only when asked for.

    The numbers name the newest ten that have not ended, however the list was narrowed.
    """
    from jidoka.cli.door import with_client  # noqa: PLC0415
    from jidoka.cli.showing import print_json, print_table  # noqa: PLC0415
    from jidoka.contract.content import Status  # noqa: PLC0415

    wanted = [word.strip() for each in status or () for word in each.split(",")]
    folder = None if project is None else str(Path(project).expanduser().resolve())

    async def work(client: Client) -> tuple[list[SessionInfo], list[SessionInfo]]:
        found = await client.list_sessions(
            status=tuple(Status) if show_all else wanted or None,
            project=folder,
            text=text,
            limit=limit,
        )
        if show_all or wanted or folder or text:
            return found, await client.list_sessions(limit=NUMBERED)
        return found, found[:NUMBERED]

    sessions, newest = with_client(work)
    if as_json:
        print_json([session.model_dump(mode="json") for session in sessions])
        return 0
    numbers = {session.session_id: str(number) for number, session in enumerate(newest, 1)}
    print_table(TITLES, [_row(each, numbers.get(each.session_id, "")) for each in sessions])
    return 0


def _row(session: SessionInfo, number: str) -> tuple[str, ...]:
    from jidoka.cli.showing import money  # noqa: PLC0415

    return (
        number,
        session.session_id,
        session.name,
        _standing(session),
        "waiting" if session.waiting else session.phase,
        session.model,
        str(session.messages),
        money(session.cost_usd) if session.cost_usd is not None else "",
        session.project_path,
    )


def _standing(session: SessionInfo) -> str:
    """Return the status, and what keeps the session from going on."""
    if session.degraded:
        return f"{session.status}, degraded"
    waits = session.error is not None and session.error.code == "no_host"
    return f"{session.status}, no_host" if waits else session.status
