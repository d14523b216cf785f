"""A worker whose tool prints a lot: how much it grows meanwhile, and what is kept of it."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import psutil

from jidoka.client import Client, Recorded
from jidoka.contract import events as e

PRINTED = 100_000_000
KINDS = {
    "lines": f"yes 'a line of very many lines' | head -c {PRINTED}",
    "one line": f"head -c {PRINTED} /dev/zero | tr '\\0' x",
    "NUL": f"head -c {PRINTED} /dev/zero",
    "no UTF-8": f"head -c {PRINTED} /dev/zero | tr '\\0' '\\377'",
}
SAMPLE_S = 0.02
TURN_S = 120.0


@dataclass(frozen=True)
class Printed:
    """What came of it."""

    grown_bytes: int
    """The worker's own memory at its highest, less what it had after a small command."""
    seconds: float
    result: e.ToolCompleted


async def printed(client: Client, folder: Path, command: str) -> Printed:
    """Run a command in a session of its own, after a small one, and watch its worker's memory."""
    folder.mkdir()
    script = folder.with_suffix(".json")
    script.write_text(json.dumps(_script(command)))
    llm = {"provider": "scripted", "model": str(script)}
    session_id = await client.create_session(folder, llm=llm, permission_mode="full-auto")
    await _turn(client, session_id, "small")
    worker = psutil.Process(await client.get_session_pid(session_id))
    before, began = worker.memory_full_info().uss, time.monotonic()
    turn = asyncio.create_task(_turn(client, session_id, "big"))
    highest = before
    while not turn.done():
        highest = max(highest, worker.memory_full_info().uss)
        await asyncio.wait([turn], timeout=SAMPLE_S)
    seconds = time.monotonic() - began
    await client.terminate_session(session_id)
    return Printed(highest - before, seconds, turn.result())


def _script(command: str) -> dict[str, object]:
    def run(when: str, line: str) -> list[dict[str, object]]:
        calls = [{"tool": "shell", "arguments": {"command": line}}]
        return [{"when": when, "tool_calls": calls}, {"when": when, "text": "done"}]

    return {"answers": [*run("small", "echo hello"), *run("big", command)]}


async def _turn(client: Client, session_id: str, message: str) -> e.ToolCompleted:
    """Return what the tool of one turn said."""
    number = await client.send_message(session_id, message)
    items = client.subscribe_to_session(session_id, after=number, live=False)
    done: e.ToolCompleted | None = None
    async with asyncio.timeout(TURN_S), aclosing(items):
        async for item in items:
            match item:
                case Recorded(event=e.ToolCompleted() as event):
                    done = event
                case Recorded(event=e.TurnEnded()):
                    break
                case _:
                    pass
    assert done is not None
    return done
