"""The text of calls as a follower sees it grow, built from deltas alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.support.live import Shown

GAP: Final = "\N{HORIZONTAL ELLIPSIS}"
"""Stands where deltas were lost."""


class Screen:
    """The text of each call as its deltas build it up. Pure: no bus in here."""

    def __init__(self) -> None:
        self._texts: dict[tuple[str, str], _Text] = {}

    def show(self, shown: Shown) -> str:
        """Return the whole text of the call and kind after this delta.

        A newer epoch or attempt voids what was shown before; an older one changes nothing. Where
        deltas are missing, a mark stands for them.
        """
        delta, key = shown.delta, (shown.delta.call_id, shown.kind)
        text = self._texts.get(key)
        order = (shown.epoch, delta.attempt)
        if text is None or order > text.order:
            text = self._texts[key] = _Text(order)
        if order == text.order:
            text.put(delta.offset, delta.text)
        return text.whole

    def forget(self, call_id: str) -> None:
        """Drop a call whose truth has been recorded."""
        for key in [key for key in self._texts if key[0] == call_id]:
            del self._texts[key]


@dataclass(slots=True)
class _Text:
    order: tuple[int, int]
    whole: str = ""
    end: int = 0
    """Where the next delta should begin, in bytes."""

    def put(self, offset: int, piece: str) -> None:
        """Add a piece that begins at byte `offset` of the whole."""
        new = piece.encode("utf-8", "replace")
        if offset + len(new) <= self.end:
            return  # shown before
        if offset > self.end:
            self.whole += GAP
        self.whole += new[max(self.end - offset, 0) :].decode("utf-8", "ignore")
        self.end = offset + len(new)
