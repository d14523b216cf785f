"""Every task is solved end to end by a scripted model through the tools, in every mode."""

from __future__ import annotations

import asyncio
import json
from functools import cache
from pathlib import Path

import jsonschema
import pytest

from jidoka.client import Client
from jidoka.contract import events as e
from jidoka.sandbox.probe import ProbedSandbox
from tests.chaos import checker
from tests.evaluation import tasks
from tests.evaluation.attempts import Attempt, attempt
from tests.evaluation.conftest import installed
from tests.evaluation.tasks import Task
from tests.evaluation.toolchains import Toolchains
from tests.support.home import Home

pytestmark = [pytest.mark.timeout(180)]
SCHEMAS = Path(__file__).parents[2] / "schemas"
ACTING = ("ask", "auto-edit", "full-auto")
MODES = ("plan", *ACTING)


@cache
def schema(name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(json.loads((SCHEMAS / name).read_text()))


def complaints(done: Attempt) -> list[str]:
    """Return what is wrong with the log of an attempt, as others than its writer judge it."""
    said = {done.session_id: [done.accepted]}
    found = checker.check({done.session_id: done.stored}, said, []).broken
    for event in done.stored:
        body = event.body
        data = schema(f"events/{event.name}.v1.json")
        errors = [*schema("envelope.v1.json").iter_errors(body), *data.iter_errors(body["data"])]
        found += [f"{event.name}: {error.message}" for error in errors]
    return found


async def solve(home: Home, task: Task, folder: Path, mode: str) -> Attempt:
    """Let the scripted model work at a copy of the project."""
    script = folder / f"{mode}.json"
    script.write_text(json.dumps(task.script(plan=mode == "plan")))
    llm = {"provider": "scripted", "model": str(script)}
    async with await Client.connect(home.state["nats_url"], source="evaluation") as client:
        return await attempt(client, task, task.copy_to(folder / mode), llm=llm, mode=mode)


@pytest.mark.parametrize("name", tasks.names())
async def test_a_task_is_solved_in_every_mode_that_may_act(
    home: Home, chains: Toolchains, tmp_path: Path, name: str
):
    task, sandbox = tasks.load(name), ProbedSandbox(tool_folders=map(str, chains.folders))
    installed(task)
    before = tasks.hashes(task.copy_to(tmp_path / "before"))
    passed_before, _ = await tasks.passes(task, tmp_path / "before", sandbox)

    attempts = await asyncio.gather(*(solve(home, task, tmp_path, mode) for mode in MODES))

    assert not passed_before
    for done in attempts:
        assert complaints(done) == []
        assert done.ended
        assert done.ended.outcome == "completed", done.ended.error
    for done in attempts[1:]:
        touched = tasks.changed(before, tasks.hashes(done.project))
        passed, output = await tasks.passes(task, done.project, sandbox)
        assert passed, output
        assert touched == task.changes
    planned, asking, editing, free = attempts
    assert tasks.changed(before, tasks.hashes(planned.project)) == ()
    assert not (await tasks.passes(task, planned.project, sandbox))[0]
    assert planned.ended
    assert planned.ended.answer == task.plan
    assert planned.count(e.ToolDenied) > 0
    questions = [each.count(e.PermissionRequested) for each in (planned, free)]
    assert questions == [0, 0]
    assert asking.count(e.PermissionRequested) > editing.count(e.PermissionRequested)
