"""One worker after the other on the same session, without a broker."""

from __future__ import annotations

import asyncio
import hashlib
import json

import pytest

from jidoka.contract import events as e
from jidoka.contract.content import (
    FileHash,
    Status,
    ToolCall,
)
from jidoka.core.snapshot import load
from tests.support.agent import SESSION, asks, memory_bench


def names(events) -> list[str]:
    return [event.name for event in events]


async def test_a_newer_epoch_ends_the_worker_without_a_word(tmp_path):
    bench = memory_bench(tmp_path, "hang")
    await bench.open()

    async with bench.worker() as worker:
        await bench.until(e.LlmRequested)
        await bench.write(e.WorkerAssigned(host="b", epoch=2))
        async with asyncio.timeout(10):
            reason = await worker

    assert reason == "superseded"
    assert names(await bench.events())[-1] == "worker.assigned"


async def test_the_next_worker_attaches_to_the_call_in_flight(tmp_path):
    bench = memory_bench(tmp_path, "hang", "found again")
    await bench.open()
    async with bench.worker():
        await bench.until(e.LlmRequested)

    async with bench.worker(epoch=2):
        ended = (await bench.until(e.TurnEnded)).event

    assert isinstance(ended, e.TurnEnded)
    assert ended.answer == "found again"
    assert bench.model.attached == [False, True]
    assert len([x for x in await bench.events() if isinstance(x, e.LlmRequested)]) == 1


async def test_a_command_of_a_lost_worker_is_not_run_again(tmp_path):
    bench = memory_bench(
        tmp_path, asks(("shell", '{"command": "echo begun; echo x >> count; sleep 60"}')), "seen"
    )
    await bench.open()
    async with bench.worker():
        await bench.until(e.ToolStarted)
        count = tmp_path / "count"
        while not (count.exists() and bench.output.text):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)

    async with bench.worker(epoch=2):
        await bench.until(e.TurnEnded)

    assert (tmp_path / "count").read_text() == "x\n"
    interrupted = [x for x in await bench.events() if isinstance(x, e.ToolInterrupted)]
    assert len(interrupted) == 1
    told = str(bench.model.calls[1].messages[-1]["content"])
    assert "may have happened" in told
    assert "begun" in told
    assert "count" in told


@pytest.mark.parametrize("status", [Status.IDLE, Status.CLOSED, Status.TERMINATED])
async def test_a_worker_that_is_not_needed_any_more_leaves(tmp_path, status):
    bench = memory_bench(tmp_path, "hello")
    await bench.open()

    async with bench.worker() as worker:
        await bench.until(e.TurnEnded)
        await bench.write(e.SessionStatusChanged(status=status))
        async with asyncio.timeout(10):
            reason = await worker

    assert reason == status


async def test_the_next_worker_begins_from_the_snapshot_and_goes_on_as_if_from_the_log(tmp_path):
    bench = memory_bench(tmp_path, "first", "second")
    await bench.open()
    async with bench.worker() as worker:
        await bench.until(e.TurnEnded)
        await bench.write(e.SessionStatusChanged(status=Status.IDLE))
        await asyncio.wait_for(worker, 10)
    kept = load(bench.snapshots.kept[SESSION])
    assert kept
    assert kept.state.status is Status.IDLE
    await bench.write(e.MessageAccepted(message_id="m2", content="and now?"))

    async with bench.worker(epoch=2):
        await bench.until(e.TurnEnded, 2)

    said = [m["content"] for m in bench.model.calls[1].messages if m["role"] != "system"]
    assert said == ["do it", "first", "and now?"]


async def test_a_snapshot_that_cannot_be_read_is_as_good_as_none(tmp_path):
    bench = memory_bench(tmp_path, "first")
    await bench.open()
    bench.snapshots.kept[SESSION] = b'{"state": {"session_id": "s1"}, "version": 0}'

    async with bench.worker(epoch=2):
        ended = (await bench.until(e.TurnEnded)).event

    assert isinstance(ended, e.TurnEnded)
    assert ended.answer == "first"


WRITE = '{"path": "a.txt", "content": "one\\n"}'


