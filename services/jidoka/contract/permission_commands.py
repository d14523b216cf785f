"""What may be said to an agent that asks: answers, and the rules that answers make."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from jidoka.contract.command_data import SessionCommand
from jidoka.contract.fields import Id

MOST_RULES = 256
MOST_ANSWER_CHARACTERS = 64 * 1024
Author = Annotated[str, Field(max_length=128)]
RuleText = Annotated[str, Field(min_length=1, max_length=1_000)]
"""A permission rule on one line: `allow shell git status`."""
RuleTexts = Annotated[tuple[RuleText, ...], Field(max_length=MOST_RULES)]


class AnswerPermission(SessionCommand, name="permission.answer"):
    """Say whether a call may run."""

    call_id: Id
    decision: Literal["allow", "deny"]
    remember: bool = False
    """Make a rule of it that holds for the rest of the session."""
    rules: RuleTexts = ()
    """Which rules to make, with `remember`; none: one for exactly such a call."""
    author: Author = ""


class RevokePermission(SessionCommand, name="permission.revoke"):
    """Take back a rule that an answer made."""

    rule: RuleText
    author: Author = ""


class ListPermissions(SessionCommand, name="permission.list"):
    """Ask what a session may do, by which rules, and which of its questions are open."""


class AnswerQuestion(SessionCommand, name="question.answer"):
    """Answer what the agent asks."""

    call_id: Id
    answer: Annotated[str, Field(min_length=1, max_length=MOST_ANSWER_CHARACTERS)]
    author: Author = ""
