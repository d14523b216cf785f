"""What commands that open a session have in common: have it opened, say which one it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jidoka.client import Client
    from jidoka.contract.replies import SessionInfo


def open_by(work: Callable[[Client], Awaitable[str]], *, as_json: bool) -> int:
    """Open the session whose id `work` returns, and print what is known of it."""
    from jidoka.cli.door import with_client  # noqa: PLC0415
    from jidoka.cli.showing import print_json  # noqa: PLC0415

    async def whole(client: Client) -> SessionInfo:
        return await client.get_session_info(await work(client))

    info = with_client(whole)
    if as_json:
        print_json(info.model_dump(mode="json"))
    else:
        print(f"{info.session_id}  {info.name}  {info.project_path}  {info.status}")
    return 0
