"""`jidoka answer ID CALL allow|deny|TEXT`: say whether a call may run, or what the agent asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jidoka.cli import options
from jidoka.cli.session.acting import act

if TYPE_CHECKING:
    from jidoka.client import Client


def command(
    *,
    target: options.Target,
    call: Annotated[str, typer.Argument(help="The call, as the question names it.")],
    answer: Annotated[str, typer.Argument(help="allow, deny, or any text that is asked for.")],
    remember: Annotated[
        bool,
        typer.Option("--remember", "--always", help="Make a rule of it for the whole session."),
    ] = False,
    rule: Annotated[
        list[str] | None,
        typer.Option("--rule", help="Remember this rule, such as `allow shell git status`."),
    ] = None,
    as_json: options.AsJson = False,
) -> int:
    """Answer a question of the agent; the first answer wins.

    With --remember exactly such calls are not asked about again; `jidoka permission list` shows
    the rule, `jidoka permission revoke` takes it back.
    """
    always = remember or bool(rule)
    if always and answer not in ("allow", "deny"):
        raise typer.BadParameter("only allow and deny can be remembered")

    async def work(client: Client, session_id: str) -> int:
        if not always:
            return await client.answer_either(session_id, call, answer)
        decision = "allow" if answer == "allow" else "deny"
        return await client.answer(session_id, call, decision, remember=True, rules=rule or ())

    known = {"allow": "may run", "deny": "may not run"}
    said = f"call {call} {known.get(answer, 'is answered')}"
    return act(target, work, said=said, as_json=as_json)
