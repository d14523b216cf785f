"""What commands that change a session have in common: find it, ask, say what was recorded."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jidoka.client import Client


def act(
    target: str,
    work: Callable[[Client, str], Awaitable[int]],
    *,
    said: str,
    as_json: bool,
) -> int:
    """Do `work` with the session that `target` names, and print the number of its record."""
    from jidoka.cli.door import session_id_of, with_client  # noqa: PLC0415
    from jidoka.cli.showing import on_one_line, print_json  # noqa: PLC0415

    async def whole(client: Client) -> tuple[str, int]:
        session_id = await session_id_of(client, target)
        return session_id, await work(client, session_id)

    session_id, sequence = with_client(whole)
    if as_json:
        print_json({"session_id": session_id, "sequence": sequence})
    else:
        print(f"{session_id} {on_one_line(said)} (recorded as #{sequence})")
    return 0
