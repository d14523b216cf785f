"""Importing: a whole session under a new id, or a refusal and nothing at all."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from jidoka.bus.blobs import STORE_STREAM, NatsBlobs
from jidoka.bus.connection import Bus
from jidoka.bus.event_log import NatsEventLog
from jidoka.bus.portable import export_lines
from jidoka.contract import events as e
from jidoka.contract.content import BlobRef, Status, ToolCall, TurnOutcome
from jidoka.contract.errors import (
    ImportInvalid,
    InvalidMessage,
    JidokaError,
    ProjectNotFound,
    SessionExists,
    SessionLimitReached,
    UnsupportedVersion,
)
from jidoka.core.history import events_of
from jidoka.core.transcript import Transcript
from tests.support.fake_host import FakeHost
from tests.support.manager import ask, create, events_until, leading, record, settle

EVERY_STATUS = [status.value for status in Status]
CALL = ToolCall(call_id="c", tool="shell", arguments="{}")


async def spoken(bus: Bus, project: Path) -> str:
    """Return a session with a turn, a large answer and a blob."""
    session = (await create(bus, project))["session_id"]
    await events_until(bus, session, "active")
    output = await NatsBlobs(bus).put(session, b"all of the output")
    answer: dict[str, Any] = {"turn_id": "t", "model": "m"}
    for event in (
        e.MessageAccepted(message_id="m", content="Where is the porcupine?"),
        e.TurnStarted(turn_id="t", message_ids=("m",)),
        e.LlmResponded(call_id="l1", step=1, tool_calls=(CALL,), **answer),
        e.ToolCompleted(turn_id="t", call_id="c", tool="shell", output="cut", output_ref=output),
        e.LlmResponded(call_id="l2", step=2, content="Here. " * 60_000, **answer),
        e.TurnEnded(turn_id="t", outcome=TurnOutcome.COMPLETED),
        e.MessageAccepted(message_id="n", content="And now?"),
        e.TurnStarted(turn_id="u", message_ids=("n",)),
        e.MessageAccepted(message_id="o", content="never taken up"),
    ):
        await record(bus, session, event)
    return session


async def file_of(bus: Bus, session: str) -> bytes:
    return b"".join([line async for line in export_lines(bus, session, "2026-01-01T00:00:00Z")])


async def bring_in(bus: Bus, body: bytes, project: Path, **more: Any) -> dict[str, Any]:
    """Return what an import of a file is answered with."""
    staged = (await NatsBlobs(bus).put("import", body)).ref
    project.mkdir(parents=True, exist_ok=True)
    fields = {"project_path": str(project), "export": staged}
    try:
        return await ask(bus, "session.import", fields, **more)
    finally:
        await NatsBlobs(bus).delete(staged)


async def said(bus: Bus, session: str) -> list[dict[str, Any]]:
    transcript = Transcript()
    async for entry in NatsEventLog(bus).read(session):
        transcript.add(entry)
    return transcript.messages()


async def birth_of(bus: Bus, session: str) -> e.SessionImported:
    async for entry in NatsEventLog(bus).read(session):
        assert isinstance(entry.event, e.SessionImported)
        return entry.event
    raise AssertionError("it has no events")


async def test_an_imported_session_lives_and_goes_on_with_the_conversation(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        source = await spoken(bus, tmp_path / "p")
        made = await bring_in(bus, await file_of(bus, source), tmp_path / "q")
        session = made["session_id"]
        events = await events_until(bus, session, "active")
        info = await ask(bus, "session.get", {"session_id": session})
        found = await ask(bus, "session.list", {"text": "porcupine"})

    there, here = await said(bus, source), await said(bus, session)
    assert events == ["session.imported", "initializing", "worker.assigned 1", "active"]
    assert here == [*there, {"role": "assistant", "content": "(The turn: cancelled.)"}]
    assert (info["messages"], info["turns"], info["phase"]) == (3, 2, "ready")
    assert info["project_path"] == str(tmp_path / "q")
    assert {each["session_id"] for each in found["sessions"]} == {source, session}


async def test_blobs_come_along_and_outlive_the_source(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        source = await spoken(bus, tmp_path / "p")
        file = await file_of(bus, source)
        await record(bus, source, e.SessionTerminationRequested())
        await settle(bus, source)
        await ask(bus, "session.delete", {"session_id": source})
        session = (await bring_in(bus, file, tmp_path / "q"))["session_id"]

    birth = await birth_of(bus, session)
    [output] = [x.output_ref for x in events_of(birth.history) if isinstance(x, e.ToolCompleted)]
    assert isinstance(output, BlobRef)
    assert output.session_id == session
    assert await NatsBlobs(bus).get(output.ref) == b"all of the output"
    assert birth.imported_from == source


async def test_a_file_comes_in_once_and_again_when_it_was_deleted(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        file = await file_of(bus, await spoken(bus, tmp_path / "p"))
        first = await bring_in(bus, file, tmp_path / "q", command_id="one")
        again = await bring_in(bus, file, tmp_path / "q", command_id="one")
        with pytest.raises(SessionExists) as refused:
            await bring_in(bus, file, tmp_path / "r", command_id="other")
        session = first["session_id"]
        await events_until(bus, session, "active")
        await record(bus, session, e.SessionTerminationRequested())
        await settle(bus, session)
        await ask(bus, "session.delete", {"session_id": session})
        second = await bring_in(bus, file, tmp_path / "q", command_id="third")

    assert again["session_id"] == session == refused.value.session_id
    assert second["session_id"] != session


async def test_an_import_of_an_import_has_the_whole_conversation(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        file = await file_of(bus, await spoken(bus, tmp_path / "p"))
        child = (await bring_in(bus, file, tmp_path / "q"))["session_id"]
        grandchild = (await bring_in(bus, await file_of(bus, child), tmp_path / "r"))["session_id"]

    assert await said(bus, grandchild) == await said(bus, child)


def altered(body: bytes) -> bytes:
    """Return a file in which somebody changed a word, and made the end fit."""
    lines = [line.replace(b"porcupine", b"hedgehogs") for line in body.split(b"\n")[:-2]]
    changed = b"".join(line + b"\n" for line in lines)
    end = {"end": {"sha256": hashlib.sha256(changed).hexdigest()}}
    return changed + json.dumps(end).encode() + b"\n"


async def test_what_cannot_come_in_leaves_nothing(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home, session_limit=1):
        body = await file_of(bus, await spoken(bus, tmp_path / "p"))
        before = await bus.api(f"STREAM.INFO.{STORE_STREAM}")
        wrong: dict[bytes, type[JidokaError]] = {
            b"": ImportInvalid,
            body[: len(body) // 2]: ImportInvalid,
            altered(body): ImportInvalid,
            body.replace(b'"jidoka_export":1', b'"jidoka_export":2'): UnsupportedVersion,
            body: SessionLimitReached,
        }
        for file, error in wrong.items():
            with pytest.raises(error):
                await bring_in(bus, file, tmp_path / "q")
        missing = {"project_path": "/nowhere", "export": "blob:import/" + "0" * 64}
        with pytest.raises(ImportInvalid):
            await ask(bus, "session.import", missing)
        with pytest.raises(InvalidMessage):
            await ask(bus, "session.import", missing | {"export": "blob:s1/" + "0" * 64})
        staged = (await NatsBlobs(bus).put("import", body)).ref
        with pytest.raises(ProjectNotFound):
            await ask(bus, "session.import", missing | {"export": staged})
        await NatsBlobs(bus).delete(staged)
        listed = await ask(bus, "session.list", {"status": EVERY_STATUS})

    after = await bus.api(f"STREAM.INFO.{STORE_STREAM}")
    assert len(listed["sessions"]) == 1
    assert after["state"]["messages"] == before["state"]["messages"]
