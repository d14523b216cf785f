"""What may be asked about what the model reads."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from jidoka.contract.command_data import SessionCommand

MAX_PATH = 4096


def _a_file(path: str) -> str:
    if "\0" in path:
        raise ValueError("a path holds no NUL")
    return path


FilePath = Annotated[str, Field(min_length=1, max_length=MAX_PATH), AfterValidator(_a_file)]


class AddFile(SessionCommand, name="file.add"):
    """Keep a file before the model: its fresh content is in every call."""

    path: FilePath
    """Relative to the project's root, or absolute and inside it."""


class RemoveFile(SessionCommand, name="file.remove"):
    """Keep a file before the model no longer."""

    path: FilePath


class CompactContext(SessionCommand, name="context.compact"):
    """Put a summary in the place of the conversation so far; the log keeps all."""

    instructions: Annotated[str, Field(max_length=4_000)] = ""
    """What the summary should keep."""


class GetContext(SessionCommand, name="context.get"):
    """Ask what exactly the model would be sent now, and how large each part is."""

    include: Annotated[tuple[str, ...], Field(max_length=3)] = ("messages", "tools")
    """`messages` `tools`: what is to be told whole; the sizes of all parts are always told."""
