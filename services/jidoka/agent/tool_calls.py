"""Performing tool calls: the intent is stored first, then exactly one end."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from jidoka.agent.after_tools import AfterTools
from jidoka.agent.aftermath import Aftermath
from jidoka.agent.plan import planned
from jidoka.agent.questions import Questions
from jidoka.agent.recorder import Recorder, Unwanted
from jidoka.agent.resolving import Tools, resolved
from jidoka.agent.turn_files import TurnFiles
from jidoka.contract import events as e
from jidoka.contract.content import BlobRef, FileHash
from jidoka.contract.errors import Internal, JidokaError, ToolTimeout
from jidoka.core.answers import NOBODY
from jidoka.core.budget import error_info
from jidoka.core.effects import (
    Effect,
    RecoverTool,
    ReportInterrupted,
    RunTool,
)
from jidoka.core.state import OpenCall, SessionState
from jidoka.core.tooling import (
    INLINE_BYTES,
    EffectClass,
    FileState,
    Tool,
    ToolContext,
    ToolOutcome,
    output_so_far,
    within,
)

log = logging.getLogger(__name__)

_GRACE_S = 10.0
"""How much longer than its own limit a tool gets before it is cancelled from outside."""


class Spill(Protocol):
    """Where long outputs go."""

    async def keep(self, session_id: str, path: str) -> BlobRef:
        """Store the file at `path` as a blob of the session, and remove it."""
        ...


class Output(Protocol):
    """Where a tool's output is shown while it runs."""

    def write(self, text: str) -> None:
        """Take the next piece; never waits."""
        ...

    async def close(self) -> None:
        """Send what is left."""
        ...


