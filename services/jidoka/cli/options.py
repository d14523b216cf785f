"""The options that several commands have, spelled once."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import fields
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jidoka.contract.errors import ProjectNotFound
from jidoka.settings import ClientSettings, ModelSettings, Settings, load

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

SCRIPTED = "scripted:"
Project = Annotated[
    Path | None,
    # whether it can be read is the system's to say, with a code of its own
    typer.Option(
        "--project", "-p", readable=False, help="The project's folder; default: this one."
    ),
]
Model = Annotated[
    str | None,
    typer.Option("--model", "-m", help="provider/name, `local`, or scripted:FILE."),
]
Fallback = Annotated[
    list[str] | None,
    typer.Option("--fallback", help="A model to ask when that one fails; repeatable, in order."),
]
ApiBase = Annotated[
    str | None, typer.Option("--api-base", help="URL of an OpenAI-compatible server.")
]
ApiKeyRef = Annotated[
    str | None, typer.Option("--api-key-ref", help="Where the key is: env:NAME, never the key.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Shared = Annotated[
    bool, typer.Option("--shared", help="Share the folder with other sessions of it.")
]
Worktree = Annotated[bool, typer.Option("--worktree", help="Work in a git worktree of its own.")]
Network = Annotated[bool, typer.Option("--network", help="Let its commands reach the network.")]
Rules = Annotated[
    list[str] | None,
    typer.Option("--rule", help="A permission rule, such as `deny * .env`; repeatable."),
]
Limit = Annotated[
    list[str] | None,
    typer.Option(
        "--limit",
        help="NAME=VALUE, such as context_tokens=60000; `none` lifts one that is not always there.",
    ),
]
Target = Annotated[
    str, typer.Argument(help="Id, number in the list, name, or the beginning of a name.")
]

Waiting = Annotated[str, typer.Argument(help="Its place in the list from 1, or its id.")]


class Mode(StrEnum):
    """What the agent may do without asking."""

    PLAN = "plan"
    ASK = "ask"
    AUTO_EDIT = "auto-edit"
    FULL_AUTO = "full-auto"


class Sandbox(StrEnum):
    """Whether commands run in a sandbox."""

    AUTO = "auto"
    OFF = "off"


PermissionMode = Annotated[
    Mode | None, typer.Option("--permission-mode", help="What may be done without asking.")
]
SandboxMode = Annotated[
    Sandbox, typer.Option("--sandbox", help="`off`: you trust the model with this machine.")
]


def epilog_of(examples: Sequence[str]) -> str:
    """Return the end of a command's help: examples, a line each."""
    return "\n".join(["\b\nExamples:", *(f"  {line}" for line in examples)])


def folder_of(project: Path | None) -> str:
    """Return the absolute path of the project; whether it fits is the system's to say."""
    try:
        return str((project or here()).expanduser().absolute())
    except (RuntimeError, FileNotFoundError):  # ~somebody who is nobody, or relative to nothing
        raise ProjectNotFound(path=str(project)) from None


def here() -> Path:
    """Return the folder that this was started in.

    Raises:
        ProjectNotFound: it has been removed since.
    """
    try:
        return Path.cwd()
    except FileNotFoundError:
        raise ProjectNotFound(path="where you are (it was removed)") from None


def sharing_of(*, shared: bool, worktree: bool) -> str:
    """Return how the session holds its folder."""
    if shared and worktree:
        raise typer.BadParameter("--shared and --worktree exclude each other")
    return "shared" if shared else "worktree" if worktree else "exclusive"


def llm_of(
    model: str | None,
    api_base: str | None,
    api_key_ref: str | None,
    fallback: list[str] | None = None,
) -> dict[str, Any]:
    """Return the model's configuration: what was named here, else what the settings name.

    A script that is named relatively is one of this folder.
    """
    given = _named_llm(model, api_base, api_key_ref)
    if fallback:
        given["fallbacks"] = [_with_whole_path(name) for name in fallback]
    return given


def _named_llm(model: str | None, api_base: str | None, api_key_ref: str | None) -> dict[str, Any]:
    named = {"model": model, "api_base": api_base, "api_key_ref": api_key_ref}
    given = {key: value for key, value in named.items() if value is not None}
    if not given:
        settings = load(ClientSettings, os.environ)
        values = ((field.name, getattr(settings, field.name)) for field in fields(ModelSettings))
        common = {field.name for field in fields(Settings)}
        given = {name: value for name, value in values if name not in common and value is not None}
    elif (summary_model := load(ClientSettings, os.environ).summary_model) is not None:
        given["summary_model"] = summary_model
    if given.get("model") is not None:
        given["model"] = _with_whole_path(given["model"])
    return given


def _with_whole_path(model: str) -> str:
    if not model.startswith(SCRIPTED):
        return model
    return f"{SCRIPTED}{Path(model.removeprefix(SCRIPTED)).expanduser().absolute()}"


def limits_of(given: list[str] | None) -> dict[str, Any] | None:
    """Return limits by name from `NAME=VALUE`; whether the values fit is the system's to say."""
    if not given:
        return None
    from jidoka.contract.content import Limits  # noqa: PLC0415

    limits: dict[str, Any] = {}
    for each in given:
        name, equals, value = (part.strip() for part in each.partition("="))
        if not equals or not name:
            raise typer.BadParameter(f"{each!r} is no NAME=VALUE", param_hint="--limit")
        if name not in Limits.model_fields:
            known = ", ".join(Limits.model_fields)
            raise typer.BadParameter(f"no limit is {name!r}; known: {known}", param_hint="--limit")
        limits[name] = None if value.lower() == "none" else value
        if limits[name] is None and (always := _default_of(Limits.model_fields[name])) is not None:
            why = f"{name} is always there, {always} unless named: give a number"
            raise typer.BadParameter(why, param_hint="--limit")
    return limits


def _default_of(limit: FieldInfo) -> str | None:
    """Return the default of a limit that is never without one, in words; None: it can be lifted."""
    if limit.default is None:
        return None
    most = next((each.le for each in limit.metadata if hasattr(each, "le")), None)
    return f"{limit.default:g}" if most is None else f"{limit.default:g} and at most {most:g}"


def text_or_stdin(text: str | None, what: str) -> str:
    """Return the text, or what standard input holds when it is `-` or left out."""
    if text is not None and text != "-":
        return text
    if text is None and sys.stdin.isatty():
        raise typer.BadParameter(f"no {what}: give it as an argument, or on standard input")
    read = sys.stdin.read()
    if not read.strip():
        raise typer.BadParameter(f"the {what} is empty")
    return read
