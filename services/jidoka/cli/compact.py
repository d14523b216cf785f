"""`jidoka compact [ID]`: a summary in the place of the conversation so far."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from jidoka.cli import options, undoing

if TYPE_CHECKING:
    from jidoka.client import Client
    from jidoka.contract.events import ContextCompacted


def command(
    target: undoing.Target = None,
    keep: Annotated[str, typer.Option("--keep", help="What the summary should keep.")] = "",
    as_json: options.AsJson = False,
) -> int:
    """Have the model go on with a summary of the conversation; the log keeps all of it."""
    from jidoka.cli.door import with_client  # noqa: PLC0415
    from jidoka.cli.showing import print_json, waiting  # noqa: PLC0415

    async def work(client: Client) -> tuple[str, ContextCompacted]:
        session_id = await undoing.target_id(client, target)
        async with undoing.opened(client, session_id):
            return session_id, await client.compact(session_id, keep)

    with waiting("the summary is written ..."):
        session_id, done = with_client(work)
    if as_json:
        print_json({"session_id": session_id, **done.model_dump(mode="json")})
    else:
        print(_told(done))
    return 1 if done.method == "cut" else 0


def _told(done: ContextCompacted) -> str:
    sizes = f"{done.tokens_before:,} → {done.tokens_after:,} tokens"
    match done.method:
        case "summary":
            return f"{done.pieces} messages became a summary, {sizes}\n\n{done.summary}"
        case "cut":
            why = done.error.message if done.error else "no summary was made."
            return f"{why} Long outputs of tools were cut instead, {sizes}"
        case _:
            return "there is nothing to compact"
