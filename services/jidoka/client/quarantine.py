"""The client's view of quarantine: what programs could not take up, seen, sent again, dropped."""

from __future__ import annotations

from jidoka.bus.connection import Bus
from jidoka.bus.quarantine import PAGE, Extent, Quarantine, Quarantined, Wanted


class QuarantineAccess:
    """The part of the client that looks after quarantine."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self._quarantine = Quarantine(bus)

    async def list_quarantined(
        self,
        *,
        program: str | None = None,
        session_id: str | None = None,
        code: str | None = None,
        after: int = 0,
        limit: int = PAGE,
    ) -> tuple[Quarantined, ...]:
        """Return what was put away, oldest first; the next page is `after` the last number.

        Raises:
            InvalidMessage: no program has such a name. Unavailable: the broker is away.
        """
        return await self._quarantine.list(Wanted(program, session_id, code), after, limit)

    async def get_quarantined(self, number: int) -> Quarantined:
        """Return one message, as it came, with the reason beside it.

        Raises:
            NotInQuarantine: there is none of this number.
        """
        return await self._quarantine.show(number)

    async def redrive_quarantined(self, number: int) -> str:
        """Put a durable command back where it came from and return that subject.

        A command is recorded once for its id, however often it is sent.

        Raises:
            NotInQuarantine: there is none of this number.
            InvalidMessage: it was no durable command.
            InboxFull, StorageFull, Unavailable, TimedOut: it stays in quarantine.
        """
        return await self._quarantine.redrive(number)

    async def drop_quarantined(self, number: int) -> None:
        """Erase one message.

        Raises:
            NotInQuarantine: there is none of this number.
        """
        await self._quarantine.drop(number)

    async def quarantine_extent(self, program: str | None = None) -> Extent:
        """Return how many messages are there, and the newest number."""
        return await self._quarantine.extent(program)

    async def clear_quarantine(self, last: int, program: str | None = None) -> int:
        """Erase all up to the number `last`, of one program or all; return how many they were."""
        return await self._quarantine.clear(last, program)
