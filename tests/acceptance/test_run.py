"""`jidoka run`: the main job, headless, and what it exits with."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.acceptance.conftest import READ_EDIT_RUN, Write, call
from tests.support.home import Home, until

pytestmark = [pytest.mark.timeout(120)]
SCHEMAS = Path(__file__).parents[2] / "schemas"


def run(home: Home, project: Path, script: Path, *more: str, stdin: str = "") -> Any:
    words = ["run", "--project", str(project), "--model", f"scripted:{script}", *more]
    return home.jidoka(*words, stdin=stdin)


def check(value: Any, name: str) -> None:
    schema = json.loads((SCHEMAS / name).read_text())
    jsonschema.Draft202012Validator(schema).validate(value)


def test_a_script_that_reads_edits_and_runs_changes_the_files(
    home: Home, project: Path, script: Write
):
    answer = run(
        home, project, script(*READ_EDIT_RUN), "Mend it.", "--output-format", "stream-json"
    )

    assert answer.returncode == 0, answer.stderr + home.logs()
    assert (project / "note.txt").read_text() == "one\nthree\n"
    assert (project / "new").read_text() == "made\n"
    lines = [json.loads(line) for line in answer.stdout.splitlines()]
    assert lines[0]["type"] == "jido.session.created.v1"
    assert lines[-1]["type"] == "jido.run.result.v1"
    assert lines[-1]["data"]["result"] == "The note says three now."
    for line in lines:
        check(line, "envelope.v1.json")
        check(line["data"], schema_of(line["type"]))


def schema_of(kind: str) -> str:
    name = kind.removeprefix("jido.")
    folder, rest = name.partition(".")[::2]
    if folder == "live":
        return f"live/{rest}.json"
    return f"replies/{name}.json" if folder == "run" else f"events/{name}.json"


def test_who_stops_reading_a_run_ends_it_and_its_folder_is_free(
    home: Home, project: Path, script: Write
):
    model = script({"tool_calls": [call("shell", command="sleep 100")]}, {"text": "Late."})
    words = ["run", "Go", "--project", str(project), "--model", f"scripted:{model}"]
    command = [sys.executable, "-m", "jidoka.cli", *words, "--output-format", "stream-json"]

    with subprocess.Popen(
        command, env=home.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        assert running.stdout is not None
        running.stdout.readline()
        running.stdout.close()
        code = running.wait(60)

    (session,) = home.json("session", "list", "--project", str(project), "--json")
    assert code == 0
    assert until(lambda: home.status_of(session["session_id"]) == "closed")


def test_the_events_of_a_stream_are_those_of_the_log(home: Home, project: Path, script: Write):
    answer = run(home, project, script({"text": "Hello."}), "Hi.", "--output-format", "stream-json")

    events = [line for line in answer.stdout.splitlines() if '"sequence"' in line]
    session_id = json.loads(events[0])["subject"]
    log = home.jidoka("follow", session_id, "--json", "--no-wait").stdout.splitlines()
    assert log[: len(events)] == events


def test_text_has_the_answer_a_line_a_call_and_a_closing_line(
    home: Home, project: Path, script: Write
):
    answer = run(home, project, script(*READ_EDIT_RUN), "Mend it.")

    lines = answer.stdout.splitlines()
    assert lines[0] == "I look."
    assert lines[1].startswith("✓ read note.txt")
    assert lines[2].startswith("✓ edit note.txt")
    assert lines[-2] == "The note says three now."
    assert lines[-1].startswith("completed · 4 steps · ")


def test_json_is_one_object_with_what_scripts_expect(home: Home, project: Path, script: Write):
    answer = run(home, project, script({"text": "42"}), "What?", "--json")

    result = json.loads(answer.stdout)
    assert (result["type"], result["subtype"], result["is_error"]) == ("result", "success", False)
    assert (result["result"], result["num_turns"]) == ("42", 1)
    assert set(result["usage"]) == {"input_tokens", "output_tokens"}


def test_the_prompt_comes_from_standard_input_too(home: Home, project: Path, script: Write):
    echo = script({"when": "from a pipe", "text": "heard"}, {"text": "not heard"})

    answer = run(home, project, echo, "--json", stdin="this comes from a pipe\n")

    assert json.loads(answer.stdout)["result"] == "heard"


def test_the_session_is_closed_at_the_end_and_goes_on_with_c_and_r(
    home: Home, project: Path, script: Write
):
    first = json.loads(run(home, project, script({"text": "a"}), "One.", "--json").stdout)
    closed = home.json("session", "show", first["session_id"], "--json")

    second = json.loads(run(home, project, script({"text": "b"}), "Two.", "-c", "--json").stdout)
    third = home.jidoka("run", "Three.", "-r", first["session_id"], "--json")

    shown = home.json("session", "show", first["session_id"], "--json")
    assert closed["status"] == "closed"
    assert second["session_id"] == first["session_id"]
    assert json.loads(third.stdout)["session_id"] == first["session_id"], third.stdout
    assert (shown["messages"], shown["turns"]) == (3, 3)


def test_c_without_a_session_of_that_folder_exits_3(home: Home, project: Path, script: Write):
    answer = run(home, project, script({"text": "a"}), "Go on.", "-c")

    assert answer.returncode == 3


def test_a_step_limit_ends_the_turn_with_exit_8(home: Home, project: Path, script: Write):
    endless = script({"tool_calls": [call("read", path="note.txt")]}, loop=True)

    answer = run(home, project, endless, "Read.", "--max-turns", "2", "--json")

    assert answer.returncode == 8
    assert json.loads(answer.stdout)["subtype"] == "step_limit"


def test_a_model_that_always_fails_ends_with_exit_1_and_the_reason(
    home: Home, project: Path, script: Write
):
    refusing = script({"error": {"kind": "refusal"}})

    answer = run(home, project, refusing, "Hello.", "--json")

    result = json.loads(answer.stdout)
    assert answer.returncode == 1
    assert result["error"]["code"] == "provider_refused"


def test_a_key_that_is_refused_exits_7(home: Home, project: Path, script: Write):
    answer = run(home, project, script({"error": {"kind": "auth"}}), "Hello.")

    assert answer.returncode == 7


def test_a_call_that_wants_a_person_is_denied_at_once_and_exits_6(
    home: Home, project: Path, script: Write
):
    writing = script(
        {"tool_calls": [call("write", path="new.txt", content="x")]}, {"text": "As you wish."}
    )

    answer = run(home, project, writing, "Write.", "--permission-mode", "ask")

    assert answer.returncode == 6
    assert not (project / "new.txt").exists()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["Hi", "--model", "nobody/knows"], 2, "nobody"),
        (["Hi", "--model", "scripted:/no/such/script.json"], 2, "no such file"),
        (["Hi", "--project", "/no/such/folder", "--model", "SCRIPT"], 3, "/no/such/folder"),
        (["Hi", "--project", "/proc", "--model", "SCRIPT"], 6, "/proc"),
        (["Hi", "-r", "nobody", "--model", "SCRIPT"], 3, "nobody"),
        (["Hi", "--model", "openai/gpt-x"], 7, "OPENAI_API_KEY"),
    ],
)
def test_bad_input_gets_its_code_and_one_line(
    home: Home, script: Write, words: list[str], code: int, said: str
):
    path = script({"text": "never"})

    answer = home.jidoka("run", *[word.replace("SCRIPT", f"scripted:{path}") for word in words])

    assert answer.returncode == code, answer.stderr
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.skipif(find_spec("xllamacpp") is not None, reason="the embedded model is installed")
def test_without_any_model_the_ways_to_get_one_are_named(home: Home, project: Path):
    answer = home.jidoka("run", "Hi", "--project", str(project))

    assert answer.returncode == 7
    assert answer.stderr.count("\n  - ") == 3


def test_a_folder_that_another_session_holds_is_refused_with_its_name(
    home: Home, project: Path, script: Write
):
    quick = script({"text": "a"})
    words = ["--project", str(project), "--model", f"scripted:{quick}", "--json"]
    holder = home.json("session", "create", *words)["session_id"]

    refused = run(home, project, quick, "Hi.")
    shared = run(home, project, quick, "Hi.", "--shared", "--json")
    home.jidoka("session", "terminate", holder)

    assert refused.returncode == 4
    assert holder in refused.stderr
    assert shared.returncode in (0, 4)


class Counting:
    """A run that counts slowly, as a process that can be sent signals."""

    def __init__(self, home: Home, project: Path, script: Write) -> None:
        slow = script({"text": "one two three four five six seven eight", "delay_s": 2.0})
        words = ["run", "Count.", "--project", str(project), "--model", f"scripted:{slow}"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "jidoka.cli", *words, "--output-format", "stream-json"],
            env=home.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def until(self, kind: str) -> dict[str, Any]:
        """Return the first CloudEvent of a type."""
        assert self.process.stdout is not None
        while True:
            event = json.loads(self.process.stdout.readline())
            if event["type"] == kind:
                return event

    def interrupt(self) -> None:
        """Press Ctrl+C, and wait until it was noticed."""
        self.process.send_signal(signal.SIGINT)
        assert self.process.stderr is not None
        while "stopping" not in self.process.stderr.readline():
            pass


def test_ctrl_c_cancels_the_turn_and_exits_130(home: Home, project: Path, script: Write):
    counting = Counting(home, project, script)
    counting.until("jido.live.text.v1")

    counting.interrupt()
    rest, _ = counting.process.communicate(timeout=60)

    last = json.loads(rest.splitlines()[-1])
    assert counting.process.returncode == 130
    assert last["data"]["subtype"] == "cancelled"
    assert home.status_of(last["subject"]) == "closed"


def test_a_second_ctrl_c_leaves_at_once(home: Home, project: Path, script: Write):
    counting = Counting(home, project, script)
    session_id = counting.until("jido.live.text.v1")["subject"]

    counting.interrupt()
    counting.process.send_signal(signal.SIGINT)
    counting.process.communicate(timeout=60)

    assert counting.process.returncode == 130
    until(lambda: home.status_of(session_id) == "closed")
