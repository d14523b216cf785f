"""What every tool says at most, and who shows it while it comes: each is run at its loudest."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jidoka.contract import events as e
from jidoka.core.tooling import INLINE_BYTES, within
from jidoka.tools.background import BackgroundShells
from jidoka.tools.fetch import Fetch
from jidoka.tools.toolbox import Toolbox, builtin_tools
from tests.support.agent import asks, memory_bench
from tests.support.project import ToolBench

WIDE = "€" * 80
"""A name of 240 bytes, nearly the longest that a file may have."""
MANY = "".join(f"line {n} of a file that has very many of them\n" for n in range(40_000))
PATCH = "".join(
    f"--- /dev/null\n+++ b/{n}-{WIDE}/{n}-{WIDE}\n@@ -0,0 +1 @@\n+x\n" for n in range(200)
)
LOUD: dict[str, dict[str, Any]] = {
    "read": {"path": "many.txt"},
    "list": {"path": "wide"},
    "glob": {"pattern": "**/*"},
    "grep": {"pattern": "more", "path": "wide"},
    "edit": {"path": "wide.txt", "old": "x", "new": f"{WIDE * 6}\n" * 100},
    "multi_edit": {
        "edits": [
            {"path": f"wide/{n}-{WIDE}", "old": "x", "new": f"{WIDE * 6}\n" * 100}
            for n in range(100)
        ]
    },
    "patch": {"patch": PATCH},
    "write": {"path": f"new-{WIDE}", "content": MANY},
    "shell": {"command": "cat many.txt"},
    "commit": {"message": "word " * 1_900},
    "todo": {"items": [{"text": WIDE * 6, "status": "pending"}] * 50},
    "ask": {"question": "How many?"},
    "shell_start": {"command": "cat many.txt"},
    "shell_read": {"id": "bg1", "wait_s": 20},
    "shell_kill": {"id": "bg1"},
}
ELSEWHERE = {"fetch"}
"""Its pages are in the tests of its own, which have a site: a page of more than 1 MiB."""
FEW = INLINE_BYTES // 8
"""More than that is loud."""
SAYS_LITTLE = {"write", "commit", "shell_start"}


class Said:
    """A repository that answers at length."""

    async def commit(self, message: str, paths: tuple[str, ...]) -> str:  # noqa: ARG002 - the port's
        """Return a sentence."""
        return f"Committed: {message.splitlines()[0][:72]}"


@pytest.fixture
async def loud(bench: ToolBench) -> AsyncIterator[ToolBench]:
    (bench.root / "many.txt").write_text(MANY)
    (bench.root / "wide.txt").write_text("x")
    (bench.root / "wide").mkdir()
    for n in range(1_200):
        (bench.root / "wide" / f"{n}-{WIDE}").write_text("x" + " and more" * 40)
    async with BackgroundShells() as shells:
        tools = (*builtin_tools(), *shells.tools(), Fetch(["example.org"]))
        bench.toolbox = Toolbox(tools)
        bench.context = replace(bench.context, answer="ä" * INLINE_BYTES, commits=Said())
        yield bench


def test_every_tool_is_heard_at_its_loudest():
    tools = (*builtin_tools(), *BackgroundShells().tools(), Fetch(["example.org"]))

    assert {tool.spec.name for tool in tools} == LOUD.keys() | ELSEWHERE


@pytest.mark.parametrize("name", LOUD)
async def test_a_tool_says_no_more_than_it_declares_and_shows_only_what_it_declares(
    loud: ToolBench, name: str
):
    spec = loud.tool(name).spec
    if name in ("shell_read", "shell_kill"):
        await loud.call("shell_start", command="cat many.txt; sleep 30")

    outcome = await loud.call(name, **LOUD[name])

    if outcome.spill:
        Path(outcome.spill).unlink()
    size = len(outcome.text.encode())
    assert 0 < size <= spec.output_bytes <= INLINE_BYTES
    assert size > FEW or name in SAYS_LITTLE or name == "shell_kill"
    assert bool(loud.shown) == spec.streams


async def test_what_comes_is_shown_before_the_command_ends(bench: ToolBench):
    def heard(text: str) -> None:
        bench.shown.append(text)
        (bench.root / "heard").touch()

    bench.context = replace(bench.context, on_output=heard)

    outcome = await bench.call(
        "shell", command="echo one; while [ ! -e heard ]; do sleep 0.02; done; echo two"
    )

    assert outcome.text == "one\ntwo"
    assert bench.shown[0] == "one\n"


async def test_the_log_has_no_more_of_an_outcome_than_its_tool_declares(tmp_path: Path):
    for n in range(1_000):
        (tmp_path / f"{n}-{WIDE}").touch()
    bench = memory_bench(tmp_path, asks(("list", '{"path": "."}')), "Many.")
    await bench.open()

    async with bench.worker():
        done = (await bench.until(e.ToolCompleted)).event

    assert isinstance(done, e.ToolCompleted)
    assert FEW < len(done.output.encode()) <= INLINE_BYTES
    assert "bytes left out" in done.output


@pytest.mark.parametrize("text", ["", "short", "ä" * 500, "€" * 400, "x" * 1_000])
def test_a_text_is_cut_in_its_middle_and_only_where_it_is_too_long(text: str):
    shown = within(text, 1_000)

    size = len(text.encode())
    assert len(shown.encode()) <= 1_000
    assert (shown == text) == (size <= 1_000)
    assert shown[:100] == text[:100]
    assert shown[-100:] == text[-100:]
