"""A command at the door: one command, one session, whoever names them."""

from __future__ import annotations

from typing import Any

import pytest

from jidoka.contract.commands import CancelTurn, CreateSession, ListSessions
from jidoka.contract.envelope import Envelope, type_of
from jidoka.contract.errors import InvalidMessage
from jidoka.contract.ids import session_id_of
from jidoka.contract.subjects import command_request, session_command
from jidoka.coordinator.request import request_of

MADE = session_id_of("/a", "1")


def an_envelope(name: str, data: dict[str, Any], subject: str | None = None) -> Envelope:
    return Envelope(id="1", source="/a", type=type_of(name), subject=subject, data=data)


@pytest.mark.parametrize(
    ("nats_subject", "subject", "data"),
    [
        (command_request("turn.cancel"), None, {"session_id": "s1"}),
        (command_request("turn.cancel"), "s1", {}),
        (command_request("turn.cancel"), "s1", {"session_id": "s1"}),
        (session_command("s1", "turn.cancel"), None, {}),
        (session_command("s1", "turn.cancel"), "s1", {"session_id": "s1"}),
    ],
)
def test_any_of_three_places_may_name_the_session(
    nats_subject: str, subject: str | None, data: dict[str, str]
):
    request = request_of(an_envelope("turn.cancel", data, subject), nats_subject)

    assert request.command == CancelTurn(session_id="s1")
    assert (request.session_id, request.origin, request.command_id) == ("s1", "/a", "1")


@pytest.mark.parametrize(
    ("nats_subject", "subject", "data", "path"),
    [
        (command_request("turn.cancel"), "s2", {"session_id": "s1"}, "subject"),
        (session_command("s2", "turn.cancel"), None, {"session_id": "s1"}, "subject"),
        (session_command("s2", "turn.cancel"), "s1", {}, "subject"),
        (command_request("turn.cancel"), None, {}, "data.session_id"),
        (command_request("turn.cancel"), "A.b", {}, "data.session_id"),
        (command_request("turn.undo"), None, {"session_id": "s1"}, "type"),
    ],
)
def test_places_that_disagree_are_refused(
    nats_subject: str, subject: str | None, data: dict[str, str], path: str
):
    with pytest.raises(InvalidMessage) as refusal:
        request_of(an_envelope("turn.cancel", data, subject), nats_subject)

    assert refusal.value.problems[0]["path"] == path


@pytest.mark.parametrize(
    ("nats_subject", "subject"),
    [
        (command_request("session.create"), None),
        (command_request("session.create"), MADE),
        (session_command(MADE, "session.create"), None),
    ],
)
def test_a_create_names_the_session_that_it_will_make(nats_subject: str, subject: str | None):
    envelope = an_envelope("session.create", {"project_path": "/p"}, subject)

    request = request_of(envelope, nats_subject)

    assert isinstance(request.command, CreateSession)
    assert request.session_id == MADE


@pytest.mark.parametrize(
    ("nats_subject", "subject"),
    [
        (command_request("session.create"), "s1"),
        (session_command("s1", "session.create"), None),
    ],
)
def test_a_create_cannot_name_another(nats_subject: str, subject: str | None):
    envelope = an_envelope("session.create", {"project_path": "/p"}, subject)

    with pytest.raises(InvalidMessage, match="24 hex digits"):
        request_of(envelope, nats_subject)


def test_a_list_is_about_no_session():
    envelope = an_envelope("session.list", {})

    request = request_of(envelope, command_request("session.list"))

    assert (request.command, request.session_id) == (ListSessions(), None)
