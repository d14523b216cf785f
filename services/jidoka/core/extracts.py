"""What the registry keeps of an entry beside the session's row: what it cost, and what it says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from jidoka.contract import events as e
from jidoka.contract.content import PastEvent, Usage, text_of
from jidoka.core.history import events_of
from jidoka.core.ports import Entry


@dataclass(frozen=True, slots=True)
class UsageRow:
    """Tokens and cost of one model call, to be added up per session, turn and model."""

    session_id: str
    turn_id: str
    model: str
    input_tokens: int
    output_tokens: int
    cost_usd: float | None


@dataclass(frozen=True, slots=True)
class TextRow:
    """A text that people search for."""

    session_id: str
    sequence: int
    kind: str
    """`message` `answer` `title` `name`."""
    ref: str
    """What a later text of the same kind replaces; an empty text takes it back."""
    text: str
    replaces: bool = True
    """False where there surely is no earlier one."""


def erases(entry: Entry) -> bool:
    """Tell whether `entry` leaves nothing of its session to know."""
    return isinstance(entry.event, e.SessionDeleted)


def usage_of(entry: Entry) -> UsageRow | None:
    """Return what `entry` spent, None where it spent nothing that is known."""
    event = entry.event
    if not isinstance(event, e.LlmResponded | e.ContextCompacted):
        return None
    if event.usage is None and event.cost_usd is None:
        return None
    used = event.usage or Usage(input_tokens=0, output_tokens=0)
    return UsageRow(
        session_id=entry.envelope.subject or "",
        turn_id=event.turn_id or "",
        model=event.model,
        input_tokens=used.input_tokens,
        output_tokens=used.output_tokens,
        cost_usd=event.cost_usd,
    )


def searched_in(entry: Entry) -> TextRow | None:
    """Return what the search finds of `entry`, None where it holds no text of a person's."""
    replaces = True
    match entry.event:
        case e.MessageAccepted(message_id=ref, content=content):
            kind, text, replaces = "message", text_of(content), False
        case e.MessageEdited(message_id=ref, content=content):
            kind, text = "message", text_of(content)
        case e.MessageWithdrawn(message_id=ref):
            kind, text = "message", ""
        case e.LlmResponded(call_id=ref, content=text) if text:
            kind, replaces = "answer", False
        case e.SessionTitled(title=text):
            kind, ref = "title", "title"
        case e.SessionContinued(session_name=name, history=history):
            kind, ref, text = "history", "history", "\n".join((name, *_texts(history)))
        case e.SessionCreated(session_name=text) | e.SessionRenamed(session_name=text):
            kind, ref = "name", "name"
        case _:
            return None
    subject = entry.envelope.subject or ""
    return TextRow(subject, entry.sequence, kind, ref, text, replaces)


def _texts(history: Iterable[PastEvent]) -> Iterator[str]:
    for event in events_of(history):
        match event:
            case e.MessageAccepted(content=content) | e.MessageEdited(content=content):
                yield text_of(content)
            case e.LlmResponded(content=text):
                yield text
            case _:
                pass
