"""Three real nats-servers on loopback that are one cluster, each with a store of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from jidoka.bus.connection import connect
from jidoka.contract import subjects
from jidoka.contract.errors import JidokaError
from tests.support.nats import NatsServer
from tests.support.ports import port_for_later

READY_S = 60.0
SERVERS = 3


class NatsCluster:
    """The servers, in the order of their names."""

    def __init__(self, home: Path, *, token: str, sync_always: bool = True) -> None:
        ports = _ports(SERVERS)
        routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in ports)
        self.servers = [
            NatsServer(
                home / f"n{number}",
                sync_always=sync_always,
                token=token,
                more=f"server_name: n{number}\n"
                f"cluster {{ name: test, listen: 127.0.0.1:{port}, routes: [{routes}] }}\n",
            )
            for number, port in enumerate(ports)
        ]

    @property
    def url(self) -> str:
        """The address of all of them."""
        return ",".join(server.url for server in self.servers)

    def start(self) -> None:
        """Start all."""
        for server in self.servers:
            server.start()

    def stop(self) -> None:
        """End all."""
        for server in self.servers:
            server.stop()

    async def ready(self) -> None:
        """Return when the cluster has a leader for streams."""
        async with asyncio.timeout(READY_S), await connect(self.url, name="ready") as bus:
            while True:
                try:
                    await bus.api("INFO", wait_s=1.0)
                except JidokaError:
                    await asyncio.sleep(0.2)
                else:
                    return

    async def leader(self) -> NatsServer:
        """Return the server that leads the log, as soon as there is one."""
        async with asyncio.timeout(READY_S), await connect(self.url, name="leader") as bus:
            while True:
                try:
                    info = await bus.api(f"STREAM.INFO.{subjects.EVENTS_STREAM}", wait_s=1.0)
                except JidokaError:
                    info = {}
                if name := info.get("cluster", {}).get("leader"):
                    return self.servers[int(name[1:])]
                await asyncio.sleep(0.2)

    async def whole(self) -> None:
        """Return when all three have all of the log again."""
        async with asyncio.timeout(READY_S), await connect(self.url, name="whole") as bus:
            while True:
                try:
                    info = await bus.api(f"STREAM.INFO.{subjects.EVENTS_STREAM}", wait_s=1.0)
                except JidokaError:
                    info = {}
                others = info.get("cluster", {}).get("replicas", [])
                if len(others) == SERVERS - 1 and all(each["current"] for each in others):
                    return
                await asyncio.sleep(0.2)


@contextmanager
def running_cluster(home: Path) -> Generator[NatsCluster]:
    """Yield three servers that run, and end them afterwards."""
    cluster = NatsCluster(home, token="of-this-test")  # noqa: S106 - of this test alone
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.stop()


def _ports(count: int) -> list[int]:
    ports: set[int] = set()
    while len(ports) < count:
        ports.add(port_for_later())
    return list(ports)
