"""What leaves when not all of it fits the window, one kind after the other.

    1  the file index                5  project notes
    2  active files, oldest first    6  (nothing is left that could go)  ─► context_overflow
    3  long outputs of tools, the oldest first, down to head and tail
    4  the oldest messages and answers, with a line that says so

Never: the system prompts, the list of what is to be done, the tools, the summary, what a person
said last, and the newest answer with the results of its calls. A call is never parted from its
result.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from jidoka.contract.errors import ContextOverflow
from jidoka.core.pieces import SUMMARY, Answered, Piece, Said
from jidoka.core.sections import Section

SHORT_OUTPUT = 800
"""Characters that are left of an output that was cut."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """What is left."""

    sections: tuple[Section, ...]
    dropped: tuple[Section, ...]
    """Sections that are not sent, empty, with the reason."""
    pieces: tuple[Piece, ...]
    left_out: str
    """What is missing of the conversation, in words."""


def fitted(sections: Sequence[Section], pieces: Sequence[Piece], room: int, window: int) -> Fitted:
    """Return what of sections and conversation fits into `room`, in tokens by our rule.

    Raises:
        ContextOverflow: what has to stay does not fit.
    """
    kept = [section for section in sections if section.text]
    dropped = [section for section in sections if not section.text]
    over = _size(kept) + _size(pieces) - room
    for name in ("index", "files"):
        over = _drop(kept, dropped, name, over)
    if over <= 0:
        return Fitted(tuple(kept), tuple(dropped), tuple(pieces), "")
    shorter, over, cut = _shortened(pieces, over)
    left, over, gone = _newest(shorter, over)
    over = _drop(kept, dropped, "notes", over)
    if over > 0:
        raise ContextOverflow(tokens=window + over, window=window)
    words = [f"{cut} outputs cut"] if cut else []
    words += [f"{gone} earlier messages left out"] if gone else []
    return Fitted(tuple(kept), tuple(dropped), tuple(left), ", ".join(words))


def _size(items: Sequence[Section] | Sequence[Piece]) -> int:
    return sum(item.tokens for item in items)


def _drop(kept: list[Section], dropped: list[Section], name: str, over: int) -> int:
    """Move sections of a name, the oldest first, until nothing is over; return what is."""
    for section in [section for section in kept if section.name == name]:
        if over <= 0:
            break
        kept.remove(section)
        dropped.append(replace(section, text="", tokens=0, left_out="no room"))
        over -= section.tokens
    return over


def _shortened(pieces: Sequence[Piece], over: int) -> tuple[list[Piece], int, int]:
    """Return the pieces with outputs cut from the oldest on, what is over, how many were cut."""
    shorter, cut = list(pieces), 0
    for at, piece in enumerate(pieces):
        if over <= 0:
            break
        if isinstance(piece, Answered):
            shorter[at] = piece.shortened(SHORT_OUTPUT)
            over -= piece.tokens - shorter[at].tokens
            cut += shorter[at] is not piece
    return shorter, over, cut


def _newest(pieces: Sequence[Piece], over: int) -> tuple[list[Piece], int, int]:
    """Return the pieces without the oldest ones that have no room, and what is over then."""
    if over <= 0 or not pieces:
        return list(pieces), over, 0
    line = Said.by("user", "(Earlier messages are left out here: they do not fit.)", "", SUMMARY)
    over += line.tokens
    last_asked = _last_asked(pieces)
    kept: list[Piece] = []
    gone = 0
    for at, piece in enumerate(pieces):
        lasts = at == len(pieces) - 1 or piece is last_asked or piece.turn_id == SUMMARY
        stays = over <= 0 or lasts
        if stays:
            kept.append(piece)
        else:
            over -= piece.tokens
            gone += 1
    return [*([line] if gone else []), *kept], over if gone else over - line.tokens, gone


def _last_asked(pieces: Sequence[Piece]) -> Piece | None:
    asked = (p for p in reversed(pieces) if isinstance(p, Said) and p.is_asked)
    return next(asked, None)
