"""When the conversation is compacted, what of it, and how a model is asked for the summary.

    due         at 80 % of the room beside the answer, at the session's limit of messages, when the
                provider says that it was too long, or when somebody asks
    what        all but the newest fifth of the room; asked for: all but the last turn
    how         the model writes a summary of it, which is recorded; where it cannot, long outputs
                of tools are cut by rule

Pure. The summary is asked for as one message of plain text: a conversation with calls in it is
refused by some providers where no tools are offered.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from jidoka.core.context import Room
from jidoka.core.pieces import SUMMARY, Answered, Piece, Said, shortened
from jidoka.core.state import SessionState
from jidoka.core.transcript import Transcript

KEPT_SHARE = 0.2
"""Of the room: the newest pieces that stay word for word."""
CUT_TO = 800
"""Characters of an output that stay where there is no summary."""
_TOLD_OUTPUT = 2_000
"""Characters of an output, and of arguments, that the writer of the summary reads."""
_TOLD_SHARE = 0.7
"""Of the room: what the writer of the summary reads."""

INSTRUCTIONS = """\
You write the summary by which a coding agent goes on with its work. It will not see the
conversation again, only your summary and the messages after it. Keep, in this order: the task and
what the person asked for, word for word where it matters; decisions and why; files that were
looked at or changed, with paths, names and what is in them that matters; commands that were run
and what they showed; errors and what was learned of them; what is still to be done, and the very
next step. Leave out what is settled and what a look at the files would tell. Do not go on with
the work, and do not answer the person: write the summary alone, as short as it can be.\
"""
REQUEST = "Write the summary of this conversation now."


@dataclass(frozen=True, slots=True)
class Plan:
    """What a compaction is about."""

    reason: str
    """`automatic` `overflow` `asked`."""
    through: str
    """The ref of the last piece in it."""
    pieces: tuple[Piece, ...]


def is_too_long(room: Room, ruled: int) -> bool:
    """Tell whether a conversation of that size is to be compacted by itself."""
    return ruled >= room.compact_at


def has_too_many(state: SessionState, transcript: Transcript) -> bool:
    """Tell whether the conversation has more messages than the session's limit, short or not."""
    most = state.limits.history_messages
    return most is not None and messages_of(transcript.items) > most


def messages_of(pieces: Iterable[Piece]) -> int:
    """Return how many messages the model reads of these pieces."""
    return sum(piece.messages for piece in pieces)


def planned(
    pieces: Sequence[Piece], room: Room, reason: str, most: int | None = None
) -> Plan | None:
    """Return what is to be compacted; None where there is nothing that could be.

    `most` is the session's limit of messages: half of them stay at most, or the newest piece.
    """
    if reason == "asked":
        keep = _last_turn(pieces)
    else:
        keep = _newest([piece.tokens for piece in pieces], _kept(pieces, room, reason))
    if most is not None:
        keep = min(keep, _newest([piece.messages for piece in pieces], most // 2))
    earlier = tuple(pieces[: len(pieces) - keep])
    if not earlier or _is_summed_up(earlier):
        return None
    return Plan(reason, earlier[-1].ref, earlier)


def _kept(pieces: Sequence[Piece], room: Room, reason: str) -> float:
    """Return the tokens of what stays; where the provider says it was too long, less than it had.

    Its window may be another one than is known.
    """
    share = room.ruled * KEPT_SHARE
    size = sum(piece.tokens for piece in pieces)
    return min(share, size * KEPT_SHARE) if reason == "overflow" else share


def _is_summed_up(pieces: Sequence[Piece]) -> bool:
    """Tell whether there is nothing but a summary and what was kept word for word beside it."""
    is_summary = pieces[0].turn_id == SUMMARY
    return is_summary and all(isinstance(piece, Said) and piece.is_asked for piece in pieces[1:])


def _newest(sizes: Sequence[int], room: float) -> int:
    """Return how many of the newest pieces of these sizes have room; the newest always has."""
    kept, size = 0, 0
    for each in reversed(sizes):
        size += each
        if kept and size > room:
            break
        kept += 1
    return kept


def _last_turn(pieces: Sequence[Piece]) -> int:
    """Return how many pieces the last turn has, 0 where nothing was said before it."""
    last = pieces[-1].turn_id if pieces else ""
    at = next((at for at, piece in enumerate(pieces) if piece.turn_id == last), 0)
    before = any(piece.turn_id != SUMMARY for piece in pieces[:at])
    return len(pieces) - at if before else 0


def told(plan: Plan, instructions: str, room: Room) -> tuple[dict[str, str], ...]:
    """Return the messages that ask for the summary, within the room of who writes it."""
    lines = list(_lines(plan.pieces))
    most = int(room.ruled * _TOLD_SHARE) * 3
    text = shortened("\n\n".join(lines), most)
    wish = f"\nAbove all keep: {instructions}" if instructions else ""
    asked = f"<conversation>\n{text}\n</conversation>\n\n{REQUEST}{wish}"
    return ({"role": "system", "content": INSTRUCTIONS}, {"role": "user", "content": asked})


def _lines(pieces: Sequence[Piece]) -> Iterator[str]:
    for piece in pieces:
        if isinstance(piece, Said):
            who = "Person" if piece.is_asked else "Note"
            yield f"{who}: {piece.message['content']}"
        else:
            yield from _answer(piece)


def _answer(piece: Answered) -> Iterator[str]:
    if piece.event.content:
        yield f"Agent: {piece.event.content}"
    for call in piece.event.tool_calls:
        result = shortened(piece.results.get(call.call_id, "(unknown)"), _TOLD_OUTPUT)
        arguments = shortened(call.arguments, _TOLD_OUTPUT)
        yield f"Agent calls {call.tool} {arguments}\nResult: {result}"
