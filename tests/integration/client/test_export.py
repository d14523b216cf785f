"""A session as one file: whole, provable, and refused when it is not what was exported."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest

from jidoka.bus.blobs import NatsBlobs
from jidoka.bus.connection import Bus
from jidoka.bus.event_log import NatsEventLog
from jidoka.bus.portable import Export, read_export
from jidoka.client import Client
from jidoka.client.asking import new_id
from jidoka.contract import events as e
from jidoka.contract.content import LlmConfig
from jidoka.contract.errors import (
    ImportInvalid,
    SessionNotFound,
    StorageNotWritable,
    UnsupportedVersion,
)
from jidoka.core.ports import Draft, Entry, Head

SESSION = "s" + "0" * 24
LONG = "long " * 80_000
CREATED = e.SessionCreated(session_name="x", project_path="/p", llm=LlmConfig())


async def recorded(bus: Bus) -> list[Entry]:
    """Record a session with a large event and one that names a blob; return its entries."""
    output = await NatsBlobs(bus).put(SESSION, b"\0 all of the output", "text/plain")
    events: tuple[e.Event, ...] = (
        CREATED,
        e.MessageAccepted(message_id="m", content="héllo"),
        e.MessageAccepted(message_id="n", content=LONG),
        e.ToolCompleted(turn_id="t", call_id="c", tool="shell", output="cut", output_ref=output),
    )
    log, head = NatsEventLog(bus), Head()
    for event in events:
        head = (await log.append(SESSION, Draft(event, new_id(), "/test"), head))[-1].head
    return [entry async for entry in log.read(SESSION)]


@pytest.fixture
async def exported(bus: Bus, client: Client, tmp_path: Path) -> bytes:
    """The file of a session."""
    await recorded(bus)
    await client.export_session(SESSION, tmp_path / "one.jsonl")
    return (tmp_path / "one.jsonl").read_bytes()


def sealed_again(lines: list[bytes]) -> bytes:
    """Return lines with an end that fits them: an alteration by someone who knows the format."""
    body = b"".join(line + b"\n" for line in lines)
    blobs = sum(line.startswith(b'{"blob"') for line in lines)
    digest = hashlib.sha256(body).hexdigest()
    end = {"end": {"events": len(lines) - 1 - blobs, "blobs": blobs, "sha256": digest}}
    return body + json.dumps(end).encode() + b"\n"


async def test_a_file_holds_all_that_the_log_holds(bus: Bus, client: Client, tmp_path: Path):
    entries = await recorded(bus)
    file = tmp_path / "one.jsonl"

    size_bytes = await client.export_session(SESSION, file)

    export: Export = read_export(file.read_bytes())
    assert [x.event for x in export.entries] == [x.event for x in entries]
    assert [x.head.digest for x in export.entries] == [x.head.digest for x in entries]
    assert b"\0 all of the output" in export.blobs.values()
    assert (export.session_id, size_bytes) == (SESSION, file.stat().st_size)
    assert file.stat().st_mode & 0o077 == 0
    assert list(tmp_path.glob(".one*")) == []


async def test_what_is_not_there_was_deleted_or_has_no_folder_leaves_no_file(
    bus: Bus, client: Client, tmp_path: Path
):
    head = (await recorded(bus))[-1].head
    file = tmp_path / "one.jsonl"

    with pytest.raises(StorageNotWritable):
        await client.export_session(SESSION, tmp_path / "missing" / "one.jsonl")
    with pytest.raises(SessionNotFound):
        await client.export_session("s" + "1" * 24, file)
    at = (await NatsEventLog(bus).last(SESSION)).time  # pyright: ignore[reportOptionalMemberAccess]
    assert at is not None
    gone = e.SessionDeleted(at=at, by="a", last_sequence=head.sequence, last_hash=head.digest)
    await NatsEventLog(bus).append(SESSION, Draft(gone, new_id(), "/test"), head)
    with pytest.raises(SessionNotFound):
        await client.export_session(SESSION, file)

    assert list(tmp_path.glob("*one*")) == []


async def test_a_file_that_was_cut_off_anywhere_is_refused(exported: bytes):
    cuts = [*range(0, len(exported), len(exported) // 40), len(exported) - 1]

    for cut in cuts:
        with pytest.raises(ImportInvalid):
            read_export(exported[:cut])


async def test_a_file_in_which_a_bit_was_flipped_is_refused(exported: bytes):
    for at in range(0, len(exported), len(exported) // 200):
        flipped = bytearray(exported)
        flipped[at] ^= 1
        with pytest.raises((ImportInvalid, UnsupportedVersion)):
            read_export(bytes(flipped))


async def test_an_altered_event_is_found_though_the_end_fits(exported: bytes):
    lines = exported.split(b"\n")[:-2]
    altered = [line.replace("héllo".encode(), b"hallo") for line in lines]
    without = [*lines[:2], *lines[3:]]
    swapped = [lines[0], lines[2], lines[1], *lines[3:]]
    no_blobs = [line for line in lines if not line.startswith(b'{"blob"')]

    assert read_export(sealed_again(lines)).session_id == SESSION
    for body in (altered, without, swapped, no_blobs, lines[:1]):
        with pytest.raises(ImportInvalid):
            read_export(sealed_again(body))


async def test_a_blob_that_does_not_fit_its_hash_is_refused(exported: bytes):
    lines = exported.split(b"\n")[:-2]
    blob = json.loads(lines[-1]) | {"base64": base64.b64encode(b"other").decode()}

    with pytest.raises(ImportInvalid) as refused:
        read_export(sealed_again([*lines[:-1], json.dumps(blob).encode()]))

    assert refused.value.line == len(lines)


async def test_a_newer_format_is_named(exported: bytes):
    newer = exported.replace(b'"jidoka_export":1', b'"jidoka_export":2')

    with pytest.raises(UnsupportedVersion) as refused:
        read_export(newer)

    assert (refused.value.found, refused.value.supported) == ("export 2", "export 1")


@pytest.mark.parametrize("body", [b"", b"\n", b"{}\n", b"[1]\n{}\n", b"\xff\xfe", b"{" * 100_000])
def test_what_is_no_export_is_refused(body: bytes):
    with pytest.raises(ImportInvalid):
        read_export(body)
