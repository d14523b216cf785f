"""The conversation as a model reads it: a projection of the log.

Messages have the shape of OpenAI's chat completions, which litellm translates for every provider.
Whatever the log holds, the result is one that providers accept: every tool call of an assistant
message has exactly one result, in the order of the calls, before anything else is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from jidoka.contract import events as e
from jidoka.contract.content import Content, TurnOutcome, text_of
from jidoka.contract.json import is_object_text
from jidoka.core.history import events_of
from jidoka.core.ports import Entry

Message = dict[str, Any]


@dataclass(slots=True)
class Said:
    """Something said that stands for itself."""

    message: Message


@dataclass(slots=True)
class Answered:
    """An answer of the model and the results of its calls, as far as they are known."""

    event: e.LlmResponded
    results: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Transcript:
    """Grows by `add`; `messages` gives what the model reads now."""

    items: list[Said | Answered] = field(default_factory=list)
    waiting: dict[str, Content] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        """Take in the next entry of the log."""
        self._add(entry.event)

    def _add(self, event: e.Event | e.UnknownEvent) -> None:
        match event:
            case e.SessionContinued(history=history):
                for past in events_of(history):
                    self._add(past)
                self.waiting.clear()  # what no turn took up there was not said here
            case e.MessageAccepted(message_id=message_id, content=content):
                self.waiting[message_id] = content
            case e.MessageEdited(message_id=message_id, content=content):
                if message_id in self.waiting:
                    self.waiting[message_id] = content
            case e.MessageWithdrawn(message_id=message_id):
                self.waiting.pop(message_id, None)
            case e.TurnStarted(message_ids=ids) | e.LlmRequested(message_ids=ids):
                self._take(ids)
            case e.LlmResponded() as answer:
                self.items.append(Answered(answer))
            case e.ToolCompleted(call_id=call_id, output=output):
                self._result(call_id, output)
            case e.ToolFailed(call_id=call_id, error=error, output=output):
                self._result(call_id, f"error: {error.code}: {error.message}\n{output}".strip())
            case e.ToolInterrupted(call_id=call_id, known=known):
                self._result(call_id, f"interrupted: {known}")
            case e.ToolDenied(call_id=call_id, by=by, reason=reason):
                self._result(call_id, f"denied by {by}. {reason}".strip())
            case e.TurnEnded(outcome=outcome) if outcome is not TurnOutcome.COMPLETED:
                self._say("assistant", f"(The turn: {outcome}.)")
            case e.ConversationCleared():
                self.items.clear()
            case _:
                pass

    def messages(self) -> list[Message]:
        """Return the conversation from its start, without the system prompt."""
        return [message for item in self.items for message in _rendered(item)]

    def _take(self, ids: tuple[str, ...]) -> None:
        for message_id in ids:
            content = self.waiting.pop(message_id, None)
            if content is not None:
                self._say("user", text_of(content))

    def _say(self, role: str, content: str) -> None:
        self.items.append(Said({"role": role, "content": content}))

    def _result(self, call_id: str, text: str) -> None:
        for item in reversed(self.items):
            if isinstance(item, Answered) and any(
                call.call_id == call_id for call in item.event.tool_calls
            ):
                item.results.setdefault(call_id, text)
                return


def _rendered(item: Said | Answered) -> Iterator[Message]:
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
    for call in answer.tool_calls:
        text = item.results.get(call.call_id, "interrupted: nothing is known of this call")
        yield {"role": "tool", "tool_call_id": call.call_id, "content": text or "(no output)"}


def _arguments(text: str) -> str:
    """Return arguments that every provider accepts; broken ones are described by the result."""
    return text if is_object_text(text) else "{}"
