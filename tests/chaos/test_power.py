"""The power is cut under load: what was acknowledged is there afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from jidoka.bus.connection import connect
from jidoka.bus.ensure import ensure
from jidoka.bus.event_log import NatsEventLog
from jidoka.bus.storage_limits import StorageLimits
from jidoka.contract import events as e
from jidoka.contract.content import LlmConfig
from jidoka.contract.errors import JidokaError
from jidoka.core.ports import Draft, Head
from tests.chaos.checker import check, read_all
from tests.chaos.load import scale
from tests.support.nats import NatsServer
from tests.support.power import LoopDisk, why_not

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.timeout(1_200),
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]

MIB = 1024 * 1024
LIMITS = StorageLimits(
    events_bytes=128 * MIB,
    commands_bytes=8 * MIB,
    live_bytes=8 * MIB,
    projects_bytes=8 * MIB,
    dlq_bytes=8 * MIB,
    snapshots_bytes=8 * MIB,
    answers_bytes=8 * MIB,
    blobs_bytes=8 * MIB,
)
"""What fits on the disk of this test."""
WRITERS = 4
UNDER_LOAD_S = 1.0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[LoopDisk]:
    disk = LoopDisk(tmp_path)
    yield disk
    disk.unmount()


@pytest.fixture
def server(disk: LoopDisk) -> Iterator[NatsServer]:
    """A server that stores on the disk; it ends before the disk is unmounted."""
    server = NatsServer(disk.mounted_at / "nats", sync_always=True)
    yield server
    server.kill()


async def _write(url: str, session_id: str, numbers: list[int], stop: asyncio.Event) -> None:
    """Append until the power is gone; note each number that was acknowledged."""
    async with await connect(url, name="writer") as bus:
        log, head = NatsEventLog(bus, patience_s=1.0, try_timeout_s=1.0), Head()
        last = await log.last(session_id)
        head = last.head if last else head
        with suppress(JidokaError):
            while not stop.is_set():
                number = head.sequence + 1
                event = e.SessionCreated(session_name="s", project_path="/", llm=LlmConfig())
                if number > 1:
                    event = e.MessageAccepted(message_id=f"{session_id}-{number}", content="x")
                draft = Draft(event, f"{session_id}-{number}", "/chaos")
                head = (await log.append(session_id, draft, head))[-1].head
                if number > 1:
                    numbers.append(number)


async def test_no_acknowledged_event_is_lost_when_the_power_goes(disk, server, count):
    acknowledged: dict[str, list[int]] = {f"s{n}": [] for n in range(WRITERS)}
    cuts = scale(2, 20)
    for _ in range(cuts):
        server.start()
        async with await connect(server.url, name="ensure") as bus:
            await ensure(bus, LIMITS)
        stop = asyncio.Event()
        writers = [
            asyncio.create_task(_write(server.url, session_id, numbers, stop))
            for session_id, numbers in acknowledged.items()
        ]
        await asyncio.sleep(UNDER_LOAD_S)
        disk.cut()
        stop.set()
        server.kill()
        await asyncio.gather(*writers)
        await asyncio.to_thread(disk.power_on)

    server.start()
    findings = check(await read_all(server.url), acknowledged, [])

    total = sum(map(len, acknowledged.values()))
    lost = len(findings.broken)
    count.append(f"power cuts: {cuts} | events acknowledged {total} | lost or doubled {lost}")
    assert findings.broken == []
    assert total > cuts * 50
