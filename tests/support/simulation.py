"""A worker without I/O: it does what `next_effects` says and counts what it ran.

Each step performs one effect and may be cut off at a chosen place: before the intent is stored,
after it, or after the effect itself but before its end is stored. What a real worker leaves
behind when it is killed there is exactly the log that this one has written.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta

from jidoka.contract import events as e
from jidoka.contract.content import ErrorInfo, Status, ToolCall, Usage
from jidoka.core import effects as fx
from jidoka.core.past_turns import Undoing
from jidoka.core.session import evolve
from jidoka.core.state import SessionState
from jidoka.core.tooling import EffectClass
from jidoka.core.turn import next_effects, outcome_of
from tests.support.entries import START, LogWriter

SESSION = "s1"
KINDS = {
    "read": EffectClass.PURE,
    "write": EffectClass.IDEMPOTENT,
    "shell": EffectClass.EFFECT,
    "ask": EffectClass.PURE,
}
Plan = tuple[tuple[str, ...], ...]
"""The tools that each answer of the model asks for; a last answer without tools is implied."""


class Killed(Exception):  # noqa: N818 - no error: the end of a worker
    """The worker was killed here."""


@dataclass
class Simulation:
    """One session, its log and the world that its tools change."""

    plan: Plan
    log: LogWriter = field(default_factory=LogWriter)
    state: SessionState = field(default_factory=SessionState)
    ran: Counter[str] = field(default_factory=Counter)
    epoch: int = 0
    countdown: int = -1
    """How many more places a worker may pass before it is killed; negative: any number."""

    def record(self, *events: e.Event) -> None:
        """Write events and fold them."""
        for entry in self.log.write(SESSION, *events):
            self.state = evolve(self.state, entry)

    def begin(self) -> None:
        """Create the session, with one message waiting."""
        for entry in self.log.create(SESSION):
            self.state = evolve(self.state, entry)
        self.record(e.MessageAccepted(message_id="m1", content="do it"))

    def assign(self) -> None:
        """Give the session a new worker."""
        if self.epoch:
            self.record(e.WorkerLost(epoch=self.epoch, signal=9, reason="killed"))
        self.epoch += 1
        self.record(e.WorkerAssigned(host="a", epoch=self.epoch))
        self.record(e.SessionStatusChanged(status=Status.ACTIVE))

    def run(self, most: int = 1_000) -> None:
        """Work until there is nothing to do. Raises `Killed` when the countdown ends."""
        for _ in range(most):
            effects = next_effects(self.state, self.epoch, KINDS)
            if not effects:
                return
            self._perform(effects[0])
        raise AssertionError("the turn does not end")

    def run_one(self) -> None:
        """Perform the first thing there is to do."""
        self._perform(next_effects(self.state, self.epoch, KINDS)[0])

    def _place(self) -> None:
        if self.countdown == 0:
            raise Killed
        self.countdown -= 1

    def _ask(self, effect: fx.AskPermission | fx.AskPerson | fx.AwaitAnswer) -> None:
        call_id, deadline = effect.call_id, START + timedelta(days=1)
        match effect:
            case fx.AskPermission():
                self.record(
                    e.PermissionRequested(
                        turn_id=self._turn(),
                        call_id=call_id,
                        tool=self._tool(call_id),
                        args={},
                        risk="execute",
                        deadline=deadline,
                    )
                )
            case fx.AskPerson():
                self.record(
                    e.QuestionAsked(
                        turn_id=self._turn(), call_id=call_id, question="?", deadline=deadline
                    )
                )
            case fx.AwaitAnswer(is_open_ended=True):
                self.record(e.QuestionAnswered(call_id=call_id, answer="this"))
            case fx.AwaitAnswer():
                self.record(e.PermissionAnswered(call_id=call_id, decision="allow"))

    def _perform(self, effect: fx.Effect) -> None:
        self._place()
        match effect:
            case fx.StartTurn():
                waiting = tuple(m.message_id for m in self.state.inbox)
                self.record(e.TurnStarted(turn_id=f"t{self.epoch}", message_ids=waiting))
            case fx.CallModel():
                self._call_model(effect)
            case fx.RunTool(call_id=call_id) | fx.RecoverTool(call_id=call_id):
                self._run_tool(call_id)
            case fx.ReportInterrupted(call_id=call_id):
                tool = self._tool(call_id)
                self.record(e.ToolInterrupted(turn_id=self._turn(), call_id=call_id, tool=tool))
            case fx.DenyTool(call_id=call_id, by=by):
                tool = self._tool(call_id)
                self.record(e.ToolDenied(turn_id=self._turn(), call_id=call_id, tool=tool, by=by))
            case fx.AskPermission() | fx.AskPerson() | fx.AwaitAnswer():
                self._ask(effect)
            case fx.WatchWall(turn_id=turn_id, limit_s=limit_s):
                self.record(
                    e.TurnLimitReached(turn_id=turn_id, kind="wall_s", used=1, limit=limit_s)
                )
            case fx.EndTurn(turn_id=turn_id):
                assert self.state.turn
                outcome = outcome_of(self.state, self.state.turn)
                self.record(e.TurnEnded(turn_id=turn_id, outcome=outcome))
            case _:
                self._perform_beside(effect)

    def _perform_beside(self, effect: fx.Effect) -> None:
        match effect:
            case fx.CheckUndo():
                self.record(e.TurnUndoStarted(asked=self._undoing().asked, turn_ids=self._ids()))
            case fx.PutFilesBack():
                if self._undoing().asked == "undo":
                    again = self._undoing().again
                    self.record(e.TurnUndone(turn_ids=self._ids(), again=again))
                else:
                    self.record(e.TurnRedone(turn_ids=self._ids()))
            case fx.Compact():
                self.record(e.ContextCompacted(reason="asked", method="none"))
            case fx.TitleSession(title=title):
                self.record(e.SessionTitled(title=title))
            case fx.KeepServer(name=name):
                self.record(e.McpConnected(server_name=name))
            case _:
                raise AssertionError(effect)

    def _call_model(self, effect: fx.CallModel) -> None:
        self.record(
            e.LlmRequested(
                turn_id=effect.turn_id,
                call_id=effect.call_id,
                step=effect.step,
                attempt=effect.attempt,
                model="scripted",
            )
        )
        self._place()
        tools = self.plan[effect.step - 1] if effect.step <= len(self.plan) else ()
        calls = tuple(
            ToolCall(call_id=call_id, tool=tool, arguments=f'{{"of": "{call_id}"}}')
            for n, tool in enumerate(tools)
            if (call_id := f"c{effect.step}-{n}")
        )
        self.record(
            e.LlmResponded(
                turn_id=effect.turn_id,
                call_id=effect.call_id,
                step=effect.step,
                content="",
                tool_calls=calls,
                usage=Usage(input_tokens=10, output_tokens=1),
                model="scripted",
            )
        )

    def _run_tool(self, call_id: str) -> None:
        call = self.state.call(call_id)
        assert call
        tool = call.call.tool
        if tool not in KINDS:
            error = ErrorInfo(code="tool_unknown", message="no such tool")
            self.record(e.ToolFailed(turn_id=self._turn(), call_id=call_id, tool=tool, error=error))
            return
        self.record(
            e.ToolStarted(
                turn_id=self._turn(),
                call_id=call_id,
                tool=tool,
                args={},
                args_hash="",
                attempt=call.attempt + 1,
                effect=KINDS[tool],
            )
        )
        self._place()
        self.ran[call_id] += 1
        self._place()
        self.record(
            e.ToolCompleted(turn_id=self._turn(), call_id=call_id, tool=tool, output="done")
        )

    def _undoing(self) -> Undoing:
        assert self.state.undoing
        return self.state.undoing

    def _ids(self) -> tuple[str, ...]:
        return self._undoing().turn_ids

    def _turn(self) -> str:
        assert self.state.turn
        return self.state.turn.turn_id

    def _tool(self, call_id: str) -> str:
        call = self.state.call(call_id)
        assert call
        return call.call.tool


def violations(log: LogWriter) -> list[str]:
    """Return what a log breaks of the promises, read without the core's fold."""
    found: list[str] = []
    open_calls: set[str] = set()
    ended: set[str] = set()
    epoch = 0
    for entry in log.entries:
        match entry.event:
            case e.WorkerAssigned(epoch=assigned):
                epoch = assigned
            case e.LlmRequested() if open_calls:
                found.append(f"the model was asked while {sorted(open_calls)} had no result")
            case e.LlmResponded(tool_calls=calls):
                open_calls |= {call.call_id for call in calls}
            case (
                e.ToolCompleted(call_id=call_id)
                | e.ToolFailed(call_id=call_id)
                | e.ToolInterrupted(call_id=call_id)
                | e.ToolDenied(call_id=call_id)
            ):
                if call_id in ended:
                    found.append(f"{call_id} ended twice")
                ended.add(call_id)
                open_calls.discard(call_id)
            case _:
                pass
        if entry.envelope.epoch is not None and entry.envelope.epoch < epoch:
            found.append(f"#{entry.sequence} speaks for a former epoch")
    return found
