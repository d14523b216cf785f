"""Undo and redo through the command line: files and conversation together."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest

from jidoka.client import Client, Recorded
from jidoka.contract import events as e
from tests.acceptance.conftest import Write, call
from tests.support.home import Home, until

pytestmark = [pytest.mark.timeout(120)]

EDITS = (
    {"tool_calls": [call("edit", path="note.txt", old="two", new="three")]},
    {"tool_calls": [call("shell", command="mkdir d && echo made > d/new && chmod +x d/new")]},
    {"text": "It says three."},
)


def files_of(project: Path) -> dict[str, str]:
    found = (path for path in project.rglob("*") if ".git" not in path.parts)
    return {str(path.relative_to(project)): path.read_text() for path in found if path.is_file()}


def talked(home: Home, project: Path, model: Path, *messages: str) -> str:
    """Return a session that has answered these messages; without the command line, to be quick."""

    async def talk(client: Client) -> str:
        llm = {"model": f"scripted:{model}"}
        settings = {"llm": llm, "permission_mode": "full-auto", "sandbox": "off"}
        session_id = await client.create_session(project, **settings)
        for message in messages:
            await said(client, session_id, await client.send_message(session_id, message))
        return session_id

    return home.ask(talk)


async def said(client: Client, session_id: str, number: int) -> None:
    async for item in client.subscribe_to_session(session_id, after=number, live=False):
        if isinstance(item, Recorded) and isinstance(item.event, e.TurnEnded):
            return


def edited(home: Home, project: Path, script: Write, *more: dict[str, object]) -> str:
    """Return a session whose first turn has changed the project."""
    return talked(home, project, script(*EDITS, *more), "Say three")


@pytest.mark.parametrize("repository", [True, False])
def test_a_turn_is_undone_and_redone_with_what_the_shell_did(
    home: Home, project: Path, script: Write, repository: bool
):
    if repository:
        subprocess.run(["git", "init", "-q", str(project)], check=True, timeout=20)
    before = files_of(project)
    session_id = edited(home, project, script, {"text": "What three?"})
    after = files_of(project)

    undone = home.json("undo", session_id, "--json")
    then = files_of(project)
    redone = home.json("redo", session_id, "--json")

    assert (then, files_of(project)) == (before, after)
    assert undone["paths"] == redone["paths"] == ["d/new", "note.txt"]
    assert not (project / "d").exists() or (project / "d" / "new").stat().st_mode & 0o100


def test_what_a_person_changed_since_is_shown_and_stays(home: Home, project: Path, script: Write):
    session_id = edited(home, project, script)
    (project / "note.txt").write_text("mine\n")
    now = files_of(project)

    refused = home.jidoka("undo", session_id)
    as_json = home.jidoka("undo", session_id, "--json")

    assert files_of(project) == now
    assert refused.returncode == 1
    assert "note.txt" in refused.stdout
    assert "+mine" in refused.stdout
    assert json.loads(as_json.stdout)["error"]["code"] == "file_changed"

    kept = home.json("undo", session_id, "--keep-mine", "--json")

    assert kept["left"] == ["note.txt"]
    assert files_of(project) == {"note.txt": "mine\n"}


def test_a_file_that_cannot_be_written_is_named_with_the_reason_and_the_rest_is_undone(
    home: Home, project: Path, script: Write
):
    gone = {"tool_calls": [call("shell", command="rm note.txt; echo made > new")]}
    session_id = talked(home, project, script(gone, {"text": "Gone."}), "Remove it")
    (project / "note.txt").mkdir()
    (project / "note.txt" / "mine").write_text("mine\n")

    undone = home.jidoka("undo", session_id)
    home.jidoka("redo", session_id)
    as_json = home.jidoka("undo", session_id, "--json")

    assert (undone.returncode, as_json.returncode) == (1, 1)
    assert "left as it is: note.txt (Is a directory)" in undone.stdout
    assert json.loads(as_json.stdout)["failed"] == {"note.txt": "Is a directory"}
    assert files_of(project) == {"note.txt/mine": "mine\n"}


def test_a_new_message_ends_the_chance_of_a_redo(home: Home, project: Path, script: Write):
    session_id = edited(home, project, script, {"when": "And now?", "text": "Hello."})
    home.json("undo", session_id, "--json")

    async def talk(client: Client) -> None:
        await said(client, session_id, await client.send_message(session_id, "And now?"))

    home.ask(talk)

    redo = home.jidoka("redo", session_id, "--json")
    followed = home.jidoka("follow", session_id, "--no-wait")
    assert json.loads(redo.stdout)["error"]["code"] == "nothing_to_undo"
    assert "- 1 turn undone, 2 files put back" in followed.stdout


def test_what_a_turn_changed_is_shown(home: Home, project: Path, script: Write):
    (project / "blob").write_bytes(b"\0\1")
    change = call("shell", command="printf '\\0\\2' > blob; chmod +x note.txt; rm -f gone")
    (project / "gone").write_text("x\n")
    more = [{"tool_calls": [change]}, {"text": "Done."}]
    more = [{**answer, "when": "More"} for answer in more]
    session_id = talked(home, project, script(*EDITS, *more), "Say three", "More")

    first = home.jidoka("diff", session_id, "1")
    second = home.json("diff", session_id, "--json")
    stat = home.jidoka("diff", session_id, "2", "--stat")
    none = home.jidoka("diff", session_id, "9", "--json")

    files = {file["path"]: file for file in second["files"]}
    assert "-two\n+three" in first.stdout
    assert "d/new  +1 -0 (added)" in first.stdout
    assert (second["number"], second["outcome"]) == (2, "completed")
    assert {path: file["change"] for path, file in files.items()} == {
        "blob": "modified",
        "gone": "deleted",
        "note.txt": "mode",
    }
    assert files["blob"]["added"] is None
    assert "Binary files a/blob and b/blob differ" in second["diff"]
    assert "note.txt  100644 → 100755" in stat.stdout
    assert json.loads(none.stdout)["error"]["code"] == "turn_not_found"


def test_the_last_answer_is_given_anew(home: Home, project: Path, script: Write):
    session_id = edited(home, project, script)
    after = files_of(project)

    said = home.jidoka("retry", session_id, "--regenerate", "--wait")
    refused = home.jidoka("retry", session_id, "--json")

    asked = [x.event for x in home.log_of(session_id) if isinstance(x.event, e.TurnStarted)]
    assert "It says three." in said.stdout  # the edit found the old text again
    assert said.returncode == 0
    assert files_of(project) == after
    assert asked[1].retry_of == asked[0].turn_id
    assert asked[1].message_ids == asked[0].message_ids
    assert json.loads(refused.stdout)["error"]["code"] == "nothing_to_undo"


def test_a_turn_that_failed_is_gone_on_with(home: Home, project: Path, script: Write):
    session_id = talked(home, project, script(EDITS[0], {"error": {"kind": "refusal"}}), "Three!")
    other = f"scripted:{script({'text': 'Mended.'}, name='other.json')}"
    home.json("session", "configure", session_id, "--model", other, "--json")

    answered = home.jidoka("retry", session_id, "--wait")
    undone = home.json("undo", session_id, "--json")

    outcomes = [
        x.event.outcome for x in home.log_of(session_id) if isinstance(x.event, e.TurnEnded)
    ]
    assert outcomes == ["failed", "completed"]
    assert "Mended." in answered.stdout
    assert undone["paths"] == ["note.txt"]
    assert files_of(project) == {"note.txt": "one\ntwo\n"}


def test_a_model_that_nobody_has_is_refused_at_the_door(home: Home, project: Path, script: Write):
    session_id = edited(home, project, script)

    refused = home.jidoka("session", "configure", session_id, "--model", "nobody/knows", "--json")

    assert json.loads(refused.stdout)["error"]["code"] == "provider_unknown"


def test_messages_that_wait_are_listed_changed_and_taken_back(
    home: Home, project: Path, script: Write
):
    session_id = talked(home, project, script({"error": {"kind": "hang"}}))

    async def talk(client: Client) -> None:
        number = await client.send_message(session_id, "First")
        async for item in client.subscribe_to_session(session_id, after=number, live=False):
            if isinstance(item, Recorded) and isinstance(item.event, e.LlmRequested):
                break
        for text in ("Second", "Third"):
            await client.send_message(session_id, text)

    home.ask(talk)
    home.json("queue", "edit", session_id, "1", "Other", "--json")
    home.json("queue", "withdraw", session_id, "2", "--json")

    too_busy = home.jidoka("undo", session_id, "--json")
    waiting = home.json("queue", "list", session_id, "--json")
    gone = home.jidoka("queue", "withdraw", session_id, "7", "--json")
    codes = [json.loads(each.stdout)["error"]["code"] for each in (too_busy, gone)]
    assert [message["text"] for message in waiting] == ["Other"]
    assert codes == ["session_busy", "call_not_found"]


def test_an_undo_whose_worker_is_killed_is_finished_by_the_next(
    home: Home, project: Path, script: Write
):
    for number in range(1_000):
        (project / f"file{number}").write_text("before\n")
    before = files_of(project)
    change = call("shell", command="for file in file*; do echo after > $file; done")
    session_id = talked(
        home, project, script({"tool_calls": [change]}, {"text": "Done."}), "Change them"
    )
    worker = home.json("session", "show", session_id, "--json")["worker_pid"]

    async def undone_over_its_death(client: Client) -> object:
        after = (await client.get_session_info(session_id)).sequence
        undo = asyncio.create_task(client.undo(session_id))
        async for item in client.subscribe_to_session(session_id, after=after, live=False):
            if isinstance(item, Recorded) and isinstance(item.event, e.TurnUndoStarted):
                os.kill(worker, signal.SIGKILL)
                break
        return await undo

    end = home.ask(undone_over_its_death)

    ends = [x.event for x in home.log_of(session_id) if isinstance(x.event, e.TurnUndone)]
    assert len(ends) == 1
    assert isinstance(end, e.TurnUndone)
    assert end.left == ()
    assert until(lambda: home.has(session_id, "worker.lost"))
    assert files_of(project) == before
