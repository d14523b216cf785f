"""Rules, questions and answers by the command line, on real programs and processes."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.acceptance.conftest import Write, call
from tests.support.home import Home, running_home, until

pytestmark = [pytest.mark.timeout(120)]


def create(home: Home, project: Path, script: Path, **fields: Any) -> str:
    llm = {"model": f"scripted:{script}"}
    return home.ask(lambda client: client.create_session(project, llm=llm, **fields))


def send(home: Home, session_id: str) -> None:
    home.ask(lambda client: client.send_message(session_id, "Go."))


def terminate(home: Home, session_id: str) -> None:
    home.ask(lambda client: client.terminate_session(session_id))


def run(home: Home, project: Path, script: Path, *more: str) -> Any:
    return home.jidoka(
        *("run", "Go.", "--project", str(project), "--model", f"scripted:{script}", *more)
    )


def shell(command: str) -> dict[str, Any]:
    return {"tool_calls": [call("shell", command=command)]}


def waiting(home: Home, session_id: str) -> str:
    """Return the call that waits for an answer, once one does."""
    asked = until(lambda: home.ask(lambda client: client.list_permissions(session_id)).questions)
    return asked[0].call_id


def of(home: Home, session_id: str, name: str) -> list[dict[str, Any]]:
    return [x.envelope.data for x in home.log_of(session_id) if x.envelope.name == name]


def test_rules_allow_and_deny_what_a_command_really_runs(home: Home, project: Path, script: Write):
    commands = ("cat note.txt", "cat note.txt; rm note.txt", "cat note.txt > copy", "cat $(ls)")
    model = script(*map(shell, commands), {"text": "Done."})
    rules = ("--rule", "allow shell cat note.txt", "--rule", "deny shell rm")

    answer = run(home, project, model, "--permission-mode", "ask", *rules, "--json")

    session_id = json.loads(answer.stdout)["session_id"]
    assert answer.returncode == 6, answer.stderr
    assert [x["args"]["command"] for x in of(home, session_id, "tool.started")] == ["cat note.txt"]
    assert [x["by"] for x in of(home, session_id, "tool.denied")] == ["rule", "default", "default"]
    assert (project / "note.txt").exists()
    assert not (project / "copy").exists()


def test_always_makes_a_rule_that_is_listed_holds_and_is_taken_back(
    home: Home, project: Path, script: Write
):
    model = script(
        shell("cat note.txt"), shell("cat  note.txt"), {"text": "1"}, shell("cat note.txt")
    )
    session_id = create(home, project, model)
    send(home, session_id)

    home.json("answer", session_id, waiting(home, session_id), "allow", "--always", "--json")
    until(lambda: home.has(session_id, "turn.ended"))
    listed = home.json("permission", "list", session_id, "--json")
    (rule,) = [each["rule"] for each in listed["rules"] if each["revocable"]]
    asked, ran = (of(home, session_id, f"{x}") for x in ("permission.requested", "tool.completed"))
    home.json("permission", "revoke", session_id, rule, "--json")
    send(home, session_id)

    assert rule == "allow shell cat note.txt $"
    assert (len(asked), len(ran)) == (1, 2)
    assert waiting(home, session_id)
    assert home.json("session", "show", session_id, "--json")["rules"] == []
    terminate(home, session_id)


def test_the_rules_of_machine_and_project_are_listed_with_where_they_are_written(
    project: Path, script: Write, tmp_path: Path
):
    folder = tmp_path / "home"
    folder.mkdir(mode=0o700)
    (folder / "config.toml").write_text('permission_rules = ["deny shell git push"]\n')
    (project / ".jidoka").mkdir()
    rules = "# ours\nask @write docs\nallow shell rm\n"
    (project / ".jidoka" / "permissions").write_text(rules)

    with running_home(folder) as home:
        session_id = create(home, project, script({"text": "a"}), permissions=("deny * .env",))
        listed = home.json("permission", "list", session_id, "--json")
        told = home.jidoka("permission", "list", session_id).stdout

    assert [(x["rule"], x["source"], x["where"], x["revocable"]) for x in listed["rules"]] == [
        ("deny shell git push", "machine", "permission_rules:1", False),
        ("ask @write docs", "project", ".jidoka/permissions:2", False),
        ("deny * .env", "session", "", False),
    ]
    assert not listed["unseen"]
    assert "machine: permission_rules in the config.toml" in told
    assert "session: jidoka session configure --rule" in told


def test_who_answers_second_is_told_who_was_first_and_when(
    home: Home, project: Path, script: Write
):
    session_id = create(home, project, script(shell("ls"), {"text": "Done."}))
    send(home, session_id)
    call_id = waiting(home, session_id)
    neither = home.jidoka("answer", session_id, call_id, "perhaps")
    home.json("answer", session_id, "allow", "--json")
    until(lambda: home.has(session_id, "turn.ended"))

    second = home.jidoka("answer", session_id, call_id, "deny", "--json")
    none = home.jidoka("answer", session_id, "deny")

    assert (none.returncode, "no question is open" in none.stderr) == (2, True)
    error = json.loads(second.stdout)["error"]
    assert (neither.returncode, "allow or deny" in neither.stderr) == (2, True)
    assert (second.returncode, error["code"]) == (2, "already_answered")
    assert error["details"]["answer"] == "allow"
    assert error["details"]["by"].startswith("/jidoka/cli/")
    assert error["details"]["at"]
    terminate(home, session_id)


def test_a_question_of_the_agent_survives_its_worker_and_is_answered(
    home: Home, project: Path, script: Write
):
    asking = {"tool_calls": [call("ask", question="Which?", options=["a", "b"])]}
    session_id = create(home, project, script(asking, {"text": "Good."}))
    send(home, session_id)
    call_id = waiting(home, session_id)
    shown = home.json("session", "show", session_id, "--json")
    os.kill(shown["worker_pid"], signal.SIGKILL)
    until(lambda: len(of(home, session_id, "worker.assigned")) > 1)

    told = home.jidoka("follow", session_id, "--no-wait").stdout
    home.json("answer", session_id, call_id, "b", "--json")
    until(lambda: home.has(session_id, "turn.ended"))

    assert (shown["questions"][0]["kind"], shown["waiting"]) == ("question", [call_id])
    assert f"? Which?\n  jidoka answer {session_id} {call_id} a\n" in told
    assert [x["output"] for x in of(home, session_id, "tool.completed")] == ["b"]
    assert len(of(home, session_id, "question.asked")) == 1
    terminate(home, session_id)


@pytest.mark.parametrize("how", ["new", "-c", "-r"])
def test_a_run_never_waits_for_a_question(home: Home, project: Path, script: Write, how: str):
    asking = {"tool_calls": [call("ask", question="Which?"), call("shell", command="ls")]}
    model = script(asking, {"text": "Decided."})
    more = []
    if how != "new":
        session_id = create(home, project, model, permission_mode="ask")
        home.ask(lambda client: client.close_session(session_id))
        more = ["-c"] if how == "-c" else ["-r", session_id]

    answer = home.jidoka(
        *("run", "Go.", "--project", str(project), "--json", *more),
        *(() if more else ("--model", f"scripted:{model}", "--permission-mode", "ask")),
    )

    result = json.loads(answer.stdout)
    assert (answer.returncode, result["result"]) == (6, "Decided."), answer.stderr
    assert "Nobody answered" in of(home, result["session_id"], "tool.completed")[0]["output"]


def test_a_run_that_goes_on_leaves_the_session_as_it_was(home: Home, project: Path, script: Write):
    session_id = create(home, project, script(shell("ls"), {"text": "a"}, loop=True))
    home.ask(lambda client: client.close_session(session_id))
    home.jidoka("run", "Go.", "-r", session_id, "--json")
    home.ask(lambda client: client.resume_session(session_id))

    send(home, session_id)

    assert waiting(home, session_id)
    assert of(home, session_id, "session.configured") == []
    terminate(home, session_id)


def test_the_network_is_off_until_the_session_has_it(home: Home, project: Path, script: Write):
    port = urlsplit(home.state["nats_url"]).port
    look = shell(f"python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", {port}))'")
    model = script(look, {"text": "a"}, look, {"text": "b"})
    session_id = create(home, project, model, permission_mode="full-auto")

    send(home, session_id)
    until(lambda: home.has(session_id, "turn.ended"))
    home.json("session", "configure", session_id, "--network", "--json")
    send(home, session_id)
    until(lambda: len(of(home, session_id, "turn.ended")) > 1)

    shown = home.json("session", "show", session_id, "--json")
    assert shown["network"] is True
    assert [x["exit_status"] for x in of(home, session_id, "tool.completed")] == [1, 0]
    assert [x["network"] for x in of(home, session_id, "session.configured")] == [True]
    terminate(home, session_id)


def test_rules_are_tried_on_the_past_and_nothing_runs(
    home: Home, project: Path, script: Write, tmp_path: Path
):
    model = script(shell("ls"), shell("echo x > made"), shell("cat note.txt"), {"text": "Done."})
    answer = run(home, project, model, "--permission-mode", "full-auto", "--json")
    session_id = json.loads(answer.stdout)["session_id"]
    (project / "made").unlink()
    rules = tmp_path / "rules"
    rules.write_text("# what we think of\nallow shell ls\ndeny @write made\nask shell cat\n")

    tried = home.json("policy", "test", str(rules), "--session", session_id, "--json")

    counts = {name: tried[name] for name in ("calls", "allowed", "asked", "blocked", "changed")}
    assert counts == {"calls": 3, "allowed": 1, "asked": 1, "blocked": 1, "changed": 2}
    assert [(x["verdict"], x["happened"]) for x in tried["details"]] == [
        ("deny", "ran"),
        ("ask", "ran"),
    ]
    assert tried["details"][0]["rule"] == f"deny @write made ({rules}:3)"
    assert not (project / "made").exists()


def test_a_file_of_rules_is_refused_with_its_lines(home: Home, tmp_path: Path):
    rules = tmp_path / "rules"
    rules.write_text("allow shell ls\npermit all\n\nallow shell a; b\n")

    answer = home.jidoka("policy", "test", str(rules), "--all", "--json")

    error = json.loads(answer.stdout)["error"]
    assert (answer.returncode, error["code"]) == (2, "invalid_message")
    places = [problem["path"] for problem in error["details"]["problems"]]
    assert places == [f"{rules}:2", f"{rules}:4"]


def test_a_session_with_a_rule_that_is_none_is_refused(home: Home, project: Path, script: Write):
    words = ["session", "create", str(project), "--model", f"scripted:{script()}"]

    answer = home.jidoka(*words, "--rule", "permit all", "--json")

    assert json.loads(answer.stdout)["error"]["code"] == "invalid_message"


def test_a_line_typed_while_following_answers_the_question(
    home: Home, project: Path, script: Write
):
    asking = {"tool_calls": [call("ask", question="Which?", options=["a", "b"])]}
    session_id = create(home, project, script(shell("ls"), asking, {"text": "Done."}))
    terminal, end = pty.openpty()
    words = [sys.executable, "-m", "jidoka.cli", "follow", session_id]
    follow = subprocess.Popen(words, env=home.environment, stdin=end, stdout=end)
    os.close(end)
    try:
        send(home, session_id)
        shown = seen(terminal, b"y: allow")
        os.write(terminal, b"y\n")
        shown += seen(terminal, b"2: b")
        os.write(terminal, b"2\n")
        until(lambda: home.has(session_id, "turn.ended"))
        follow.send_signal(signal.SIGINT)
        follow.wait(60)
    finally:
        follow.kill()
        follow.wait()
        os.close(terminal)

    assert b"May it run shell ls?" in shown
    assert of(home, session_id, "permission.answered")[0]["decision"] == "allow"
    assert of(home, session_id, "question.answered")[0]["answer"] == "b"
    terminate(home, session_id)


def seen(terminal: int, text: bytes) -> bytes:
    """Return what a terminal shows up to `text`."""
    shown = b""
    while text not in shown:
        ready, _, _ = select.select([terminal], [], [], 60)
        assert ready, shown
        shown += os.read(terminal, 4096)
    return shown
