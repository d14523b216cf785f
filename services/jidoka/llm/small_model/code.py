"""The code of a change: asked for in plain words, and put where it belongs.

On the bug of the demo the embedded model failed in every JSON form that was tried, mostly by
copying what was there. Asked in plain words, with the file and the failure alone, it wrote the
right function. So a change has a question of its own.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from jidoka.llm.small_model.grammar import BAD_END
from jidoka.llm.small_model.history import Turn, contents_of

CHECK_CHARS: Final = 900
FILE_CHARS: Final = 12_000
WHOLE: Final = 0.5
"""From this part of a file's lines on, code without a known first line is the file anew."""
_FENCED = re.compile(r"```[\w+-]*[ \t]*\n(.*?)(?:\n?```|\Z)", re.DOTALL)


def question_for(turns: Sequence[Turn], path: str) -> str:
    """Return what to ask for the code that shall stand in `path`."""
    task = turns[-1].asked
    content = contents_of(turns).get(path)
    if content is None:
        return f"{task}\n\nWrite the file {path}, whole, in one code block."
    checks = [step for step in turns[-1].steps if step.name == "shell"]
    failing = checks[-1].result if checks and BAD_END.search(checks[-1].result) else ""
    start = f"This is {path}:\n{content[:FILE_CHARS]}\n"
    if failing:
        check = failing[-CHECK_CHARS:]
        return f"{start}The test fails:\n{check}\nWhat is wrong and what is the right line?"
    return f"{start}\n{task}\nWhat is the right code for it?"


def arguments_of(turns: Sequence[Turn], path: str, answer: str) -> tuple[str, Mapping[str, Any]]:
    """Return the tool and its arguments that put the code of `answer` into `path`."""
    found = _FENCED.findall(answer)
    code = found[-1] if found else ""
    content = contents_of(turns).get(path)
    if content is None:
        return "write", {"path": path, "content": f"{(code or answer).rstrip()}\n"}
    old, new = smallest_edit(content, changed(content, code) if code.strip() else content)
    return "edit", {"path": path, "old": old, "new": new}


def said_before(answer: str) -> str:
    """Return the words before the code."""
    return answer.partition("```")[0].strip()


def changed(content: str, code: str) -> str:
    """Return a file with `code` in it, in the place of what begins with the same line."""
    blocks = [block for block in re.split(r"\n(?:[ \t]*\n)+(?=\S)", code.strip("\n")) if block]
    for block in blocks:
        there = block_at(content, block.partition("\n")[0])
        if there is not None:
            content = content.replace(there, block, 1)
        elif len(blocks) == 1:
            content = _without_anchor(content, block)
        elif block.startswith(("def ", "class ", "async def ", "@")):
            content = f"{content.rstrip()}\n\n\n{block}\n"
    return content


def block_at(content: str, head: str) -> str | None:
    """Return the text from the line `head` to the end of what is indented below it."""
    lines = content.split("\n")
    places = [n for n, line in enumerate(lines) if line.strip() == head.strip()]
    if len(places) != 1 or not head.strip():
        return None
    first = places[0]
    indent = len(lines[first]) - len(lines[first].lstrip())
    last = first
    for number in range(first + 1, len(lines)):
        line = lines[number]
        if line.strip() and len(line) - len(line.lstrip()) <= indent:
            break
        last = number if line.strip() else last
    return "\n".join(lines[first : last + 1])


def _without_anchor(content: str, code: str) -> str:
    """Return the file with `code` for the line that is most like it, or `code` as the file."""
    if code.count("\n") + 1 >= WHOLE * len(content.split("\n")):
        return f"{code}\n"
    like = difflib.get_close_matches(code, content.split("\n"), n=1)
    if not like:
        return f"{content.rstrip()}\n\n\n{code}\n"
    indent = like[0][: len(like[0]) - len(like[0].lstrip())] if code == code.lstrip() else ""
    return content.replace(like[0], indent + code, 1)


def smallest_edit(before: str, after: str) -> tuple[str, str]:
    """Return the lines that differ, with as many around them as make them unique."""
    old, new = before.split("\n"), after.split("\n")
    most = min(len(old), len(new)) - 1  # one line stays on each side
    top = 0
    while top < most and old[top] == new[top]:
        top += 1
    low = 0
    while low < most - top and old[-1 - low] == new[-1 - low]:
        low += 1
    while True:
        piece = "\n".join(old[top : len(old) - low])
        if (piece.strip() and before.count(piece) == 1) or not (top or low):
            return piece, "\n".join(new[top : len(new) - low])
        top, low = max(0, top - 1), max(0, low - 1)
