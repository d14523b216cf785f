"""What comes after a tool's run, before its end is recorded.

The list of what is to be done, where it is another one, and what checkers say of written files.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from jidoka.agent.recorder import Recorder
from jidoka.contract import events as e
from jidoka.core.effects import Effect
from jidoka.core.permission import judge, rules_of
from jidoka.core.permission_parts import Request
from jidoka.core.rules import Verdict
from jidoka.core.tooling import EffectClass, ToolContext, ToolOutcome
from jidoka.tools.checkers import findings


@dataclass(slots=True)
class AfterTools:
    """Looks after the outcomes of one session's tools."""

    recorder: Recorder
    checks: bool = True
    """Whether checkers are asked."""

    async def of(
        self, effect: Effect, call_id: str, outcome: ToolOutcome, context: ToolContext
    ) -> ToolOutcome:
        """Return the outcome as the model reads it, after what else it says was recorded."""
        if outcome.todo is not None:
            await self._listed(effect, call_id, outcome)
        if not outcome.changed or not self.checks:
            return outcome
        said = await findings(outcome.changed, context, self._may)
        return replace(outcome, text=f"{outcome.text}\n{said}") if said else outcome

    async def _listed(self, effect: Effect, call_id: str, outcome: ToolOutcome) -> None:
        items, session = outcome.todo or (), self.recorder.session
        if items == session.transcript.briefing.todo:
            return  # a worker that was lost had recorded it
        event = e.TodoUpdated(turn_id=self.recorder.turn_id(), call_id=call_id, items=items)
        await self.recorder.record(effect, lambda _state: event)

    def _may(self, command: str, own: bool) -> bool:
        """Tell whether a checker may run without being asked for.

        A program in the project may have been written by the model a moment ago, so it runs where
        any command would; the system's only reads, and runs where no rule forbids it.
        """
        state = self.recorder.session.state
        rules = rules_of(state, self.recorder.rules)
        request = Request("shell", EffectClass.EFFECT, {"command": command}, state.project_path)
        said = judge(request, state.permission_mode, rules).verdict
        return said is Verdict.ALLOW if own else said is not Verdict.DENY
