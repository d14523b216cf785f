"""Asking a person: whether a call may run, and what the agent wants to know."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from jidoka.agent.gate import Gate
from jidoka.agent.plan import plan_of
from jidoka.agent.preview import preview_of
from jidoka.agent.recorder import Recorder, Unwanted
from jidoka.agent.resolving import Tools, resolved
from jidoka.contract import events as e
from jidoka.contract.errors import JidokaError, ToolTimeout
from jidoka.core.budget import error_info
from jidoka.core.effects import (
    AskBudget,
    AskPermission,
    AskPerson,
    AwaitAnswer,
    DenyTool,
    Effect,
    RefuseRepeat,
)
from jidoka.core.permission import hidden_from, risk, rules_of
from jidoka.core.purse import question_of
from jidoka.core.repeats import error_of
from jidoka.core.rules import Verdict
from jidoka.core.state import OpenCall, SessionState
from jidoka.core.tooling import EffectClass, FileState, Tool, ToolContext, ToolSpec

MakeContext = Callable[[SessionState, EffectClass, Callable[[str], None]], ToolContext]
_PLAN_S = 30.0
"""To find out what an edit would change, before somebody is asked about it."""


@dataclass(slots=True)
class Questions:
    """Records questions, and what becomes of calls that nobody allowed."""

    recorder: Recorder
    tools: Tools
    context: MakeContext
    now: Callable[[], datetime]

    # --- may it run? ---

    async def ask(self, effect: AskPermission, rule: str) -> None:
        """Record the question whether a call may run; one that cannot run fails unasked."""
        await self._ask(effect, effect.call_id, rule)

    async def held(
        self, effect: Effect, tool: Tool, args: Mapping[str, Any], files: tuple[FileState, ...]
    ) -> bool:
        """Tell whether a call must not run now, as its files lie; then that is recorded."""
        call = self.recorder.open_call(getattr(effect, "call_id", ""))
        said = Gate(self.recorder).held(call, tool.spec, args, files)
        if said is None:
            return False
        if said.verdict is Verdict.DENY:
            await self.deny(effect, said.by, said.rule)
        else:
            await self._ask(effect, call.call_id, said.rule)
        return True

    def hidden_from(self, spec: ToolSpec) -> tuple[str, ...]:
        """Return the globs of files that a search of this tool does not look into."""
        rules = rules_of(self.recorder.session.state, self.recorder.rules)
        return hidden_from(spec.name, spec.effect, rules) if rules else ()

    async def deny(self, effect: Effect, by: str, rule: str = "") -> None:
        """Record that a call does not run."""
        reasons = {"default": "nobody answered in time", "rule": rule, "mode": "it only reads"}
        call = self.recorder.open_call(getattr(effect, "call_id", ""))
        event = e.ToolDenied(
            turn_id=self.recorder.turn_id(),
            call_id=call.call_id,
            tool=call.call.tool,
            by=by,
            reason=reasons.get(by, ""),
            effect=self._kind(call),
        )
        await self.recorder.record(effect, lambda _state: event)

    async def refuse(self, effect: DenyTool | RefuseRepeat) -> None:
        """Record that a call does not run: it is denied, or the same once more."""
        if isinstance(effect, DenyTool):
            await self.deny(effect, effect.by, effect.rule)
            return
        call = self.recorder.open_call(effect.call_id)
        await self.recorder.record(effect, lambda state: self._repeated(state, call))

    def _repeated(self, state: SessionState, call: OpenCall) -> e.ToolFailed:
        if state.turn is None:
            raise Unwanted
        return self._failed(call, error_of(state.turn, call.call.tool))

    async def _ask(self, effect: Effect, call_id: str, rule: str) -> None:
        call = self.recorder.open_call(call_id)
        try:
            event = await self._request(call, rule)
        except JidokaError as problem:
            event = self._failed(call, problem)
        await self.recorder.record(effect, lambda _state: event)

    async def _request(self, call: OpenCall, rule: str) -> e.PermissionRequested:
        state = self.recorder.session.state
        tool, args = resolved(self.tools, state, call)
        try:
            async with asyncio.timeout(_PLAN_S):
                plan = await plan_of(tool, args, self.context(state, tool.spec.effect, _unseen))
        except TimeoutError:
            raise ToolTimeout(timeout_s=_PLAN_S) from None
        return e.PermissionRequested(
            turn_id=self.recorder.turn_id(),
            call_id=call.call_id,
            tool=call.call.tool,
            args=dict(args),
            risk=risk(self._kind(call)),
            preview=preview_of(call.call.tool, args, plan),
            deadline=self._deadline(),
            rule=rule,
        )

    # --- what the agent wants to know ---

    async def ask_person(self, effect: AskPerson) -> None:
        """Record what the agent asks."""
        call = self.recorder.open_call(effect.call_id)
        try:
            _, args = resolved(self.tools, self.recorder.session.state, call)
        except JidokaError as problem:
            failed = self._failed(call, problem)
            await self.recorder.record(effect, lambda _state: failed)
            return
        event = e.QuestionAsked(
            turn_id=self.recorder.turn_id(),
            call_id=call.call_id,
            question=args["question"],
            options=tuple(args.get("options", ())),
            deadline=self._deadline(),
            default=args.get("default", ""),
        )
        await self.recorder.record(effect, lambda _state: event)

    async def ask_budget(self, effect: AskBudget) -> None:
        """Record the question whether to go on beyond a budget."""
        deadline = self._deadline()
        await self.recorder.record(effect, lambda state: question_of(state, effect, deadline))

    async def expire(self, effect: AwaitAnswer) -> None:
        """Record that nobody answered in time."""
        if not effect.is_open_ended:
            await self.deny(effect, "default")
            return
        event = e.QuestionExpired(
            turn_id=self.recorder.turn_id(), call_id=effect.call_id, default=effect.default
        )
        await self.recorder.record(effect, lambda _state: event)

    # --- small helps ---

    def _deadline(self) -> datetime:
        """Return when the default holds: at once where nobody is there."""
        state = self.recorder.session.state
        alone = state.turn is not None and state.turn.unattended
        return self.now() + timedelta(seconds=0 if alone else state.limits.question_deadline_s)

    def _kind(self, call: OpenCall) -> EffectClass:
        return self.recorder.kinds.get(call.call.tool, EffectClass.UNKNOWN)

    def _failed(self, call: OpenCall, problem: JidokaError) -> e.ToolFailed:
        return e.ToolFailed(
            turn_id=self.recorder.turn_id(),
            call_id=call.call_id,
            tool=call.call.tool,
            error=error_info(problem),
        )


def _unseen(_text: str) -> None:
    """Nobody watches."""
