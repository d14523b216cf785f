"""A stranger who says things until they are recorded: plain NATS, one id for all tries."""

from __future__ import annotations

import asyncio
import json
import uuid
from contextlib import suppress
from typing import Any

import nats
from nats.aio.client import Client
from nats.errors import Error

SUBJECT = "jido.command.message.submit"
HEADERS = {"content-type": "application/cloudevents+json"}
ONE_TRY_S = 5.0
AGAIN_S = 0.2
WHOLE_S = 120.0


class RefusedError(Exception):
    """The system said no, and asking again would not help."""


class Sender:
    """Says messages; made by `connected`."""

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
        command = {
            "specversion": "1.0",
            "id": str(uuid.uuid4()),
            "source": "/chaos",
            "type": "jido.message.submit.v1",
            "subject": session_id,
            "datacontenttype": "application/json",
            "data": {"session_id": session_id, "content": text},
        }
        async with asyncio.timeout(WHOLE_S):
            while True:
                self.tries += 1
                answer = await self._asked(json.dumps(command).encode())
                if answer.get("type") == "jido.command.accepted.v1":
                    return int(answer["data"]["sequence"])
                if answer and not answer["data"]["retryable"]:
                    raise RefusedError(answer["data"])
                await asyncio.sleep(AGAIN_S)

    async def _asked(self, command: bytes) -> dict[str, Any]:
        """Return the answer, nothing where there is none."""
        with suppress(Error, TimeoutError, OSError):
            reply = await self._connection.request(SUBJECT, command, ONE_TRY_S, headers=HEADERS)
            return json.loads(reply.data)
        return {}


async def _unmoved(_problem: Exception) -> None:
    """A broker that dies is what this is made for."""
