"""The answer to `permission.list`: from the fold, and what its machine says."""

from __future__ import annotations

from collections.abc import Iterator

from jidoka.contract.errors import JidokaError
from jidoka.contract.events import iso
from jidoka.contract.replies import OpenQuestion, PermissionList, RuleInfo
from jidoka.coordinator.contexts import HostContexts
from jidoka.core.state import OpenCall, SessionState


async def permissions_of(state: SessionState, contexts: HostContexts) -> PermissionList:
    """Return what a session may do without asking, and which of its questions are open.

    Where no host can say which rules hold from outside, the answer says so and has the rest.
    """
    outside: tuple[RuleInfo, ...] = ()
    unseen = ""
    try:
        outside = await contexts.rules_outside(state)
    except JidokaError as problem:
        unseen = problem.message
    return PermissionList(
        session_id=state.session_id,
        permission_mode=state.permission_mode,
        network=state.network,
        rules=(*outside, *_rules(state)),
        unseen=unseen,
        questions=tuple(_questions(state)),
    )


def _rules(state: SessionState) -> Iterator[RuleInfo]:
    for rule in state.permissions:
        yield RuleInfo(rule=rule, source="session")
    for made in state.remembered:
        at = iso(made.at) if made.at else None
        yield RuleInfo(rule=made.rule, source="answer", by=made.by, at=at, revocable=True)


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
