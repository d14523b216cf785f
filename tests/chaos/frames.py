"""The broker's text protocol, as far as it is needed to know what goes over a connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

LONGEST_LINE = 1024 * 1024
CARRYING = ("PUB", "HPUB", "MSG", "HMSG")
LEAST_WORDS = {"PUB": 3, "HPUB": 4, "MSG": 4, "HMSG": 5}
"""Of a line that asks for no answer."""


@dataclass(frozen=True)
class Frame:
    """One line and, where it carries one, its message."""

    raw: bytes
    subject: str = ""
    reply: str = ""
    body: bytes = b""


async def frames(reader: asyncio.StreamReader) -> AsyncGenerator[Frame]:
    """Yield what one side says until it has no more to say."""
    while line := await reader.readline():
        words = line.decode("latin-1").split()
        verb = words[0].upper() if words else ""
        if verb not in CARRYING:
            yield Frame(line)
            continue
        size = int(words[-1])
        rest = await reader.readexactly(size + 2)
        head = int(words[-2]) if verb.startswith("H") else 0
        reply = words[LEAST_WORDS[verb] - 1 - verb.startswith("H")]
        is_asked = len(words) > LEAST_WORDS[verb]
        yield Frame(line + rest, words[1], reply if is_asked else "", rest[head:size])
