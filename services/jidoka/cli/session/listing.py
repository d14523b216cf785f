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


def command(
    *,
    status: Annotated[
        list[str] | None,
        typer.Option("--status", "-s", help="Only these: one, or several with commas."),
    ] = None,
    project: options.Project = None,
    text: Annotated[str | None, typer.Option("--text", help="Only those with these words.")] = None,
    show_all: Annotated[bool, typer.Option("--all", "-a", help="Terminated ones too.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=100_000)] = 1_000,
    as_json: options.AsJson = False,
) -> int:
    """List sessions, newest first; terminated ones only when asked for."""
    from jidoka.cli.door import with_client  # noqa: PLC0415
    from jidoka.cli.showing import money, print_json, print_table  # noqa: PLC0415
    from jidoka.contract.content import Status  # noqa: PLC0415

    wanted = [word.strip() for each in status or () for word in each.split(",")]
    folder = None if project is None else str(Path(project).expanduser().resolve())

    async def work(client: Client) -> list[SessionInfo]:
        return await client.list_sessions(
            status=tuple(Status) if show_all else wanted or None,
            project=folder,
            text=text,
            limit=limit,
        )

    sessions = with_client(work)
    if as_json:
        print_json([session.model_dump(mode="json") for session in sessions])
        return 0
    rows = [
        (
            str(number) if number <= 10 else "",  # noqa: PLR2004 - as far as numbers name sessions
            session.session_id,
            session.name,
            _standing(session),
            session.phase,
            session.model,
            str(session.messages),
            money(session.cost_usd) if session.cost_usd is not None else "",
            session.project_path,
        )
        for number, session in enumerate(sessions, 1)
    ]
    print_table(TITLES, rows)
    return 0


def _standing(session: SessionInfo) -> str:
    """Return the status, and what keeps the session from going on."""
    if session.degraded:
        return f"{session.status}, degraded"
    waits = session.error is not None and session.error.code == "no_host"
    return f"{session.status}, no_host" if waits else session.status
