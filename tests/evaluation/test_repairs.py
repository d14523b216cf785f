"""Every task is solved end to end by a scripted model through the tools, in every mode."""

from __future__ import annotations

import asyncio
import json
from functools import cache
from pathlib import Path

import jsonschema
import pytest

from jidoka.agent.pairing import toolbox_of
from jidoka.client import Client
from jidoka.contract import events as e
from jidoka.sandbox.probe import ProbedSandbox
from jidoka.tools.background import BackgroundShells
from tests.chaos import checker
from tests.evaluation import tasks
from tests.evaluation.attempts import Attempt, Decide, allow, attempt
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


async def solve(home: Home, task: Task, folder: Path, mode: str, decide: Decide = allow) -> Attempt:
    """Let the scripted model work at a copy of the project."""
    script = folder / f"{mode}.json"
    script.write_text(json.dumps(task.script(plan=mode == "plan")))
    llm = {"provider": "scripted", "model": str(script)}
    async with await Client.connect(home.state["nats_url"], source="evaluation") as client:
        project = task.copy_to(folder / mode)
        return await attempt(client, task, project, llm=llm, mode=mode, decide=decide)


@pytest.mark.parametrize("task", tasks.names(), indirect=True)
async def test_a_task_is_solved_in_every_mode_that_may_act(
    home: Home, chains: Toolchains, tmp_path: Path, task: Task
):
    sandbox = ProbedSandbox(tool_folders=map(str, chains.folders))
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


DENIED = ("py-pagination", "js-semver", "sh-backup-rotate", "c-ring-buffer", "py-rename-api")


@pytest.mark.parametrize("task", DENIED, indirect=True)
async def test_what_a_person_denies_is_not_done_and_the_turn_goes_on(
    home: Home, chains: Toolchains, tmp_path: Path, task: Task
):
    before = tasks.hashes(task.copy_to(tmp_path / "before"))

    done = await solve(home, task, tmp_path, "ask", decide=lambda _question: "deny")

    asked, denied = done.count(e.PermissionRequested), done.count(e.ToolDenied)
    assert complaints(done) == []
    assert tasks.changed(before, tasks.hashes(done.project)) == ()
    assert (asked > 0, asked) == (True, denied)
    assert done.ended
    assert done.ended.outcome == "completed"


@pytest.mark.parametrize("task", ["py-rounding"], indirect=True)
async def test_what_the_model_asks_is_answered_and_the_answer_is_what_it_reads(
    home: Home, tmp_path: Path, task: Task
):
    done = await solve(home, task, tmp_path, "auto-edit")

    answered = [x for x in done.events if isinstance(x, e.QuestionAnswered)]
    read = [x.output for x in done.events if isinstance(x, e.ToolCompleted) and x.tool == "ask"]
    assert complaints(done) == []
    assert [x.answer for x in answered] == [task.answer]
    assert read == [task.answer]


def test_the_tasks_are_many_and_in_many_languages():
    found = [tasks.load(name) for name in tasks.names()]

    assert len(found) >= 20
    assert len({task.language for task in found}) >= 8
    assert all(len(list((task.folder / "project").rglob("*.*"))) >= 2 for task in found)


def test_every_tool_of_a_session_is_used_by_some_solution():
    offered = set(toolbox_of(BackgroundShells(), ()).names)

    used = {
        call["tool"]
        for name in tasks.names()
        for answer in tasks.load(name).script()["answers"]
        for call in answer.get("tool_calls", ())
    }

    assert used == offered
