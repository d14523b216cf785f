"""What this person may not read or write is said in one line, with its own code."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.conftest import Write
from tests.support.home import Home

pytestmark = [pytest.mark.timeout(120)]
RIGHTS = "-dac_override,-dac_read_search"
"""With these, root reads and writes whatever the modes of files say."""


@pytest.fixture
def bounded(tmp_path: Path) -> Iterator[Home]:
    """A home of somebody for whom the modes of files hold, root or not."""
    home = Home(tmp_path / "home")
    if os.geteuid() == 0:
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            pytest.skip("root may read everything, and setpriv is not here")
        home.launcher = (setpriv, f"--bounding-set={RIGHTS}", f"--inh-caps={RIGHTS}")
    yield home
    home.jidoka("down")


def test_a_folder_that_cannot_be_read_is_no_project(bounded: Home, project: Path, script: Write):
    words = ["--model", f"scripted:{script({'text': 'a'})}", "--json"]
    project.chmod(0)

    refused = bounded.jidoka("run", "Hi.", "--project", str(project), *words)
    not_created = bounded.jidoka("session", "create", str(project), *words)

    project.chmod(0o700)
    assert (refused.returncode, not_created.returncode) == (6, 6)
    assert json.loads(refused.stdout)["error"]["code"] == "project_forbidden"
    assert json.loads(not_created.stdout)["error"]["details"]["why"] == "it cannot be read"


@pytest.mark.parametrize("words", [("up", "--detach"), ("session", "list")])
def test_a_home_in_a_folder_of_others_is_named(bounded: Home, words: tuple[str, ...]):
    bounded.folder.mkdir(mode=0o500)

    refused = bounded.jidoka(*words)

    assert refused.returncode == 5
    assert f"{bounded.folder} cannot be written" in refused.stderr


def test_doctor_finds_a_home_that_is_a_file(bounded: Home):
    bounded.folder.write_text("")

    answer = bounded.jidoka("doctor", "--json")

    found = {check["name"]: check for check in json.loads(answer.stdout)["checks"]}
    assert answer.returncode == 1
    assert found["home"]["state"] == "bad"
