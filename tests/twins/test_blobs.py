"""What every store of blobs promises."""

from __future__ import annotations

import asyncio
import hashlib
import os

import pytest

from jidoka.bus import blobs as blobs_file
from jidoka.bus.blobs import Blobs, NatsBlobs
from jidoka.bus.connection import Bus
from jidoka.bus.memory import MemoryBlobs
from jidoka.contract.errors import InvalidMessage, TooLarge, Unavailable
from tests.support.drafts import new_id


@pytest.fixture
def blobs(bus: Bus | None) -> Blobs:
    return NatsBlobs(bus) if bus else MemoryBlobs()


@pytest.fixture
def session_id() -> str:
    return f"s{new_id()}"


@pytest.mark.parametrize("size", [0, 1, 131_072, 131_073, 3_000_000])
async def test_a_value_comes_back_as_it_was(blobs, session_id, size):
    value = os.urandom(size)

    kept = await blobs.put(session_id, value, "text/plain")

    assert await blobs.get(kept.ref) == value
    assert kept.ref == f"blob:{session_id}/{hashlib.sha256(value).hexdigest()}"
    assert (kept.size_bytes, kept.content_type) == (size, "text/plain")


async def test_the_content_of_a_file_is_kept(blobs, session_id, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 200_000)

    kept = await blobs.put(session_id, path)

    assert await blobs.get(kept.ref) == b"x" * 200_000


async def test_the_same_value_twice_is_one_blob(blobs, session_id):
    first, second = await asyncio.gather(
        blobs.put(session_id, b"same" * 1000), blobs.put(session_id, b"same" * 1000)
    )

    assert first == second
    assert await blobs.delete_session(session_id) == 1


async def test_what_is_not_there_is_unavailable(blobs, session_id):
    with pytest.raises(Unavailable):
        await blobs.get(f"blob:{session_id}/{'0' * 64}")


async def test_a_deleted_value_is_gone_and_can_be_put_again(blobs, session_id):
    kept = await blobs.put(session_id, b"value")
    await blobs.delete(kept.ref)
    await blobs.delete(kept.ref)

    with pytest.raises(Unavailable):
        await blobs.get(kept.ref)

    assert await blobs.get((await blobs.put(session_id, b"value")).ref) == b"value"


async def test_deleting_a_session_leaves_the_others(blobs, session_id):
    other = f"s{new_id()}"
    theirs = await blobs.put(other, b"value")
    await blobs.put(session_id, b"value")

    assert await blobs.delete_session(session_id) == 1

    assert await blobs.get(theirs.ref) == b"value"


async def test_a_reader_gets_no_more_than_it_asked_for(blobs, session_id):
    kept = await blobs.put(session_id, b"x" * 100)

    with pytest.raises(TooLarge):
        await blobs.get(kept.ref, 99)


async def test_there_is_a_largest_blob(blobs, session_id, monkeypatch):
    monkeypatch.setattr(blobs_file, "MOST_BYTES", 10)

    with pytest.raises(TooLarge):
        await blobs.put(session_id, b"x" * 11)


@pytest.mark.parametrize("ref", ["", "blob:x", "blob:../x/" + "0" * 64, "file:/etc/passwd"])
async def test_what_is_no_reference_is_refused(blobs, ref):
    with pytest.raises(InvalidMessage):
        await blobs.get(ref)
