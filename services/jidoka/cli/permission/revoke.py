"""`jidoka permission revoke`: take back a rule that an answer made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jidoka.cli import options
from jidoka.cli.session.acting import act

if TYPE_CHECKING:
    from jidoka.client import Client


def command(
    target: options.Target,
    rule: Annotated[str, typer.Argument(help="The rule, as `jidoka permission list` shows it.")],
    as_json: options.AsJson = False,
) -> int:
    """Take back a rule that an answer made; such calls are asked about again."""

    async def work(client: Client, session_id: str) -> int:
        return await client.revoke_permission(session_id, rule)

    return act(target, work, said=f"has no rule {rule!r} any more", as_json=as_json)
