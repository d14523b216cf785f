"""Undoing on the command line: whose session it is, and what became of it in words."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Final

import typer

from jidoka.cli import options
from jidoka.contract import events as e

if TYPE_CHECKING:
    from jidoka.client import Client
    from jidoka.contract.event_groups import UndoEnd
    from jidoka.contract.undo_commands import FilesWish

MOST_NAMED: Final = 10
NOT_ALL: Final = 1
"""The exit code where the conversation went back, and a file could not be written."""
Target = Annotated[
    str | None,
    typer.Argument(help="Id, number, name or its beginning; default: this folder's last session."),
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite what you changed since, too.")]
KeepMine = Annotated[
    bool, typer.Option("--keep-mine", help="Leave the files that you changed since.")
]
Conversation = Annotated[
    bool, typer.Option("--conversation", help="Leave all files: the conversation only.")
]


def wish(*, force: bool, keep_mine: bool, conversation: bool) -> FilesWish:
    """Return what becomes of files that a person changed since."""
    if force + keep_mine + conversation > 1:
        raise typer.BadParameter("--force, --keep-mine and --conversation exclude each other")
    if conversation:
        return "leave"
    return "force" if force else "keep_mine" if keep_mine else "restore"


async def target_id(client: Client, target: str | None) -> str:
    """Return the id of a session; without a name, of the last one of this folder.

    Raises:
        SessionNotFound, AmbiguousName.
    """
    from jidoka.cli.door import session_id_of  # noqa: PLC0415
    from jidoka.contract.errors import SessionNotFound  # noqa: PLC0415

    if target is not None:
        return await session_id_of(client, target)
    folder = str(options.here().resolve())
    found = await client.list_sessions(project=folder, limit=1)
    if not found:
        raise SessionNotFound(asked=folder)
    return found[0].session_id


@asynccontextmanager
async def opened(client: Client, session_id: str, *, close: bool = True) -> AsyncGenerator[None]:
    """Have a session that was put away back, and put away again after the context."""
    from jidoka.cli.door import brought_back  # noqa: PLC0415

    was_closed = await brought_back(client, await client.get_session_info(session_id))
    try:
        yield
    finally:
        if was_closed and close:
            await client.close_session(session_id, "it was closed before")


def end_of(
    target: str | None, work: Callable[[Client, str], Awaitable[UndoEnd]], *, as_json: bool
) -> int:
    """Have turns undone or redone; print how it ended, and return the exit code."""
    from jidoka.cli.door import with_client  # noqa: PLC0415

    async def whole(client: Client) -> tuple[str, UndoEnd]:
        session_id = await target_id(client, target)
        async with opened(client, session_id):
            return session_id, await work(client, session_id)

    session_id, end = with_client(whole)
    if isinstance(end, e.TurnUndoRefused):
        return _refused(session_id, end, as_json=as_json)
    if as_json:
        from jidoka.cli.showing import print_json  # noqa: PLC0415

        print_json({"session_id": session_id, **end.model_dump(mode="json")})
    else:
        print(_told(end))
    return NOT_ALL if end.failed else 0


def _told(end: e.TurnUndone | e.TurnRedone) -> str:
    from jidoka.cli.transcript import harmless  # noqa: PLC0415
    from jidoka.client.undo_view import summary_of  # noqa: PLC0415

    lines = [summary_of(end), *(f"  {path}" for path in end.paths[:MOST_NAMED])]
    lines += ["  …"] * (end.files > MOST_NAMED)
    why = {path: f" ({reason})" for path, reason in end.failed.items()}
    lines += [f"  left as it is: {path}{why.get(path, '')}" for path in end.left]
    if end.failed:
        back, on = ("redo", "undo") if isinstance(end, e.TurnUndone) else ("undo", "redo")
        lines.append(f"When the cause is mended: `jidoka {back}`, then `jidoka {on}` again.")
    return harmless("\n".join(lines))


def _refused(session_id: str, end: e.TurnUndoRefused, *, as_json: bool) -> int:
    from jidoka.cli.failing import report  # noqa: PLC0415
    from jidoka.cli.showing import print_json  # noqa: PLC0415
    from jidoka.cli.transcript import harmless  # noqa: PLC0415
    from jidoka.contract.errors import FileChanged, from_dict  # noqa: PLC0415

    error = from_dict(end.error.model_dump())
    if not isinstance(error, FileChanged):
        return report(error, as_json=as_json)
    if as_json:
        changed = {"changed": list(end.changed), "diff": end.diff}
        print_json({"session_id": session_id, "error": error.as_dict(), **changed})
        return error.exit_code
    print(f"Not {end.asked[:4]}ne: you changed since")
    print("\n".join(f"  {harmless(path)}" for path in end.changed))
    print(harmless(end.diff), end="")
    print(
        f"Nothing was touched. `jidoka {end.asked} {session_id} --keep-mine` leaves these files, "
        "--force overwrites them, --conversation leaves all files."
    )
    return error.exit_code
