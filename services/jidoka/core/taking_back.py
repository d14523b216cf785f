"""The conversation without some of its turns, and with them again: what undo and redo make of it.

A turn that a summary has swallowed cannot be taken out of the summary. So what the last summaries
stand for is remembered, and put in their place again before one of its turns goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from jidoka.contract import events as e
from jidoka.contract.briefing import TodoItem
from jidoka.core.pieces import SUMMARY, Answered, Piece, Said

MOST_FOLDED = 2
"""Summaries whose pieces are remembered: turns that are older than that stay in them."""
MOST_TODOS = 100
GO_ON = "(Go on.)"
Todo = tuple[TodoItem, ...]


@dataclass(slots=True)
class Folded:
    """What one summary stands for."""

    ref: str
    pieces: list[Piece]


@dataclass(slots=True)
class Taken:
    """What one undo took away."""

    pieces: list[Piece]
    todo: Todo = ()


@dataclass(slots=True)
class PastPieces:
    """What is needed to take turns back, and to bring them back."""

    undone: list[Taken] = field(default_factory=list[Taken])
    folded: list[Folded] = field(default_factory=list[Folded])
    former: dict[str, str] = field(default_factory=dict[str, str])
    """Turn → the turn that it goes on with: both are taken back as one."""
    todos: dict[str, Todo] = field(default_factory=dict[str, Todo])
    """Turn → the list of what was to be done when it began, where there was one."""

    def begin(self, turn_id: str, former: str | None, todo: Todo) -> None:
        """Note that a turn begins: nothing can be brought back any more."""
        self.undone.clear()
        if former is not None:
            self.former[turn_id] = former
        if todo:
            self.todos[turn_id] = todo
            for oldest in list(self.todos)[:-MOST_TODOS]:
                del self.todos[oldest]

    def compacted(
        self, before: Sequence[Piece], after: Sequence[Piece], event: e.ContextCompacted
    ) -> None:
        """Note what a summary stands for."""
        if not (after and after[0].turn_id == SUMMARY and after[0].ref == event.call_id):
            return
        refs = {piece.ref for piece in after}
        gone = [at for at, piece in enumerate(before) if piece.ref not in refs]
        if gone:
            self.folded.append(Folded(event.call_id, list(before[: gone[-1] + 1])))
            del self.folded[:-MOST_FOLDED]

    def clear(self) -> None:
        """Forget all: the conversation begins anew."""
        self.undone.clear()
        self.folded.clear()

    def undo(
        self, pieces: list[Piece], turn_ids: tuple[str, ...], todo: Todo, *, again: bool
    ) -> tuple[list[Piece], Todo]:
        """Return the conversation and the list of what is to be done without these turns.

        With `again` what people said in them stays, to be answered anew.
        """
        ids = self._with_former(turn_ids)
        pieces = self._unfolded(pieces, ids)
        gone = [piece for piece in pieces if piece.turn_id in ids]
        left = [piece for piece in pieces if piece.turn_id not in ids]
        before = self.todos.get(turn_ids[-1], ()) if turn_ids else todo
        if again:
            return [*left, *(piece for piece in gone if _is_a_persons(piece))], before
        self.undone.append(Taken(gone, todo))
        return left, before

    def redo(self, pieces: list[Piece], todo: Todo) -> tuple[list[Piece], Todo]:
        """Return the conversation with what was taken back last."""
        if not self.undone:
            return pieces, todo
        taken = self.undone.pop()
        return [*pieces, *taken.pieces], taken.todo

    def _with_former(self, turn_ids: tuple[str, ...]) -> set[str]:
        ids = set(turn_ids)
        for turn_id in turn_ids:
            while (turn_id := self.former.get(turn_id, "")) and turn_id not in ids:
                ids.add(turn_id)
        return ids

    def _unfolded(self, pieces: list[Piece], ids: set[str]) -> list[Piece]:
        """Put back what summaries stand for, as far as one of these turns is in it."""
        while self.folded and any(piece.turn_id in ids for piece in self.folded[-1].pieces):
            folded = self.folded.pop()
            known = {folded.ref, *(piece.ref for piece in folded.pieces)}
            pieces = [*folded.pieces, *(piece for piece in pieces if piece.ref not in known)]
        return pieces


def reopened(pieces: list[Piece], turn_id: str) -> list[Piece]:
    """Return the conversation without the words that ended a turn: it asks for an answer again."""
    pieces = list(pieces)
    while pieces and pieces[-1].turn_id == turn_id and _is_last_word(pieces[-1]):
        pieces.pop()
    if not pieces or _is_last_word(pieces[-1]):
        pieces.append(Said.by("user", GO_ON, turn_id, turn_id))
    return pieces


def _is_a_persons(piece: Piece) -> bool:
    return isinstance(piece, Said) and piece.is_asked


def _is_last_word(piece: Piece) -> bool:
    """Tell whether nobody has to answer after `piece`."""
    if isinstance(piece, Answered):
        return not piece.event.tool_calls
    return piece.message["role"] == "assistant"
