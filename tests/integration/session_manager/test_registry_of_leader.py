"""What the leader knows of all sessions: lists, names, and the file that may be deleted."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from jidoka.bus.connection import Bus
from jidoka.contract import events as e
from jidoka.contract.errors import AmbiguousName, InvalidMessage, SessionNotFound, UnknownCommand
from jidoka.contract.replies import SessionInfo
from jidoka.session_manager.rebuilding import rebuild
from tests.support.fake_host import FakeHost
from tests.support.manager import ask, create, events_until, leading, record, settle


async def test_a_list_has_what_was_recorded_before_it_was_asked_for(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        made, newest = [], []
        for number in range(5):
            made.append((await create(bus, tmp_path / f"p{number}"))["session_id"])
            newest.append(ids_of(await ask(bus, "session.list", {}))[0])

    assert newest == made


async def test_a_list_comes_in_pages_with_filters(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        ids = [(await create(bus, tmp_path / f"p{n}"))["session_id"] for n in range(5)]
        await record(bus, ids[0], e.MessageAccepted(message_id="m", content="mend the parser"))
        await record(bus, ids[1], e.SessionTerminationRequested())
        await settle(bus, ids[1])

        first = await ask(bus, "session.list", {"limit": 3})
        second = await ask(bus, "session.list", {"limit": 3, "after": first["next"]})
        ended = await ask(bus, "session.list", {"status": ["terminated"]})
        there = await ask(bus, "session.list", {"project": str(tmp_path / "p3")})
        found = await ask(bus, "session.list", {"text": "parser"})

    assert ids_of(first) == [ids[4], ids[3], ids[2]]
    assert (ids_of(second), second.get("next")) == ([ids[0]], None)
    assert (ids_of(ended), ids_of(there), ids_of(found)) == ([ids[1]], [ids[3]], [ids[0]])


async def test_a_list_says_as_much_of_a_session_as_asking_for_it(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        made = await create(bus, tmp_path / "p")
        await events_until(bus, made["session_id"], "active")
        listed = await ask(bus, "session.list", {})
        got = await ask(bus, "session.get", {"session_id": made["session_id"]})

    assert listed["sessions"] == [got]
    assert set(got) == set(SessionInfo.model_fields)


async def test_a_page_that_was_never_given_is_refused(bus: Bus, nats_url: str, home: Path):
    async with leading(bus, nats_url, home):
        with pytest.raises(InvalidMessage):
            await ask(bus, "session.list", {"after": "no-page"})


@pytest.mark.parametrize("target", ["alpha", "ALPHA", "alp"])
async def test_a_session_is_found_by_its_name_or_the_beginning_of_it(
    bus: Bus, nats_url: str, host: FakeHost, tmp_path: Path, target: str
):
    async with leading(bus, nats_url, tmp_path / "home"):
        alpha = await create(bus, tmp_path / "p1", name="alpha")
        await create(bus, tmp_path / "p2", name="beta")

        found = await ask(bus, "session.get", {"session_id": target})

    assert found["session_id"] == alpha["session_id"]


async def test_a_name_that_fits_several_or_none_is_refused(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        made = [await create(bus, tmp_path / f"p{n}", name="twin") for n in range(2)]

        with pytest.raises(AmbiguousName) as several:
            await ask(bus, "session.get", {"session_id": "twin"})
        with pytest.raises(SessionNotFound):
            await ask(bus, "session.get", {"session_id": "nobody"})

    named = " ".join(several.value.candidates)
    assert all(answer["session_id"] in named for answer in made)


async def test_what_the_leader_does_not_decide_is_refused(bus: Bus, nats_url: str, home: Path):
    async with leading(bus, nats_url, home):
        with pytest.raises(InvalidMessage):
            await ask(bus, "session.create", {"project_path": 7})
        with pytest.raises(UnknownCommand):
            await ask(bus, "session.get", {}, kind="session.unheard_of")


async def test_rebuilding_while_somebody_leads_gives_the_same_list(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        for number in range(3):
            made = await create(bus, tmp_path / f"p{number}")
            await events_until(bus, made["session_id"], "active")
        before = await ask(bus, "session.list", {})
        await ask(bus, "session.list", {"status": ["terminated"]})  # it waits for the registry
        rows_before = rows(home)

        position = await rebuild(nats_url, home / "registry.db")

        after = await ask(bus, "session.list", {})
        assert rows(home) == rows_before
    assert after == before
    assert position == 12


async def test_rebuilding_while_nobody_leads_gives_the_same_rows(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        made = await create(bus, tmp_path / "p")
        await events_until(bus, made["session_id"], "active")
        await ask(bus, "session.list", {"status": ["terminated"]})  # it waits for the registry
    before = rows(home)
    (home / "registry.db").unlink()

    await rebuild(nats_url, home / "registry.db")

    assert rows(home) == before


async def test_a_registry_deleted_under_the_leader_comes_back(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        first = await create(bus, tmp_path / "p1")
        await events_until(bus, first["session_id"], "active")
        await ask(bus, "session.list", {"status": ["terminated"]})  # it waits for the registry
        (home / "registry.db").unlink()
        second = await create(bus, tmp_path / "p2")
        await events_until(bus, second["session_id"], "active")
        everything = {"status": ["active", "terminated"]}  # asks the file, not the fold
        listed = await ask(bus, "session.list", everything)

    assert ids_of(listed) == [second["session_id"], first["session_id"]]


def ids_of(listed: dict) -> list[str]:
    return [session["session_id"] for session in listed["sessions"]]


def rows(home: Path) -> list[tuple]:
    """Return the sessions as they are stored."""
    db = sqlite3.connect(home / "registry.db")
    found = list(db.execute("select * from sessions order by session_id"))
    db.close()
    return found
