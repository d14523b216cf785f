"""The way to the leading session-manager, which may just be changing."""

from __future__ import annotations

import asyncio
import json
from typing import Final

from jidoka.bus.connection import Bus
from jidoka.bus.entries import STRUCTURED
from jidoka.contract.envelope import Envelope
from jidoka.contract.errors import JidokaError, TimedOut, Unavailable, from_dict
from jidoka.contract.subjects import manager_request

LEADER_PATIENCE_S: Final = 3.0
"""A standby takes over within this time."""
ANSWER_S: Final = 30.0
"""A create may make a worktree, a resume may wait for a place."""
SETTLE_S: Final = 5.0
RETRY_S: Final = 0.05


class Manager:
    """Asks whichever session-manager leads."""

    def __init__(self, bus: Bus, patience_s: float = LEADER_PATIENCE_S) -> None:
        self._bus = bus
        self._patience_s = patience_s

    async def ask(self, name: str, asked: Envelope) -> bytes:
        """Return the answer to a command that the leader decides, as it came: lists are long.

        Raises:
            Unavailable: nobody leads, for 3 s. TimedOut: no answer; it may have happened.
        """
        return await self._request(name, asked.to_json(), STRUCTURED, ANSWER_S)

    async def abandon(self, session_id: str) -> tuple[int, int]:
        """Have a session ended whose log is damaged; return number and cursor of what is recorded.

        Raises:
            SessionNotFound: there is none. Unavailable, TimedOut: as `ask`.
        """
        body = json.dumps({"session_id": session_id}).encode()
        said = json.loads(await self._request("session.abandon", body, None, SETTLE_S))
        if not said["ok"]:
            raise from_dict(said["error"])
        return int(said["sequence"]), int(said["cursor"])

    async def settle(self, session_id: str) -> bool:
        """Have a close or termination carried out; return whether it was within 5 s.

        It is recorded, so it is carried out in any case: not seeing it is no failure.
        """
        body = json.dumps({"session_id": session_id}).encode()
        try:
            async with asyncio.timeout(SETTLE_S):
                answer = await self._request("session.settle", body, None, SETTLE_S)
        except (TimeoutError, JidokaError):
            return False
        return b'"ok":false' not in answer.replace(b" ", b"")

    async def _request(
        self, name: str, body: bytes, headers: dict[str, str] | None, timeout_s: float
    ) -> bytes:
        loop = asyncio.get_running_loop()
        until = loop.time() + self._patience_s
        while True:
            try:
                subject = manager_request(name)
                return (await self._bus.request(subject, body, timeout_s, headers=headers)).data
            except TimedOut:
                raise
            except Unavailable:
                if loop.time() >= until:
                    why = f"none has led for {self._patience_s:g} s"
                    raise Unavailable(part="session-manager", why=why) from None
                await asyncio.sleep(RETRY_S)
