"""MCP servers of a session: real ones, that answer, die, lie and are taken away."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from jidoka.agent import servers
from jidoka.agent.model_calls import hash_of
from jidoka.agent.session import LiveSession
from jidoka.contract import events as e
from jidoka.contract.mcp import McpServer
from jidoka.core.context import Assembled, assembled
from jidoka.core.servers import told_of
from jidoka.tools import mcp_link
from jidoka.tools.toolbox import Toolbox, builtin_tools
from tests.support.agent import SESSION, asks, memory_bench

ROOT = str(Path(__file__).parents[3])
PYTHON = (sys.executable, "-c")


def _stdio(name: str = "sums", **more: object) -> McpServer:
    start = f"import sys; sys.path.insert(0, {ROOT!r}); import tests.support.mcp_server as s; "
    return McpServer(name=name, command=(*PYTHON, start + "s.server.run()"), **more)  # pyright: ignore[reportArgumentType]


def _program(name: str, source: str) -> McpServer:
    return McpServer(name=name, command=(*PYTHON, source))


async def _turn(bench, *servers: McpServer) -> list[e.Event | e.UnknownEvent]:
    await bench.open()
    await bench.write(*(e.McpAdded(server=server) for server in servers))
    async with bench.worker():
        await bench.until(e.TurnEnded)
        return await bench.events()


async def test_a_server_s_tools_are_offered_by_its_name_and_answer(tmp_path):
    bench = memory_bench(tmp_path, asks(("sums__add", '{"a": 2, "b": 3}')), "Five.")

    events = await _turn(bench, _stdio())

    (connected,) = [x for x in events if isinstance(x, e.McpConnected)]
    (done,) = [x for x in events if isinstance(x, e.ToolCompleted)]
    offered = [tool["function"]["name"] for tool in bench.model.calls[0].tools]
    assert {"sums__add", "sums__slow", "sums__read_resource"} <= set(connected.tools)
    assert set(connected.tools) <= set(offered)
    assert done.output == "5"
    (started,) = [x for x in events if isinstance(x, e.ToolStarted)]
    assert started.effect == "unknown"


async def test_what_the_model_is_told_of_servers_follows_from_the_log(tmp_path):
    bench = memory_bench(tmp_path, asks(("sums__add", '{"a": 2, "b": 3}')), "Five.")

    events = await _turn(bench, _stdio())

    sent = await _as_logged(bench)
    answer = [x for x in events if isinstance(x, e.LlmResponded)][-1]
    assert sent.tools == bench.model.calls[-1].tools
    assert sent.messages == bench.model.calls[-1].messages
    assert (sent.ruled, hash_of(sent)) == (answer.context_tokens, answer.context_hash)
    (part,) = [part for part in sent.parts if part.detail.startswith("sums: ")]
    assert part.tokens > 100
    assert sum(part.tokens for part in sent.parts) == pytest.approx(sent.tokens, abs=9)


async def test_tools_that_are_recorded_are_not_recorded_again_by_the_next_worker(tmp_path):
    bench = memory_bench(tmp_path, "One.", "Two.")
    await _turn(bench, _stdio())

    async with bench.worker(epoch=2):
        await bench.write(e.MessageAccepted(message_id="m2", content="again"))
        await bench.until(e.TurnEnded, 2)
        events = await bench.events()

    first, second = [x for x in events if isinstance(x, e.McpConnected)]
    assert len(first.specs or ()) == len(first.tools)
    assert second.specs is None
    assert bench.model.calls[0].tools == bench.model.calls[1].tools


async def _as_logged(bench) -> Assembled:
    """Return what the log alone says that the last request was."""
    session = LiveSession(SESSION)
    entries = [entry async for entry in bench.log.read(SESSION)]
    last = max(n for n, x in enumerate(entries) if isinstance(x.event, e.LlmRequested))
    for entry in entries[: last + 1]:
        session.absorb(entry)
    known = session.transcript.briefing.servers
    specs = Toolbox(builtin_tools()).specs_for_model() + told_of(session.state.servers, known)
    return assembled(session.state, session.transcript, specs)


async def test_an_argument_of_a_servers_tool_may_be_called_like_one_of_ours(tmp_path):
    bench = memory_bench(tmp_path, asks(("sums__late", '{"timeout_s": "soon"}')), "Late.")

    events = await _turn(bench, _stdio())

    (done,) = [x for x in events if isinstance(x, e.ToolCompleted)]
    assert done.output == "soon"


async def test_a_resource_is_read(tmp_path):
    reading = asks(("sums__read_resource", '{"uri": "notes://today"}'))
    bench = memory_bench(tmp_path, reading, "Milk.")

    events = await _turn(bench, _stdio())

    (done,) = [x for x in events if isinstance(x, e.ToolCompleted)]
    assert done.output == "buy milk"


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (("sums__fail", '{"why": "no luck"}'), "tool_failed"),
        (("sums__add", '{"a": "two", "b": 3}'), "tool_args_invalid"),
        (("sums__nothing", "{}"), "tool_unknown"),
        (("sums__die", "{}"), "mcp_not_ready"),
        (("other__add", "{}"), "tool_unknown"),
    ],
)
async def test_what_goes_wrong_in_a_server_fails_its_call_only(tmp_path, call, code):
    bench = memory_bench(tmp_path, asks(call), "It failed.")

    events = await _turn(bench, _stdio())

    (failed,) = [x for x in events if isinstance(x, e.ToolFailed)]
    (ended,) = [x for x in events if isinstance(x, e.TurnEnded)]
    assert failed.error.code == code
    assert ended.outcome == "completed"


async def test_who_names_a_tool_that_is_not_there_is_told_of_the_servers_tools_too(tmp_path):
    bench = memory_bench(tmp_path, asks(("other__add", "{}")), "So.")

    events = await _turn(bench, _stdio())

    (failed,) = [x for x in events if isinstance(x, e.ToolFailed)]
    assert "sums__add" in failed.error.message


async def test_a_server_that_died_is_started_again_and_serves_the_next_call(tmp_path):
    answers = (asks(("sums__die", "{}")), "It died.", asks(("sums__add", '{"a": 1, "b": 1}')))
    bench = memory_bench(tmp_path, *answers, "Two.")
    await bench.open()
    await bench.write(e.McpAdded(server=_stdio()))

    async with bench.worker():
        await bench.until(e.McpConnected, 2)
        await bench.write(e.MessageAccepted(message_id="m2", content="again"))
        await bench.until(e.TurnEnded, 2)
        events = await bench.events()

    (done,) = [x for x in events if isinstance(x, e.ToolCompleted)]
    (lost,) = [x for x in events if isinstance(x, e.McpFailed)]
    assert done.output == "2"
    assert "exit status 3" in lost.error.message


@pytest.mark.parametrize(
    "source",
    [
        "raise SystemExit('I will not start')",
        "import time; print('hello, this is no JSON', flush=True)",
        "print('[' * 100_000, flush=True)",
        "import sys; sys.stdout.write('x' * 9_000_000)",
        "import time; time.sleep(60)",
        "import os; os.close(1); import time; time.sleep(60)",
    ],
)
async def test_a_server_that_cannot_speak_is_reported_and_the_model_goes_on_without_it(
    tmp_path, source, monkeypatch
):
    monkeypatch.setattr(mcp_link, "HANDSHAKE_S", 3.0)
    bench = memory_bench(tmp_path, "I do without.")

    events = await _turn(bench, _program("mute", source))

    failed = [x for x in events if isinstance(x, e.McpFailed)]
    (ended,) = [x for x in events if isinstance(x, e.TurnEnded)]
    assert failed
    assert failed[0].error.code == "mcp_not_ready"
    assert ended.answer == "I do without."


SPEAKS = """
import json, sys

