"""What the model is told beside the conversation, as events and answers carry it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from jidoka.contract.content import Value


class TodoItem(Value):
    """One line of what is to be done."""

    text: Annotated[str, Field(max_length=500)]
    status: str = "pending"
    """`pending` `in_progress` `completed`."""


class ContextSource(Value):
    """A text that was read for the model: project notes, an active file, the file index."""

    kind: str
    """`note` `file` `index`."""
    path: str
    """Relative to the project's root; `..` climbs to the repository's. The index is `.`."""
    sha256: str | None = None
    """Of what was read; null: it is not there any more."""
    size_bytes: int = 0
    """Of all that is there, where the text is a part of it."""
    text: str = ""
    """What the model may read of it."""
    problem: str = ""
    """Why there is no text."""


class ContextPart(Value):
    """One part of what the model is sent, in the order in which it reads them."""

    name: str
    """`prompt` `session_prompt` `notes` `files` `todo` `index` `tools` `summary` `conversation`."""
    detail: str = ""
    """A path, or how many there are; of the tools of an MCP server its name too."""
    tokens: int
    percent: float = 0.0
    """Of the window."""
    left_out: str = ""
    """What does not fit, in words."""
