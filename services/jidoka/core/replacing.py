"""What a compaction makes of the conversation: `context.compacted`, folded."""

from __future__ import annotations

from collections.abc import Sequence

from jidoka.contract import events as e
from jidoka.core.pieces import SUMMARY, Answered, Piece, Said

_HEADING = "Summary of the conversation so far, in the place of what was said:"


def compacted(items: Sequence[Piece], event: e.ContextCompacted) -> list[Piece]:
    """Return the conversation after a compaction; one that names nothing here changes nothing.

    What a person said last is kept word for word, whatever the summary makes of it.
    """
    until = _end_of(items, event.through)
    if until == 0:
        return list(items)
    earlier, kept = items[:until], list(items[until:])
    if event.method == "cut":
        return [*(_cut(item, event.cut_to) for item in earlier), *kept]
    if event.method != "summary":
        return list(items)
    summary = Said.by("user", f"{_HEADING}\n\n{event.summary}", event.call_id, SUMMARY)
    return [summary, *_last_asked(earlier, kept), *kept]


def _end_of(items: Sequence[Piece], ref: str) -> int:
    """Return how many pieces there are up to the one named, 0 where it is not there."""
    return next((at + 1 for at in range(len(items) - 1, -1, -1) if items[at].ref == ref), 0)


def _cut(item: Piece, most: int) -> Piece:
    return item.shortened(most) if isinstance(item, Answered) else item


def _last_asked(earlier: Sequence[Piece], kept: Sequence[Piece]) -> list[Piece]:
    """Return the person's last messages where they are not among what is kept."""
    if any(isinstance(item, Said) and item.is_asked for item in kept):
        return []
    asked = [item for item in earlier if isinstance(item, Said) and item.is_asked]
    return [item for item in asked if asked and item.turn_id == asked[-1].turn_id]