def say(message):
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)

for line in sys.stdin:
    asked = json.loads(line)
    method, number = asked.get("method"), asked.get("id")
    if method == "initialize":
        version = asked["params"]["protocolVersion"]
        about = {"protocolVersion": version, "serverInfo": {"name": "x", "version": "1"}}
        say({"id": number, "result": {**about, "capabilities": {"tools": {"listChanged": True}}}})
    elif method == "tools/list":
        LIST
    elif number is not None:
        say({"id": number, "error": {"code": -32601, "message": "unknown"}})
"""


def _speaking(what_it_does_when_asked_for_tools: str) -> McpServer:
    source = SPEAKS.replace("LIST", what_it_does_when_asked_for_tools)
    return _program("own", f"exec({source!r})")  # a command has no line ends


async def test_the_model_does_not_wait_for_late_servers_and_one_joins_when_it_answers(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(servers, "START_S", 0.5)
    door = tmp_path / "answer"
    late = (
        "import pathlib, sys, time\n"
        f"while not pathlib.Path({str(door)!r}).exists(): time.sleep(0.05)\n"
        f"sys.path.insert(0, {ROOT!r})\nimport tests.support.mcp_server as s; s.server.run()"
    )
    bench = memory_bench(tmp_path, "Without.", asks(("late__add", '{"a": 1, "b": 1}')), "Two.")
    await bench.open()
    mute = _program("mute", "import time; time.sleep(60)")
    slow = _program("late", f"exec({late!r})")
    await bench.write(*(e.McpAdded(server=server) for server in (mute, slow)))

    async with bench.worker():
        await bench.until(e.TurnEnded)
        first = await bench.events()
        door.touch()
        await bench.until(e.McpConnected)
        await bench.write(e.MessageAccepted(message_id="m2", content="again"))
        await bench.until(e.TurnEnded, 2)
        events = await bench.events()

    lost = [x for x in first if isinstance(x, e.McpFailed)]
    (done,) = [x for x in events if isinstance(x, e.ToolCompleted)]
    assert {x.server_name for x in lost} == {"mute", "late"}
    assert {x.server_name for x in first if isinstance(x, e.McpDelayed)} == {"mute", "late"}
    assert all("still starting after 0.5 s" in x.error.message for x in lost)
    assert done.output == "2"


async def test_a_server_that_does_not_say_what_it_has_is_waited_for_no_longer_than_told(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(mcp_link, "LIST_S", 0.5)
    bench = memory_bench(tmp_path, "Hello.")

    events = await _turn(bench, _speaking("pass"))

    failed = next(x for x in events if isinstance(x, e.McpFailed))
    assert "no answer in time" in failed.error.message


@pytest.mark.parametrize(("name", "most"), [("'same'", 1), ("f'tool{number}'", 8)])
async def test_a_server_with_news_without_end_does_not_fill_the_log(tmp_path, name, most):
    tool = f"{{'name': {name}, 'inputSchema': {{'type': 'object'}}}}"
    lists = (
        f"say({{'id': number, 'result': {{'tools': [{tool}]}}}}); "
        "say({'method': 'notifications/tools/list_changed'})"
    )
    waits = asks(("shell", '{"command": "sleep 1"}'))
    bench = memory_bench(tmp_path, waits, "Hello.")

    events = await _turn(bench, _speaking(lists))

    told = [x.tools for x in events if isinstance(x, e.McpConnected)]
    assert 1 <= len(told) <= most
    assert len(set(told)) == len(told)


async def test_a_program_that_ends_at_once_is_told_with_how_it_ended_and_what_it_printed(tmp_path):
    bench = memory_bench(tmp_path, asks(("mute__add", "{}")), "I do without.")

    events = await _turn(bench, _program("mute", "raise SystemExit('I will\\nnot start')"))

    failed = next(x for x in events if isinstance(x, e.McpFailed))
    (refused,) = [x for x in events if isinstance(x, e.ToolFailed)]
    assert "it ended with exit status 1: I will not start" in failed.error.message
    assert refused.error.message == failed.error.message


async def test_a_server_that_is_taken_away_is_gone_with_its_tools(tmp_path):
    bench = memory_bench(tmp_path, "Hello.", "Bye.")
    mark = tmp_path / "alive"
    source = (
        f"import pathlib, os; pathlib.Path({str(mark)!r}).write_text(str(os.getpid())); "
        f"import sys; sys.path.insert(0, {ROOT!r}); "
        "import tests.support.mcp_server as s; s.server.run()"
    )
    await bench.open()
    await bench.write(e.McpAdded(server=_program("sums", source)))

    async with bench.worker():
        await bench.until(e.TurnEnded)
        await bench.write(e.McpRemoved(server_name="sums"))
        await bench.write(e.MessageAccepted(message_id="m2", content="again"))
        await bench.until(e.TurnEnded, 2)
        offered = [tool["function"]["name"] for tool in bench.model.calls[1].tools]
        pid = int(mark.read_text())

    assert not Path(f"/proc/{pid}").exists()
    assert not any(name.startswith("sums__") for name in offered)


async def test_a_variable_is_given_by_reference_and_stands_in_no_event_or_argument(
    tmp_path, monkeypatch
):
    secret = "s3cr3t-of-the-server"  # noqa: S105
    monkeypatch.setenv("JIDOKA_MCP_TEST", secret)
    bench = memory_bench(tmp_path, asks(("sums__variable", '{"name": "TOKEN"}')), "Done.")

    events = await _turn(bench, _stdio(variables={"TOKEN": "JIDOKA_MCP_TEST"}))

    (done,) = [x for x in events if isinstance(x, e.ToolCompleted)]
    assert done.output == f"TOKEN: {len(secret)}"
    assert secret not in repr(events)
    assert bench.learned == [secret]


async def test_a_variable_that_the_host_has_not_is_named(tmp_path):
    bench = memory_bench(tmp_path, "Without.")

    events = await _turn(bench, _stdio(variables={"TOKEN": "JIDOKA_MCP_NOT_THERE"}))

    failed = next(x for x in events if isinstance(x, e.McpFailed))
    assert "JIDOKA_MCP_NOT_THERE" in failed.error.message


async def test_a_long_answer_is_cut_and_a_call_that_hangs_ends(tmp_path):
    calls = asks(("sums__long", '{"size": 1000000}'))
    bench = memory_bench(tmp_path, calls, "Long.")

    events = await _turn(bench, _stdio())

    (done,) = [x for x in events if isinstance(x, e.ToolCompleted)]
    assert "left out" in done.output
    assert len(done.output) < 64 * 1024
