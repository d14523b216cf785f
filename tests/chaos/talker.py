"""`python -m tests.chaos.talker URL SESSION FIRST`: a client as a process of its own.

It says one message after the other, each until it is recorded, and prints the numbers.
"""

from __future__ import annotations

import asyncio
import itertools
import sys

from tests.chaos.sender import Sender


async def talk(url: str, session_id: str, first: int) -> None:
    """Talk until the process is ended."""
    sender = await Sender.connected(url)
    for number in itertools.count(first):
        recorded = await sender.say(session_id, f"message-{number}.")
        sys.stdout.write(f"{recorded}\n")
        sys.stdout.flush()
        await asyncio.sleep(0.3)


if __name__ == "__main__":
    asyncio.run(talk(sys.argv[1], sys.argv[2], int(sys.argv[3])))
