"""What is too much, too long, too late or not there is refused at the door, with its numbers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.conftest import Write
from tests.support.home import Home, running_home, until

pytestmark = [pytest.mark.timeout(120)]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Home]:
    """A home in which three sessions are enough."""
    with running_home(tmp_path / "home", JIDOKA_SESSION_LIMIT="3") as home:
        yield home


def create(home: Home, folder: Path, script: Path) -> str:
    folder.mkdir(exist_ok=True)
    model = {"model": f"scripted:{script}"}
    return home.ask(lambda client: client.create_session(folder, llm=model))


def test_one_session_too_many_is_refused_with_the_numbers_until_one_is_closed(
    small: Home, tmp_path: Path, script: Write
):
    path = script({"text": "a"})
    made = [create(small, tmp_path / f"p{number}", path) for number in range(3)]
    (tmp_path / "p3").mkdir()
    words = ["session", "create", str(tmp_path / "p3"), "--model", f"scripted:{path}", "--json"]

    refused = small.jidoka(*words)
    small.json("session", "close", made[0], "--json")
    until(lambda: small.status_of(made[0]) == "closed")
    granted = small.jidoka(*words)

    error = json.loads(refused.stdout)["error"]
    assert refused.returncode == 4
    assert error["code"] == "session_limit_reached"
    assert (error["details"]["current"], error["details"]["maximum"]) == (3, 3)
    assert granted.returncode == 0, granted.stdout


@pytest.mark.parametrize(
    ("message", "code"), [("   ", "invalid_message"), ("x" * 262_145, "invalid_message")]
)
def test_an_empty_or_too_long_message_is_refused(
    home: Home, project: Path, script: Write, message: str, code: str
):
    session_id = create(home, project, script({"text": "a"}))

    refused = home.jidoka("send", session_id, "-", "--json", stdin=message)

    home.jidoka("session", "terminate", session_id)
    assert refused.returncode == 2
    assert json.loads(refused.stdout)["error"]["code"] in {code, "too_large"}


@pytest.mark.parametrize("path", ["/", "/etc", "/proc/self", "/sys"])
def test_a_folder_of_the_system_is_no_project(home: Home, script: Write, path: str):
    refused = home.jidoka(
        "session", "create", path, "--model", f"scripted:{script({'text': 'a'})}", "--json"
    )

    assert refused.returncode == 6
    assert json.loads(refused.stdout)["error"]["code"] == "project_forbidden"


def test_a_file_is_no_project(home: Home, project: Path, script: Write):
    refused = home.jidoka(
        "session",
        "create",
        str(project / "note.txt"),
        "--model",
        f"scripted:{script({'text': 'a'})}",
        "--json",
    )

    assert refused.returncode == 2
    assert json.loads(refused.stdout)["error"]["code"] == "project_not_directory"
