"""A stranger who asks for things until they are done: plain NATS, one id for all tries."""

from __future__ import annotations

import asyncio
import json
import uuid
from contextlib import suppress
from typing import Any

import nats
from nats.aio.client import Client
from nats.errors import Error

HEADERS = {"content-type": "application/cloudevents+json"}
ONE_TRY_S = 5.0
AGAIN_S = 0.2
WHOLE_S = 120.0


class RefusedError(Exception):
    """The system said no, and asking again would not help."""


class Sender:
    """Sends commands; made by `connected`."""

    def __init__(self, connection: Client) -> None:
        self._connection = connection
        self.tries = 0

    @classmethod
    async def connected(cls, url: str) -> Sender:
        """Return one that stays connected whatever happens to the broker."""
        return cls(
            await nats.connect(
                url.split(","),
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.2,
                error_cb=_unmoved,
            )
        )

    async def close(self) -> None:
        """End the connection."""
        with suppress(Error):
            await self._connection.close()

    async def say(self, session_id: str, text: str) -> int:
        """Return the number that a message was recorded as, however often it had to be said."""
        data = {"session_id": session_id, "content": text}
        return int((await self.ask("message.submit", data, session_id))["sequence"])

    async def ask(self, name: str, data: dict[str, Any], session_id: str = "") -> dict[str, Any]:
        """Return what a command was accepted with, however often it had to be asked."""
        command = {
            "specversion": "1.0",
            "id": str(uuid.uuid4()),
            "source": "/chaos",
            "type": f"jido.{name}.v1",
            "datacontenttype": "application/json",
            "data": data,
        }
        body = json.dumps(command | ({"subject": session_id} if session_id else {})).encode()
        async with asyncio.timeout(WHOLE_S):
            while True:
                self.tries += 1
                answer = await self._asked(f"jido.command.{name}", body)
                if answer.get("type") == "jido.command.accepted.v1":
                    return answer["data"]
                if answer and not answer["data"]["retryable"]:
                    raise RefusedError(answer["data"])
                await asyncio.sleep(AGAIN_S)

    async def _asked(self, subject: str, command: bytes) -> dict[str, Any]:
        """Return the answer, nothing where there is none."""
        with suppress(Error, TimeoutError, OSError):
            reply = await self._connection.request(subject, command, ONE_TRY_S, headers=HEADERS)
            return json.loads(reply.data)
        return {}


async def _unmoved(_problem: Exception) -> None:
    """A broker that dies is what this is made for."""
