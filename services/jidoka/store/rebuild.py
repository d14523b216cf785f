"""The registry from the log: forget all rows, and fold every event again."""

from __future__ import annotations

from collections.abc import AsyncIterable
from typing import Final

from jidoka.core.ports import Entry
from jidoka.core.registry import Registry

BATCH: Final = 500
"""Events a transaction."""


async def rebuild(registry: Registry, entries: AsyncIterable[Entry]) -> int:
    """Fill an empty `registry` from all `entries` of the log; return the position reached."""
    await registry.reset()
    return await catch_up(registry, entries)


async def catch_up(registry: Registry, entries: AsyncIterable[Entry]) -> int:
    """Apply `entries`, which begin after the registry's position; return the position reached."""
    position = await registry.position()
    batch: list[Entry] = []
    async for entry in entries:
        batch.append(entry)
        if len(batch) >= BATCH:
            position = await registry.apply(batch, position)
            batch = []
    return await registry.apply(batch, position)
