"""Questions to a person and their answers: what may be said, and what it changes.

The agent asks whether a call may run (`permission.requested`), or something that it wants to know
(`question.asked`, by the tool `ask`). Either waits in its call until somebody answers, or until its
deadline takes the default. The first answer wins; who comes later is told who was first.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import assert_never

from jidoka.contract import events as e
from jidoka.contract.errors import AlreadyAnswered, CallNotFound, DeadlinePassed, InvalidMessage
from jidoka.contract.event_groups import AskingEvent
from jidoka.contract.permission_commands import AnswerPermission, AnswerQuestion, RevokePermission
from jidoka.core.changing import changed
from jidoka.core.ports import Entry
from jidoka.core.purse import after_answer, check_answer, paused, waits_for_money
from jidoka.core.remembering import rules_for
from jidoka.core.rules import parse_rule
from jidoka.core.state import Answered, OpenCall, Question, Remembered, SessionState

MOST_ANSWERS = 32
MOST_REMEMBERED = 1_000
NOBODY = "default"
"""Who answered when the deadline passed."""
AnswerCommand = AnswerPermission | AnswerQuestion | RevokePermission


# --- what may be said -----------------------------------------------------------------------------


def decide_answer(
    state: SessionState, command: AnswerCommand, origin: str
) -> e.PermissionAnswered | e.QuestionAnswered | e.PermissionRevoked:
    """Return what an answer makes true.

    Raises:
        CallNotFound: nothing was asked under that id, or no such rule was made.
        AlreadyAnswered: somebody was first. DeadlinePassed: nobody was, and it is too late.
        InvalidMessage: an answer to a question of another kind, or a rule that is none.
    """
    author = command.author or origin
    match command:
        case AnswerPermission():
            call = _asked(state, command.call_id, is_open_ended=False)
            return e.PermissionAnswered(
                origin=origin,
                call_id=command.call_id,
                decision=command.decision,
                remember=command.remember,
                rules=_rules(state, command, call) if command.remember else (),
                author=author,
            )
        case AnswerQuestion(call_id=call_id, answer=answer):
            if waits_for_money(state, call_id):
                check_answer(answer)
            else:
                _asked(state, call_id, is_open_ended=True)
            return e.QuestionAnswered(origin=origin, call_id=call_id, answer=answer, author=author)
        case RevokePermission(rule=rule):
            if all(one.rule != rule for one in state.remembered):
                raise CallNotFound(call_id=rule)
            return e.PermissionRevoked(origin=origin, rule=rule, author=author)
        case _:
            assert_never(command)


def _asked(state: SessionState, call_id: str, *, is_open_ended: bool) -> OpenCall:
    """Return the call whose question waits for an answer."""
    for was in state.answers:
        if was.call_id == call_id and was.by == NOBODY:
            raise DeadlinePassed(default=was.answer)
        if was.call_id == call_id:
            at = e.iso(was.at) if was.at else None
            raise AlreadyAnswered(by=was.by, answer=was.answer, at=at)
    call = state.call(call_id)
    if call is None or call.question is None:
        raise CallNotFound(call_id=call_id)
    if call.question.is_open_ended != is_open_ended:
        raise InvalidMessage.of(
            "data.call_id",
            "is a question of the agent: question.answer answers it, in any words"
            if call.question.is_open_ended
            else "asks whether a call may run: the answer is allow or deny (permission.answer)",
        )
    return call


def _rules(state: SessionState, command: AnswerPermission, call: OpenCall) -> tuple[str, ...]:
    if not command.rules:
        return rules_for(call.call, command.decision, state.project_path)
    checked_rules(command.rules, "data.rules")
    for number, rule in enumerate(command.rules):
        if parse_rule(rule).verdict != command.decision:
            reason = f"says something else than the answer, {command.decision}"
            raise InvalidMessage.of(f"data.rules.{number}", reason)
    return command.rules


def checked_rules(rules: Iterable[str], path: str) -> None:
    """Refuse texts that are no rules.

    Raises:
        InvalidMessage: every one that is none, by its place below `path`.
    """
    problems: list[dict[str, str]] = []
    for number, rule in enumerate(rules):
        try:
            parse_rule(rule)
        except ValueError as problem:
            problems.append({"path": f"{path}.{number}", "reason": str(problem)})
    if problems:
        raise InvalidMessage(problems=tuple(problems))


# --- what it changes ------------------------------------------------------------------------------


def after_answer_event(state: SessionState, event: AskingEvent, entry: Entry) -> SessionState:
    """Return the state after a question or an answer."""
    match event:
        case e.PermissionRequested(deadline=deadline, default=default):
            return _with_question(state, event.call_id, Question(deadline, default))
        case e.QuestionAsked(over=over) if over is not None:
            return paused(state, event, over)
        case e.QuestionAsked(deadline=deadline, default=default, options=options):
            asked = Question(deadline, default, is_open_ended=True, options=options)
            return _with_question(state, event.call_id, asked)
        case e.PermissionAnswered(call_id=call_id, decision=decision):
            by = event.author or event.origin
            answered = Answered(call_id, decision, by, entry.time)
            return _remembered(_with_answer(state, answered), state, event, answered)
        case e.QuestionAnswered(call_id=call_id, answer=answer):
            by = event.author or event.origin
            return _with_answer(state, Answered(call_id, answer, by, entry.time))
        case e.QuestionExpired(call_id=call_id, default=default):
            return _with_answer(state, Answered(call_id, default, NOBODY, entry.time))
        case e.PermissionRevoked(rule=rule):
            left = tuple(one for one in state.remembered if one.rule != rule)
            return changed(state, remembered=left)
        case _:
            assert_never(event)


def after_denial(state: SessionState, event: e.ToolDenied, time: datetime | None) -> SessionState:
    """Return the state that knows of a question whose deadline denied its call."""
    if event.by != NOBODY:
        return state
    return _told(state, Answered(event.call_id, "deny", NOBODY, time))


def _with_question(state: SessionState, call_id: str, question: Question) -> SessionState:
    turn = state.turn
    if turn is None:
        return state
    calls = tuple(
        changed(call, question=question) if call.call_id == call_id else call for call in turn.calls
    )
    return changed(state, turn=changed(turn, calls=calls))


def _with_answer(state: SessionState, answered: Answered) -> SessionState:
    if waits_for_money(state, answered.call_id):
        return after_answer(_told(state, answered), answered.call_id, answered.answer)
    call = state.call(answered.call_id)
    if call is None or call.question is None or call.question.answer is not None:
        return state
    question = changed(call.question, answer=answered.answer, answered_by=answered.by)
    return _told(_with_question(state, answered.call_id, question), answered)


def _told(state: SessionState, answered: Answered) -> SessionState:
    return changed(state, answers=(*state.answers, answered)[-MOST_ANSWERS:])


def _remembered(
    state: SessionState, before: SessionState, event: e.PermissionAnswered, answered: Answered
) -> SessionState:
    """Return the state with the rules that an answer makes; a late one makes none."""
    call = before.call(event.call_id)
    if not event.remember or call is None or state is before:
        return state
    # before answers named their rules, they were about the whole tool
    rules = event.rules or (f"{event.decision} {call.call.tool}",)
    made = tuple(Remembered(rule, answered.by, answered.at) for rule in rules)
    known = tuple(one for one in state.remembered if one.rule not in rules)
    return changed(state, remembered=(*known, *made)[-MOST_REMEMBERED:])
