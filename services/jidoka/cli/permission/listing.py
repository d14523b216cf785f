"""`jidoka permission list`: mode, network, rules and open questions of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jidoka.cli import options

if TYPE_CHECKING:
    from jidoka.client import Client
    from jidoka.contract.replies import PermissionList

TITLES = ("rule", "source", "where", "by", "at")
WRITTEN = {
    "machine": "permission_rules in the config.toml of the machine; from its next start on",
    "project": "the project's .jidoka/permissions; its next worker reads it, here it is as now",
    "session": "jidoka session configure --rule, which replaces all of this source",
    "answer": "jidoka permission revoke takes one back",
}
"""How the rules of each source are changed."""


def command(target: options.Target, as_json: options.AsJson = False) -> int:
    """List the rules that hold in a session, with where each is written, and its questions."""
    from jidoka.cli.door import session_id_of, with_client  # noqa: PLC0415
    from jidoka.cli.showing import print_json, print_table  # noqa: PLC0415
    from jidoka.cli.transcript import harmless  # noqa: PLC0415

    async def work(client: Client) -> PermissionList:
        return await client.list_permissions(await session_id_of(client, target))

    found = with_client(work)
    if as_json:
        print_json(found.model_dump(mode="json"))
        return 0
    print(f"mode {found.permission_mode}, network {'on' if found.network else 'off'}")
    rows = [(rule.rule, rule.source, rule.where, rule.by, rule.at or "") for rule in found.rules]
    if rows:
        print_table(TITLES, [tuple(map(harmless, row)) for row in rows])
    for source in dict.fromkeys(rule.source for rule in found.rules):
        print(f"{source}: {WRITTEN.get(source, '')}")
    if found.unseen:
        print(harmless(f"the rules of machine and project are not shown: {found.unseen}"))
    for question in found.questions:
        until = f"until {question.deadline}, else {question.default or 'no answer'}"
        print(harmless(f"? {question.call_id} {question.tool} {question.arguments} ({until})"))
    return 0
