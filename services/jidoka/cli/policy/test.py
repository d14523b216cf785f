"""`jidoka policy test RULES`: what rules would have allowed, asked and blocked in the past."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jidoka.cli import options

if TYPE_CHECKING:
    from jidoka.client import Client
    from jidoka.client.policy import Trial

TITLES = ("session", "call", "happened", "would be", "by")
MOST_RULES_BYTES = 1024 * 1024
MOST_SESSIONS = 10_000


def command(
    *,
    rules: Annotated[Path, typer.Argument(help="A file of rules, one a line; `-`: input.")],
    session: Annotated[
        list[str] | None, typer.Option("--session", "-s", help="Only this session; repeatable.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All sessions, ended ones too.")] = False,
    permission_mode: Annotated[
        options.Mode | None,
        typer.Option("--permission-mode", help="Instead of the mode that held then."),
    ] = None,
    all_calls: Annotated[
        bool, typer.Option("--show-all", help="Show calls that would end as they did, too.")
    ] = False,
    as_json: options.AsJson = False,
) -> int:
    """Try rules on the recorded tool calls of sessions. Nothing is run.

    A rule is `VERDICT TOOL [PATTERN]`: `allow shell git status`, `deny * .env`,
    `ask @write docs/**`.
    """
    if bool(session) == every:
        raise typer.BadParameter("name sessions with --session, or say --all")
    from jidoka.cli.door import session_id_of, with_client  # noqa: PLC0415
    from jidoka.cli.showing import print_json  # noqa: PLC0415
    from jidoka.client.policy import rules_of, try_rules  # noqa: PLC0415
    from jidoka.contract.content import Status  # noqa: PLC0415

    wanted = rules_of(_text(rules), str(rules))
    mode = permission_mode.value if permission_mode else None

    async def work(client: Client) -> Trial:
        if session:
            ids = [await session_id_of(client, target) for target in session]
            for session_id in ids:
                await client.get_session_info(session_id)  # one that is named has to be there
        else:
            found = await client.list_sessions(status=tuple(Status), limit=MOST_SESSIONS)
            ids = [each.session_id for each in found]
        return await try_rules(client, ids, wanted, mode)

    trial = with_client(work)
    if as_json:
        print_json(trial.as_dict(all_calls=all_calls))
    else:
        _show(trial, all_calls=all_calls)
    return 0


def _text(path: Path) -> str:
    if str(path) == "-":
        return sys.stdin.read(MOST_RULES_BYTES)
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(MOST_RULES_BYTES)
    except OSError as problem:
        raise typer.BadParameter(f"{path} cannot be read: {problem.strerror}") from None


def _show(trial: Trial, *, all_calls: bool) -> None:
    from jidoka.cli.showing import print_table  # noqa: PLC0415
    from jidoka.cli.transcript import harmless, key_argument  # noqa: PLC0415

    rows = [
        (
            one.session_id[:8],
            f"{one.tool} {key_argument(one.args)}",
            one.happened,
            one.verdict,
            one.rule or "the mode",
        )
        for one in trial.calls
        if all_calls or one.differs
    ]
    if rows:
        print_table(TITLES, [tuple(map(harmless, row)) for row in rows])
    counts = trial.counts()
    print(
        f"{len(trial.calls)} calls in {trial.sessions} sessions: {counts['allow']} allowed, "
        f"{counts['ask']} asked, {counts['deny']} blocked; "
        f"{counts['differs']} otherwise than it happened"
    )
    for session_id, reason in trial.unread:
        print(f"{session_id} cannot be read: {reason}", file=sys.stderr)
