"""Cables are pulled under load: who is parted writes nothing, and all goes on when it is healed."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
import pytest

from jidoka.contract import events as e
from tests.chaos.checker import Findings
from tests.chaos.fleet import Fleet, running_fleet
from tests.chaos.load import MESSAGES, Load, in_the_whole_run, scale
from tests.chaos.outcome import report, under_load
from tests.support.nats import NatsServer
from tests.support.networks import Network, network, why_not

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.timeout(1_800),
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
]

SERVICES = [(name, name) for name in ("coordinator", "llm-gateway")]
PARTED = [
    ("agent-host", "host"),
    ("session-manager", "manager"),
    ("session-manager", "standby"),
]
PARTED_S = 5.0
ANOTHER_MACHINE = ("unshare", "--uts", "sh", "-c", 'hostname "$1"; shift; exec "$@"', "sh")
"""Before a name and a command: it runs under that name of the machine."""


@pytest.fixture
def net() -> Iterator[Network]:
    with network() as net:
        yield net


@pytest.fixture
def broker(net: Network, tmp_path: Path) -> Iterator[NatsServer]:
    """A broker that listens on the bridge."""
    server = NatsServer(tmp_path / "nats", sync_always=True)
    server.host = net.address
    server.start()
    yield server
    server.stop()


async def test_host_manager_and_client_are_parted_from_the_broker_in_turn(
    net: Network, broker: NatsServer, tmp_path: Path, count: list[str]
):
    within = {name: net.join(name) for _, name in PARTED}
    async with running_fleet(
        tmp_path / "fleet", broker.url, [*SERVICES, *PARTED], within=within
    ) as (_, load):
        await load.open(3)
        await load.open(1)
        load.talks[-1].said = MESSAGES  # a client that can be parted talks there
        stranger = await asyncio.to_thread(_stranger, net, broker, load)

        async def part() -> int:
            parted = [*within, "client"]
            rounds = scale(1, 6)
            for _ in range(rounds):
                for member in parted[:: scale(3, 1)]:
                    net.part(member)
                    await asyncio.sleep(PARTED_S)
                    net.heal(member)
                    await _everyone_ended_a_turn_more(load)
            return rounds * len(parted[:: scale(3, 1)])

        parted = await under_load(load, part)
        load.talks[-1].acknowledged += await asyncio.to_thread(_last_words, stranger)
        load.talks[-1].said = len(load.talks[-1].acknowledged)
        await _at_rest(load)
        findings = await load.findings()

    report(count, "partitions of host, manager, client", parted, load, findings)
    count.append(f"a parted client: {len(load.talks[-1].acknowledged)} messages, none lost")
    assert findings.broken == []
    assert len(load.talks[-1].acknowledged) > parted


@in_the_whole_run
async def test_a_parted_machine_ends_its_workers_before_another_takes_over(
    net: Network, broker: NatsServer, tmp_path: Path, count: list[str]
):
    settings: dict[str, Any] = {
        "JIDOKA_SHARED_FOLDERS": str(tmp_path / "fleet" / "projects"),
        "JIDOKA_HOST_LEASE_S": "3",
    }
    services = [*SERVICES, ("session-manager", "session-manager")]
    async with running_fleet(tmp_path / "fleet", broker.url, services, **settings) as (fleet, load):
        for name in ("one", "two"):
            within = (*net.join(name), *ANOTHER_MACHINE, name)
            fleet.start("agent-host", name, within=within)
        await fleet.ready(hosts=2)
        await load.open(4)
        alone: list[datetime] = []

        async def part() -> int:
            rounds = scale(1, 10)
            for number in range(rounds):
                name = ("one", "two")[number % 2]
                net.part(name)
                await _no_worker_left(fleet, name)
                alone.append(datetime.now(UTC))
                await _everyone_ended_a_turn_more(load)
                net.heal(name)
                await fleet.ready(hosts=2)
            return rounds

        parted = await under_load(load, part)
        findings = await load.findings()

    report(count, "machines parted, sessions moved", parted, load, findings)
    assert findings.broken == []
    assert _moved_at(findings)
    assert min(_moved_at(findings)) > alone[0]


def _stranger(net: Network, broker: NatsServer, load: Load) -> subprocess.Popen[str]:
    """Start a client in a namespace of its own that talks in the last session."""
    talk = load.talks[-1]
    command = ["-m", "tests.chaos.talker", broker.url, talk.session_id, "1"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.Popen(
        [*net.join("client"), sys.executable, *command],
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    )


async def _at_rest(load: Load) -> None:
    """Return when the last session has answered all that was said in it."""
    async with asyncio.timeout(60):
        while True:
            info = await load.stack.client.get_session_info(load.talks[-1].session_id)
            if info.phase == "ready":
                return
            await asyncio.sleep(0.5)


def _last_words(stranger: subprocess.Popen[str]) -> list[int]:
    """End the client; return the numbers that it was told."""
    stranger.terminate()
    said, _ = stranger.communicate(timeout=10)
    return [int(line) for line in said.split()]


async def _everyone_ended_a_turn_more(load: Load) -> None:
    ended = {talk.session_id: talk.said for talk in load.talks if talk.said < MESSAGES}
    for session_id, said in ended.items():
        await load.stack.until(session_id, e.TurnEnded, said + 1)


async def _no_worker_left(fleet: Fleet, name: str) -> None:
    """Return when a host has no worker any more; it is told nothing."""
    host = psutil.Process(fleet.running[name].pid)
    async with asyncio.timeout(20):
        while True:
            if not any(zygote.children() for zygote in host.children()):
                return
            await asyncio.sleep(0.05)


def _moved_at(findings: Findings) -> list[datetime]:
    """Return when sessions were given to another machine."""
    moved: list[datetime] = []
    for events in findings.sessions.values():
        given = [event for event in events if event.name == "worker.assigned"]
        for before, after in itertools.pairwise(given):
            if before.data["host"] != after.data["host"]:
                moved.append(datetime.fromisoformat(after.body["time"]))
    return moved
