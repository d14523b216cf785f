"""Every command line that is wrong: its exit code, one line that says what to do, no traceback."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from typer.main import get_command

from jidoka.cli.__main__ import run
from jidoka.cli.app import app
from tests.support.home import Home, running_home, until

pytestmark = [pytest.mark.timeout(180)]
UNKNOWN = "s" + "0" * 24
VARIADIC = {"mcp add"}
FILLED = {
    **{"file": "file.jsonl", "call": "call_1", "answer": "allow", "program": "nothing"},
    **{"name": "x", "path": "a.txt", "which": "1", "text": "hi", "rule": "allow read"},
    **{"rules": "rules.txt", "number": "1", "turn": "1", "message": "hi", "prompt": "hi"},
}
# {s} an open session, {gone} one that has ended, {model} a script, {broken} none
WRONG: tuple[tuple[str, int, str], ...] = (
    ("run --model {model} --project {other} '  '", 2, "invalid_message"),
    ("run Hi --model nobody/knows", 2, "provider_unknown"),
    ("run Hi --project /no/such --model {model}", 3, "project_not_found"),
    ("run Hi --project {note} --model {model}", 2, "project_not_directory"),
    ("run Hi --project {dir} --worktree --model {model}", 6, "project_forbidden"),
    ("run Hi --model scripted:/no/such", 2, "model_unknown"),
    ("run Hi --model scripted:{broken}", 2, "invalid_message"),
    ("run Hi --model openai/x --api-key-ref sk-123", 2, "invalid_message"),
    ("run Hi --model openai/x --api-base ftp://x", 2, "invalid_message"),
    ("run Hi -r 'nobody at all'", 3, "session_not_found"),
    ("run Hi -c -r x", 2, "invalid_message"),
    ("run Hi --max-turns 0", 2, "invalid_message"),
    ("run Hi --max-turns many", 2, "invalid_message"),
    ("run Hi --max-cost -1", 2, "invalid_message"),
    ("run Hi --max-cost inf --model {model}", 2, "invalid_message"),
    ("run Hi --permission-mode sudo", 2, "invalid_message"),
    ("run Hi --output-format xml", 2, "invalid_message"),
    ("run Hi --shared --worktree", 2, "invalid_message"),
    ("send {s} '  '", 2, "invalid_message"),
    ("send {s} {long}", 2, "too_large"),
    ("send {gone} hi", 3, "session_terminated"),
    ("send {s} hi --policy later", 2, "invalid_message"),
    ("follow {s} --from 99999 --no-wait", 2, "invalid_message"),
    ("follow {s} --from x --no-wait", 2, "invalid_message"),
    ("cancel {s}", 2, "no_turn"),
    ("cancel {gone}", 3, "session_terminated"),
    ("answer {s} nowhere allow", 3, "call_not_found"),
    ("answer {gone} nowhere allow", 3, "session_terminated"),
    ("undo {s} --turns 100", 2, "nothing_to_undo"),
    ("undo {s} --turns 0", 2, "invalid_message"),
    ("undo {gone}", 3, "session_terminated"),
    ("redo {s}", 2, "nothing_to_undo"),
    ("diff {s} 99", 3, "turn_not_found"),
    ("retry {s}", 2, "nothing_to_undo"),
    ("compact {gone}", 3, "session_terminated"),
    ("serve nothing", 2, "invalid_message"),
    ("session create /no/such", 3, "project_not_found"),
    ("session create {note}", 2, "project_not_directory"),
    ("session create /proc", 6, "project_forbidden"),
    ("session create {dir} --model {model}", 4, "project_already_open"),
    ("session create {other} --name a/b", 2, "invalid_message"),
    ("session list --status gone", 2, "invalid_message"),
    ("session list --limit 0", 2, "invalid_message"),
    ("session close {gone}", 3, "session_terminated"),
    ("session resume {gone}", 3, "session_terminated"),
    ("session rename {s} ''", 2, "invalid_message"),
    ("session rename {s} a/b", 2, "invalid_message"),
    ("session configure {s}", 2, "invalid_message"),
    ("session configure {s} --model nobody/knows", 2, "provider_unknown"),
    ("session configure {s} --fallback local", 2, "invalid_message"),
    ("run Hi -r {s} --fallback local", 2, "invalid_message"),
    ("session configure {s} --rule 'ask shell' --no-rules", 2, "invalid_message"),
    ("session configure {s} --limit steps=3", 2, "invalid_message"),
    ("session configure {s} --limit max_steps=many", 2, "invalid_message"),
    ("session configure {s} --limit max_steps=none", 2, "invalid_message"),
    ("session configure {s} --limit turn_cost_usd=inf", 2, "invalid_message"),
    ("session configure {s} --limit turn_wall_s=nan", 2, "invalid_message"),
    ("session resume {s}", 2, "invalid_transition"),
    ("session terminate ''", 3, "session_not_found"),
    ("session show ' '", 3, "session_not_found"),
    ("session delete {s}", 2, "invalid_transition"),
    ("session export {s} /no/such/folder/file", 5, "storage_not_writable"),
    ("session import /no/such --project {other}", 2, "import_invalid"),
    ("session import {broken} --project {other}", 2, "import_invalid"),
    ("session fork {s} --at 99999", 2, "invalid_message"),
    ("session fork {s} --project {dir}", 4, "project_already_open"),
    ("session file add {s} ../x", 1, "path_outside_project"),
    ("session file remove {s} note.txt", 2, "invalid_message"),
    ("queue edit {s} 99 text", 3, "call_not_found"),
    ("queue withdraw {s} 99", 3, "call_not_found"),
    ("permission revoke {s} nonsense", 3, "call_not_found"),
    ("policy test {broken}", 2, "invalid_message"),
    ("policy test {rules} --session nobody", 3, "session_not_found"),
    ("mcp remove {s} nosuch", 2, "invalid_message"),
    ("mcp add {s} 'bad name!' true", 2, "invalid_message"),
    ("mcp add {s} x --url ftp://x", 2, "invalid_message"),
    ("dlq show 999999", 3, "not_in_quarantine"),
    ("dlq redrive 999999", 3, "not_in_quarantine"),
    ("dlq drop 999999", 3, "not_in_quarantine"),
    ("dlq show many", 2, "invalid_message"),
    ("dlq drop", 2, "invalid_message"),
    ("nothing", 2, "invalid_message"),
    ("session nothing", 2, "invalid_message"),
)


@dataclass(frozen=True)
class Said:
    """What a command line came to."""

    code: int
    out: str
    err: str


@dataclass
class Words:
    """Runs command lines in this process: what they reach is real."""

    names: dict[str, str]
    capture: pytest.CaptureFixture[str]

    def say(self, *words: str) -> Said:
        self.capture.readouterr()
        code = run(list(words))
        out, err = self.capture.readouterr()
        return Said(code, out, err)

    def filled(self, line: str) -> list[str]:
        """Return the words of a line with its names filled in."""
        words = [part for n, part in enumerate(line.split("'")) if n % 2 or part.strip()]
        parts = [[word] if f"'{word}'" in line else word.split() for word in words]
        return [word.format(**self.names) for part in parts for word in part]


def tree(command: Any, *path: str) -> Iterator[tuple[str, Any]]:
    """Yield every command below one, with its words."""
    if not hasattr(command, "commands"):
        yield " ".join(path), command
        return
    for name, below in command.commands.items():
        yield from tree(below, *path, name)


COMMANDS = dict(tree(get_command(app)))
TARGETED = [name for name, it in COMMANDS.items() if any(p.name == "target" for p in it.params)]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home of its own: its sessions are the names of these lines."""
    with running_home(tmp_path_factory.mktemp("words") / "home") as home:
        yield home


