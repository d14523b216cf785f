"""The system prompt of the small model: its tools and two worked examples, always the same bytes.

The server keeps what it has read between calls only as far as the bytes are equal, and reads some
44 new tokens a second. So the prompt depends on the names of the tools and on nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any

from jidoka.llm.small_model.phase import FINISH
from jidoka.llm.small_model.view import EDIT, GLOB, GREP, LIST, READ, SHELL, WRITE

LEAD = """You work on a software project with tools. Answer with one JSON object, one step at a \
time: a short thought, the tool, its arguments.
Tools:
"""
TOOLS = {
    LIST: "list {path}: the files in a folder",
    READ: "read {path}: the text of a file",
    GREP: "grep {pattern}: the lines that match",
    GLOB: "glob {pattern}: the names that match",
    EDIT: "edit {path, block, fix, new}: write the block that begins with this line anew, "
    "whole, with the fault mended",
    WRITE: "write {path, content}: make a new file",
    SHELL: "shell {command}: run a command, such as a test or a program",
}
THOUGHTS = {
    LIST: "I see what there is.",
    READ: "I read it.",
    GREP: "I search it.",
    GLOB: "I look for files.",
    SHELL: "I run it.",
    FINISH: "I am done.",
}
RULES = """finish {answer}: say what was done or found; ends the task

Run or read before you change. Change only what is wrong, never a test. After a change run the \
check. If it still fails, think again. Finish when it is done; tell what you saw.
"""
REPAIR = (
    (LIST, THOUGHTS[LIST], {"path": "."}, "test_words.py\nwords.py"),
    (
        SHELL,
        THOUGHTS[SHELL],
        {"command": "python3 -m unittest"},
        "AssertionError: 'fig' != 'banana'",
    ),
    (
        READ,
        THOUGHTS[READ],
        {"path": "words.py"},
        "def longest(words):\n    return min(words, key=len)",
    ),
    (
        EDIT,
        "The check wants 'banana' but gets 'fig', so longest() is wrong. → "
        "It takes min(), the shortest; it must take max().",
        {
            "path": "words.py",
            "block": "def longest(words):",
            "new": "def longest(words):\n    return max(words, key=len)",
        },
        "ok",
    ),
    (SHELL, THOUGHTS[SHELL], {"command": "python3 -m unittest"}, "OK"),
    (
        FINISH,
        THOUGHTS[FINISH],
        {"answer": "longest() took the shortest word; it takes max now and the test passes."},
        "",
    ),
)
SEARCH = (
    (LIST, THOUGHTS[LIST], {"path": "."}, "conf.ini"),
    (GREP, THOUGHTS[GREP], {"pattern": "port"}, "conf.ini:3:port = 8080"),
    (
        FINISH,
        THOUGHTS[FINISH],
        {"answer": "The server uses port 8080 (conf.ini, line 3)."},
        "",
    ),
)
JOINT = " → "
"""Between the two thoughts of an edit: what is wrong, and how it must be."""
Example = tuple[tuple[str, str, dict[str, str], str], ...]


def system_prompt(offered: Collection[str]) -> str:
    """Return the prompt for the tools of these names; the same names give the same bytes."""
    tools = "".join(f"{line}\n" for name, line in TOOLS.items() if name in offered)
    repair = _example("python3 -m unittest fails, repair it.", REPAIR, offered)
    search = _example("Which port does the server use?", SEARCH, offered)
    return f"{LEAD}{tools}{RULES}{repair}{search}"


def _example(task: str, steps: Example, offered: Collection[str]) -> str:
    shown = [step for step in steps if step[0] in {*offered, FINISH}]
    lines = (
        spoken(tool, thought, arguments) + (f"\n-> {result}" if result else "")
        for tool, thought, arguments, result in shown
    )
    return f"\nExample task: {task}\n" + "\n".join(lines) + "\n"


def spoken(tool: str, thought: str, arguments: Mapping[str, Any]) -> str:
    """Return a step as the model says it."""
    said = {"thought": thought, "tool": tool, **arguments}
    if tool == EDIT:
        finding, _, fix = thought.partition(JOINT)
        middle = {"path": said.get("path"), "block": said.get("block"), "fix": fix}
        said = {"thought": finding, "tool": tool, **middle, "new": said.get("new")}
    return json.dumps(said, ensure_ascii=False)
