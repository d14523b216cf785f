"""The script of the scripted model: `scripted:FILE`, JSON, for tests, demos and CI.

Each model call of a turn takes the next answer; when the script is used up the last one is
given again, or, with `loop`, it starts anew. The first answer whose `when` stands in the last
user message may be forced with it.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class _Piece(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ScriptedToolCall(_Piece):
    """A tool call of the scripted model."""

    tool: str
    arguments: dict[str, Any] | str = {}
    """An object, or text that is sent as it is (broken JSON, for tests)."""
    call_id: str | None = None
    """Null: made from the model call's id and the position."""


class ScriptedError(_Piece):
    """A failure of the scripted model."""

    kind: Literal[
        "rate_limit", "auth", "server", "timeout", "refusal", "garbage", "empty", "hang", "cut"
    ]
    """`cut`: the stream ends in the middle. `hang`: nothing more comes."""
    retry_after_s: float | None = None
    status: int | None = None
    attempts: int | None = None
    """Fail only on this many first attempts; null: always."""


class ScriptedAnswer(_Piece):
    """One answer."""

    when: str | None = None
    """Only for a turn whose last user message holds this text."""
    reasoning: str = ""
    text: str = ""
    deltas: tuple[str, ...] | None = None
    """The text in these pieces; null: word by word."""
    tool_calls: tuple[ScriptedToolCall, ...] = ()
    first_delay_s: float = Field(default=0.0, ge=0, le=3_600)
    delay_s: float = Field(default=0.0, ge=0, le=60)
    """Between two deltas."""
    error: ScriptedError | None = None
    """After the deltas, this failure."""
    finish_reason: str | None = None
    input_tokens: int | None = None
    """Null: counted as a quarter of the characters."""
    output_tokens: int | None = None
    cost_usd: float | None = None
    omit_usage: bool = False


class Script(_Piece):
    """What the scripted model says, answer by answer."""

    answers: tuple[ScriptedAnswer, ...] = Field(min_length=1)
    loop: bool = False
    window: int | None = Field(default=None, ge=1_000)
    """Tokens that it says it reads at most; null: it does not say."""