@dataclass(slots=True)
class ToolCalls:
    """Performs the tool calls of one worker."""

    recorder: Recorder
    tools: Tools
    context: Callable[[SessionState, EffectClass, Callable[[str], None]], ToolContext]
    """Makes the context of one run."""
    output: Callable[[OpenCall, str], Output]
    """Opens the live output of a call of a turn."""
    spill: Spill
    aftermath: Aftermath
    files: TurnFiles
    questions: Questions
    after: AfterTools

    def specs(self) -> list[dict[str, Any]]:
        """Return the tools as the model is offered them."""
        return self.tools.specs_for_model()

    # --- runs ---

    async def run(self, effect: RunTool | RecoverTool) -> None:
        """Run a call: `tool.started`, the effect, then `tool.completed` or `tool.failed`."""
        call = self.recorder.open_call(effect.call_id)
        began_s = asyncio.get_running_loop().time()
        try:
            await self._run(effect, call, began_s)
        except JidokaError as problem:
            await self._failed(effect, call, problem, began_s)
        except Unwanted:
            raise
        except Exception as problem:
            log.exception("tool %s failed in an unforeseen way", call.call.tool)
            error = Internal(incident=call.call_id)
            error.add_note(f"{type(problem).__name__}")
            await self._failed(effect, call, error, began_s)

    async def _run(self, effect: RunTool | RecoverTool, call: OpenCall, began_s: float) -> None:
        tool, args = resolved(self.tools, self.recorder.session.state, call)
        live = self.output(call, self.recorder.turn_id())
        context = self.context(self.recorder.session.state, tool.spec.effect, live.write)
        hidden = self.questions.hidden_from(tool.spec)
        context = replace(context, answer=_answer_of(call), hidden=hidden)
        patience_s = _patience_s(tool, args, context)
        try:
            before = await tool.pre_state(args, context)
            after = await planned(tool, args, context)
            if await self.questions.held(effect, tool, args, (*before, *after)):
                return
            event = self._started(call, tool, args, (before, after))
            if tool.spec.effect is not EffectClass.PURE:
                snapshot = await self.files.before(self.recorder.session.state)
                event = event.model_copy(update={"snapshot": snapshot})
            await self.recorder.record(effect, lambda _state: event)
            async with asyncio.timeout(patience_s):
                outcome = await tool.run(args, context)
            outcome = await self.after.of(effect, call.call_id, outcome, context)
        except TimeoutError:
            raise ToolTimeout(timeout_s=patience_s) from None
        finally:
            await live.close()
        outcome = replace(outcome, text=within(outcome.text, tool.spec.output_bytes))
        await self._completed(effect, call, outcome, began_s)

    async def recover(self, effect: RecoverTool) -> None:
        """A lost worker's file write: by the hashes it happened, did not, or nobody can say."""
        call = self.recorder.open_call(effect.call_id)
        began_s = asyncio.get_running_loop().time()
        try:
            state = self.recorder.session.state
            tool, args = resolved(self.tools, state, call)
            context = self.context(state, tool.spec.effect, _unseen)
            now = {file.path: file.sha256 for file in await tool.pre_state(args, context)}
        except JidokaError as problem:
            await self._failed(effect, call, problem, began_s)
            return
        # what the lost worker had read or written is known to this session
        context.read_marks.update({path: seen for path, seen in now.items() if seen})
        if call.post_state and all(now.get(path) == after for path, after in call.post_state):
            await self._recovered(effect, call)
        elif now == dict(call.pre_state):
            await self.run(effect)
        else:
            changed = ", ".join(path for path, was in call.pre_state if now.get(path) != was)
            await self._interrupted(effect, call, f"since it began these files changed: {changed}")

    async def interrupted(self, effect: ReportInterrupted) -> None:
        """Record that a call may have happened, or that it was never begun."""
        call = self.recorder.open_call(effect.call_id)
        if call.started_in is None:
            known = "the turn was stopped before this call began; it did not run"
        elif call.started_in == self.recorder.epoch:
            known = "the turn was stopped while this call ran; its processes were ended"
        else:
            known = "its worker was lost while it ran; it may have happened, it is not run again"
            known = "\n".join((known, await self.aftermath.of(call)))
        await self._interrupted(effect, call, known.strip())

    # --- events ---

    def _started(
        self,
        call: OpenCall,
        tool: Tool,
        args: Mapping[str, Any],
        files: tuple[tuple[FileState, ...], tuple[FileState, ...]],
    ) -> e.ToolStarted:
        before, after = files
        return e.ToolStarted(
            turn_id=self.recorder.turn_id(),
            call_id=call.call_id,
            tool=call.call.tool,
            args=dict(args),
            args_hash=_hash_of(args),
            attempt=call.attempt + 1,
            effect=tool.spec.effect,
            pre_state=_hashes(before),
            post_state=_hashes(after),
        )

    async def _completed(
        self, effect: Effect, call: OpenCall, outcome: ToolOutcome, began_s: float
    ) -> None:
        state = self.recorder.session.state
        kept = await self.spill.keep(state.session_id, outcome.spill) if outcome.spill else None
        event = e.ToolCompleted(
            turn_id=self.recorder.turn_id(),
            call_id=call.call_id,
            tool=call.call.tool,
            output=outcome.text,
            exit_status=outcome.exit_status,
            output_bytes=outcome.output_bytes,
            output_ref=kept,
            changed=_hashes(outcome.changed),
            duration_s=_since(began_s),
        )
        await self.recorder.record(effect, lambda _state: event)

    async def _recovered(self, effect: Effect, call: OpenCall) -> None:
        paths = ", ".join(path for path, _ in call.post_state)
        event = e.ToolCompleted(
            turn_id=self.recorder.turn_id(),
            call_id=call.call_id,
            tool=call.call.tool,
            output=f"Done, though its worker was lost before it could say so. Written: {paths}.",
            changed=tuple(FileHash(path=path, sha256=after) for path, after in call.post_state),
            recovered=True,
        )
        await self.recorder.record(effect, lambda _state: event)

    async def _failed(
        self, effect: Effect, call: OpenCall, problem: JidokaError, began_s: float
    ) -> None:
        event = e.ToolFailed(
            turn_id=self.recorder.turn_id(),
            call_id=call.call_id,
            tool=call.call.tool,
            error=error_info(problem),
            output=within(output_so_far(problem), INLINE_BYTES),
            duration_s=_since(began_s),
        )
        await self.recorder.record(effect, lambda _state: event)

    async def _interrupted(self, effect: Effect, call: OpenCall, known: str) -> None:
        event = e.ToolInterrupted(
            turn_id=self.recorder.turn_id(), call_id=call.call_id, tool=call.call.tool, known=known
        )
        await self.recorder.record(effect, lambda _state: event)


def _answer_of(call: OpenCall) -> str | None:
    """Return what a person answered to what the agent asked; None where nobody did."""
    question = call.question
    nobody = question is None or not question.is_open_ended or question.answered_by == NOBODY
    return None if question is None or nobody else question.answer


def _hash_of(args: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(args, sort_keys=True).encode()).hexdigest()


def _hashes(files: tuple[FileState, ...]) -> tuple[FileHash, ...]:
    return tuple(FileHash(path=file.path, sha256=file.sha256) for file in files)


def _patience_s(tool: Tool, args: Mapping[str, Any], context: ToolContext) -> float:
    """Return after how long a tool that does not end by itself is ended from outside."""
    asked = args.get("timeout_s")
    asked_s = asked if isinstance(asked, int | float) else 0  # a server's tool may mean anything
    return max(tool.spec.timeout_s, context.timeout_s or 0, asked_s) + _GRACE_S


def _unseen(_text: str) -> None:
    """Nobody watches."""


def _since(began_s: float) -> float:
    return round(asyncio.get_running_loop().time() - began_s, 4)
