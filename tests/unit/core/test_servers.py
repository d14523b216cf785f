"""MCP servers in the fold: kept as long as they are wanted, tried before the model is asked."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from jidoka.contract import events as e
from jidoka.contract.content import ErrorInfo, TurnOutcome
from jidoka.contract.errors import InvalidMessage
from jidoka.contract.mcp import MOST_SERVERS, McpServer, server_of, tool_name
from jidoka.contract.mcp_commands import AddMcpServer, RemoveMcpServer
from jidoka.core.effects import CallModel, KeepServer, RunTool
from jidoka.core.servers import decide_mcp, told_of, why_unknown
from jidoka.core.session import fold
from jidoka.core.state import SessionState
from jidoka.core.transcript import Transcript
from jidoka.core.turn import next_effects
from tests.support.entries import FREE_AT_WORK, LogWriter

SUMS = McpServer(name="sums", command=("sums-mcp",))
TURN = (
    e.MessageAccepted(message_id="m", content="hi"),
    e.TurnStarted(turn_id="t", message_ids=("m",)),
)
ADDED = e.McpAdded(server=SUMS)
CONNECTED = e.McpConnected(server_name="sums", tools=("sums__add",))
FAILED = e.McpFailed(server_name="sums", error=ErrorInfo(code="mcp_not_ready", message="gone"))


def state(*events: e.Event) -> SessionState:
    return fold(LogWriter().write("s1", *FREE_AT_WORK, *events))


def kinds(of: SessionState, epoch: int = 1) -> list[type]:
    return [type(effect) for effect in next_effects(of, epoch, {})]


def test_a_server_is_tried_before_the_model_is_asked():
    before = state(ADDED, *TURN)

    assert kinds(before) == [KeepServer]
    assert kinds(state(ADDED, *TURN, CONNECTED)) == [KeepServer, CallModel]
    assert kinds(state(ADDED, *TURN, FAILED)) == [KeepServer, CallModel]


def test_no_server_runs_before_the_first_turn_and_it_stays_after_it():
    ended = e.TurnEnded(turn_id="t", outcome=TurnOutcome.COMPLETED)

    assert kinds(state(ADDED)) == []
    assert KeepServer in kinds(state(ADDED, *TURN, CONNECTED, ended))


def test_a_server_that_was_taken_away_or_replaced_is_wanted_no_more():
    of = state(ADDED, *TURN, CONNECTED)
    (kept,) = [x for x in next_effects(of, 1, {}) if isinstance(x, KeepServer)]
    other = e.McpAdded(server=McpServer(name="sums", command=("other",)))

    removed = state(ADDED, *TURN, CONNECTED, e.McpRemoved(server_name="sums"))
    replaced = state(ADDED, *TURN, CONNECTED, other)

    assert kept not in next_effects(removed, 1, {})
    assert kept not in next_effects(replaced, 1, {})
    assert kinds(replaced) == [KeepServer]


def test_the_next_worker_tries_again_before_it_runs_a_server_s_tool():
    call = {"call_id": "c", "tool": "sums__add", "arguments": "{}"}
    asked = e.LlmResponded(turn_id="t", call_id="t-1", step=1, model="m", tool_calls=(call,))  # pyright: ignore[reportArgumentType]
    before = (ADDED, *TURN, CONNECTED, asked, e.WorkerAssigned(host="h", epoch=2))

    untried, connected = state(*before), state(*before, CONNECTED)

    assert kinds(untried, 2) == [KeepServer]
    assert kinds(connected, 2) == [KeepServer, RunTool]


def test_asking_for_what_is_there_records_nothing():
    servers = state(ADDED).servers
    again = AddMcpServer(session_id="s" + "0" * 24, server=SUMS)
    gone = RemoveMcpServer(session_id="s" + "0" * 24, server_name="other")

    assert decide_mcp(servers, again, "/x") is None
    assert decide_mcp(servers, gone, "/x") is None


def test_a_session_has_a_bounded_number_of_servers():
    added = [
        e.McpAdded(server=McpServer(name=f"s{n}", command=("x",))) for n in range(MOST_SERVERS)
    ]
    one_more = AddMcpServer(session_id="s" + "0" * 24, server=SUMS)

    with pytest.raises(InvalidMessage, match="16 servers"):
        decide_mcp(state(*added).servers, one_more, "/x")


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "a"},
        {"name": "a", "command": ("x",), "url": "http://h/"},
        {"name": "A b", "command": ("x",)},
        {"name": "a__b", "command": ("x",)},
        {"name": "a", "command": ("",)},
        {"name": "a", "command": ("x\ny",)},
        {"name": "a", "url": "file:///etc/passwd"},
        {"name": "a", "url": "http://user:word@h/"},
        {"name": "a", "command": ("x",), "variables": {"TOKEN": "OPENAI_API_KEY"}},
        {"name": "a", "command": ("x",), "variables": {"A B": "JIDOKA_MCP_A"}},
        {"name": "a", "url": "http://h/", "headers": {"X": "Bearer abc"}},
        {"name": "a", "command": ("x",), "headers": {"X": "JIDOKA_MCP_A"}},
    ],
)
def test_a_server_that_cannot_be_is_refused(fields):
    with pytest.raises(ValidationError):
        McpServer(**fields)


@pytest.mark.parametrize("theirs", ["add", "a.b/c", "ä" * 100, "__", ""])
def test_the_model_s_name_of_a_tool_is_one_that_providers_take_and_leads_to_its_server(theirs):
    name = tool_name("sums", theirs)

    assert server_of(name) == "sums"
    assert len(name) <= 64
    assert all(c.isascii() and (c.isalnum() or c in "_-") for c in name)


def spec(name: str) -> dict[str, object]:
    return {"type": "function", "function": {"name": name, "description": "", "parameters": {}}}


def told(*events: e.Event) -> tuple[list[str], str]:
    """Return which tools of servers the model is told of, and what is said of those it is not."""
    entries = LogWriter().write("s1", *FREE_AT_WORK, *events)
    transcript = Transcript()
    for entry in entries:
        transcript.add(entry)
    servers, known = fold(entries).servers, transcript.briefing.servers
    names = [each["function"]["name"] for each in told_of(servers, known)]
    return names, why_unknown(servers[0], known)


def test_what_the_model_is_told_of_a_server_is_what_was_recorded_last():
    one, other = spec("sums__add"), spec("sums__take")
    first = CONNECTED.model_copy(update={"specs": (one,)})
    changed = e.McpConnected(server_name="sums", tools=("sums__take",), specs=(other,))

    assert told(ADDED, first) == (["sums__add"], "")
    assert told(ADDED, first, changed) == (["sums__take"], "")
    assert told(ADDED, first, FAILED, CONNECTED) == (["sums__add"], "")


def test_of_a_server_whose_tools_are_not_known_it_is_said_why():
    known = CONNECTED.model_copy(update={"specs": (spec("sums__add"),)})

    assert told(ADDED)[0] == []
    assert "before its first start" in told(ADDED)[1]
    assert told(ADDED, known, FAILED) == ([], "not offered: gone")
    assert told(ADDED, CONNECTED) == ([], "not recorded yet")
    assert told(ADDED, known, ADDED)[0] == []
