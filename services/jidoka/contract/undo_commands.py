"""What may be asked of turns that are over: undo them, bring them back, answer them anew."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from jidoka.contract.command_data import SessionCommand

MOST_TURNS = 100
"""So many turns of a session can be undone; older ones stay."""
FilesWish = Literal["restore", "force", "keep_mine", "leave"]
"""What becomes of files. `restore`: refused where a person changed one since. `force`: theirs are
overwritten too. `keep_mine`: theirs stay, the others are put back. `leave`: none is touched."""
Author = Annotated[str, Field(max_length=128)]


class UndoTurn(SessionCommand, name="turn.undo"):
    """Undo the last turns: their files, and what the model reads of them."""

    turns: int = Field(default=1, ge=1, le=MOST_TURNS)
    files: FilesWish = "restore"
    author: Author = ""


class RedoTurn(SessionCommand, name="turn.redo"):
    """Bring back what was undone last; a new message ends the chance."""

    files: FilesWish = "restore"
    author: Author = ""


class DiffTurn(SessionCommand, name="turn.diff"):
    """Ask what a turn changed in the project folder."""

    turn: Annotated[str, Field(min_length=1, max_length=256)] | None = None
    """Its id, or its number from 1 in the session; null: the last one."""


class RetryTurn(SessionCommand, name="turn.retry"):
    """Answer the messages of the last turn once more."""

    regenerate: bool = False
    """Undo the turn first. False: go on where it failed or was stopped."""
    files: FilesWish = "restore"
    """With `regenerate`."""
    author: Author = ""
