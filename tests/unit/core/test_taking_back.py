"""The conversation, whatever is undone, redone, answered anew, compacted and stopped in between."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jidoka.contract import events as e
from jidoka.contract.content import ErrorInfo, ToolCall, TurnOutcome
from jidoka.contract.errors import Refused
from jidoka.contract.undo_commands import RedoTurn, RetryTurn, UndoTurn
from jidoka.core.decide import decide
from jidoka.core.session import evolve
from jidoka.core.snapshot import Snapshot, dump, load
from jidoka.core.state import SessionState
from jidoka.core.transcript import Transcript
from tests.support.entries import LogWriter

SESSION = "s1"


@dataclass
class Talk:
    """A session in which everything may happen in any order."""

    log: LogWriter = field(default_factory=LogWriter)
    state: SessionState = field(default_factory=SessionState)
    transcript: Transcript = field(default_factory=Transcript)
    made: int = 0

    def record(self, *events: e.Event) -> None:
        """Write events and fold them."""
        for entry in self.log.write(SESSION, *events):
            self.state = evolve(self.state, entry)
            self.transcript.add(entry)

    def turn(self, calls: list[int], outcome: TurnOutcome, stop: int) -> None:
        """Have a message answered; `stop` says after how many events the turn is cut off."""
        self.made += 1
        message = e.MessageAccepted(message_id=f"m{self.made}", content=f"said-{self.made}")
        self.record(message)
        self.answer((message.message_id,), calls, outcome, stop)

    def answer(
        self, ids: tuple[str, ...], calls: list[int], outcome: TurnOutcome, stop: int
    ) -> None:
        """Record a turn, cut off after some events and settled as a worker would."""
        turn_id = f"t{len(self.log.entries)}"
        former = self.state.retry.turn_id if self.state.retry else None
        self.record(e.TurnStarted(turn_id=turn_id, message_ids=ids, retry_of=former))
        whole = turn_events(turn_id, calls)
        cut = whole if outcome is TurnOutcome.COMPLETED else whole[: stop % len(whole)]
        self.record(*cut)
        for call in self.state.turn.calls if self.state.turn else ():
            name, open_id = call.call.tool, call.call_id
            self.record(e.ToolInterrupted(turn_id=turn_id, call_id=open_id, tool=name))
        self.record(e.TurnEnded(turn_id=turn_id, outcome=outcome))

    def ask(self, command: UndoTurn | RedoTurn | RetryTurn) -> bool:
        """Ask, and do what a worker would; return whether it was possible."""
        try:
            asked = decide(self.state, command, origin="/me", command_id=f"c{self.made}")
        except Refused:
            return False
        assert asked
        self.made += 1
        self.record(asked)
        if self.state.undoing:
            ids, again = self.state.undoing.turn_ids, self.state.undoing.again
            undo = self.state.undoing.asked == "undo"
            self.record(
                e.TurnUndone(turn_ids=ids, again=again) if undo else e.TurnRedone(turn_ids=ids)
            )
        if self.state.retry:
            self.answer(self.state.retry.message_ids, [1], TurnOutcome.COMPLETED, 0)
        return True

    def compact(self, at: int, method: str) -> None:
        """Compact up to one of the pieces."""
        if self.transcript.items:
            through = self.transcript.items[at % len(self.transcript.items)].ref
            self.made += 1
            self.record(
                e.ContextCompacted(
                    call_id=f"compact{self.made}",
                    reason="asked",
                    method=method,
                    through=through,
                    summary="in short" if method == "summary" else "",
                    cut_to=10,
                    tokens_before=9,
                    tokens_after=1,
                )
            )

    def texts(self) -> str:
        """Return all that the model reads."""
        return "\n".join(str(message["content"]) for message in self.transcript.messages())


def turn_events(turn_id: str, calls: list[int]) -> list[e.Event]:
    """Return what happens in a turn: answers with so many calls each, and a last one."""
    events: list[e.Event] = []
    for step, many in enumerate([*calls, 0], 1):
        asked = tuple(
            ToolCall(call_id=f"{turn_id}-{step}-{n}", tool="read", arguments="{}")
            for n in range(many)
        )
        events.append(
            e.LlmResponded(
                turn_id=turn_id,
                call_id=f"{turn_id}-{step}",
                step=step,
                content=f"answer of {turn_id}",
                tool_calls=asked,
                model="m",
            )
        )
        events += [
            e.ToolCompleted(turn_id=turn_id, call_id=call.call_id, tool="read", output=turn_id)
            if number % 2
            else e.ToolFailed(turn_id=turn_id, call_id=call.call_id, tool="read", error=ERROR)
            for number, call in enumerate(asked)
        ]
    return events


ERROR = ErrorInfo(code="tool_failed", message="no")
OPERATIONS = st.one_of(
    st.tuples(
        st.just("turn"),
        st.lists(st.integers(0, 3), max_size=2),
        st.sampled_from(list(TurnOutcome)),
        st.integers(0, 9),
    ),
    st.tuples(st.just("undo"), st.integers(1, 3)),
    st.tuples(st.just("redo")),
    st.tuples(st.just("retry"), st.booleans()),
    st.tuples(st.just("compact"), st.integers(0, 9), st.sampled_from(["summary", "cut"])),
    st.tuples(st.just("clear")),
)


def perform(talk: Talk, operation: tuple[Any, ...]) -> None:
    match operation:
        case "turn", calls, outcome, stop:
            talk.turn(calls, outcome, stop)
        case "undo", turns:
            talk.ask(UndoTurn(session_id=SESSION, turns=turns))
        case ("redo",):
            talk.ask(RedoTurn(session_id=SESSION))
        case "retry", regenerate:
            talk.ask(RetryTurn(session_id=SESSION, regenerate=regenerate))
        case "compact", at, method:
            talk.compact(at, method)
        case _:
            talk.record(e.ConversationCleared())


def fresh() -> Talk:
    talk = Talk()
    for entry in talk.log.create(SESSION):
        talk.state = evolve(talk.state, entry)
        talk.transcript.add(entry)
    return talk


def problems(messages: list[dict[str, Any]]) -> list[str]:
    """Return what a provider would refuse: calls without results, one side speaking twice."""
    found: list[str] = []
    wanted: list[str] = []
    last = ""
    for message in messages:
        role = message["role"]
        if role == "tool":
            if not wanted or message["tool_call_id"] != wanted.pop(0):
                found.append("a result that nobody asked for here")
        else:
            found += ["a call without result"] * bool(wanted)
            wanted = [call["id"] for call in message.get("tool_calls", ())]
            if role == last and not wanted:
                found.append(f"{role} speaks twice")
        if not message["content"] and not message.get("tool_calls"):
            found.append("an empty message")
        last = role
    return found + ["a call without result"] * bool(wanted)


@settings(max_examples=200, deadline=None)
@given(st.lists(OPERATIONS, max_size=12))
def test_whatever_happens_every_provider_accepts_the_conversation(operations):
    talk = fresh()

    for operation in operations:
        perform(talk, operation)
        talk.turn([], TurnOutcome.COMPLETED, 0) if operation[0] == "clear" else None

        assert problems(talk.transcript.messages()) == []


@settings(max_examples=200, deadline=None)
@given(st.lists(OPERATIONS, max_size=10), st.integers(1, 3))
def test_nothing_of_an_undone_turn_is_left_and_a_redo_brings_all_back(operations, turns):
    talk = fresh()
    for operation in operations:
        perform(talk, operation)
    gone = [turn.turn_id for turn in talk.state.done[-turns:]]
    before = talk.transcript.messages()
    unfolded = not talk.transcript.past.folded

    undone = talk.ask(UndoTurn(session_id=SESSION, turns=turns))
    left = talk.texts()
    redone = talk.ask(RedoTurn(session_id=SESSION)) if undone else False

    assert undone == redone == (len(gone) == turns)
    if undone:
        assert not any(f"answer of {turn_id}\n" in f"{left}\n" for turn_id in gone)
        assert talk.transcript.messages() == before or not unfolded


@settings(max_examples=100, deadline=None)
@given(st.lists(OPERATIONS, max_size=10), st.lists(OPERATIONS, max_size=5))
def test_a_snapshot_in_between_changes_nothing(first, then):
    talk = fresh()
    for operation in first:
        perform(talk, operation)
    kept = load(dump(Snapshot(talk.state, talk.transcript)))
    at = len(talk.log.entries)

    for operation in then:
        perform(talk, operation)

    assert kept
    for entry in talk.log.entries[at:]:
        kept.transcript.add(entry)
    assert kept.transcript.messages() == talk.transcript.messages()


def test_a_summary_gives_back_what_it_swallowed_when_its_turn_is_undone():
    talk = fresh()
    for _ in range(3):
        talk.turn([1], TurnOutcome.COMPLETED, 0)
    last = talk.state.done[-1].turn_id
    talk.compact(len(talk.transcript.items) - 1, "summary")
    short = talk.texts()

    talk.ask(UndoTurn(session_id=SESSION))

    assert "in short" in short
    assert "in short" not in talk.texts()
    assert last not in talk.texts()
    assert "said-2" in talk.texts()


def test_a_message_that_is_answered_anew_stands_there_once():
    talk = fresh()
    talk.turn([1], TurnOutcome.FAILED, 1)

    talk.ask(RetryTurn(session_id=SESSION))
    after_retry = talk.texts()
    talk.ask(RetryTurn(session_id=SESSION, regenerate=True))

    assert after_retry.count("said-1") == talk.texts().count("said-1") == 1
    assert "(The turn: failed.)" not in after_retry
    assert len(talk.state.done) == 1
