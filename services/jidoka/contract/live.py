"""Deltas: shown while it happens, never the truth; a new attempt voids the old one's."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

LiveKind = Literal["text", "reasoning", "tool_output"]
LIVE_KINDS: Final[tuple[LiveKind, ...]] = ("text", "reasoning", "tool_output")


class Delta(BaseModel):
    """The data of `jido.live.<kind>.v1`, at most 20 a second of a call."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    turn_id: str
    call_id: str
    attempt: int = 1
    offset: int
    """Where `text` begins in the whole, in UTF-8 bytes."""
    text: str
