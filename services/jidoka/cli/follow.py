"""`jidoka follow ID`: everything that a session did and does, from any number on."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from jidoka.cli import options

if TYPE_CHECKING:
    from jidoka.client import Client


def command(
    target: options.Target,
    first: Annotated[
        int, typer.Option("--from", min=0, help="Begin with this number; 0: from the start.")
    ] = 0,
    last: Annotated[
        int, typer.Option("--last", min=0, help="Begin so many events before the end.")
    ] = 0,
    no_wait: Annotated[
        bool, typer.Option("--no-wait", help="Stop at the end of what is there.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One CloudEvent a line, as it is stored.")
    ] = False,
) -> int:
    """Follow a session until Ctrl+C. Leaving ends nothing; come back with --from or --last.

    On a terminal a line that you type answers the oldest open question.
    """
    from contextlib import aclosing, nullcontext  # noqa: PLC0415

    from jidoka.cli.door import session_id_of, with_client  # noqa: PLC0415
    from jidoka.cli.prompting import Prompter, somebody_is_here, typed_lines  # noqa: PLC0415
    from jidoka.cli.results import line_of  # noqa: PLC0415
    from jidoka.cli.showing import colored  # noqa: PLC0415
    from jidoka.cli.transcript import Transcript  # noqa: PLC0415
    from jidoka.client.shapes import SessionView  # noqa: PLC0415
    from jidoka.client.view import see  # noqa: PLC0415

    async def work(client: Client) -> int:
        session_id = await session_id_of(client, target)
        view = SessionView(session_id=session_id)
        paper = Transcript(styled=colored(sys.stdout), show_messages=True)
        items = client.subscribe_to_session(
            session_id, after=-last or max(first - 1, 0), live=not no_wait, to_the_end=no_wait
        )
        prompter = Prompter(client, session_id)
        asks = somebody_is_here() and not as_json and not no_wait
        async with aclosing(items), typed_lines(prompter.take) if asks else nullcontext():
            async for item in items:
                if as_json:
                    print(line_of(item), flush=True)
                    continue
                view = see(view, item)
                hint = prompter.hint(view) if asks else ""
                print(paper.news(view) + hint, end="", flush=True)
        return 0

    return with_client(work)
