"""Subjects: the table of the design, and no way to smuggle a token into one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jidoka.contract import subjects
from jidoka.contract.ids import is_token

SPELLED = {
    "jido.session.s1.event.message.accepted": subjects.session_event("s1", "message.accepted"),
    "jido.session.s1.event.>": subjects.session_events("s1"),
    "jido.session.s1.live.tool_output": subjects.session_live("s1", "tool_output"),
    "jido.session.s1.live.>": subjects.session_lives("s1"),
    "jido.session.s1.command.turn.cancel": subjects.session_command("s1", "turn.cancel"),
    "jido.session.s1.command.>": subjects.session_commands("s1"),
    "jido.command.session.create": subjects.command_request("session.create"),
    "jido.manager.session.create": subjects.manager_request("session.create"),
    "jido.host.h-1.worker.start": subjects.host_request("h-1", "worker.start"),
    "jido.host.h-1.>": subjects.host_requests("h-1"),
    "jido.llm.call.c1": subjects.llm_call("c1"),
    "jido.llm.cancel.c1": subjects.llm_cancel("c1"),
    "jido.project.0a1b.event.file.changed": subjects.project_event("0a1b", "file.changed"),
    "jido.tool.weather.today": subjects.tool_request("weather", "today"),
    "jido.dlq.coordinator": subjects.dlq("coordinator"),
}
MAKERS: list[Callable[[str], str]] = [
    lambda text: subjects.session_event(text, "message.accepted"),
    lambda text: subjects.session_event("s1", text),
    subjects.session_events,
    lambda text: subjects.session_live("s1", text),
    subjects.session_lives,
    lambda text: subjects.session_command(text, "turn.cancel"),
    subjects.session_commands,
    subjects.command_request,
    subjects.manager_request,
    lambda text: subjects.host_request(text, "worker.start"),
    subjects.host_requests,
    subjects.llm_call,
    subjects.llm_cancel,
    lambda text: subjects.project_event(text, "file.changed"),
    lambda text: subjects.tool_request(text, "today"),
    lambda text: subjects.tool_request("weather", text),
    subjects.dlq,
]
INJECTIONS = [
    "",
    ".",
    "*",
    ">",
    "a.*",
    "a.>",
    "a b.c",
    "a.b.c",
    "a.b c",
    "a/b",
    "\0",
    "a\r\n",
    "a.",
]


@pytest.mark.parametrize("subject", SPELLED)
def test_is_spelled(subject: str):
    assert SPELLED[subject] == subject


@pytest.mark.parametrize("injected", INJECTIONS)
def test_nothing_enters_a_subject_but_tokens(injected: str):
    for make in MAKERS:
        with pytest.raises(ValueError, match="not a s"):
            make(injected)


@given(st.text(max_size=20))
def test_whatever_is_said_the_number_of_tokens_stays(text: str):
    for make in MAKERS:
        try:
            made = make(text)
        except ValueError:
            continue

        assert all(is_token(each) or each == ">" for each in made.split("."))


@pytest.mark.parametrize(
    ("subject", "session_id"),
    [
        ("jido.session.s1.event.message.accepted", "s1"),
        ("jido.session.s1", "s1"),
        ("jido.session", None),
        ("jido.command.session.create", None),
        ("other.session.s1.event", None),
        ("", None),
    ],
)
def test_a_subject_names_its_session(subject: str, session_id: str | None):
    assert subjects.session_of(subject) == session_id


def test_a_subject_names_its_event_or_command():
    assert subjects.name_of("jido.session.s1.event.message.accepted") == "message.accepted"
    assert subjects.name_of("jido.command.turn.cancel") == "turn.cancel"
