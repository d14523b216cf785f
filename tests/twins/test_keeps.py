"""What the buckets of answers and snapshots promise."""

from __future__ import annotations

import pytest

from jidoka.bus.buckets import Answers, Keep, Snapshots
from jidoka.bus.connection import Bus
from jidoka.bus.memory import MemoryKeep
from tests.support.drafts import new_id


@pytest.fixture(params=[Answers, Snapshots])
def keep(bus: Bus | None, request) -> Keep:
    return request.param(bus) if bus else MemoryKeep()


@pytest.fixture
def key() -> str:
    return f"s{new_id()}"


@pytest.mark.parametrize("size", [0, 10, 300_000])
async def test_what_is_kept_comes_back(keep, key, size):
    await keep.put(key, b"x" * size)

    assert await keep.get(key) == b"x" * size


async def test_what_was_never_kept_is_nothing(keep, key):
    assert await keep.get(key) is None


async def test_the_last_value_counts(keep, key):
    await keep.put(key, b"old")
    await keep.put(key, b"new")

    assert await keep.get(key) == b"new"


async def test_what_was_removed_is_nothing(keep, key):
    await keep.put(key, b"value")
    await keep.delete(key)

    assert await keep.get(key) is None


@pytest.mark.parametrize("wrong", ["", "a.b", "*", "a b"])
async def test_a_key_is_one_token(keep, wrong):
    with pytest.raises(ValueError, match="not a"):
        await keep.put(wrong, b"")
