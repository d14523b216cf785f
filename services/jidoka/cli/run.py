"""`jidoka run "PROMPT"`: the main job, headless: one turn in a session on a project."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from jidoka.cli import options


class Format(StrEnum):
    """How a run tells of itself."""

    TEXT = "text"
    JSON = "json"
    STREAM_JSON = "stream-json"


def command(
    *,
    prompt: Annotated[str | None, typer.Argument(help="What to do; `-`: standard input.")] = None,
    project: options.Project = None,
    model: options.Model = None,
    fallback: options.Fallback = None,
    api_base: options.ApiBase = None,
    api_key_ref: options.ApiKeyRef = None,
    permission_mode: options.PermissionMode = None,
    max_turns: Annotated[
        int | None, typer.Option(min=1, max=1_000, help="Model calls at most.")
    ] = None,
    max_cost: Annotated[float | None, typer.Option(min=0, help="US dollars at most.")] = None,
    output_format: Annotated[Format, typer.Option(help="text, json or stream-json.")] = Format.TEXT,
    go_on: Annotated[
        bool, typer.Option("-c", "--continue", help="Go on with this folder's last session.")
    ] = False,
    resume: Annotated[
        str | None, typer.Option("-r", "--resume", help="Go on with this session.")
    ] = None,
    sandbox: options.SandboxMode = options.Sandbox.AUTO,
    shared: options.Shared = False,
    worktree: options.Worktree = False,
    network: options.Network = False,
    rule: options.Rules = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Short for --output-format json.")
    ] = False,
) -> int:
    """Do one thing in a project: a turn in a session, which is closed at the end.

    Nobody is asked: the mode is full-auto inside a sandbox unless another is named, and what
    would be asked is denied at once.
    """
    if go_on and resume is not None:
        raise typer.BadParameter("-c and -r exclude each other")
    if fallback and not model and (go_on or resume):
        raise typer.BadParameter("--fallback goes with --model: a choice of models is made whole")
    from jidoka.cli.running import Wish, run_once  # noqa: PLC0415

    wish = Wish(
        prompt=options.text_or_stdin(prompt, "prompt"),
        project_path=str(Path(options.folder_of(project)).resolve()),
        llm=options.llm_of(model, api_base, api_key_ref, fallback),
        permission_mode=permission_mode,
        max_steps=max_turns,
        max_cost_usd=max_cost,
        go_on=go_on,
        resume=resume,
        sandbox=sandbox.value,
        sharing=options.sharing_of(shared=shared, worktree=worktree),
        network=network,
        rules=tuple(rule or ()),
    )
    return run_once(wish, Format.JSON.value if as_json else output_format.value)
