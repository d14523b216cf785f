"""`jidoka session show`: all that is known of one session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jidoka.cli import options

if TYPE_CHECKING:
    from jidoka.client import Client
    from jidoka.contract.replies import SessionInfo


def command(target: options.Target, as_json: options.AsJson = False) -> int:
    """Show a session, also one that has ended."""
    from jidoka.cli.door import session_id_of, with_client  # noqa: PLC0415
    from jidoka.cli.showing import print_json  # noqa: PLC0415

    async def work(client: Client) -> SessionInfo:
        return await client.get_session_info(await session_id_of(client, target))

    info = with_client(work).model_dump(mode="json")
    if as_json:
        print_json(info)
        return 0
    for name, value in info.items():
        if value not in (None, "", [], {}):
            print(f"{name.replace('_', ' '):16} {value}")
    return 0
