"""`jidoka send ID "MESSAGE"`: say something to a session, and watch the answer if asked to."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from jidoka.cli import options

if TYPE_CHECKING:
    from jidoka.client import Client


class Policy(StrEnum):
    """What becomes of the message while a turn runs."""

    QUEUE = "queue"
    STEER = "steer"
    INTERRUPT = "interrupt"
    REJECT = "reject"


def command(
    *,
    target: options.Target,
    message: Annotated[str | None, typer.Argument(help="`-`: standard input.")] = None,
    policy: Annotated[Policy, typer.Option(help="While a turn runs.")] = Policy.QUEUE,
    unattended: Annotated[
        bool, typer.Option("--unattended", help="Nobody answers: questions take their default.")
    ] = False,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Watch the turn to its end.")] = False,
    as_json: options.AsJson = False,
) -> int:
    """Say something to a session. Once it is recorded, nothing loses it."""
    content = options.text_or_stdin(message, "message")
    from jidoka.cli.door import session_id_of, with_client  # noqa: PLC0415
    from jidoka.cli.sending import tell  # noqa: PLC0415

    async def work(client: Client) -> int:
        session_id = await session_id_of(client, target)
        number = await client.send_message(
            session_id, content, policy=policy.value, unattended=unattended
        )
        return await tell(client, session_id, number, wait=wait, as_json=as_json)

    return with_client(work)
