"""A worker that asks: what a person is shown, what rules see of the real files, who is there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jidoka.contract import events as e
from jidoka.contract.content import Limits, PermissionMode, TurnOutcome
from jidoka.core.permission import Rules
from jidoka.core.rules import parse_rules
from tests.support.agent import Bench, asks, memory_bench


def call(tool: str, **args: Any) -> Any:
    return asks((tool, json.dumps(args)))


def rules(*lines: str) -> Rules:
    return parse_rules(lines, "settings")


async def request_of(bench: Bench) -> e.PermissionRequested:
    await bench.open()
    async with bench.worker():
        event = (await bench.until(e.PermissionRequested)).event
    assert isinstance(event, e.PermissionRequested)
    return event


async def ended(bench: Bench) -> list[e.Event | e.UnknownEvent]:
    await bench.open()
    async with bench.worker():
        await bench.until(e.TurnEnded)
    return await bench.events()


async def test_a_person_sees_the_diff_of_an_edit(tmp_path):
    (tmp_path / "a.py").write_text("one\ntwo\n")
    edit = call("edit", path="a.py", old="two", new="2")
    bench = memory_bench(tmp_path, edit, mode=PermissionMode.ASK)

    event = await request_of(bench)

    assert event.preview == "--- a/a.py\n+++ b/a.py\n@@ -1,2 +1,2 @@\n one\n-two\n+2\n"
    assert event.risk == "write"
    assert (tmp_path / "a.py").read_text() == "one\ntwo\n"


async def test_a_person_sees_a_new_file_and_a_missing_last_line_end(tmp_path):
    bench = memory_bench(tmp_path, call("write", path="b", content="x"), mode=PermissionMode.ASK)

    event = await request_of(bench)

    assert event.preview.startswith("--- /dev/null\n+++ b/b\n@@ -0,0 +1 @@\n+x\n\\ No newline")


async def test_a_person_sees_the_command_and_the_rule_that_asks(tmp_path):
    bench = memory_bench(tmp_path, call("shell", command="ls -l"), rules=rules("ask shell ls"))

    event = await request_of(bench)

    assert (event.preview, event.rule) == ("ls -l", "ask shell ls (settings:1)")


async def test_a_long_diff_is_cut_for_the_person(tmp_path):
    content = "".join(f"line {number}\n" for number in range(9_000))
    bench = memory_bench(
        tmp_path, call("write", path="b", content=content), mode=PermissionMode.ASK
    )

    event = await request_of(bench)

    assert len(event.preview) < 17_000
    assert event.preview.endswith("more characters)")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (call("edit", path="a.py", old="missing", new="x"), "edit_no_match"),
        (call("write", path="../x", content=""), "path_outside_project"),
        (call("nonsense"), "tool_unknown"),
        (asks(("shell", "{")), "tool_args_invalid"),
    ],
)
async def test_nobody_is_asked_about_a_call_that_cannot_run(tmp_path, answer, code: str):
    (tmp_path / "a.py").write_text("one\n")
    bench = memory_bench(tmp_path, answer, "done", mode=PermissionMode.ASK)

    events = await ended(bench)

    assert [x.error.code for x in events if isinstance(x, e.ToolFailed)] == [code]
    assert not any(isinstance(x, e.PermissionRequested) for x in events)


async def test_a_link_leads_a_rule_to_the_file_behind_it(tmp_path):
    (tmp_path / ".env").write_text("secret")
    (tmp_path / "notes").symlink_to(".env")
    (tmp_path / "docs").symlink_to(".")
    read = asks(("read", '{"path": "notes"}'), ("read", '{"path": "docs/.env"}'))
    bench = memory_bench(tmp_path, read, "done", rules=rules("deny @read .env"))

    events = await ended(bench)

    denied = [x for x in events if isinstance(x, e.ToolDenied)]
    assert [(x.by, x.reason) for x in denied] == [("rule", "deny @read .env (settings:1)")] * 2
    assert not any(isinstance(x, e.ToolStarted) for x in events)


async def test_a_search_finds_nothing_in_a_file_that_is_denied(tmp_path):
    (tmp_path / "a").mkdir()
    for name in (".env", "a/.env", "notes"):
        (tmp_path / name).write_text("canary\n")
    search = asks(
        ("grep", '{"pattern": "canary"}'), ("grep", '{"pattern": "canary", "glob": ".env"}')
    )
    bench = memory_bench(tmp_path, search, "done", rules=rules("deny read .env"))

    events = await ended(bench)

    outputs = {x.output for x in events if isinstance(x, e.ToolCompleted)}
    assert outputs == {"notes:1:canary", "(no hits)"}


async def test_a_link_to_a_file_that_is_asked_about_is_asked_about(tmp_path):
    (tmp_path / "real").write_text("x")
    (tmp_path / "link").symlink_to("real")
    bench = memory_bench(tmp_path, call("read", path="link"), "done", rules=rules("ask read real"))
    await bench.open()

    async with bench.worker():
        asked = (await bench.until(e.PermissionRequested)).event
        assert isinstance(asked, e.PermissionRequested)
        await bench.write(e.PermissionAnswered(call_id=asked.call_id, decision="allow"))
        await bench.until(e.TurnEnded)

    assert any(isinstance(x, e.ToolCompleted) for x in await bench.events())


async def test_a_project_brings_denials_and_allows_nothing(tmp_path):
    (tmp_path / ".jidoka").mkdir()
    (tmp_path / ".jidoka/permissions").write_text("allow shell ls\ndeny shell rm\n")
    calls = asks(("shell", '{"command": "rm x"}'), ("shell", '{"command": "ls"}'))
    bench = memory_bench(tmp_path, calls, mode=PermissionMode.ASK)
    await bench.open()

    async with bench.worker():
        asked = (await bench.until(e.PermissionRequested)).event

    assert isinstance(asked, e.PermissionRequested)
    assert asked.args == {"command": "ls"}
    denied = [x for x in await bench.events() if isinstance(x, e.ToolDenied)]
    assert [x.reason for x in denied] == ["deny shell rm (.jidoka/permissions:2)"]


async def test_the_agent_asks_and_goes_on_with_the_answer(tmp_path):
    question = call("ask", question="Which?", options=["a", "b"])
    bench = memory_bench(tmp_path, question, "done")
    await bench.open()

    async with bench.worker():
        asked = (await bench.until(e.QuestionAsked)).event
        assert isinstance(asked, e.QuestionAsked)
        await bench.write(e.QuestionAnswered(call_id=asked.call_id, answer="b", author="ann"))
        await bench.until(e.TurnEnded)

    assert (asked.question, asked.options) == ("Which?", ("a", "b"))
    assert [x.output for x in await bench.events() if isinstance(x, e.ToolCompleted)] == ["b"]


async def test_a_question_survives_the_worker_that_asked_it(tmp_path):
    bench = memory_bench(tmp_path, call("ask", question="Which?"), "done")
    await bench.open()
    async with bench.worker():
        asked = (await bench.until(e.QuestionAsked)).event
    assert isinstance(asked, e.QuestionAsked)

    async with bench.worker(epoch=2):
        await bench.write(e.QuestionAnswered(call_id=asked.call_id, answer="c"))
        await bench.until(e.TurnEnded)

    events = await bench.events()
    assert sum(isinstance(x, e.QuestionAsked) for x in events) == 1
    assert [x.output for x in events if isinstance(x, e.ToolCompleted)] == ["c"]


@pytest.mark.parametrize(
    ("args", "said"), [({"default": "b"}, "Take your default: b"), ({}, "Decide yourself")]
)
async def test_where_nobody_is_there_a_question_takes_its_default_at_once(tmp_path, args, said):
    bench = memory_bench(tmp_path, call("ask", question="Which?", **args), "done")
    bench.limits = Limits(question_deadline_s=0)

    events = await ended(bench)

    assert any(isinstance(x, e.QuestionExpired) for x in events)
    (output,) = [x.output for x in events if isinstance(x, e.ToolCompleted)]
    assert "Nobody answered" in output
    assert said in output


async def test_a_call_of_an_unattended_message_is_denied_at_once(tmp_path):
    bench = memory_bench(tmp_path, call("shell", command="ls"), "done", mode=PermissionMode.ASK)
    await bench.open()
    await bench.write(
        e.MessageWithdrawn(message_id="m1"),
        e.MessageAccepted(message_id="m2", content="x", unattended=True),
    )

    async with bench.worker():
        end = (await bench.until(e.TurnEnded)).event

    assert isinstance(end, e.TurnEnded)
    assert end.outcome is TurnOutcome.COMPLETED
    assert [x.by for x in await bench.events() if isinstance(x, e.ToolDenied)] == ["default"]
