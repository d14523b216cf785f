"""The client's way to what the model reads: seen, compacted, with files kept before it."""

from __future__ import annotations

from collections.abc import Iterable

from jidoka.client.ending import END_S
from jidoka.client.servers import Servers
from jidoka.contract import events as e
from jidoka.contract.context_commands import AddFile, CompactContext, GetContext, RemoveFile
from jidoka.contract.replies import ContextReport


class Contexts(Servers):
    """The part of the client that looks after the context."""

    async def get_context(
        self, session_id: str, include: Iterable[str] = ("messages", "tools")
    ) -> ContextReport:
        """Return exactly what the model would be sent now; the sizes of all parts are in it.

        Raises:
            SessionNotFound; NoHost, Unavailable: no machine with the folder answers.
            ContextOverflow: not even what has to be there fits. TooLarge: include less.
        """
        answer = await self._ask(GetContext, {"include": tuple(include)}, session_id)
        return ContextReport.model_validate(answer)

    async def compact(
        self, session_id: str, instructions: str = "", *, timeout_s: float = END_S
    ) -> e.ContextCompacted:
        """Put a summary in the place of the conversation; return what became of it.

        Raises:
            InvalidTransition: the session is put away. SessionTerminated: it ended.
            Unavailable: nobody compacted it for `timeout_s` seconds; it is recorded, and done
            when a worker can.
        """
        fields = {"instructions": instructions}
        number = await self._record(CompactContext, fields, session_id)
        return await self._end(session_id, number, (e.ContextCompacted,), timeout_s)

    async def add_file(self, session_id: str, path: str) -> int:
        """Keep a file before the model, fresh in every call.

        Raises:
            PathOutsideProject, PathNotFound; ToolFailed: it is no file that could be read.
        """
        return await self._record(AddFile, {"path": path}, session_id)

    async def remove_file(self, session_id: str, path: str) -> int:
        """Keep a file before the model no longer; raises `PathNotFound` where it was not."""
        return await self._record(RemoveFile, {"path": path}, session_id)
