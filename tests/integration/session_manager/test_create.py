"""Sessions are made once, on folders that may be projects, up to the limit and not one more."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from nats.aio.msg import Msg

from jidoka.bus import models
from jidoka.bus.connection import Bus
from jidoka.contract.content import ErrorInfo, LlmConfig
from jidoka.contract.errors import (
    ApiKeyMissing,
    JidokaError,
    ModelUnknown,
    ProjectAlreadyOpen,
    ProjectForbidden,
    ProjectNotAbsolute,
    ProjectNotDirectory,
    ProjectNotFound,
    SessionLimitReached,
)
from jidoka.contract.events import SessionCloseRequested
from jidoka.contract.internal import LlmModels
from jidoka.contract.subjects import LLM_MODELS
from tests.support.fake_host import FakeHost
from tests.support.manager import ask, create, events_until, leading, record, settle


async def test_a_created_session_becomes_active(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        made = await create(bus, tmp_path / "p", name="demo")
        events = await events_until(bus, made["session_id"], "active")

    assert (made["name"], made["status"], made["sequence"]) == ("demo", "initializing", 1)
    assert made["project_path"] == str(tmp_path / "p")
    assert events == ["session.created", "initializing", "worker.assigned 1", "active"]


async def test_of_fifty_creates_at_once_ten_get_a_place_and_forty_hear_why_not(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        creates = [create(bus, tmp_path / f"p{number}") for number in range(50)]
        results = await asyncio.gather(*creates, return_exceptions=True)

    refusals = [result for result in results if isinstance(result, SessionLimitReached)]
    assert len(results) - len(refusals) == 10
    assert {(refused.current, refused.maximum) for refused in refusals} == {(10, 10)}


async def test_the_same_command_many_times_makes_one_session(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    data = {"project_path": str(a_folder(tmp_path))}
    async with leading(bus, nats_url, home, session_limit=1):
        at_once = [ask(bus, "session.create", data, command_id="c-1") for _ in range(5)]
        made = await asyncio.gather(*at_once)
        later = await ask(bus, "session.create", data, command_id="c-1")

    assert {answer["session_id"] for answer in [*made, later]} == {later["session_id"]}
    assert {answer["cursor"] for answer in made} == {later["cursor"]}


async def test_the_command_of_a_session_that_has_ended_makes_no_other(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    host.refusal = ErrorInfo(code="sandbox_unavailable", message="none works here")
    data = {"project_path": str(a_folder(tmp_path))}
    async with leading(bus, nats_url, home):
        made = await ask(bus, "session.create", data, command_id="c-1")
        await events_until(bus, made["session_id"], "session.terminated")
        again = await ask(bus, "session.create", data, command_id="c-1")

    assert again["session_id"] == made["session_id"]
    assert again["cursor"] == made["cursor"]


@pytest.mark.parametrize(
    ("path", "refusal"),
    [
        ("relative/folder", ProjectNotAbsolute),
        ("{tmp}/missing", ProjectNotFound),
        ("{tmp}/loop", ProjectNotFound),
        ("{tmp}/" + "x" * 300, ProjectNotFound),
        ("{tmp}/file", ProjectNotDirectory),
        ("/", ProjectForbidden),
        ("/etc", ProjectForbidden),
        ("/usr/lib", ProjectForbidden),
        ("/proc/self", ProjectForbidden),
        ("{tmp}/to-etc", ProjectForbidden),
        ("{tmp}/home", ProjectForbidden),
        ("{tmp}", ProjectForbidden),
    ],
)
async def test_a_folder_that_cannot_be_a_project_is_refused(
    bus: Bus, nats_url: str, tmp_path: Path, path: str, refusal: type[JidokaError]
):
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "to-etc").symlink_to("/etc")
    wanted = path.replace("{tmp}", str(tmp_path))

    async with leading(bus, nats_url, home):
        with pytest.raises(refusal) as refused:
            await ask(bus, "session.create", {"project_path": wanted})
        listed = await ask(bus, "session.list", {})

    assert refused.value.details()["path"] == wanted
    assert listed["sessions"] == []


@pytest.mark.parametrize("second", ["p", "p/inside", "link"])
async def test_a_folder_in_use_is_refused_naming_its_session(
    bus: Bus, nats_url: str, host: FakeHost, tmp_path: Path, second: str
):
    (tmp_path / "link").symlink_to("p")
    async with leading(bus, nats_url, tmp_path / "home"):
        first = await create(bus, tmp_path / "p")

        with pytest.raises(ProjectAlreadyOpen) as refused:
            await create(bus, tmp_path / second)

    assert refused.value.session_id == first["session_id"]


async def test_a_folder_beside_one_in_use_is_free(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        first = await create(bus, tmp_path / "p")
        second = await create(bus, tmp_path / "p2")

    assert first["session_id"] != second["session_id"]


async def test_sessions_that_share_may_be_in_one_folder(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        made = [await create(bus, tmp_path / "p", sharing="shared") for _ in range(3)]
        for answer in made:
            await events_until(bus, answer["session_id"], "active")

    assert len({answer["session_id"] for answer in made}) == 3
    assert all(start.shared for start in host.started)


async def test_each_worktree_is_a_folder_and_branch_of_its_own(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    project = a_repository(tmp_path / "p")
    async with leading(bus, nats_url, home):
        first = await create(bus, project)
        trees = [await create(bus, project, sharing="worktree") for _ in range(2)]
        listed = await ask(bus, "session.list", {"project": str(project)})

    folders = [Path(tree["project_path"]) for tree in trees]
    assert [(folder / "a.txt").read_text() for folder in folders] == ["a", "a"]
    assert len({first["project_path"], *map(str, folders)}) == 3
    assert len(listed["sessions"]) == 3


async def test_a_session_in_a_worktree_comes_back_to_it(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    project = a_repository(tmp_path / "p")
    async with leading(bus, nats_url, home):
        made = await create(bus, project, sharing="worktree")
        await record(bus, made["session_id"], SessionCloseRequested())
        await settle(bus, made["session_id"])

        resumed = await ask(bus, "session.resume", {"session_id": made["session_id"]})

    assert resumed["project_path"] == made["project_path"]


async def test_a_folder_without_git_has_no_worktree(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        with pytest.raises(ProjectForbidden, match="worktree"):
            await create(bus, tmp_path / "p", sharing="worktree")
        listed = await ask(bus, "session.list", {})

    assert listed["sessions"] == []


async def test_a_model_that_cannot_speak_is_refused_before_anything_is_recorded(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    missing = ApiKeyMissing(provider="openai", reference="env:OPENAI_API_KEY")

    async def answer(question: Msg) -> None:
        await bus.publish(question.reply, json.dumps({"error": missing.as_dict()}).encode())

    await bus.subscribe(LLM_MODELS, answer)
    async with leading(bus, nats_url, home):
        with pytest.raises(ApiKeyMissing):
            await create(bus, tmp_path / "p", llm={"model": "openai/gpt-x"})
        listed = await ask(bus, "session.list", {})

    assert listed["sessions"] == []


@pytest.mark.parametrize(("name", "is_awaited"), [("foo", True), ("openai/foo", False)])
async def test_a_name_without_a_provider_is_looked_up_however_long_the_library_loads(
    bus: Bus, monkeypatch: pytest.MonkeyPatch, name: str, is_awaited: bool
):
    monkeypatch.setattr(models, "PATIENCE_S", 0.1)
    unknown = ModelUnknown(name=name)

    async def answer(question: Msg) -> None:
        await asyncio.sleep(0.5)
        await bus.publish(question.reply, json.dumps({"error": unknown.as_dict()}).encode())

    await bus.subscribe(LLM_MODELS, answer)
    asking = models.GatewayModels(bus).resolved(LlmConfig(model=name), "/p", "")
    (told,) = await asyncio.gather(asking, return_exceptions=True)

    assert isinstance(told, ModelUnknown) == is_awaited


async def test_the_model_of_a_session_is_the_one_that_the_gateway_resolved(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async def answer(question: Msg) -> None:
        found = LlmModels(provider="openai", model="gpt-x", full_name="openai/gpt-x")
        await bus.publish(question.reply, found.model_dump_json().encode())

    await bus.subscribe(LLM_MODELS, answer)
    async with leading(bus, nats_url, home):
        made = await create(bus, tmp_path / "p")
        info = await ask(bus, "session.get", {"session_id": made["session_id"]})

    assert info["model"] == "openai/gpt-x"


async def test_nothing_is_said_of_names_twice(
    bus: Bus, nats_url: str, host: FakeHost, home: Path, tmp_path: Path
):
    async with leading(bus, nats_url, home):
        made = [await create(bus, tmp_path / f"p{n}", name="twin") for n in range(2)]
        listed = await ask(bus, "session.list", {})

    names = Counter(session["name"] for session in listed["sessions"])
    assert names == {"twin": 2}
    assert len({answer["session_id"] for answer in made}) == 2


def a_folder(parent: Path) -> Path:
    """Return a new project folder."""
    folder = parent / "p"
    folder.mkdir()
    return folder


def a_repository(folder: Path) -> Path:
    """Return a git repository with one file and one commit."""
    folder.mkdir()
    (folder / "a.txt").write_text("a")
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for args in (["init", "-q"], ["add", "."], [*who, "commit", "-q", "-m", "a"]):
        subprocess.run(["git", *args], cwd=folder, check=True, timeout=20, env={"PATH": "/usr/bin"})
    return folder
