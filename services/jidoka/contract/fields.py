"""Types of fields that several commands have."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from jidoka.contract.content import Content, text_of


def _not_blank(content: Content) -> Content:
    if not text_of(content).strip():
        raise ValueError("the message is empty")
    return content


def _a_path(path: str) -> str:
    if "\0" in path:
        raise ValueError("a path holds no NUL")
    return path


SessionName = Annotated[str, Field(pattern=r"^[\w-][\w -]{0,49}$")]
"""1 to 50 letters, digits, spaces, `_` and `-`; it does not begin with a space."""
Id = Annotated[str, Field(min_length=1, max_length=256)]
Reason = Annotated[str, Field(max_length=4096)]
ProjectPath = Annotated[str, Field(min_length=1), AfterValidator(_a_path)]
MessageContent = Annotated[Content, AfterValidator(_not_blank)]
