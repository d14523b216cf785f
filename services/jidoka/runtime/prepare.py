"""`python -m jidoka.runtime.prepare`: make the streams, then say when the programs answer.

A process of its own, so that the runtime, which lives for weeks, never loads a NATS client. It
prints one word a line: `ensured`, then (unless called with `--streams-only`) `ready`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import Final

from jidoka.bus.connection import Bus, connect
from jidoka.bus.ensure import ensure
from jidoka.bus.storage_limits import limits_of
from jidoka.contract import subjects
from jidoka.contract.commands import ListSessions
from jidoka.contract.envelope import CONTENT_TYPE, CONTENT_TYPE_HEADER, Envelope, type_of
from jidoka.contract.errors import JidokaError
from jidoka.contract.ids import uuid7
from jidoka.runtime.programs import named
from jidoka.settings import RuntimeSettings, load, required_nats_url

POLL_S: Final = 0.05
ANSWER_S: Final = 1.0
CONNECT_S: Final = 10.0
SOURCE: Final = "/jidoka/runtime/prepare"


async def prepare(settings: RuntimeSettings, *, streams_only: bool) -> None:
    """Make the streams; then wait, without an end of its own, until every program answers."""
    url = required_nats_url(settings)
    async with await connect(url, name="runtime", patience_s=CONNECT_S) as bus:
        await ensure(bus, limits_of(settings.store_limit_bytes, settings.replicas))
        _say("ensured")
        if streams_only:
            return
        programs = named(settings.programs)
        if "coordinator" in programs and "session-manager" in programs:
            await _until_sessions_are_listed(bus)
        if "agent-host" in programs:
            await _until_a_host_beats(bus)
        _say("ready")


async def _until_sessions_are_listed(bus: Bus) -> None:
    """Return when a coordinator answered, and behind it the session-manager."""
    subject = subjects.command_request(ListSessions.name)
    headers = {CONTENT_TYPE_HEADER: CONTENT_TYPE}
    while True:
        try:
            answer = await bus.request(subject, _question(), ANSWER_S, headers=headers)
        except JidokaError:
            await asyncio.sleep(POLL_S)
            continue
        if json.loads(answer.data).get("type") == type_of("command.accepted"):
            return
        await asyncio.sleep(POLL_S)


async def _until_a_host_beats(bus: Bus) -> None:
    """Return when the bucket of hosts holds a living one."""
    bucket = subjects.HOSTS_BUCKET
    request = json.dumps({"last_by_subj": f"$KV.{bucket}.>"}).encode()
    while True:
        try:
            answer = await bus.request(f"$JS.API.DIRECT.GET.KV_{bucket}", request, ANSWER_S)
        except JidokaError:
            await asyncio.sleep(POLL_S)
            continue
        if answer.data and "Status" not in (answer.headers or {}):
            return
        await asyncio.sleep(POLL_S)


def _question() -> bytes:
    return Envelope(
        id=uuid7(time.time_ns() // 1_000_000, os.urandom(10)),
        source=SOURCE,
        type=type_of(ListSessions.name),
        data={"limit": 1},
    ).to_json()


def _say(word: str) -> None:
    sys.stdout.write(f"{word}\n")
    sys.stdout.flush()


def main() -> int:
    """Run the step; the log of the runtime gets the reason of a failure, and stdout its shape."""
    try:
        settings = load(RuntimeSettings, os.environ)
        asyncio.run(prepare(settings, streams_only="--streams-only" in sys.argv))
    except JidokaError as error:
        _say(json.dumps({"error": error.as_dict()}))
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
