"""`jidoka answer ID [CALL] allow|deny|TEXT`: say whether a call may run, or what the agent asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jidoka.cli import options
from jidoka.cli.session.acting import act
from jidoka.contract.errors import InvalidMessage

if TYPE_CHECKING:
    from jidoka.client import Client


def command(
    *,
    target: options.Target,
    call: Annotated[
        str,
        typer.Argument(
            help="The call, as the question names it; left out where one question is open."
        ),
    ],
    answer: Annotated[
        str | None,
        typer.Argument(help="allow, deny, or any text that is asked for."),
    ] = None,
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
    always, text = remember or bool(rule), call if answer is None else answer
    if always and text not in ("allow", "deny"):
        raise typer.BadParameter("only allow and deny can be remembered")

    async def work(client: Client, session_id: str) -> int:
        asked = await _waiting(client, session_id) if answer is None else call
        if not always:
            return await client.answer_either(session_id, asked, text)
        decision = "allow" if text == "allow" else "deny"
        return await client.answer(session_id, asked, decision, remember=True, rules=rule or ())

    which = "the call that waited" if answer is None else f"call {call}"
    known = {"allow": "may run", "deny": "may not run"}
    said = f"{which} {known.get(text, 'is answered')}"
    return act(target, work, said=said, as_json=as_json)


async def _waiting(client: Client, session_id: str) -> str:
    """Return the call of the one open question; which of several it is, a person says.

    Raises:
        InvalidMessage: none waits, or several do.
    """
    waiting = (await client.get_session_info(session_id)).waiting
    if len(waiting) == 1:
        return waiting[0]
    several = f"{len(waiting)} questions are open, name one: {', '.join(waiting)}"
    raise InvalidMessage.of("CALL", several if waiting else "no question is open")
