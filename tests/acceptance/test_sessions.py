"""Sessions through the command line: their life, their conversation, who watches."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Write, call
from tests.support.home import Home, until

pytestmark = [pytest.mark.timeout(120)]


def create(home: Home, project: Path, script: Path, *more: str) -> str:
    words = ["--project", str(project), "--model", f"scripted:{script}", "--json", *more]
    return home.json("session", "create", *words)["session_id"]


def test_the_fallback_models_and_the_limits_that_are_set_are_shown(
    home: Home, project: Path, script: Write
):
    model, other = script({"text": "a"}), f"scripted:{script({'text': 'b'})}"
    named = ("--fallback", other, "--fallback", "local", "--limit", "turn_wall_s=90")
    session_id = create(home, project, model, *named)

    shown = home.jidoka("session", "show", session_id).stdout
    more = ("--limit", "turn_wall_s=none", "--limit", "max_steps=7", "--model", other)
    home.json(
        "session", "configure", session_id, *more, "--fallback", f"scripted:{model}", "--json"
    )
    after = home.json("session", "show", session_id, "--json")

    assert {f"fallbacks        {other}", "fallbacks        local"} < set(shown.splitlines())
    assert "limits           turn_wall_s=90.0" in shown
    assert (after["fallbacks"], after["limits"]) == ([f"scripted:{model}"], {"max_steps": 7})
    home.json("session", "terminate", session_id, "--json")


def test_a_session_lives_from_create_to_terminate(home: Home, project: Path, script: Write):
    words = ["--project", str(project), "--model", f"scripted:{script({'text': 'a'})}"]
    made = home.json("session", "create", "--name", "My cart", *words, "--json")
    session_id = made["session_id"]

    home.json("session", "rename", "my ca", "Your cart", "--json")
    listed = next(
        s for s in home.json("session", "list", "--json") if s["session_id"] == session_id
    )
    home.json("session", "close", session_id, "--json")
    until(lambda: home.status_of(session_id) == "closed")
    home.json("session", "resume", session_id, "--json")
    home.json("session", "terminate", session_id, "--json")
    until(lambda: home.status_of(session_id) == "terminated")

    said_to_the_dead = home.jidoka("send", session_id, "Hello?")
    archived = home.json("session", "list", "--status", "closed,terminated", "--json")
    misspelt = home.jidoka("session", "list", "--status", "gone", "--json")
    assert (made["name"], made["project_path"]) == ("My cart", str(project))
    assert listed["name"] == "Your cart"
    assert said_to_the_dead.returncode == 3
    assert session_id in {each["session_id"] for each in archived}
    assert json.loads(misspelt.stdout)["error"]["code"] == "invalid_message"
    assert session_id not in {s["session_id"] for s in home.json("session", "list", "--json")}


def test_what_has_ended_is_found_by_its_name_and_takes_no_number(
    home: Home, project: Path, script: Write
):
    path = script({"text": "a"})
    open_one = create(home, project, path, "--name", "still open", "--shared")
    ended = create(home, project, path, "--name", "over", "--shared")
    home.json("session", "terminate", ended, "--json")
    until(lambda: home.status_of(ended) == "terminated")

    shown = home.json("session", "show", "ove", "--json")
    rows = home.jidoka("session", "list", "--all", "--project", str(project)).stdout.splitlines()
    number = next(row for row in rows if open_one in row).split()[0]

    assert shown["session_id"] == ended
    assert home.json("session", "show", number, "--json")["session_id"] == open_one
    assert next(row for row in rows if ended in row).split()[0] == ended


def test_a_session_is_saved_to_a_file_deleted_and_brought_back(
    home: Home, project: Path, script: Write
):
    session_id = create(home, project, script({"text": "Four."}))
    home.jidoka("send", session_id, "Two and two?", "--wait")
    while_open = home.jidoka("session", "delete", session_id, "--json")
    home.json("session", "close", session_id, "--json")
    until(lambda: home.status_of(session_id) == "closed")
    saved = home.json("session", "export", session_id, str(project / "saved.jsonl"), "--json")

    first = home.json("session", "delete", session_id, "--json")
    second = home.json("session", "delete", session_id, "--json")

    words = [str(project / "saved.jsonl"), "--project", str(project), "--json"]
    model = f"scripted:{script({'text': 'Five.'})}"
    back = home.json("session", "import", *words, "--model", model)["session_id"]
    twice = home.jidoka("session", "import", *words, "--model", model)
    home.jidoka("send", back, "And one more?", "--wait")

    told = home.jidoka("follow", back, "--no-wait").stdout.splitlines()
    shown = home.jidoka("session", "show", session_id, "--json")
    assert json.loads(while_open.stdout)["error"]["code"] == "invalid_transition"
    assert second == first
    assert {"> And one more?", "Five."} <= set(told)
    assert json.loads(twice.stdout)["error"]["code"] == "session_exists"
    assert saved["size_bytes"] == len((project / "saved.jsonl").read_bytes())
    assert (shown.returncode, home.jidoka("send", session_id, "Hello?").returncode) == (3, 3)
    assert [item.envelope.name for item in home.log_of(session_id)] == ["session.deleted"]
    assert session_id not in {s["session_id"] for s in home.json("session", "list", "-a", "--json")}


def test_a_fork_answers_in_a_folder_of_its_own(
    home: Home, project: Path, script: Write, tmp_path: Path
):
    session_id = create(home, project, script({"text": "Four."}, loop=True))
    home.jidoka("send", session_id, "Two and two?", "--wait")
    end = len(home.log_of(session_id))
    (tmp_path / "other").mkdir()

    words = ["--project", str(tmp_path / "other"), "--at", str(end), "--json"]
    fork = home.json("session", "fork", session_id, *words)
    beyond = home.jidoka("session", "fork", session_id, "--at", str(end + 1), "--json")
    answer = home.jidoka("send", fork["session_id"], "And again?", "--wait", "--json")

    assert json.loads(answer.stdout)["result"] == "Four."
    assert (fork["project_path"], fork["messages"]) == (str(tmp_path / "other"), 1)
    assert json.loads(beyond.stdout)["error"]["code"] == "invalid_message"
    assert len(home.log_of(session_id)) == end
    for each in (session_id, fork["session_id"]):
        home.jidoka("session", "terminate", each)


def test_a_message_is_recorded_by_a_number_and_answered(home: Home, project: Path, script: Write):
    session_id = create(home, project, script({"text": "Four."}))

    recorded = home.json("send", session_id, "Two and two?", "--json")
    waited = home.jidoka("send", session_id, "Again?", "--wait", "--json")

    log = home.log_of(session_id)
    assert log[recorded["sequence"] - 1].envelope.data["content"] == "Two and two?"
    assert json.loads(waited.stdout)["result"] == "Four."
    assert [item.sequence for item in log] == list(range(1, len(log) + 1))
    home.jidoka("session", "terminate", session_id)


def test_a_late_follower_reads_what_an_early_one_read(home: Home, project: Path, script: Write):
    session_id = create(home, project, script({"text": "Four."}))
    home.jidoka("send", session_id, "Two and two?", "--wait")

    from_the_start = home.jidoka("follow", session_id, "--no-wait").stdout.splitlines()
    the_last_two = home.jidoka("follow", session_id, "--last", "2", "--json", "--no-wait")
    from_number_4 = home.jidoka("follow", session_id, "--from", "4", "--json", "--no-wait")

    assert from_the_start[:2] == ["> Two and two?", "Four."]
    assert json.loads(from_number_4.stdout.splitlines()[0])["sequence"] == "0000000004"
    assert from_number_4.stdout.endswith(the_last_two.stdout)
    assert len(the_last_two.stdout.splitlines()) == 2
    home.jidoka("session", "terminate", session_id)


def test_a_question_is_seen_and_answered_from_elsewhere(home: Home, project: Path, script: Write):
    writing = script(
        {"tool_calls": [call("write", path="new.txt", content="x\n")]}, {"text": "Written."}
    )
    session_id = create(home, project, writing)
    home.json("send", session_id, "Write.", "--json")

    waiting = until(lambda: home.ask(lambda client: client.get_session_info(session_id)).waiting)
    home.json("answer", session_id, waiting[0], "allow", "--json")
    until(lambda: home.has(session_id, "turn.ended"))
    second = home.jidoka("answer", session_id, waiting[0], "deny", "--json")

    assert (project / "new.txt").read_text() == "x\n"
    assert json.loads(second.stdout)["error"]["code"] in {"already_answered", "call_not_found"}
    home.jidoka("session", "terminate", session_id)


def test_a_running_turn_is_cancelled_from_elsewhere(home: Home, project: Path, script: Write):
    session_id = create(home, project, script({"text": "one two three", "delay_s": 20.0}))
    home.json("send", session_id, "Count.", "--json")
    until(lambda: home.has(session_id, "llm.requested"))

    home.json("cancel", session_id, "--json")

    until(lambda: home.has(session_id, "turn.ended"))
    ended = [i for i in home.log_of(session_id) if i.envelope.name == "turn.ended"]
    assert [item.envelope.data["outcome"] for item in ended] == ["cancelled"]
    assert home.jidoka("cancel", session_id).returncode == 2
    home.jidoka("session", "terminate", session_id)


def test_a_worker_that_is_killed_is_replaced_and_its_turn_goes_on(
    home: Home, tmp_path: Path, script: Write
):
    folders = [tmp_path / name for name in ("a", "b")]
    for folder in folders:
        folder.mkdir()
    slow = script(
        {"text": "I wait.", "tool_calls": [call("shell", command="sleep 30")]},
        {"text": "Waited."},
        name="slow.json",
    )
    victim = create(home, folders[0], slow, "--permission-mode", "full-auto")
    other = create(home, folders[1], script({"text": "Here."}))
    home.json("send", victim, "Wait.", "--json")
    until(lambda: home.has(victim, "tool.started"))

    alive = {s["session_id"]: s for s in home.json("status", "--json")["sessions"]}
    os.kill(alive[victim]["worker_pid"], signal.SIGKILL)
    neighbour = home.jidoka("send", other, "Hello?", "--wait", "--json")
    until(lambda: home.has(victim, "turn.ended"), timeout_s=40)

    log = home.log_of(victim)
    types = [item.envelope.name for item in log]
    assert json.loads(neighbour.stdout)["result"] == "Here."
    assert types.count("worker.assigned") == 2
    assert types.count("tool.started") == 1
    assert "tool.interrupted" in types
    assert log[types.index("turn.ended")].envelope.data["answer"] == "Waited."
    for session_id in (victim, other):
        home.jidoka("session", "terminate", session_id)


def test_a_plain_nats_client_has_a_turn_with_subjects_and_json(
    home: Home, project: Path, script: Write
):
    example = Path(__file__).parents[2] / "docs/examples/plain_nats.py"
    model = f"scripted:{script({'text': 'Hello, stranger.'})}"

    answer = subprocess.run(
        [sys.executable, example, home.state["nats_url"], project, model, "Who are you?"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.splitlines()[-1] == "Hello, stranger."


def test_the_registry_is_rebuilt_with_the_same_rows(home: Home, project: Path, script: Write):
    session_id = create(home, project, script({"text": "a"}))
    home.jidoka("send", session_id, "Hi.", "--wait")
    home.jidoka("session", "terminate", session_id)
    until(lambda: home.status_of(session_id) == "terminated")

    before = listed(home)
    home.json("registry", "rebuild", "--json")
    after = listed(home)

    # what other tests have left here may still be on its way to its end
    moved = {each for each in before if after[each]["sequence"] != before[each]["sequence"]}
    assert session_id not in moved
    assert before.keys() == after.keys()
    assert {each: after[each] for each in before.keys() - moved} == {
        each: before[each] for each in before.keys() - moved
    }


def listed(home: Home) -> dict[str, dict[str, Any]]:
    """Return all sessions by their ids."""
    found = home.json("session", "list", "--all", "--json")
    return {each["session_id"]: each for each in found}


def test_an_unknown_session_exits_3_and_a_broker_that_is_not_there_5(home: Home):
    unknown = home.jidoka("session", "show", "nobody", "--json")
    spent = home.jidoka("usage", "--session", "nobody")
    put_away = home.jidoka("dlq", "list", "--session", "no body")
    unreachable = home.jidoka("session", "list", "--json", JIDOKA_NATS_URL="nats://127.0.0.1:9")

    assert (unknown.returncode, spent.returncode, put_away.returncode) == (3, 3, 3)
    assert json.loads(unknown.stdout)["error"]["code"] == "session_not_found"
    assert unreachable.returncode == 5


def test_doctor_names_a_setting_that_keeps_a_program_from_starting(home: Home):
    answer = home.jidoka("doctor", "--json", JIDOKA_IDLE_S="-1")

    checks = {check["name"]: check for check in json.loads(answer.stdout)["checks"]}
    assert answer.returncode == 1
    assert checks["settings"]["state"] == "bad"
    assert "JIDOKA_IDLE_S" in checks["settings"]["text"]


def test_doctor_names_a_permission_rule_of_the_machine_that_is_none(home: Home, tmp_path: Path):
    (tmp_path / "config.toml").write_text('permission_rules = ["deny * .env", "perhaps shell"]\n')

    answer = home.jidoka("doctor", "--json", JIDOKA_CONFIG=str(tmp_path / "config.toml"))

    checks = {check["name"]: check for check in json.loads(answer.stdout)["checks"]}
    assert answer.returncode == 1
    assert checks["settings"]["state"] == "bad"
    assert "permission_rules:2" in checks["settings"]["text"]


def test_doctor_finds_what_is_here_and_shows_no_key(home: Home):
    answer = home.jidoka("doctor", "--json", OPENAI_API_KEY="canary-of-a-key")

    checks = {check["name"]: check for check in json.loads(answer.stdout)["checks"]}
    expected = [
        "python",
        "git",
        "rg",
        "nats-server",
        "bus",
        "network",
        "jetstream",
        "sandbox",
        "keys",
    ]
    assert set(expected) <= set(checks)
    assert checks["jetstream"]["sync_always"] is True
    assert checks["keys"]["present"] == ["OPENAI_API_KEY"]
    assert "canary" not in answer.stdout
