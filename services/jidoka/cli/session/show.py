"""`jidoka session show`: all that is known of one session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jidoka.cli import options

if TYPE_CHECKING:
    from jidoka.client import Client
    from jidoka.contract.replies import PermissionList, SessionInfo


def command(target: options.Target, as_json: options.AsJson = False) -> int:
    """Show a session, also one that has ended."""
    from jidoka.cli.door import session_id_of, with_client  # noqa: PLC0415
    from jidoka.cli.showing import print_json  # noqa: PLC0415
    from jidoka.contract.errors import SessionNotFound  # noqa: PLC0415

    async def work(client: Client) -> tuple[SessionInfo, PermissionList | None]:
        info = await client.get_session_info(await session_id_of(client, target))
        try:
            return info, await client.list_permissions(info.session_id)
        except SessionNotFound:  # it was deleted: its list entry is all that is left
            return info, None

    found, permissions = with_client(work)
    info = found.model_dump(mode="json")
    if permissions is not None:
        info |= permissions.model_dump(mode="json", include={"network", "rules", "questions"})
    if as_json:
        print_json(info)
        return 0
    for name, value in info.items():
        if value not in (None, "", [], {}):
            print(f"{name.replace('_', ' '):16} {value}")
    return 0
