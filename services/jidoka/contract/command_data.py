"""What every command has: its name, strict fields, and for most a session."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from jidoka.contract.ids import SessionId


class CommandData(BaseModel):
    """The data of one command."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: ClassVar[str] = ""

    def __init_subclass__(cls, *, name: str = "", **kwargs: Any):
        super().__init_subclass__(**kwargs)
        cls.name = name or cls.name


class SessionCommand(CommandData):
    """A command to one session; it may leave out the id where the envelope's subject has it."""

    session_id: SessionId
    """May be left out where the envelope's `subject` has it."""
