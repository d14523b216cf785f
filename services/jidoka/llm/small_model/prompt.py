"""The system prompt of the small model: its tools and two worked examples, always the same bytes.

The server keeps what it has read between calls only as far as the bytes are equal, and reads some
44 new tokens a second. So the prompt depends on the names of the tools and on nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, Final

FINISH: Final = "finish"
LEAD: Final = """You do a task in a software project, one step at a time. \
Each answer is one JSON object: a tool and its arguments.
"""
TOOLS: Final = {
    "list": "list {path}: the names in a folder",
    "read": "read {path}: the text of a file",
    "grep": "grep {pattern}: the lines that match",
    "edit": "edit {path}: change a file that you have read",
    "write": "write {path}: make a new file",
    "shell": "shell {command}: run a command",
}
"""The arguments are those of the session's tools, but for the code of a change: it is asked for
afterwards (`code.py`)."""
RULES: Final = """finish {answer}: the task is done; say what was done or found

Run or read before you change. Change the code, not the test. After a change run the check again.
"""
CHECK: Final = "python3 -m unittest"
Example = tuple[tuple[str, dict[str, str], str], ...]
REPAIR: Final[Example] = (
    ("list", {"path": "."}, "test_words.py\nwords.py"),
    (
        "shell",
        {"command": CHECK},
        'File "/tmp/test_words.py", line 5, in test_longest\n'
        "AssertionError: 'fig' != 'banana'\n(exit status 1)",
    ),
    ("read", {"path": "words.py"}, "def longest(words):\n    return min(words, key=len)"),
    ("edit", {"path": "words.py"}, "Edited words.py. Run the check now."),
    ("shell", {"command": CHECK}, "OK"),
    (FINISH, {"answer": "longest() took the shortest word; it takes the longest now."}, ""),
)
SEARCH: Final[Example] = (
    ("list", {"path": "."}, "conf.ini\nserver.py"),
    ("grep", {"pattern": "port"}, "conf.ini:3:port = 8080"),
    (FINISH, {"answer": "The server uses port 8080 (conf.ini, line 3)."}, ""),
)


def system_prompt(offered: Collection[str]) -> str:
    """Return the prompt for the tools of these names; the same names give the same bytes."""
    tools = "".join(f"{line}\n" for name, line in TOOLS.items() if name in offered)
    repair = _example(f"{CHECK} fails, repair it.", REPAIR, offered)
    search = _example("Which port does the server use?", SEARCH, offered)
    return f"{LEAD}{tools}{RULES}{repair}{search}"


def _example(task: str, steps: Example, offered: Collection[str]) -> str:
    lines = (
        f"{spoken(tool, arguments)}\n{result}".rstrip()
        for tool, arguments, result in steps
        if tool in {*offered, FINISH}
    )
    return f"\nExample task: {task}\n" + "\n".join(lines) + "\n"


def spoken(tool: str, arguments: Mapping[str, Any]) -> str:
    """Return a step as the model says it: a change without its code."""
    shown = {"path": arguments.get("path")} if tool in {"edit", "write"} else arguments
    return json.dumps({"tool": tool, **shown}, ensure_ascii=False)
