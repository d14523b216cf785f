"""Forking: a conversation goes on in two places, and neither knows of the other."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from jidoka.bus.blobs import NatsBlobs
from jidoka.bus.connection import Bus
from jidoka.bus.event_log import NatsEventLog
from jidoka.contract import events as e
from jidoka.contract.content import PermissionMode, SnapshotRef, Status, TurnOutcome
from jidoka.contract.errors import (
    InvalidMessage,
    ProjectAlreadyOpen,
    ProjectForbidden,
    SessionNotFound,
    SnapshotMissing,
)
from jidoka.contract.ids import session_id_of
from jidoka.core.history import events_of
from jidoka.core.ports import Entry
from jidoka.sandbox.leftovers import sessions_with_files
from jidoka.sandbox.snapshots import Snapshots
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
            await ask(bus, "session.fork", {"session_id": plain, "files": "leave"})
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


async def changed(bus: Bus, home: Path, session: str, project: Path) -> int:
    """Record a turn that changed files, as a worker would; return the number of its end."""
    snapshots = Snapshots(str(project), str(home / "snapshots" / session))
    before = await snapshots.take()
    (project / "a.txt").write_text("the turn's\n")
    (project / "made").mkdir()
    (project / "made" / "run.sh").write_text("#!/bin/sh\n")
    (project / "made" / "run.sh").chmod(0o755)
    after = await snapshots.take()
    started: dict[str, Any] = {
        "turn_id": "u",
        "call_id": "c",
        "tool": "shell",
        "args": {},
        "args_hash": "",
    }
    for event in (
        e.TurnStarted(turn_id="u", message_ids=()),
        e.ToolStarted(**started, effect="effect", snapshot=SnapshotRef(tree=before.tree)),
        e.TurnEnded(
            turn_id="u", outcome=TurnOutcome.COMPLETED, snapshot=SnapshotRef(tree=after.tree)
        ),
    ):
        await record(bus, session, event)
    (project / "a.txt").write_text("later\n")
    return (await log_of(bus, session))[-1].sequence


@pytest.mark.parametrize("given", [False, True], ids=["worktree", "folder"])
async def test_a_fork_has_the_files_as_they_were_then(
    bus: Bus, nats_url: str, host: FakeHost, tmp_path: Path, given: bool
):
    folder = {"project_path": str(tmp_path / "q")} if given else {}
    (tmp_path / "q").mkdir()
    home = tmp_path / "home"
    async with leading(bus, nats_url, home):
        source = await spoken(bus, tmp_path / "p")
        (tmp_path / "p" / "b.txt").write_text("never committed\n")
        at = await changed(bus, home, source, tmp_path / "p")
        made = await ask(bus, "session.fork", {"session_id": source, "at": at, **folder})
        settled = await ask(bus, "session.fork", {"session_id": source, "at": at - 4})

    then, before = Path(made["project_path"]), Path(settled["project_path"])
    assert (then / "a.txt").read_text() == "the turn's\n"
    assert (then / "b.txt").read_text() == "never committed\n"
    assert (then / "made" / "run.sh").stat().st_mode & 0o100
    assert (before / "a.txt").read_text() == "committed\n"
    assert (before / "b.txt").exists()
    assert not (before / "made").exists()


async def test_a_folder_with_something_in_it_stays_as_it_is(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    (tmp_path / "q").mkdir()
    (tmp_path / "q" / "mine").write_text("mine\n")
    async with leading(bus, nats_url, home):
        source = await spoken(bus, tmp_path / "p")
        await ask(bus, "session.fork", {"session_id": source, "project_path": str(tmp_path / "q")})

    assert [path.name for path in (tmp_path / "q").iterdir()] == ["mine"]


async def test_a_folder_that_is_no_repository_is_copied(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / "a.txt").write_text("plain\n")
    async with leading(bus, nats_url, home):
        plain = (await create(bus, tmp_path / "plain"))["session_id"]
        made = await ask(bus, "session.fork", {"session_id": plain})

    assert (Path(made["project_path"]) / "a.txt").read_text() == "plain\n"
    assert made["project_path"] != str(tmp_path / "plain")


async def test_files_that_are_not_kept_refuse_a_fork_and_leave_nothing(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        source = await spoken(bus, tmp_path / "p")
        at = await changed(bus, home, source, tmp_path / "p")
        shutil.rmtree(home / "snapshots")
        with pytest.raises(SnapshotMissing):
            await ask(bus, "session.fork", {"session_id": source, "at": at})
        left = sessions_with_files(home)
        made = await ask(bus, "session.fork", {"session_id": source, "files": "leave"})

    assert left <= {source}
    assert (Path(made["project_path"]) / "a.txt").read_text() == "committed\n"


async def test_what_a_session_has_beside_its_project_goes_with_it(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        source = await spoken(bus, tmp_path / "p")
        await changed(bus, home, source, tmp_path / "p")
        made = (await ask(bus, "session.fork", {"session_id": source}))["session_id"]
        kept = sessions_with_files(home)
        await record(bus, made, e.SessionTerminationRequested())
        await settle(bus, made)
        await ask(bus, "session.delete", {"session_id": made})
        for name in ("snever", "smaking"):
            (home / "worktrees" / name).mkdir()
        os.utime(home / "worktrees" / "snever", (0, 0))  # a create that was killed half way

    async with leading(bus, nats_url, home):
        async with asyncio.timeout(20):
            while sessions_with_files(home) != {source, "smaking"}:  # noqa: ASYNC110 - a folder tells nobody
                await asyncio.sleep(0.01)

    assert kept == {source, made}
    assert not list((tmp_path / "p" / ".git" / "worktrees").iterdir())
    assert (tmp_path / "p" / "a.txt").read_text() == "later\n"


async def test_a_fork_that_was_killed_half_way_is_finished_by_the_same_command(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    (tmp_path / "q").mkdir()
    async with leading(bus, nats_url, home):
        source = await spoken(bus, tmp_path / "p")
        at = await changed(bus, home, source, tmp_path / "p")
        session = session_id_of("/tests/client", "once")
        await Snapshots(str(tmp_path / "q"), str(home / "snapshots" / session)).take()
        (tmp_path / "q" / "a.txt").write_text("the turn's\n")  # as far as it came
        fields = {"session_id": source, "at": at, "project_path": str(tmp_path / "q")}
        made = await ask(bus, "session.fork", fields, command_id="once")

    assert made["session_id"] == session
    assert (tmp_path / "q" / "made" / "run.sh").exists()
