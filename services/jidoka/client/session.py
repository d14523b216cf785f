"""The public door for Python: create sessions, talk to them, watch them.

    async with await Client.connect(url) as client:
        session_id = await client.create_session("/path/of/project")
        await client.send_message(session_id, "Why does the test fail?")
        async for item in client.subscribe_to_session(session_id):
            ...

Every refusal is an exception of `jidoka.contract.errors`. Nothing here is needed to speak with
jidoka: all of it is subjects and JSON, as `schemas/` describes them.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from pathlib import Path
from types import TracebackType
from typing import Any

from jidoka.bus import follower, requests
from jidoka.bus.blobs import NatsBlobs
from jidoka.bus.buckets import HostDirectory
from jidoka.bus.connection import Bus, connect
from jidoka.client.asking import new_id, valid
from jidoka.client.contexts import Contexts
from jidoka.client.exporting import export, known_end
from jidoka.client.following import Wanted, follow, recorded
from jidoka.client.importing import staged
from jidoka.client.items import Item, Recorded
from jidoka.client.seeking import NOWHERE
from jidoka.client.shapes import SessionView
from jidoka.client.viewing import view_of
from jidoka.contract import commands, subjects
from jidoka.contract.content import Content, Status
from jidoka.contract.errors import from_dict
from jidoka.contract.internal import HostBeat, LlmModels, LlmModelsRequest
from jidoka.contract.replies import SessionInfo

REQUEST_TIMEOUT_S = 30.0
REBUILD_S = 600.0


class Client(Contexts):
    """A connection to jidoka. Made by `connect`, ended by `close` or by leaving its context."""

    def __init__(self, bus: Bus, source: str, timeout_s: float) -> None:
        super().__init__(bus, source, timeout_s)
        self._followers: dict[str, set[asyncio.Event]] = {}

    @classmethod
    async def connect(
        cls, url: str, *, source: str = "client", timeout_s: float = REQUEST_TIMEOUT_S
    ) -> Client:
        """Return a client of the broker at `url`; `source` says who speaks.

        Raises:
            Unavailable: nobody answers there. Unauthenticated: the token is wrong.
        """
        bus = await connect(url, name=f"jidoka {source}")
        return cls(bus, f"/jidoka/{source}/{new_id()}", timeout_s)

    async def __aenter__(self) -> Client:
        """Return the client itself."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        """Close it."""
        await self.close()

    async def close(self) -> None:
        """End the connection; sessions go on."""
        await self.bus.close()

    # --- sessions --------------------------------------------------------------------------------

    async def create_session(self, project_path: str | Path, **settings: Any) -> str:
        """Open a session on an absolute path and return its id.

        `settings` are the further fields of the command `session.create`: `name`, `llm`,
        `permission_mode`, `limits`, `sandbox`, `sharing`, `system_prompt`, `tools`, `metadata`.

        Raises:
            InvalidMessage, SessionLimitReached, ProjectAlreadyOpen and the `project_*` errors.
        """
        fields = {"project_path": str(project_path)} | settings
        answer = await self._ask(commands.CreateSession, fields)
        return str(answer["session_id"])

    async def get_session_info(self, session_id: str) -> SessionInfo:
        """Return all that is known of a session, also after its end."""
        answer = await self._ask(commands.GetSession, {}, session_id)
        return SessionInfo.model_validate(answer.get("session", answer))

    async def get_session_pid(self, session_id: str) -> int | None:
        """Return the pid of the session's worker, None while none lives."""
        return (await self.get_session_info(session_id)).worker_pid

    async def list_sessions(
        self,
        *,
        status: Iterable[Status | str] | None = None,
        project: str | None = None,
        text: str | None = None,
        limit: int = 1_000,
    ) -> list[SessionInfo]:
        """Return sessions, newest first; without `status` those that are not terminated."""
        found: list[SessionInfo] = []
        after: str | None = None
        while len(found) < limit:
            fields = {
                "status": None if status is None else tuple(status),
                "project": project,
                "text": text,
                "limit": min(limit - len(found), 1_000),
                "after": after,
            }
            given = {key: value for key, value in fields.items() if value is not None}
            page = await self._asker.ask_for_sessions(valid(commands.ListSessions, given))
            found.extend(page.sessions)
            after = page.next
            if after is None:
                break
        return found

    async def close_session(self, session_id: str, reason: str = "") -> int:
        """Put a session away; return the number it was recorded as."""
        return await self._record(commands.CloseSession, {"reason": reason}, session_id)

    async def resume_session(self, session_id: str) -> int:
        """Bring a closed session back.

        Raises:
            InvalidTransition: it is open.
        """
        return await self._record(commands.ResumeSession, {}, session_id)

    async def terminate_session(self, session_id: str, reason: str = "") -> int:
        """End a session for good; asked twice it answers the same."""
        return await self._record(commands.TerminateSession, {"reason": reason}, session_id)

    async def delete_session(self, session_id: str) -> int:
        """Erase a closed or terminated session; return the number of its tombstone."""
        return await self._record(commands.DeleteSession, {}, session_id)

    async def export_session(self, session_id: str, file: Path) -> int:
        """Write a session to one file, whole or not at all; return how many bytes it has.

        Raises:
            SessionNotFound, LogDamaged; StorageNotWritable, StorageFull: the file's disk.
        """
        return await export(self.bus, session_id, file, await known_end(self.bus, session_id))

    async def fork_session(self, session_id: str, at: int | None = None, **settings: Any) -> str:
        """Go on with a conversation up to number `at` in a new session; return its id."""
        answer = await self._ask(commands.ForkSession, {"at": at} | settings, session_id)
        return str(answer["session_id"])

    async def import_session(self, file: Path, project_path: str | Path, **settings: Any) -> str:
        """Open a session on a folder that goes on with an exported one; return its new id.

        Raises:
            ImportInvalid, UnsupportedVersion, TooLarge: the file. SessionExists: it is here
            already. What `create_session` raises.
        """
        fields = {"project_path": str(project_path)} | settings
        async with staged(self.bus, file) as ref:
            answer = await self._ask(commands.ImportSession, fields | {"export": ref})
        return str(answer["session_id"])

    async def rename_session(self, session_id: str, name: str) -> int:
        """Give a session another name."""
        return await self._record(commands.RenameSession, {"name": name}, session_id)

    async def configure_session(self, session_id: str, **changes: Any) -> int:
        """Change `llm`, `permission_mode`, `limits` or `system_prompt` from the next turn on."""
        return await self._record(commands.ConfigureSession, changes, session_id)

    # --- conversation ----------------------------------------------------------------------------

    async def send_message(
        self,
        session_id: str,
        content: Content,
        policy: str = "queue",
        author: str = "",
        *,
        unattended: bool = False,
    ) -> int:
        """Say something to the agent; return the number it was recorded as.

        `unattended`: nobody waits for questions, so that those of its turn take their default.

        Raises:
            SessionNotFound, SessionTerminated, SessionBusy, InboxFull, InvalidMessage.
        """
        fields: dict[str, Any] = {"content": content, "policy": policy, "author": author}
        if unattended:
            fields["unattended"] = True
        return await self._record(commands.SubmitMessage, fields, session_id)

    async def cancel_turn(self, session_id: str, reason: str = "") -> int:
        """Stop the running turn."""
        return await self._record(commands.CancelTurn, {"reason": reason}, session_id)

    async def clear_conversation(self, session_id: str) -> int:
        """Let the model forget; the log keeps all."""
        return await self._record(commands.ClearConversation, {}, session_id)

    # --- watching --------------------------------------------------------------------------------

    async def subscribe_to_session(
        self, session_id: str, after: int = 0, *, live: bool = True, to_the_end: bool = False
    ) -> AsyncGenerator[Item]:
        """Yield events after number `after`, deltas among them, without end.

        Below 0 it counts from the end: -50 begins with the last fifty. `to_the_end` ends it with
        what is there now. Leaving the iterator ends it, and so does `unsubscribe_from_session`.

        Raises:
            SessionNotFound; InvalidMessage: `after` is beyond the end.
            Unavailable: `to_the_end`, and nothing came for 30 s before it.
        """
        known = self._places.get(session_id, NOWHERE)
        wanted = Wanted(after, known, live=live, to_the_end=to_the_end)
        mine = self._followers.setdefault(session_id, set())
        mine.add(wanted.enough)
        try:
            async with aclosing(follow(self.bus, session_id, wanted)) as items:
                async for item in items:
                    yield item
        finally:
            mine.discard(wanted.enough)

    async def session_view(self, session_id: str) -> SessionView:
        """Return what a person sees of a session now; raises what `view_of` raises."""
        return await view_of(self.bus, session_id)

    def unsubscribe_from_session(self, session_id: str) -> None:
        """End all that this client follows of a session."""
        for enough in self._followers.pop(session_id, set()):
            enough.set()

    async def subscribe_to_all_sessions(self) -> AsyncGenerator[Recorded]:
        """Yield from now on who was created, changed, or ended: lifecycle, without content."""
        state = await self.bus.api(f"STREAM.INFO.{subjects.EVENTS_STREAM}")
        after = int(state["state"]["last_seq"])
        wanted = follower.Filter(subjects.EVENTS_STREAM, subjects.LIFECYCLE, after)
        blobs = NatsBlobs(self.bus)
        async with aclosing(follower.follow(self.bus, wanted)) as stored:
            async for each in stored:
                yield await recorded(blobs, each)

    # --- what is there ---------------------------------------------------------------------------

    async def models(self, request: LlmModelsRequest) -> LlmModels:
        """Return the model that a call would use.

        Raises:
            ApiKeyMissing: there is none at all, with the ways to get one; or its key is missing.
            ProviderUnknown, ModelUnknown: nobody serves that name.
            Unavailable, TimedOut: no llm-gateway answers.
        """
        return await self._asker.answered(
            lambda timeout_s: requests.ask(
                self.bus, subjects.LLM_MODELS, request, LlmModels, timeout_s
            )
        )

    async def rebuild_registry(self) -> int:
        """Have the list of sessions made again from the log; return the position it reached."""
        subject = subjects.manager_request("registry.rebuild")
        reply = json.loads((await self.bus.request(subject, b"", REBUILD_S)).data)
        if not reply.get("ok"):
            raise from_dict(reply.get("error") or {})
        return int(reply["position"])

    async def hosts(self) -> list[HostBeat]:
        """Return the last sign of life of every agent host that there is."""
        return list((await HostDirectory(self.bus).alive()).values())
