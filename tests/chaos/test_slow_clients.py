"""A client that subscribes to everything and reads nothing: it harms itself alone."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager

import psutil
import pytest

from jidoka.bus.connection import Bus, connect
from jidoka.bus.ensure import ensure
from jidoka.bus.event_log import NatsEventLog
from jidoka.bus.live import NatsLive
from jidoka.contract import events as e
from jidoka.contract.content import LlmConfig
from jidoka.contract.live import Delta
from jidoka.core.ports import Draft, Head
from tests.benchmarks.results import p95
from tests.chaos.checker import check, read_all
from tests.chaos.load import scale
from tests.support.live import deltas_of
from tests.support.nats import NatsServer

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(600)]

MIB = 1024 * 1024
DELTAS_A_SECOND = 2_000
SESSIONS = 10
TEXT = "x" * 1_000
SUBJECTS = ("jido.session.*.live.>", "jido.session.*.event.>")


@asynccontextmanager
async def deaf(server: NatsServer) -> AsyncGenerator[asyncio.StreamReader]:
    """Subscribe to everything on a plain socket, then read no more."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=4096)
    writer.transport.pause_reading()  # pyright: ignore[reportAttributeAccessIssue]
    options = {"verbose": False, "pedantic": False, "name": "deaf", "lang": "test", "version": "1"}
    writer.write(b"CONNECT " + json.dumps(options).encode() + b"\r\n")
    for number, subject in enumerate(SUBJECTS):
        writer.write(f"SUB {subject} {number + 1}\r\n".encode())
    writer.write(b"PING\r\n")
    await writer.drain()
    try:
        yield reader
    finally:
        writer.transport.abort()


async def _show(bus: Bus, until_s: float) -> int:
    """Show deltas in all sessions, so many a second; return how many."""
    live, shown = NatsLive(bus, source="/chaos"), 0
    begun = time.monotonic()
    while time.monotonic() < until_s:
        due = int((time.monotonic() - begun) * DELTAS_A_SECOND)
        while shown < due:
            session = f"s{shown % SESSIONS}"
            delta = Delta(turn_id="t", call_id="c", attempt=1, offset=shown, text=TEXT)
            await live.publish(session, "text", delta, 1)
            shown += 1
        await asyncio.sleep(0.005)
    return shown


async def _record(bus: Bus, until_s: float, numbers: dict[str, list[int]]) -> list[float]:
    """Record events in all sessions; return how long each took, in seconds."""
    log, heads, took = NatsEventLog(bus), dict.fromkeys(numbers, Head()), []
    while time.monotonic() < until_s:
        for session_id, head in heads.items():
            number = head.sequence + 1
            event = e.SessionCreated(session_name="s", project_path="/", llm=LlmConfig())
            if number > 1:
                event = e.MessageAccepted(message_id=f"{session_id}-{number}", content=TEXT)
            began = time.monotonic()
            draft = Draft(event, f"{session_id}-{number}", "/chaos")
            heads[session_id] = (await log.append(session_id, draft, head))[-1].head
            took.append(time.monotonic() - began)
            if number > 1:
                numbers[session_id].append(number)
        await asyncio.sleep(0.01)
    return took


async def _watch(bus: Bus, session_id: str, seen: list[int]) -> None:
    """See the deltas of a session as a client that reads."""
    async with aclosing(deltas_of(bus, session_id)) as deltas:
        async for shown in deltas:
            seen.append(shown.missed)  # noqa: PERF401 - it ends in the middle


async def test_a_client_that_does_not_read_harms_itself_alone(
    nats_server: NatsServer, count: list[str]
):
    lasting_s = scale(16, 60)
    numbers: dict[str, list[int]] = {f"s{n}": [] for n in range(SESSIONS)}
    seen: list[int] = []
    broker = psutil.Process(nats_server.pid)
    async with (
        await connect(nats_server.url, name="ours") as bus,
        await connect(nats_server.url, name="another") as other,
    ):
        await ensure(bus)
        watching = asyncio.create_task(_watch(other, "s0", seen))
        quiet = await _record(bus, time.monotonic() + 2.0, numbers_of(SESSIONS, "q"))
        before = broker.memory_info().rss
        async with deaf(nats_server) as reader:
            until_s = time.monotonic() + lasting_s
            shown, took = await asyncio.gather(
                _show(bus, until_s), _record(other, until_s, numbers)
            )
            grown = broker.memory_info().rss - before
            reader._transport.resume_reading()  # pyright: ignore[reportAttributeAccessIssue]
            was_cut = await _ended(reader)
        watching.cancel()
        caught_up = await _history(bus, "s0")
    findings = check(await read_all(nats_server.url), numbers, [])

    recorded = sum(map(len, numbers.values()))
    count.append(
        f"deaf client for {lasting_s} s: {shown} deltas, {recorded} events, cut {was_cut}, lost "
        f"{len(findings.broken)}, append p95 {p95(took) * 1e3:.1f} ms (quiet "
        f"{p95(quiet) * 1e3:.1f}), broker grew by {grown / MIB:.0f} MiB"
    )
    assert findings.broken == []
    assert was_cut
    assert sum(seen) == 0
    assert len(seen) >= shown / SESSIONS * 0.99
    assert caught_up == [*range(1, len(numbers["s0"]) + 2)]
    assert grown < 256 * MIB


def numbers_of(sessions: int, prefix: str) -> dict[str, list[int]]:
    """Return sessions of which nothing is recorded yet."""
    return {f"{prefix}{n}": [] for n in range(sessions)}


async def _ended(reader: asyncio.StreamReader) -> bool:
    """Tell whether the broker has ended the connection."""
    try:
        async with asyncio.timeout(10):
            while await reader.read(65_536):
                pass
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return True


async def _history(bus: Bus, session_id: str) -> list[int]:
    """Return the numbers that who comes back reads from its cursor on."""
    return [entry.sequence async for entry in NatsEventLog(bus).read(session_id)]
