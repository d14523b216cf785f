"""What deleted sessions have left on a machine goes; what others have stays."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from jidoka.agent.clock import new_id
from jidoka.agent.tidying import tidy
from jidoka.bus.connection import connect
from jidoka.bus.ensure import ensure
from jidoka.bus.event_log import NatsEventLog
from jidoka.contract import events as e
from jidoka.core.ports import Draft, Head


async def test_the_files_of_a_deleted_session_go(nats_url: str, tmp_path: Path):
    for session in ("sgone", "sopen", "smaking"):
        (tmp_path / "snapshots" / session).mkdir(parents=True)
        (tmp_path / "worktrees" / session).mkdir(parents=True)
    deleted = e.SessionDeleted(at=datetime.now(UTC), by="me", last_sequence=0, last_hash="0" * 64)
    renamed = e.SessionRenamed(session_name="other")
    async with await connect(nats_url, name="test") as bus:
        await ensure(bus)
        for session, event in (("sgone", deleted), ("sopen", renamed)):
            draft = Draft(event, new_id(), "/test", causation_id=new_id())
            await NatsEventLog(bus).append(session, draft, Head())

        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            tidying = tasks.create_task(tidy(bus, tmp_path))
            while (tmp_path / "worktrees" / "sgone").exists():  # noqa: ASYNC110 - a folder
                await asyncio.sleep(0.01)
            tidying.cancel()

    left = {
        path.name for room in ("snapshots", "worktrees") for path in (tmp_path / room).iterdir()
    }
    assert left == {"sopen", "smaking"}
