"""A host vanishes with its workers: its sessions go on elsewhere, or they wait and say so."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from jidoka.contract import events as e
from jidoka.contract.content import ErrorInfo
from tests.chaos.checker import Findings
from tests.chaos.fleet import running_fleet
from tests.chaos.load import Load, in_the_whole_run, scale
from tests.chaos.outcome import report, under_load
from tests.support.nats import NatsServer

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1_200)]

SERVICES = [(name, name) for name in ("session-manager", "coordinator", "llm-gateway")]
HOSTS = [("agent-host", "host-1"), ("agent-host", "host-2")]
SESSIONS = 4
ANOTHER_MACHINE = ("unshare", "--uts", "sh", "-c", 'hostname "$1"; shift; exec "$@"', "sh")
"""Before a name and a command: it runs under that name of the machine."""


@in_the_whole_run
async def test_the_sessions_of_a_vanished_host_go_on_at_another_of_its_machine(
    durable_nats: NatsServer, tmp_path: Path, count: list[str]
):
    async with running_fleet(tmp_path / "fleet", durable_nats.url, [*SERVICES, *HOSTS]) as (
        fleet,
        load,
    ):
        await load.open(SESSIONS)

        async def vanish() -> int:
            dead = 0
            for number in range(scale(2, 10)):
                program, name = HOSTS[number % 2]
                await asyncio.sleep(2.0)
                dead += await asyncio.to_thread(fleet.kill, name)
                await _everyone_ended_a_turn_more(load)
                fleet.start(program, name)
                await fleet.ready(hosts=2)
            return dead

        died = await under_load(load, vanish)
        findings = await load.findings()

    report(count, "processes of vanished hosts", died, load, findings)
    assert findings.broken == []
    hosts = {host for session_id in findings.sessions for host in _hosts(findings, session_id)}
    assert hosts == {"host-1", "host-2"}


async def test_without_a_host_a_session_says_so_and_goes_on_when_one_is_back(
    durable_nats: NatsServer, tmp_path: Path, count: list[str]
):
    starts = [*SERVICES, HOSTS[0]]
    async with running_fleet(tmp_path / "fleet", durable_nats.url, starts) as (fleet, load):
        await load.open(1)
        [talk] = load.talks
        await asyncio.to_thread(fleet.kill, "host-1")
        talk.said = 1
        talk.acknowledged.append(await load.sender.say(talk.session_id, "message-1."))
        waits = await _info_with(load, talk.session_id, "no_host")
        fleet.start(*HOSTS[0])
        await load.stack.until(talk.session_id, e.TurnEnded, 1)
        info = await load.stack.client.get_session_info(talk.session_id)
        findings = await load.findings()

    report(count, "sessions that waited for their host", 1, load, findings)
    assert waits.details == {"hosts": 0, "wanted": "host-1"}
    assert waits.retryable
    assert info.error is None
    assert findings.broken == []


@pytest.mark.skipif(os.geteuid() != 0, reason="another name of the machine needs root")
async def test_another_machine_takes_over_only_what_lies_in_a_shared_folder(
    durable_nats: NatsServer, tmp_path: Path, count: list[str]
):
    settings = {
        "JIDOKA_SHARED_FOLDERS": str(tmp_path / "fleet" / "projects" / "1"),
        "JIDOKA_HOST_LEASE_S": "3",
    }
    async with running_fleet(tmp_path / "fleet", durable_nats.url, SERVICES) as (fleet, load):
        fleet.start(*HOSTS[0], within=(*ANOTHER_MACHINE, "one"), **settings)
        await fleet.ready(hosts=1)
        await load.open(2)
        shared, local = load.talks
        fleet.start(*HOSTS[1], within=(*ANOTHER_MACHINE, "two"), **settings)
        await fleet.ready(hosts=2)
        await asyncio.to_thread(fleet.kill, "host-1")
        for talk in load.talks:
            talk.said = 1
            talk.acknowledged.append(await load.sender.say(talk.session_id, "message-1."))
        moved = await load.stack.until(shared.session_id, e.TurnEnded, 1)
        waits = await _info_with(load, local.session_id, "no_host")
        fleet.start(*HOSTS[0], within=(*ANOTHER_MACHINE, "one"), **settings)
        await load.stack.until(local.session_id, e.TurnEnded, 1)
        findings = await load.findings()

    report(count, "sessions of a vanished machine", 2, load, findings)
    assert moved.envelope.epoch == 2
    assert (waits.details["hosts"], waits.details["wanted"]) == (1, "host-1")
    assert findings.broken == []
    assert _hosts(findings, shared.session_id) == ["host-1", "host-2"]
    assert _hosts(findings, local.session_id) == ["host-1", "host-1"]


async def _info_with(load: Load, session_id: str, code: str) -> ErrorInfo:
    """Return the problem that a session is listed with, as soon as it has this code."""
    async with asyncio.timeout(30):
        while True:
            [info] = [
                x for x in await load.stack.client.list_sessions() if x.session_id == session_id
            ]
            if info.error is not None and info.error.code == code:
                return info.error
            await asyncio.sleep(0.1)


async def _everyone_ended_a_turn_more(load: Load) -> None:
    ended = {talk.session_id: talk.said for talk in load.talks}
    for session_id, said in ended.items():
        await load.stack.until(session_id, e.TurnEnded, said + 1)


def _hosts(findings: Findings, session_id: str) -> list[str]:
    """Return the hosts that a session was given to, in order."""
    events = findings.sessions[session_id]
    return [event.data["host"] for event in events if event.name == "worker.assigned"]
