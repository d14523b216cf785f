"""The answer to `permission.list`, from the fold."""

from __future__ import annotations

from collections.abc import Iterator

from jidoka.contract.events import iso
from jidoka.contract.replies import OpenQuestion, PermissionList, RuleInfo
from jidoka.core.state import OpenCall, SessionState


def permissions_of(state: SessionState) -> PermissionList:
    """Return what a session may do without asking, and which of its questions are open."""
    return PermissionList(
        session_id=state.session_id,
        permission_mode=state.permission_mode,
        network=state.network,
        rules=tuple(_rules(state)),
        questions=tuple(_questions(state)),
    )


def _rules(state: SessionState) -> Iterator[RuleInfo]:
    for rule in state.permissions:
        yield RuleInfo(rule=rule, source="session")
    for made in state.remembered:
        at = iso(made.at) if made.at else None
        yield RuleInfo(rule=made.rule, source="answer", by=made.by, at=at)


def _questions(state: SessionState) -> Iterator[OpenQuestion]:
    calls: tuple[OpenCall, ...] = state.turn.calls if state.turn else ()
    for call in calls:
        question = call.question
        if question is None or not call.asks:
            continue
        yield OpenQuestion(
            call_id=call.call_id,
            kind="question" if question.is_open_ended else "permission",
            tool=call.call.tool,
            arguments=call.call.arguments,
            options=question.options,
            deadline=iso(question.deadline),
            default=question.default,
        )
