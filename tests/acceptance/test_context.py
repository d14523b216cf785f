"""What the model reads, through the command line: seen, compacted, with files kept before it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jidoka.contract import events as e
from tests.acceptance.conftest import Write, call
from tests.support.home import Home, until

pytestmark = [pytest.mark.timeout(120)]

SUMMARY = {"when": "Write the summary of this conversation now", "text": "They asked for a note."}


def create(home: Home, project: Path, script: Path, *more: str) -> str:
    words = ["--project", str(project), "--model", f"scripted:{script}", *more]
    words += ["--permission-mode", "full-auto", "--json"]
    return home.json("session", "create", *words)["session_id"]


def events_of(home: Home, session_id: str, kind: type[e.Event]) -> list[e.Event]:
    return [item.event for item in home.log_of(session_id) if isinstance(item.event, kind)]


def test_the_context_is_shown_part_by_part_with_notes_files_and_what_is_to_be_done(
    home: Home, project: Path, script: Write
):
    (project / "AGENTS.md").write_text("Write in verse.\n")
    items = [{"text": "read the note", "status": "in_progress"}]
    answers = ({"tool_calls": [call("todo", items=items)]}, {"text": "It says one and two."})
    session_id = create(home, project, script(*answers))
    home.ask(lambda client: client.add_file(session_id, "note.txt"))
    home.jidoka("send", session_id, "What does the note say?", "--wait")
    (project / "note.txt").write_text("three\n")

    shown = home.json("context", session_id, "--json")
    told = home.jidoka("context", session_id).stdout
    known = home.json("session", "show", session_id, "--json")
    followed = home.jidoka("follow", session_id, "--no-wait").stdout

    system = shown["messages"][0]["content"]
    names = [part["name"] for part in shown["parts"]]
    assert "Write in verse." in system
    assert "three" in system
    assert "[>] read the note" in system
    assert names == ["prompt", "notes", "index", "files", "todo", "tools", "conversation"]
    assert sum(part["tokens"] for part in shown["parts"]) == pytest.approx(shown["tokens"], abs=9)
    assert [message["role"] for message in shown["messages"][1:]] == [
        "user",
        "assistant",
        "tool",
        "assistant",
    ]
    assert "AGENTS.md" in told
    assert known["todo"] == items
    assert known["title"] == "What does the note say?"
    assert known["files"] == ["note.txt"]
    assert "[>] read the note" in followed


def test_a_conversation_is_cleared_for_the_model_and_kept_in_the_log(
    home: Home, project: Path, script: Write
):
    session_id = create(home, project, script({"text": "a"}, loop=True))
    home.jidoka("send", session_id, "Remember the word lilac.", "--wait")

    cleared = home.json("clear", session_id, "--json")

    left = json.dumps(home.json("context", session_id, "--json")["messages"])
    assert "lilac" not in left
    assert "lilac" in home.jidoka("follow", session_id, "--no-wait").stdout
    assert events_of(home, session_id, e.ConversationCleared)
    assert cleared["session_id"] == session_id


def test_a_session_is_shown_in_the_words_of_a_person(home: Home, project: Path, script: Write):
    more = ("--rule", "deny * .env")
    session_id = create(home, project, script({"text": "a"}), *more)
    home.json("session", "file", "add", session_id, "note.txt", "--json")
    home.jidoka("send", session_id, "Hello", "--wait")

    shown = home.jidoka("session", "show", session_id).stdout

    told = {line[:16].strip(): line[17:] for line in shown.splitlines()}
    assert (told["network"], told["degraded"], told["files"]) == ("off", "no", "note.txt")
    assert told["rules"].startswith("deny * .env (")
    assert told["usage"].endswith(" tokens")
    assert " of 128,000 tokens (" in told["context"]
    assert not set("{}[]'") & set(shown)


def test_files_are_kept_before_the_model_listed_and_let_go(
    home: Home, project: Path, script: Write
):
    session_id = create(home, project, script({"text": "a"}))
    home.json("session", "file", "add", session_id, "./note.txt", "--json")
    (project / "gone.txt").write_text("a")
    home.ask(lambda client: client.add_file(session_id, "gone.txt"))
    (project / "gone.txt").unlink()

    listed = home.json("session", "file", "list", session_id, "--json")
    home.json("session", "file", "remove", session_id, "note.txt", "--json")

    left = home.ask(lambda client: client.get_context(session_id, ()))
    assert [(file["path"], file["left_out"]) for file in listed] == [
        ("note.txt", ""),
        ("gone.txt", "there is no such file"),
    ]
    assert left.files == ("gone.txt",)


def test_limits_and_the_prompt_of_a_session_are_changed_by_name(
    home: Home, project: Path, script: Write
):
    session_id = create(home, project, script({"text": "a"}), "--limit", "context_tokens=9000")
    words = ["--limit", "history_messages=20", "--system-prompt", "Be brief.", "--json"]
    home.json("session", "configure", session_id, *words)

    wrong = home.jidoka("session", "configure", session_id, "--limit", "active_files=-1", "--json")

    report = home.ask(lambda client: client.get_context(session_id))
    assert report.window == 9_000
    assert "Be brief." in report.messages[0]["content"]
    assert (wrong.returncode, json.loads(wrong.stdout)["error"]["code"]) == (2, "invalid_message")


def test_a_path_that_leads_out_is_refused_and_one_that_is_not_active_too(
    home: Home, project: Path, script: Write
):
    session_id = create(home, project, script({"text": "a"}))

    outside = home.jidoka("session", "file", "add", session_id, "../secret", "--json")
    missing = home.jidoka("session", "file", "add", session_id, "nothing.txt", "--json")
    unknown = home.jidoka("session", "file", "remove", session_id, "note.txt", "--json")

    answers = (outside, missing, unknown)
    codes = [json.loads(answer.stdout)["error"]["code"] for answer in answers]
    assert codes == ["path_outside_project", "path_not_found", "invalid_message"]


def test_a_compacted_conversation_goes_on_from_its_summary_and_the_log_keeps_all(
    home: Home, project: Path, script: Write
):
    session_id = create(home, project, script(SUMMARY, {"text": "Written."}))
    home.jidoka("send", session_id, "Write a note about cats", "--wait")
    home.jidoka("send", session_id, "And about dogs", "--wait")

    done = home.json("compact", session_id, "--keep", "cats", "--json")
    again = home.jidoka("send", session_id, "Go on", "--wait")

    shown = home.json("context", session_id, "--json")
    followed = home.jidoka("follow", session_id, "--no-wait").stdout
    told = "".join(str(message["content"]) for message in shown["messages"][1:])
    assert (done["method"], done["reason"], done["summary"]) == (
        "summary",
        "asked",
        "They asked for a note.",
    )
    assert again.returncode == 0
    assert "They asked for a note." in told
    assert "cats" not in told
    assert "And about dogs" in told
    assert "> Write a note about cats" in followed
    assert shown["compactions"] == 1


def test_a_fork_before_the_compaction_has_the_conversation_word_for_word(
    home: Home, project: Path, script: Write, tmp_path: Path
):
    session_id = create(home, project, script(SUMMARY, {"text": "Written."}))
    home.jidoka("send", session_id, "Write a note about cats", "--wait")
    home.json("compact", session_id, "--json")
    at = next(
        item.sequence
        for item in home.log_of(session_id)
        if isinstance(item.event, e.ContextCompactionRequested)
    )
    (tmp_path / "other").mkdir()

    words = ["--at", str(at - 1), "--project", str(tmp_path / "other"), "--json"]
    before = home.json("session", "fork", session_id, *words)["session_id"]

    shown = home.json("context", before, "--json")
    assert "cats" in str(shown["messages"])
    assert "They asked for a note." not in str(shown["messages"])


def test_a_session_that_is_put_away_is_compacted_and_put_away_again(
    home: Home, project: Path, script: Write
):
    session_id = create(home, project, script(SUMMARY, {"text": "Written."}))
    home.jidoka("send", session_id, "Write a note", "--wait")
    home.json("session", "close", session_id, "--json")
    until(lambda: home.status_of(session_id) == "closed")

    done = home.json("compact", session_id, "--json")

    assert done["method"] == "summary"
    until(lambda: home.status_of(session_id) == "closed")


def test_a_worker_that_is_killed_while_the_summary_is_written_leaves_one_compaction(
    home: Home, project: Path, script: Write
):
    slow = SUMMARY | {"first_delay_s": 3}
    session_id = create(home, project, script(slow, {"text": "Written."}))
    home.jidoka("send", session_id, "Write a note", "--wait")

    words = [sys.executable, "-m", "jidoka.cli", "compact", session_id]
    with subprocess.Popen(words, env=home.environment, stdout=subprocess.DEVNULL) as waiting:
        until(lambda: events_of(home, session_id, e.ContextCompactionRequested))
        pid = home.ask(lambda client: client.get_session_pid(session_id))
        assert pid
        os.kill(pid, signal.SIGKILL)
        until(lambda: events_of(home, session_id, e.ContextCompacted))
        waiting.wait(60)
    answered = home.jidoka("send", session_id, "Go on", "--wait")

    done = events_of(home, session_id, e.ContextCompacted)
    assert answered.returncode == 0
    assert [(each.method, each.summary) for each in done] == [  # type: ignore[attr-defined]
        ("summary", "They asked for a note.")
    ]
    assert events_of(home, session_id, e.WorkerLost)