@pytest.fixture(scope="module")
def names(home: Home, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the lines name."""
    folder = tmp_path_factory.mktemp("named")
    for name in ("dir", "gone", "other"):
        (folder / name).mkdir()
    (folder / "dir" / "note.txt").write_text("x\n")
    (folder / "script.json").write_text('{"answers": [{"text": "I am well."}]}')
    (folder / "rules.txt").write_text("deny shell\n")
    (folder / "broken.json").write_text('{"answers": [{"txt": 1}]')
    model = f"scripted:{folder / 'script.json'}"
    made = [
        home.json("session", "create", str(folder / name), "--model", model, "--json")
        for name in ("dir", "gone")
    ]
    here, gone = (each["session_id"] for each in made)
    home.json("session", "terminate", gone, "--json")
    until(lambda: home.status_of(gone) == "terminated")
    paths = {"dir": "dir", "other": "other", "note": "dir/note.txt", "broken": "broken.json"}
    paths["rules"] = "rules.txt"
    return {name: str(folder / path) for name, path in paths.items()} | {
        "s": here,
        "gone": gone,
        "model": model,
        "long": "x" * 300_000,
    }


@pytest.fixture
def words(
    home: Home,
    names: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Words:
    for name, value in home.environment.items():
        monkeypatch.setenv(name, value)
    return Words(names, capsys)


def arguments_of(command: Any, target: str) -> list[str]:
    """Return words for the arguments that a command must have."""
    wanted = [p for p in command.params if p.param_type_name == "argument"]
    return [target if p.name == "target" else FILLED[p.name] for p in wanted if p.required]


@pytest.mark.parametrize(("line", "code", "error"), WRONG)
def test_a_wrong_line_has_its_exit_code_and_says_what_is_wrong(
    words: Words, line: str, code: int, error: str
):
    for_a_person = words.say(*words.filled(line))
    for_a_program = words.say(*words.filled(line), "--json")

    told = json.loads(for_a_program.out)["error"]
    assert (for_a_person.code, for_a_program.code) == (code, code)
    assert told["code"] == error, told
    assert for_a_person.err.startswith("error: ")
    assert len(for_a_person.err.splitlines()[0]) > len("error: ...")
    assert for_a_person.out == ""


@pytest.mark.parametrize("name", COMMANDS)
def test_an_option_that_no_command_has_is_misuse_with_the_right_form(words: Words, name: str):
    line = [*name.split(), *arguments_of(COMMANDS[name], words.names["s"])]

    said = words.say(*line, "--no-such-option")

    assert said.code == 2
    assert "--no-such-option" in said.err
    assert f"Try 'jidoka {name} --help'" in said.err


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_examples_of_its_own_that_fit_it(words: Words, name: str):
    shown = words.say(*name.split(), "--help").out.partition("Examples:")[2]
    lines = [line for line in shown.splitlines() if line.strip()]
    options = {option for p in COMMANDS[name].params for option in (*p.opts, *p.secondary_opts)}

    used = [word for line in lines for word in line.split(" -- ")[0].split() if word[:2] == "--"]

    assert lines
    assert all(f"jidoka {name}" in line for line in lines)
    assert set(used) - {"--"} <= options


@pytest.mark.parametrize("name", sorted(set(COMMANDS) - VARIADIC))
def test_too_many_words_are_misuse(words: Words, name: str):
    said = words.say(*name.split(), *["1"] * 12)

    assert said.code == 2
    assert "Usage:" in said.err


@pytest.mark.parametrize(
    ("name", "target"),
    [*((name, UNKNOWN) for name in TARGETED), ("send", "nobody at all"), ("undo", "../x")],
)
def test_a_session_that_is_not_there_exits_3_and_names_where_to_look(
    words: Words, name: str, target: str
):
    more = {"session configure": ["--permission-mode", "ask"], "mcp add": ["true"]}.get(name, [])
    more = [*more, "--no-wait"] if name == "follow" else more
    wanted = [p for p in COMMANDS[name].params if p.param_type_name == "argument"]
    rest = [FILLED[p.name] for p in wanted if p.name != "target" and (p.required or more == [])]

    said = words.say(*name.split(), target, *rest, *more)

    assert (said.code, said.out) == (3, "")
    assert "jidoka session list" in said.err


def test_after_all_of_it_the_session_answers(words: Words, home: Home):
    said = words.say("send", words.names["s"], "Are you well?", "--wait")

    assert (said.code, "I am well." in said.out) == (0, True)
    assert "Traceback" not in home.logs()
