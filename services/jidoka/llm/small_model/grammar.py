"""What the small model may say next, as a JSON Schema that the server turns into a grammar.

One alternative a tool, each an object `{"tool", …arguments}`. No lengths, no patterns, no long
lists of values: with a file's lines as values a busy server took over a minute for an answer.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from typing import Any, Final

from jidoka.llm.small_model.history import Step, Turn, contents_of, failed, found_in, names_in
from jidoka.llm.small_model.prompt import FINISH, TOOLS

CHANGES: Final = frozenset({"edit", "write"})
NAMES_MAX: Final = 40
"""Files that a call may name, the latest seen."""
PATIENCE: Final = 14
"""Steps after which an unfinished task may be given up."""
DOCUMENTS: Final = (".md", ".rst", ".txt")
ARGUMENT: Final = {"grep": "pattern", "shell": "command", FINISH: "answer"}
"""What a tool needs; the others take a path."""
TEXT: Final[dict[str, Any]] = {"type": "string"}
BAD_END: Final = re.compile(r"\(exit status [1-9]\d*\)$")
RUNNERS: Final = "bash|cargo|go|java|make|node|npm|npx|pytest|python3?|ruby|sh"
_QUOTED: Final = re.compile(rf"[`\"']((?:{RUNNERS}) [^`\"'\n]+)[`\"']")
_PYTHON: Final = re.compile(r"\bpython3?(?: -m \w+| [\w/-]+\.py\b)", re.ASCII)


def alternatives(turns: Sequence[Turn], offered: Collection[str]) -> dict[str, Any]:
    """Return the schema of the next answer; `offered` are the names of the session's tools."""
    steps = turns[-1].steps if turns else []
    task = turns[-1].asked if turns else ""
    due = commands_due(task, steps)
    allowed = {*offered, FINISH} - exhausted(steps)
    if len(steps) < PATIENCE and (due or is_broken(steps)):
        allowed.discard(FINISH)
    if due and not any(step.name in CHANGES for step in steps):
        allowed -= {"edit"}  # first see what is wrong
    contents = contents_of(turns)
    paths = {
        "read": [name for name in found_in(turns) if name not in contents and is_apt(name, task)],
        "edit": [name for name in contents if is_code(name) or name in task],
        "write": [name for name in names_in(task) if name not in {*contents, *found_in(turns)}],
    }
    schemas = {name: {"enum": known[-NAMES_MAX:]} for name, known in paths.items() if known}
    if due:
        schemas["shell"] = {"enum": due}
    choices = [
        _choice(name, **{ARGUMENT.get(name, "path"): schemas.get(name, TEXT)})
        for name in (*TOOLS, FINISH)
        if name in allowed and paths.get(name, True)
    ]
    return {"oneOf": choices or [_choice(FINISH, answer=TEXT)]}


def commands_due(task: str, steps: Sequence[Step]) -> list[str]:
    """Return the commands that the task spells out and that were not run since the last change."""
    run: set[str] = set()
    for step in steps:
        if step.name in CHANGES and not failed(step):
            run.clear()
        run.add(str(step.args.get("command")))
    named = dict.fromkeys(_QUOTED.findall(task) or _PYTHON.findall(task))
    return [command for command in named if command not in run]


def is_broken(steps: Sequence[Step]) -> bool:
    """Tell whether the last command went wrong."""
    ends = [step.result for step in steps if step.name == "shell"]
    return bool(ends) and bool(BAD_END.search(ends[-1]))


def is_apt(path: str, task: str) -> bool:
    """Tell whether a file is worth a look: documents only if the task names them."""
    return path in task or not path.endswith(DOCUMENTS)


def is_code(path: str) -> bool:
    """Tell whether a file may be changed unasked: no test and no document."""
    name = path.rpartition("/")[2]
    return not name.startswith("test_") and not name.endswith(DOCUMENTS)


def _choice(tool: str, **arguments: dict[str, Any]) -> dict[str, Any]:
    properties = {"tool": {"const": tool}, **arguments}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def exhausted(steps: Sequence[Step]) -> set[str]:
    """Return the tools that would say nothing new.

    Their last call was one that had been made before, with no change in between.
    """
    asked: set[str] = set()
    spent: set[str] = set()
    for step in steps:
        if step.name in CHANGES and not failed(step):
            asked.clear()
            spent.clear()
        elif step.key in asked:
            spent.add(step.name)
        else:
            spent.discard(step.name)
        asked.add(step.key)
    return spent
