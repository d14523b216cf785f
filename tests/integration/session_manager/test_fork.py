"""Forking: a conversation goes on in two places, and neither knows of the other."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from jidoka.bus.blobs import NatsBlobs
from jidoka.bus.connection import Bus
from jidoka.bus.event_log import NatsEventLog
from jidoka.contract import events as e
from jidoka.contract.content import PermissionMode, Status, TurnOutcome
from jidoka.contract.errors import (
    InvalidMessage,
    ProjectAlreadyOpen,
    ProjectForbidden,
    SessionNotFound,
)
from jidoka.core.history import events_of
from jidoka.core.ports import Entry
from tests.support.fake_host import FakeHost
from tests.support.manager import ask, create, events_until, leading, record, settle

EVERY_STATUS = [status.value for status in Status]
ANSWER = {"content": "first", "step": 1, "call_id": "l", "model": "m", "turn_id": "t"}


def repository(project: Path) -> None:
    """Make a folder with one file that is committed."""
    project.mkdir(parents=True)
    (project / "a.txt").write_text("committed\n")
    identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    for words in (("init", "-q"), ("add", "."), (*identity, "commit", "-qm", "first")):
        subprocess.run(["git", *words], cwd=project, check=True, timeout=20)


async def spoken(bus: Bus, project: Path) -> str:
    """Return a session on a git repository with one turn, and a message after it."""
    repository(project)
    session = (await create(bus, project, name="first"))["session_id"]
    await events_until(bus, session, "active")
    output = await NatsBlobs(bus).put(session, b"all of the output")
    for event in (
        e.MessageAccepted(message_id="m", content="hello"),
        e.TurnStarted(turn_id="t", message_ids=("m",)),
        e.ToolCompleted(turn_id="t", call_id="c", tool="shell", output="cut", output_ref=output),
        e.LlmResponded.model_validate(ANSWER),
        e.TurnEnded(turn_id="t", outcome=TurnOutcome.COMPLETED),
        e.SessionConfigured(permission_mode=PermissionMode.PLAN),
        e.MessageAccepted(message_id="n", content="later"),
    ):
        await record(bus, session, event)
    return session


async def log_of(bus: Bus, session: str) -> list[Entry]:
    return [entry async for entry in NatsEventLog(bus).read(session)]


def words_of(birth: e.SessionForked) -> list[object]:
    return [x.content for x in events_of(birth.history) if isinstance(x, e.MessageAccepted)]


async def test_a_fork_has_the_conversation_up_to_a_number_and_a_worktree_of_its_own(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        source = await spoken(bus, tmp_path / "p")
        before = await log_of(bus, source)
        [end] = [entry for entry in before if isinstance(entry.event, e.TurnEnded)]
        fork = {"session_id": source, "at": end.sequence, "name": "second"}
        made = await ask(bus, "session.fork", fork)
        events = await events_until(bus, made["session_id"], "active")
        whole = await ask(bus, "session.fork", {"session_id": "first"})

    birth = (await log_of(bus, made["session_id"]))[0].event
    last = (await log_of(bus, whole["session_id"]))[0].event
    assert isinstance(birth, e.SessionForked)
    assert isinstance(last, e.SessionForked)
    assert events == ["session.forked", "initializing", "worker.assigned 1", "active"]
    assert (birth.forked_from, birth.at, birth.session_name) == (source, end.sequence, "second")
    assert birth.source_hash == end.head.digest
    assert (words_of(birth), words_of(last)) == (["hello"], ["hello", "later"])
    assert (birth.permission_mode, last.permission_mode) == ("ask", "plan")
    assert (Path(birth.project_path) / "a.txt").read_text() == "committed\n"
    assert len({birth.project_path, last.project_path, str(tmp_path / "p")}) == 3
    assert await log_of(bus, source) == before


async def test_a_fork_outlives_the_session_that_it_came_from(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        source = await spoken(bus, tmp_path / "p")
        await record(bus, source, e.SessionTerminationRequested())
        await settle(bus, source)
        session = (await ask(bus, "session.fork", {"session_id": source}))["session_id"]
        await ask(bus, "session.delete", {"session_id": source})
        with pytest.raises(SessionNotFound):
            await ask(bus, "session.fork", {"session_id": source})

    birth = (await log_of(bus, session))[0].event
    assert isinstance(birth, e.SessionForked)
    [output] = [x.output_ref for x in events_of(birth.history) if isinstance(x, e.ToolCompleted)]
    assert output is not None
    assert await NatsBlobs(bus).get(output.ref) == b"all of the output"


async def test_a_fork_that_cannot_be_leaves_nothing(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    (tmp_path / "plain").mkdir()
    async with leading(bus, nats_url, home):
        source = await spoken(bus, tmp_path / "p")
        plain = (await create(bus, tmp_path / "plain"))["session_id"]
        beyond = {"session_id": source, "at": (await log_of(bus, source))[-1].sequence + 1}
        taken = {"session_id": source, "project_path": str(tmp_path / "plain")}
        for fields in (beyond, {"session_id": source, "at": 0}):
            with pytest.raises(InvalidMessage):
                await ask(bus, "session.fork", fields)
        with pytest.raises(ProjectAlreadyOpen):
            await ask(bus, "session.fork", taken)
        with pytest.raises(ProjectForbidden):  # no git repository, and no folder named
            await ask(bus, "session.fork", {"session_id": plain})
        listed = await ask(bus, "session.list", {"status": EVERY_STATUS})

    assert {each["session_id"] for each in listed["sessions"]} == {source, plain}


async def test_the_same_command_forks_once(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    (tmp_path / "q").mkdir()
    async with leading(bus, nats_url, home):
        source = await spoken(bus, tmp_path / "p")
        fields = {"session_id": source, "project_path": str(tmp_path / "q")}
        first = await ask(bus, "session.fork", fields, command_id="once")
        second = await ask(bus, "session.fork", fields, command_id="once")

    assert (first["session_id"], first["project_path"]) == (
        second["session_id"],
        str(tmp_path / "q"),
    )
