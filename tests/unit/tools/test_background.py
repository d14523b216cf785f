"""Commands in the background: started, read, ended, and gone with their session."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

import psutil
import pytest

from jidoka.contract.errors import SandboxUnavailable, ToolFailed, ToolLimit
from jidoka.core.tooling import INLINE_BYTES
from jidoka.sandbox.probe import ProbedSandbox
from jidoka.tools.background import MAX_RUNNING, BackgroundShells
from tests.support.project import ToolBench, tool_bench


@pytest.fixture
async def shells(bench: ToolBench) -> AsyncIterator[BackgroundShells]:
    async with BackgroundShells() as opened:
        for tool in opened.tools():
            bench.toolbox.add(tool)
        yield opened


def alive(mark: str) -> bool:
    return any(
        mark in (process.info["cmdline"] or ()) and process.info["status"] != psutil.STATUS_ZOMBIE
        for process in psutil.process_iter(["cmdline", "status"])
    )


async def until_alive(mark: str) -> None:
    """Return when the command sleeps: it says that it is up before that."""
    while not alive(mark):  # noqa: ASYNC110 - a process that begins tells nobody
        await asyncio.sleep(0.02)


async def test_a_command_goes_on_and_is_read_piece_by_piece(bench, shells):
    command = "echo first; while [ ! -e gate ]; do sleep 0.01; done; echo second; exit 4"

    started = await bench.text("shell_start", command=command)
    first = await bench.text("shell_read", id="bg1", wait_s=20)
    nothing_new = await bench.text("shell_read", id="bg1")
    (bench.root / "gate").touch()
    said = ""
    while "exit status" not in said:
        said += await bench.text("shell_read", id="bg1", wait_s=20)

    assert started == "Started bg1."
    assert first == "first\n(running)"
    assert nothing_new == "(running)"
    assert said.startswith("second\n")
    assert said.endswith("(exit status 4)")


async def test_ending_one_ends_all_that_it_started_and_no_other(bench, shells):
    marks = [f"86400.7{os.getpid()}{n}" for n in (1, 2)]
    for mark in marks:
        await bench.call("shell_start", command=f"(setsid sleep {mark} &); echo up; sleep {mark}")
    for name, mark in zip(("bg1", "bg2"), marks, strict=True):
        await bench.text("shell_read", id=name, wait_s=20)
        await until_alive(mark)
    ended = await bench.text("shell_kill", id="bg1")

    assert ended == "(ended on request)"
    assert [alive(mark) for mark in marks] == [False, True]


async def test_ending_it_twice_or_after_its_end_is_no_mistake(bench, shells):
    await bench.call("shell_start", command="echo done")
    while "exit status 0" not in await bench.text("shell_read", id="bg1", wait_s=20):
        pass

    ended = [await bench.text("shell_kill", id="bg1") for _ in range(2)]

    assert ended == ["(exit status 0)"] * 2


async def test_they_end_with_the_session(bench):
    mark = f"86400.7{os.getpid()}3"
    async with BackgroundShells() as shells:
        for tool in shells.tools():
            bench.toolbox.add(tool)
        await bench.call("shell_start", command=f"echo up; sleep {mark}")
        await bench.text("shell_read", id="bg1", wait_s=20)
        await until_alive(mark)

    assert not alive(mark)
    with pytest.raises(ToolFailed):
        await bench.call("shell_start", command="true")


async def test_what_nobody_reads_is_dropped_from_its_beginning(bench, shells):
    await bench.call("shell_start", command="seq 1 200000; touch printed; sleep 60")
    async with asyncio.timeout(20):
        while not (bench.root / "printed").exists() or "200000" not in shells.get("bg1").unread:
            await asyncio.wait([asyncio.ensure_future(shells.get("bg1").news.wait())], timeout=0.05)
            shells.get("bg1").news.clear()

    text = await bench.text("shell_read", id="bg1")

    assert text.startswith("… (")
    assert text.endswith("200000\n(running)")
    assert len(text) <= INLINE_BYTES


async def test_only_so_many_run_at_once(bench, shells):
    for _ in range(MAX_RUNNING):
        await bench.call("shell_start", command="sleep 60")

    with pytest.raises(ToolLimit):
        await bench.call("shell_start", command="sleep 60")
    await bench.call("shell_kill", id="bg3")

    assert await bench.text("shell_start", command="true") == f"Started bg{MAX_RUNNING + 1}."


async def test_an_id_that_is_none_is_told_with_those_that_are(bench, shells):
    await bench.call("shell_start", command="true")

    with pytest.raises(ToolFailed) as failed:
        await bench.text("shell_read", id="bg9")

    assert "known: bg1" in failed.value.reason


async def test_without_a_sandbox_it_says_that_it_did_not_run(bench, shells, monkeypatch):
    monkeypatch.setattr("jidoka.sandbox.probe.candidates", lambda *_anything: iter(()))
    other = tool_bench(bench.root, ProbedSandbox(), bench.context.files)
    other.toolbox = bench.toolbox

    await other.call("shell_start", command="true")

    said = await other.text("shell_read", id="bg1", wait_s=20)
    assert said.startswith("(did not run: No sandbox works here")
    assert SandboxUnavailable.code == "sandbox_unavailable"
