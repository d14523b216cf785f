"""All commands of `jidoka`, one file each; what a command needs is imported when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from jidoka.cli import (
    answer,
    cancel,
    clear,
    compact,
    context,
    demo,
    diff,
    doctor,
    down,
    follow,
    options,
    redo,
    registry,
    retry,
    run,
    schemas,
    send,
    serve,
    status,
    undo,
    up,
    usage,
)
from jidoka.cli.dlq import commands as dlq
from jidoka.cli.mcp import commands as mcp
from jidoka.cli.permission import commands as permission
from jidoka.cli.policy import commands as policy
from jidoka.cli.queue import commands as queue
from jidoka.cli.session import commands as session

EPILOG = """\b
Examples:
  jidoka demo                                    a model mends a failing test, without any key
  jidoka run "Why does the test fail?"           one turn in a session on this folder
  jidoka run -c "Now mend it"                    go on with the last session of this folder
  jidoka session list                            what is open
Exit codes: 0 done, 1 turn failed, 2 usage, 3 not found, 4 limit, 5 unreachable, 6 denied,
7 no model or key, 8 budget or step limit, 9 another runtime holds this home, 130 interrupted.
"""

app = typer.Typer(
    name="jidoka",
    help="The runtime where coding agents work.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415

        print(f"jidoka {version('jidoka')}")
        raise typer.Exit


@app.callback()
def jidoka(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """The runtime where coding agents work."""


EXAMPLES = {
    "run": (
        'jidoka run "Mend the failing test" --project ~/cart --model openai/gpt-5',
        'jidoka run "And document it" -c',
        "git diff | jidoka run - --permission-mode plan --output-format json",
        'jidoka run "Hello" --model qwen --api-base http://127.0.0.1:11434/v1',
    ),
    "demo": ("jidoka demo", "jidoka demo --scripted"),
    "up": ("jidoka up", "jidoka up --detach"),
    "down": ("jidoka down",),
    "status": ("jidoka status", "jidoka status --json"),
    "doctor": ("jidoka doctor", "jidoka doctor --json"),
    "cancel": ("jidoka cancel cart",),
    "send": ('jidoka send cart "And the tests?" --wait', "jidoka send 1 - < question.txt"),
    "follow": ("jidoka follow cart", "jidoka follow cart --from 40 --json --no-wait"),
    "answer": (
        "jidoka answer cart allow",
        "jidoka answer cart call_7 allow",
        "jidoka answer cart call_7 allow --always",
        "jidoka answer cart call_7 allow --rule 'allow shell git status'",
        'jidoka answer cart call_9 "the second"',
    ),
    "undo": ("jidoka undo", "jidoka undo cart --turns 3", "jidoka undo cart --keep-mine"),
    "redo": ("jidoka redo cart",),
    "diff": ("jidoka diff", "jidoka diff cart 3 --stat"),
    "retry": ("jidoka retry cart --wait", "jidoka retry cart --regenerate"),
    "context": ("jidoka context", "jidoka context cart --full", "jidoka context cart --json"),
    "compact": ("jidoka compact", "jidoka compact cart --keep 'the failing tests by name'"),
    "clear": ("jidoka clear cart",),
    "usage": (
        "jidoka usage",
        "jidoka usage --by model",
        "jidoka usage --session cart --json",
        "jidoka usage --owner ada --by day",
    ),
    "serve": ("JIDOKA_NATS_URL=nats://broker:4222 jidoka serve coordinator",),
}

for module in (
    run,
    demo,
    up,
    down,
    status,
    doctor,
    send,
    follow,
    cancel,
    answer,
    undo,
    redo,
    diff,
    retry,
    context,
    compact,
    clear,
    usage,
    serve,
):
    name = module.__name__.rpartition(".")[2]
    app.command(name, epilog=options.epilog_of(EXAMPLES[name]))(module.command)
app.add_typer(session.group, name="session")
app.add_typer(queue.group, name="queue")
app.add_typer(permission.group, name="permission")
app.add_typer(policy.group, name="policy")
app.add_typer(mcp.group, name="mcp")
app.add_typer(dlq.group, name="dlq")
app.add_typer(registry.group, name="registry")
app.add_typer(schemas.group, name="schemas")
