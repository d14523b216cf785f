"""The parts of a view: frozen, shared freely, changed by `replace`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, assert_never, cast

from jidoka.contract import events as e
from jidoka.contract.briefing import TodoItem
from jidoka.contract.content import (
    ErrorInfo,
    PermissionMode,
    SandboxMode,
    Status,
    ToolCall,
    TurnOutcome,
    Usage,
)
from jidoka.contract.event_groups import CallEnd

ENDED_PHASES = frozenset({"completed", "failed", "interrupted", "denied"})


@dataclass(frozen=True, slots=True)
class Message:
    """Something that was said to the agent."""

    message_id: str
    text: str
    author: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """Something that the model says; `final` when it is recorded."""

    call_id: str
    step: int = 0
    attempt: int = 1
    model: str = ""
    text: str = ""
    reasoning: str = ""
    final: bool = False
    ends: tuple[tuple[str, int], ...] = ()
    """How far each kind of delta has come, in UTF-8 bytes."""


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call: asked, waiting, running, then completed, failed, interrupted or denied."""

    call_id: str
    tool: str
    args: dict[str, Any]
    phase: str = "asked"
    output: str = ""
    output_end: int = 0
    exit_status: int | None = None
    error: ErrorInfo | None = None
    duration_s: float | None = None
    denied_by: str = ""

    @property
    def ended(self) -> bool:
        """Whether its end is recorded."""
        return self.phase in ENDED_PHASES


@dataclass(frozen=True, slots=True)
class Question:
    """A call that waits for somebody's word."""

    call_id: str
    tool: str
    args: dict[str, Any]
    risk: str
    preview: str
    deadline: datetime
    kind: str = "permission"
    """`permission`: may it run? `question`: the agent wants to know something."""
    options: tuple[str, ...] = ()
    default: str = "deny"
    is_moot: bool = False
    """Nobody was there when it was asked: its default holds at once."""


@dataclass(frozen=True, slots=True)
class Compaction:
    """A part of the conversation that the model reads otherwise now; the log keeps it."""

    reason: str
    method: str
    pieces: int
    tokens_before: int
    tokens_after: int
    summary: str = ""


Entry = Answer | Call


@dataclass(frozen=True, slots=True)
class TurnView:
    """One turn: what was said, and what the agent did, in order."""

    turn_id: str
    messages: tuple[Message, ...] = ()
    entries: tuple[Entry, ...] = ()
    cancelling: bool = False
    retry_at: datetime | None = None
    failures: int = 0
    outcome: TurnOutcome | None = None
    answer: str = ""
    usage: Usage | None = None
    cost_usd: float | None = None
    duration_s: float | None = None
    steps: int = 0
    error: ErrorInfo | None = None
    retry_of: str | None = None
    """The turn whose messages it answers once more."""
    undone: bool = False
    """The model does not read it any more."""

    def find(self, call_id: str) -> Entry | None:
        """Return the entry of a model's or tool's call."""
        return next((entry for entry in reversed(self.entries) if entry.call_id == call_id), None)

    def answer_of(self, call_id: str) -> Answer:
        """Return the answer of a model call, an empty one where none is."""
        found = self.find(call_id)
        return found if isinstance(found, Answer) else Answer(call_id)

    def call_of(self, call_id: str, tool: str) -> Call:
        """Return a tool call, a fresh one where none is."""
        found = self.find(call_id)
        return found if isinstance(found, Call) else Call(call_id, tool, {})

    def with_entry(self, entry: Entry) -> TurnView:
        """Return the turn with this entry in its place, or at the end."""
        if self.find(entry.call_id) is None:
            return replace(self, entries=(*self.entries, entry))
        entries = tuple(entry if each.call_id == entry.call_id else each for each in self.entries)
        return replace(self, entries=entries)

    def with_asked(self, calls: tuple[ToolCall, ...]) -> TurnView:
        """Return the turn with the calls that the model asked for."""
        turn = self
        for call in calls:
            turn = turn.with_entry(
                replace(turn.call_of(call.call_id, call.tool), args=_arguments(call.arguments))
            )
        return turn

    def with_end(self, event: CallEnd) -> TurnView:
        """Return the turn with a tool call ended."""
        return self.with_entry(_ended(self.call_of(event.call_id, event.tool), event))

    def ended_by(self, event: e.TurnEnded) -> TurnView:
        """Return the turn with its end."""
        return replace(
            self,
            outcome=event.outcome,
            answer=event.answer,
            usage=event.usage,
            cost_usd=event.cost_usd,
            duration_s=event.duration_s,
            steps=event.steps,
            error=event.error,
            retry_at=None,
        )


