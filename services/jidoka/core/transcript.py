"""The conversation as a model reads it: a projection of the log.

Messages have the shape of OpenAI's chat completions, which litellm translates for every provider.
Whatever the log holds, the result is one that providers accept: every tool call of an assistant
message has exactly one result, in the order of the calls, before anything else is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, assert_never

from jidoka.contract import events as e
from jidoka.contract.content import Content, TurnOutcome, text_of
from jidoka.contract.json import is_object_text
from jidoka.core.briefing import Briefing
from jidoka.core.cuts import CUT_CALL, GO_ON, is_cut
from jidoka.core.history import events_of
from jidoka.core.pieces import Answered, Piece, Said, result_of
from jidoka.core.ports import Entry
from jidoka.core.replacing import compacted
from jidoka.core.taking_back import PastPieces, reopened

Message = dict[str, Any]


@dataclass(slots=True)
class Transcript:
    """Grows by `add`; `messages` gives what the model reads now."""

    items: list[Said | Answered] = field(default_factory=list)
    waiting: dict[str, Content] = field(default_factory=dict)
    briefing: Briefing = field(default_factory=Briefing)
    past: PastPieces = field(default_factory=PastPieces)

    def add(self, entry: Entry) -> None:
        """Take in the next entry of the log."""
        self._add(entry.event, entry.time)

    def _add(self, event: e.Event | e.UnknownEvent, time: datetime | None = None) -> None:
        if not isinstance(event, e.UnknownEvent):
            self.briefing.add(event, time)
        match event:
            case e.SessionContinued(history=history):
                for past in events_of(history):
                    self._add(past)
                self.waiting.clear()  # what no turn took up there was not said here
            case e.MessageAccepted(message_id=message_id, content=content):
                self.waiting[message_id] = content
                self.past.undone.clear()
            case e.MessageEdited(message_id=message_id, content=content):
                if message_id in self.waiting:
                    self.waiting[message_id] = content
            case e.MessageWithdrawn(message_id=message_id):
                self.waiting.pop(message_id, None)
            case e.TurnStarted(turn_id=turn_id, message_ids=ids, retry_of=former):
                self.past.begin(turn_id, former, self.briefing.todo)
                self._take(ids, turn_id)
            case e.LlmRequested(turn_id=turn_id, message_ids=ids):
                self._take(ids, turn_id)
            case e.LlmResponded() as answer:
                self.items.append(Answered.of(answer))
            case e.ToolCompleted() | e.ToolFailed() | e.ToolInterrupted() | e.ToolDenied():
                self._result(event.call_id, result_of(event))
            case e.TurnEnded(outcome=outcome) if outcome is not TurnOutcome.COMPLETED:
                text = f"(The turn: {outcome}.)"
                self.items.append(Said.by("assistant", text, event.turn_id, event.turn_id))
            case e.ConversationCleared():
                self.items.clear()
                self.past.clear()
            case e.ContextCompacted():
                before, self.items = self.items, compacted(self.items, event)
                self.past.compacted(before, self.items, event)
            case e.TurnRetryRequested() | e.TurnUndone() | e.TurnRedone():
                self._back(event)
            case _:
                pass

    def messages(self) -> list[Message]:
        """Return the conversation from its start, without the system prompt."""
        return list(rendered(self.items))

    def _back(self, event: e.TurnRetryRequested | e.TurnUndone | e.TurnRedone) -> None:
        todo = self.briefing.todo
        match event:
            case e.TurnRetryRequested(turn_id=turn_id):
                self.items = reopened(self.items, turn_id)
            case e.TurnUndone(turn_ids=ids, again=again):
                self.items, todo = self.past.undo(self.items, ids, todo, again=again)
            case e.TurnRedone():
                self.items, todo = self.past.redo(self.items, todo)
            case _:
                assert_never(event)
        self.briefing.todo = todo

    def _take(self, ids: tuple[str, ...], turn_id: str) -> None:
        for message_id in ids:
            content = self.waiting.pop(message_id, None)
            if content is not None:
                self.items.append(Said.by("user", text_of(content), message_id, turn_id))

    def _result(self, call_id: str, text: str) -> None:
        for item in reversed(self.items):
            if isinstance(item, Answered) and item.asked_for(call_id):
                item.settle(call_id, text)
                return


def rendered(items: Iterable[Piece]) -> Iterator[Message]:
    """Yield the messages of pieces; what one side says twice in a row is one message.

    Some providers insist that user and assistant take turns.
    """
    last: Message | None = None
    for message in _each(items):
        if last is not None and _is_plain(last) and _is_plain(message) and _same(last, message):
            last = {**last, "content": f"{last['content']}\n\n{message['content']}"}
            continue
        if last is not None:
            yield last
        last = message
    if last is not None:
        yield last


def _each(items: Iterable[Piece]) -> Iterator[Message]:
    """Yield the messages of pieces; between an answer that was cut and the next one stands why."""
    cut = False
    for item in items:
        if cut and isinstance(item, Answered):
            yield GO_ON
        yield from _rendered(item)
        cut = isinstance(item, Answered) and is_cut(item.event) and not item.event.tool_calls
    if cut:
        yield GO_ON


def _is_plain(message: Message) -> bool:
    return message["role"] != "tool" and "tool_calls" not in message


def _same(one: Message, other: Message) -> bool:
    return one["role"] == other["role"]


def _rendered(item: Piece) -> Iterator[Message]:
    if isinstance(item, Said):
        yield item.message
        return
    answer = item.event
    message: Message = {"role": "assistant", "content": answer.content or None}
    if answer.tool_calls:
        message["tool_calls"] = [
            {
                "id": call.call_id,
                "type": "function",
                "function": {"name": call.tool, "arguments": _arguments(call.arguments)},
            }
            for call in answer.tool_calls
        ]
    elif not answer.content:
        message["content"] = "(no answer)"
    yield message
    for number, call in enumerate(answer.tool_calls, 1):
        text = item.results.get(call.call_id, "interrupted: nothing is known of this call")
        if is_cut(answer) and number == len(answer.tool_calls):
            text += CUT_CALL
        yield {"role": "tool", "tool_call_id": call.call_id, "content": text or "(no output)"}


def _arguments(text: str) -> str:
    """Return arguments that every provider accepts; broken ones are described by the result."""
    return text if is_object_text(text) else "{}"
