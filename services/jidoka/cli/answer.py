"""`jidoka answer ID CALL allow|deny`: say whether a call may run."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from jidoka.cli import options
from jidoka.cli.session.acting import act

if TYPE_CHECKING:
    from jidoka.client import Client


class Decision(StrEnum):
    """What may be answered."""

    ALLOW = "allow"
    DENY = "deny"


def command(
    target: options.Target,
    call: Annotated[str, typer.Argument(help="The call, as the question names it.")],
    decision: Annotated[Decision, typer.Argument(help="allow or deny.")],
    remember: Annotated[
        bool, typer.Option("--remember", help="The same for such calls in this session.")
    ] = False,
    as_json: options.AsJson = False,
) -> int:
    """Answer a question of the agent; the first answer wins."""

    async def work(client: Client, session_id: str) -> int:
        return await client.answer(session_id, call, decision.value, remember=remember)

    said = "may run" if decision is Decision.ALLOW else "may not run"
    return act(target, work, said=f"call {call} {said}", as_json=as_json)