@dataclass(frozen=True, slots=True)
class ServerView:
    """An MCP server of the session."""

    name: str
    there: str
    """Its command or address."""
    state: str = "new"
    """`new`, `starting`, `ready` or `failed`; `stopped` without a worker."""
    tools: tuple[str, ...] = ()
    """Of its last start, where it is stopped."""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class SessionView:
    """All that a face draws of a session."""

    session_id: str = ""
    sequence: int = 0
    """Number of the last event in it."""
    name: str = ""
    title: str = ""
    project_path: str = ""
    model: str = ""
    permission_mode: PermissionMode = PermissionMode.ASK
    sandbox: SandboxMode = SandboxMode.AUTO
    network: bool = False
    status: Status = Status.INITIALIZING
    status_reason: str = ""
    host: str = ""
    epoch: int = 0
    workers_lost: int = 0
    cleared: int = 0
    compactions: tuple[Compaction, ...] = ()
    todo: tuple[TodoItem, ...] = ()
    files: tuple[str, ...] = ()
    """Active files, the one added last at the end."""
    servers: tuple[ServerView, ...] = ()
    """MCP servers."""
    waiting: tuple[Message, ...] = ()
    turns: tuple[TurnView, ...] = ()
    questions: tuple[Question, ...] = ()
    usage: Usage | None = None
    cost_usd: float | None = None
    error: ErrorInfo | None = None
    notices: tuple[str, ...] = ()
    """What was undone and redone, a sentence each."""

    @property
    def turn(self) -> TurnView | None:
        """The running turn."""
        last = self.turns[-1] if self.turns else None
        return last if last is not None and last.outcome is None else None

    @property
    def phase(self) -> str:
        """`ready`, `waiting`, `acting` or `thinking`."""
        if self.turn is None:
            return "ready"
        if self.questions:
            return "waiting"
        calls = [entry for entry in self.turn.entries if isinstance(entry, Call)]
        return "acting" if any(not call.ended for call in calls) else "thinking"

    @property
    def starting(self) -> tuple[str, ...]:
        """The MCP servers for which the model's call waits."""
        if self.turn is None or self.turn.outcome is not None:
            return ()
        return tuple(each.name for each in self.servers if each.state == "starting")

    def with_turn(self, turn_id: str, change: Callable[[TurnView], TurnView]) -> SessionView:
        """Return the view with a turn changed; the last one is found first."""
        for index in range(len(self.turns) - 1, -1, -1):
            if self.turns[index].turn_id == turn_id:
                changed = change(self.turns[index])
                return replace(self, turns=(*self.turns[:index], changed, *self.turns[index + 1 :]))
        return self

    def with_undone(self, turn_ids: tuple[str, ...], *, undone: bool) -> SessionView:
        """Return the view with turns that the model reads, or does not read any more."""
        return replace(
            self,
            turns=tuple(
                replace(turn, undone=undone) if turn.turn_id in turn_ids else turn
                for turn in self.turns
            ),
        )


def _ended(call: Call, event: CallEnd) -> Call:
    match event:
        case e.ToolCompleted():
            return replace(
                call,
                phase="completed",
                output=event.output,
                exit_status=event.exit_status,
                duration_s=event.duration_s,
            )
        case e.ToolFailed():
            return replace(
                call,
                phase="failed",
                output=event.output,
                error=event.error,
                duration_s=event.duration_s,
            )
        case e.ToolInterrupted():
            return replace(call, phase="interrupted", output=event.known)
        case e.ToolDenied():
            return replace(call, phase="denied", output=event.reason, denied_by=event.by)
        case _:
            assert_never(event)


def _arguments(text: str) -> dict[str, Any]:
    """Return the arguments that a model wrote, as far as they can be read."""
    try:
        value = json.loads(text)
    except ValueError:
        return {"": text}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {"": text}
