"""Exactly what the model is sent: one system message, then the conversation.

    system   prompt · the session's own prompt · project notes · file index · active files · to do
    then     summary of what was compacted · the conversation, calls with their results

The order in the system message is from what changes least to what changes most, so that a
provider's cache holds as long as it can. What does not fit leaves in a fixed order: `core.fitting`.
Pure: the log gives all of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from jidoka.contract.briefing import ContextPart
from jidoka.contract.mcp import server_of
from jidoka.core.briefing import ASSUMED_WINDOW, Briefing
from jidoka.core.fitting import Fitted, fitted
from jidoka.core.pieces import SUMMARY, Piece
from jidoka.core.sections import sections_of
from jidoka.core.servers import why_unknown
from jidoka.core.state import SessionState
from jidoka.core.tokens import FRAME, tokens_of_tools
from jidoka.core.transcript import Message, Transcript, rendered

Counted = tuple[str, str, int, str]
"""Name, detail, tokens by our rule and what is left out of a part."""
ANSWER_TOKENS = 4_096
"""Kept free for the answer, where the session does not say how long it may be."""
COMPACT_AT = 0.8
"""Of what the window holds beside the answer."""


@dataclass(frozen=True, slots=True)
class Room:
    """How much the model reads, in tokens as its provider counts them."""

    window: int
    known: bool
    factor: float
    """Tokens that the provider counts for one by our rule."""
    answer: int

    @property
    def ruled(self) -> int:
        """Tokens by our rule that fit beside the answer."""
        return int((self.window - self.answer) / self.factor)

    @property
    def compact_at(self) -> int:
        """Tokens by our rule from which the conversation is compacted."""
        return int(self.ruled * COMPACT_AT)


@dataclass(frozen=True, slots=True)
class Assembled:
    """What the model is sent, and its sizes."""

    messages: tuple[Message, ...]
    tools: tuple[dict[str, Any], ...]
    parts: tuple[ContextPart, ...]
    ruled: int
    """Tokens by our rule."""
    room: Room

    @property
    def tokens(self) -> int:
        """Tokens as the provider is likely to count them."""
        return int(self.ruled * self.room.factor)


def room_of(state: SessionState, briefing: Briefing) -> Room:
    """Return the room of a session: its model's window, or less where its limits say so."""
    known = briefing.window is not None
    window = briefing.window or ASSUMED_WINDOW
    window = min(window, state.limits.context_tokens or window)
    answer = min(state.llm.max_tokens or ANSWER_TOKENS, window // 4)
    return Room(window, known, briefing.factor, answer)


def assembled(
    state: SessionState, transcript: Transcript, specs: Sequence[dict[str, Any]]
) -> Assembled:
    """Return what the model is sent now, within its window.

    `specs` are the tools that it is offered, in the shape of OpenAI's function tools.

    Raises:
        ContextOverflow: not even what has to be there fits.
    """
    room = room_of(state, transcript.briefing)
    sections = sections_of(state, transcript.briefing, room.ruled)
    tools = tokens_of_tools(specs)
    fit = fitted(sections, transcript.items, room.ruled - tools - FRAME, room.window)
    system = {"role": "system", "content": "\n\n".join(section.text for section in fit.sections)}
    parts = _parts(fit, _tools(state, transcript.briefing, specs), room)
    ruled = FRAME + tools + sum(s.tokens for s in fit.sections) + _size(fit.pieces)
    messages = (system, *rendered(fit.pieces))
    return Assembled(messages, tuple(specs), parts, ruled, room)


def ruled_tokens(
    state: SessionState, transcript: Transcript, specs: Sequence[dict[str, Any]]
) -> int:
    """Return how many tokens it would be without the limit of the window, by our rule."""
    room = room_of(state, transcript.briefing)
    sections = sections_of(state, transcript.briefing, room.ruled)
    beside = sum(section.tokens for section in sections) + tokens_of_tools(specs)
    return FRAME + beside + _size(transcript.items)


def offered(specs: list[dict[str, Any]], allowed: tuple[str, ...] | None) -> list[dict[str, Any]]:
    """Return the tools that the session lets the model use."""
    if allowed is None:
        return specs
    names = ((spec, spec["function"]["name"]) for spec in specs)
    return [spec for spec, name in names if name in allowed or server_of(name) is not None]


def _size(pieces: Iterable[Piece]) -> int:
    return sum(piece.tokens for piece in pieces)


def _tools(
    state: SessionState, briefing: Briefing, specs: Sequence[dict[str, Any]]
) -> Iterator[Counted]:
    """Yield the tools that are offered: ours together, then those of each MCP server."""
    by_server: dict[str, list[dict[str, Any]]] = {server.name: [] for server in state.servers}
    ours: list[dict[str, Any]] = []
    for spec in specs:
        by_server.get(server_of(spec["function"]["name"]) or "", ours).append(spec)
    yield "tools", str(len(ours)), tokens_of_tools(ours), ""
    for server in state.servers:
        theirs = by_server[server.name]
        why = why_unknown(server, briefing.servers)
        yield "tools", f"{server.name}: {len(theirs)}", tokens_of_tools(theirs), why


def _parts(fit: Fitted, tools: Iterable[Counted], room: Room) -> tuple[ContextPart, ...]:
    summaries = [piece for piece in fit.pieces if piece.turn_id == SUMMARY]
    said = [piece for piece in fit.pieces if piece.turn_id != SUMMARY]
    counted = (
        *((s.name, s.detail, s.tokens, s.left_out) for s in (*fit.sections, *fit.dropped)),
        *tools,
        *(("summary", "", piece.tokens, "") for piece in summaries),
        ("conversation", str(len(said)), _size(said), fit.left_out),
    )
    return tuple(_part(room, *each) for each in counted)


def _part(room: Room, name: str, detail: str, ruled: int, left_out: str) -> ContextPart:
    tokens = int(ruled * room.factor)
    percent = round(100 * tokens / room.window, 1)
    return ContextPart(name=name, detail=detail, tokens=tokens, percent=percent, left_out=left_out)
