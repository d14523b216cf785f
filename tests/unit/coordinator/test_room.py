"""Room at the door: too much is refused at once, and what is slow takes only its part."""

from __future__ import annotations

from jidoka.contract.subjects import command_request
from jidoka.coordinator.room import MOST_BYTES, MOST_COMMANDS, MOST_FORWARDED, Room

SAY, LIST = command_request("message.submit"), command_request("session.list")


def test_exactly_the_most_commands_have_room():
    room = Room()

    taken = [room.take(SAY, 1) for _ in range(MOST_COMMANDS + 1)]

    assert taken.count(True) == MOST_COMMANDS
    assert not taken[-1]


def test_what_waits_for_the_session_manager_leaves_room_for_messages():
    room = Room()

    lists = [room.take(LIST, 1) for _ in range(MOST_COMMANDS)]

    assert lists.count(True) == MOST_FORWARDED
    assert room.take(SAY, 1)


def test_large_commands_count_by_their_bytes():
    room = Room()

    assert room.take(SAY, MOST_BYTES)
    assert not room.take(SAY, 1)


def test_who_leaves_makes_room():
    room = Room()
    for _ in range(MOST_FORWARDED):
        room.take(LIST, 1)

    room.leave(LIST, 1)

    assert room.take(LIST, 1)
    assert not room.take(LIST, 1)


def test_a_refusal_takes_no_room():
    room = Room()
    room.take(SAY, MOST_BYTES)
    room.take(SAY, 1)

    room.leave(SAY, MOST_BYTES)

    assert room.take(SAY, MOST_BYTES)
