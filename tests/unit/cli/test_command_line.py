"""What is typed wrongly gets the right form and exit code 2; help loads little."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from jidoka.cli.__main__ import run

COMMANDS = [
    "run",
    "demo",
    "up",
    "down",
    "status",
    "doctor",
    "send",
    "follow",
    "cancel",
    "answer",
    "serve",
    "session",
    "dlq",
    "registry",
    "schemas",
]
DLQ_COMMANDS = ["list", "show", "redrive", "drop"]
SESSION_COMMANDS = ["create", "list", "show", "close", "resume", "rename", "terminate"]


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]):
    code = run(["--help"])

    shown = capsys.readouterr().out
    assert code == 0
    assert [name for name in COMMANDS if f"\n  {name} " not in shown] == []
    assert "Exit codes:" in shown


@pytest.mark.parametrize(
    "words",
    [
        *([name] for name in COMMANDS),
        *(["session", name] for name in SESSION_COMMANDS),
        *(["dlq", name] for name in DLQ_COMMANDS),
        *(["permission", "list"], ["permission", "revoke"], ["policy", "test"]),
    ],
)
def test_every_command_explains_itself(words: list[str], capsys: pytest.CaptureFixture[str]):
    code = run([*words, "--help"])

    assert code == 0
    assert f"Usage: jidoka {' '.join(words)}" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ["nonsense"],
        ["run", "--nonsense"],
        ["run", "hello", "--max-turns", "0"],
        ["run", "hello", "--permission-mode", "yolo"],
        ["run", "hello", "-c", "-r", "x"],
        ["run", "hello", "--shared", "--worktree"],
        ["answer", "s1", "c1", "perhaps", "--always"],
        ["policy", "test", "rules.txt"],
        ["policy", "test", "rules.txt", "--all", "--session", "s1"],
        ["send", "s1", "hello", "--policy", "shout"],
        ["serve", "nothing"],
        ["demo", "--scripted", "--model", "a/b"],
        ["session", "rename", "s1"],
    ],
)
def test_misuse_exits_2_with_the_right_form(words: list[str], capsys: pytest.CaptureFixture[str]):
    code = run(words)

    said = capsys.readouterr().err
    assert code == 2
    assert said.startswith("error: ")
    assert "Usage: jidoka" in said
    assert "--help" in said


def test_misuse_is_json_for_who_asked_for_json(capsys: pytest.CaptureFixture[str]):
    code = run(["session", "list", "--json", "--limit", "0"])

    said = json.loads(capsys.readouterr().out)
    assert code == 2
    assert said["error"]["code"] == "invalid_message"


def test_without_a_command_the_help_is_the_answer(capsys: pytest.CaptureFixture[str]):
    code = run([])

    assert code == 2
    assert capsys.readouterr().err.startswith("Usage: jidoka")


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["session", "create", "--help"]])
def test_help_loads_neither_the_bus_nor_the_logs(words: list[str]):
    program = (
        "import sys; from jidoka.cli.__main__ import run; run(sys.argv[1:]);"
        "heavy = {'nats', 'rich', 'asyncio', 'structlog'} & set(sys.modules);"
        "sys.exit(str(heavy) if heavy else 0)"
    )

    answer = subprocess.run(
        [sys.executable, "-c", program, *words],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )

    assert answer.returncode == 0, answer.stderr


def test_ctrl_c_before_anything_has_begun_ends_it_without_a_word():
    program = (
        "import signal, sys\n"
        "class Impatient:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'typer': signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Impatient())\n"
        "from jidoka.cli.__main__ import main\n"
        "main()\n"
    )

    answer = subprocess.run(
        [sys.executable, "-c", program, "--help"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )

    assert (answer.returncode, answer.stdout, answer.stderr) == (130, "", "")


def test_what_is_wrong_is_said_without_the_words_of_a_library(capsys: pytest.CaptureFixture[str]):
    code = run(["send", "shop", "hello", "--policy", "maybe"])

    assert code == 2
    assert "'maybe' is not one of 'queue', 'steer'" in (said := capsys.readouterr().err)
    assert "Value error" not in said
