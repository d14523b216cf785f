"""Questions in a view: opened when they are asked, gone when they are answered or out of time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from jidoka.client.shapes import Question, SessionView
from jidoka.contract import events as e
from jidoka.contract.event_groups import AskingEvent


def of_asking(view: SessionView, event: AskingEvent, at: datetime | None) -> SessionView:
    """Return the view after a question or an answer, recorded at a time."""
    match event:
        case e.PermissionRequested():
            question = Question(
                event.call_id,
                event.tool,
                event.args,
                event.risk,
                event.preview,
                event.deadline,
                is_moot=_is_over(event.deadline, at),
            )
            return _with_question(view, event.turn_id, question)
        case e.QuestionAsked():
            question = Question(
                event.call_id,
                "ask",
                {"question": event.question},
                "ask",
                event.question,
                event.deadline,
                kind="question",
                options=event.options,
                default=event.default,
                is_moot=_is_over(event.deadline, at),
            )
            if event.over is not None:  # no call of a tool waits for it
                return replace(view, questions=(*view.questions, question))
            return _with_question(view, event.turn_id, question)
        case e.PermissionAnswered() | e.QuestionAnswered() | e.QuestionExpired():
            return without_question(view, event.call_id)
        case e.PermissionRevoked():
            return view
        case _:
            assert_never(event)


def _is_over(deadline: datetime, at: datetime | None) -> bool:
    return at is not None and deadline <= at


def without_question(view: SessionView, call_id: str) -> SessionView:
    """Return the view without a question."""
    left = tuple(question for question in view.questions if question.call_id != call_id)
    return view if len(left) == len(view.questions) else replace(view, questions=left)


def _with_question(view: SessionView, turn_id: str, question: Question) -> SessionView:
    asked = replace(view, questions=(*view.questions, question))
    return asked.with_turn(
        turn_id,
        lambda turn: turn.with_entry(
            replace(
                turn.call_of(question.call_id, question.tool), phase="waiting", args=question.args
            )
        ),
    )