async def a_lost_write(bench, tmp_path, *, happened: bool) -> None:
    """Leave a write that a worker of epoch 1 had started and nobody ended."""
    await bench.open()
    post = hashlib.sha256(b"one\n").hexdigest()
    call = ToolCall(call_id="c1", tool="write", arguments=WRITE)
    await bench.write(
        e.WorkerAssigned(host="a", epoch=1),
        e.TurnStarted(turn_id="t", message_ids=("m1",)),
        e.LlmRequested(turn_id="t", call_id="t-1", step=1, model="x"),
        e.LlmResponded(turn_id="t", call_id="t-1", step=1, tool_calls=(call,), model="x"),
        e.ToolStarted(
            turn_id="t",
            call_id="c1",
            tool="write",
            args=json.loads(WRITE),
            args_hash="",
            effect="idempotent",
            pre_state=(FileHash(path="a.txt"),),
            post_state=(FileHash(path="a.txt", sha256=post),),
        ),
    )
    if happened:
        (tmp_path / "a.txt").write_text("one\n")


async def test_a_write_that_had_happened_is_completed_and_not_done_again(tmp_path):
    bench = memory_bench(tmp_path, "fine")
    await a_lost_write(bench, tmp_path, happened=True)
    written_ns = (tmp_path / "a.txt").stat().st_mtime_ns

    async with bench.worker(epoch=2):
        await bench.until(e.TurnEnded)

    completed = [x for x in await bench.events() if isinstance(x, e.ToolCompleted)]
    assert [x.recovered for x in completed] == [True]
    assert (tmp_path / "a.txt").stat().st_mtime_ns == written_ns


async def test_a_write_that_had_not_happened_is_done(tmp_path):
    bench = memory_bench(tmp_path, "fine")
    await a_lost_write(bench, tmp_path, happened=False)

    async with bench.worker(epoch=2):
        await bench.until(e.TurnEnded)

    completed = [x for x in await bench.events() if isinstance(x, e.ToolCompleted)]
    assert [x.recovered for x in completed] == [False]
    assert (tmp_path / "a.txt").read_text() == "one\n"


async def test_an_edit_that_had_not_happened_is_begun_again_once(tmp_path):
    bench = memory_bench(tmp_path, "fine")
    (tmp_path / "a.txt").write_text("one\n")
    states = [hashlib.sha256(text).hexdigest() for text in (b"one\n", b"one\ntwo\n")]
    args = {"path": "a.txt", "old": "one\n", "new": "one\ntwo\n"}
    call = ToolCall(call_id="c1", tool="edit", arguments=json.dumps(args))
    await bench.open()
    await bench.write(
        e.WorkerAssigned(host="a", epoch=1),
        e.TurnStarted(turn_id="t", message_ids=("m1",)),
        e.LlmRequested(turn_id="t", call_id="t-1", step=1, model="x"),
        e.LlmResponded(turn_id="t", call_id="t-1", step=1, tool_calls=(call,), model="x"),
        e.ToolStarted(
            turn_id="t",
            call_id="c1",
            tool="edit",
            args=args,
            args_hash="",
            effect="idempotent",
            pre_state=(FileHash(path="a.txt", sha256=states[0]),),
            post_state=(FileHash(path="a.txt", sha256=states[1]),),
        ),
    )

    async with bench.worker(epoch=2):
        await bench.until(e.TurnEnded)

    started = [x for x in await bench.events() if isinstance(x, e.ToolStarted)]
    assert [x.attempt for x in started] == [1, 2]
    assert (tmp_path / "a.txt").read_text() == "one\ntwo\n"


async def test_a_write_over_which_somebody_else_wrote_is_left_alone(tmp_path):
    bench = memory_bench(tmp_path, "fine")
    await a_lost_write(bench, tmp_path, happened=False)
    (tmp_path / "a.txt").write_text("somebody's")

    async with bench.worker(epoch=2):
        await bench.until(e.TurnEnded)

    interrupted = [x for x in await bench.events() if isinstance(x, e.ToolInterrupted)]
    assert "a.txt" in interrupted[0].known
    assert (tmp_path / "a.txt").read_text() == "somebody's"


async def test_the_intent_names_the_files_before_and_after(tmp_path):
    bench = memory_bench(tmp_path, asks(("write", WRITE)), "fine")
    await bench.open()

    async with bench.worker():
        await bench.until(e.TurnEnded)

    started = next(x for x in await bench.events() if isinstance(x, e.ToolStarted))
    completed = next(x for x in await bench.events() if isinstance(x, e.ToolCompleted))
    assert started.pre_state == (FileHash(path="a.txt", sha256=None),)
    assert started.post_state == completed.changed
