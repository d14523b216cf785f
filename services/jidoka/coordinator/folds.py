"""The states of recently used sessions, folded from the log and kept a little behind it.

A first fold begins from the worker's snapshot where that is of this log, so that a long session is
not read from its start. A kept state is only ever a prefix of the log, so it can be too old but
never wrong: an append names the sequence that it expects, and a refusal is given on a state that
was just read.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Final, Protocol

from jidoka.contract.errors import JidokaError, LogDamaged
from jidoka.core.ports import Entry, EventLog, Head
from jidoka.core.session import evolve
from jidoka.core.snapshot import load
from jidoka.core.state import SessionState

MOST_FOLDS: Final = 4_096
"""Sessions whose state is kept, the least recently used leave."""
MOST_CURSORS: Final = 256
"""Of each session: numbers whose stream sequence is remembered."""
FRESH_S: Final = 0.005
"""A state that was read or written within this time is tried without reading first."""


class Snapshots(Protocol):
    """Where workers keep the snapshots of their sessions."""

    async def get(self, key: str) -> bytes | None:
        """Return the snapshot of a session, None where there is none."""
        ...


async def _unchecked(_: str) -> None:
    """Trust the log."""


@dataclass(frozen=True, slots=True)
class Sources:
    """What folds are made from."""

    log: EventLog
    snapshots: Snapshots
    clock: Callable[[], float]
    """Monotonic, in seconds."""
    check: Callable[[str], Awaitable[None]] = _unchecked
    """Raises `LogDamaged` or `UnsupportedVersion` where nothing may be added to a log."""


class Fold:
    """The state of one session and how new it is. Whoever decides on it holds `lock`."""

    def __init__(self, session_id: str, sources: Sources) -> None:
        self.session_id = session_id
        self.state = SessionState()
        self.lock = asyncio.Lock()
        self._log = sources.log
        self._snapshots = sources.snapshots
        self._clock = sources.clock
        self._check = sources.check
        self._begun = False
        self._cursors: OrderedDict[int, int] = OrderedDict()
        self._as_of = float("-inf")

    @property
    def is_fresh(self) -> bool:
        """Whether it is likely that nobody has written since."""
        return self._clock() - self._as_of < FRESH_S

    async def refresh(self, *, to_look: bool = False) -> bool:
        """Fold what is new; return whether anything was. `to_look`: nothing is to be added.

        Raises:
            Unavailable: the log cannot be read. LogDamaged: events are missing or altered.
            UnsupportedVersion: a newer build wrote to it.
        """
        if not to_look:
            await self._check(self.session_id)
        changed = await (self._read_on() if self._begun else self._begin())
        self._as_of = float("-inf") if to_look else self._clock()
        return changed

    async def _read_on(self) -> bool:
        before = self.state.head
        async for entry in self._log.read(self.session_id, before):
            self._fold(entry)
        return self.state.head != before

    async def _begin(self) -> bool:
        """Fold from the snapshot on; where that is not of this log, from the first event."""
        self._begun = True
        self.state = await self._kept() or SessionState()
        from_snapshot = self.state.head != Head()
        try:
            return await self._read_on() or from_snapshot
        except LogDamaged:
            if not from_snapshot:
                raise
            self.restart()
            return await self._read_on()

    async def _kept(self) -> SessionState | None:
        """Return the state in the session's snapshot, None where there is none of this log."""
        try:
            body = await self._snapshots.get(self.session_id)
        except JidokaError:
            return None  # it only saves time
        snapshot = load(body) if body else None
        if snapshot is None or snapshot.state.session_id != self.session_id:
            return None
        last = await self._log.last(self.session_id)
        head = snapshot.state.head
        # where more follows, its hash of the event before proves that it is the same log
        is_here = last is not None and (head.cursor < last.head.cursor or head == last.head)
        return snapshot.state if is_here else None

    def take(self, entries: Iterable[Entry]) -> None:
        """Fold entries that follow right after the head."""
        for entry in entries:
            self._fold(entry)
        self._as_of = self._clock()

    async def begin_again(self) -> None:
        """Fold the whole log of a session that is shorter than what was folded: it was deleted.

        Raises:
            LogDamaged: it was not, so its end was cut off or rolled back.
        """
        known = self.state.head
        self.restart()
        await self.refresh()
        if self.state.head.sequence < known.sequence and not self.is_deleted:
            first = self.state.head.sequence + 1
            self.restart()
            raise LogDamaged(first=first, last=known.sequence)

    @property
    def is_deleted(self) -> bool:
        """Whether a tombstone is all that is left."""
        return self.state.status is None and self.state.head != Head()

    def restart(self) -> None:
        """Forget all: the log is not the one that was folded. The next reading is of all of it."""
        self.state = SessionState()
        self._begun = True
        self._cursors.clear()
        self._as_of = float("-inf")

    async def cursor_of(self, sequence: int) -> int:
        """Return the stream sequence of the session's event `sequence`; 0 if it is gone."""
        if sequence in self._cursors:
            return self._cursors[sequence]
        async for entry in self._log.read(self.session_id):
            if entry.sequence == sequence:
                self._remember(entry)
        return self._cursors.get(sequence, 0)

    def _fold(self, entry: Entry) -> None:
        self.state = evolve(self.state, entry)
        self._remember(entry)

    def _remember(self, entry: Entry) -> None:
        if entry.causation_id:
            self._cursors[entry.sequence] = entry.head.cursor
        while len(self._cursors) > MOST_CURSORS:
            self._cursors.popitem(last=False)


class Folds:
    """The folds of the sessions used last."""

    def __init__(self, sources: Sources, most: int = MOST_FOLDS) -> None:
        self._sources = sources
        self._most = most
        self._kept: OrderedDict[str, Fold] = OrderedDict()

    def of(self, session_id: str) -> Fold:
        """Return the fold of a session; a new one knows nothing yet."""
        fold = self._kept.pop(session_id, None) or Fold(session_id, self._sources)
        self._kept[session_id] = fold
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return fold

    def forget(self, session_id: str) -> None:
        """Keep nothing of a session that is not there."""
        self._kept.pop(session_id, None)

    def __len__(self) -> int:
        """Return how many are kept."""
        return len(self._kept)
