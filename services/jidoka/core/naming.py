"""Which session a person means: by its id, its exact name, or the unique beginning of either."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from jidoka.contract.errors import AmbiguousName, SessionNotFound
from jidoka.core.session_row import SessionRow

MOST_CANDIDATES: Final = 10


def named(target: str, rows: Iterable[SessionRow]) -> SessionRow:
    """Return the one session that `target` names; case does not matter in names.

    Raises:
        SessionNotFound: none. AmbiguousName: several, the first ten of them named.
    """
    rows, wanted = tuple(rows), target.casefold().strip()
    ways: tuple[Callable[[SessionRow], bool], ...] = (
        lambda row: row.session_id == target,
        lambda row: row.name.casefold() == wanted,
        lambda row: row.name.casefold().startswith(wanted) or row.session_id.startswith(wanted),
    )
    for fits in ways:
        found = [row for row in rows if wanted and fits(row)]
        if len(found) > 1:
            candidates = tuple(f"{row.name} ({row.session_id})" for row in found)
            raise AmbiguousName(name=target, candidates=candidates[:MOST_CANDIDATES])
        if found:
            return found[0]
    raise SessionNotFound(asked=target)
