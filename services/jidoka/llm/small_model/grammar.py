"""What the small model may say next, as a JSON Schema that the server turns into a grammar.

One alternative a tool, each an object `{"thought", "tool", …arguments}` with the keys in this
order. A thought before a change makes it better; one before a look is a guess that the model later
takes for knowledge, so there it is a fixed phrase. Wherever the conversation tells what
an argument can be, the schema lists it, so that a file that is not there, a block that cannot be
replaced and a call that would say nothing new cannot even be spelled.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final

from jidoka.llm.small_model.blocks import blocks_of
from jidoka.llm.small_model.history import Step
from jidoka.llm.small_model.phase import FINISH, may
from jidoka.llm.small_model.prompt import THOUGHTS
from jidoka.llm.small_model.request import Purpose, commands_in, files_in
from jidoka.llm.small_model.view import (
    EDIT,
    GLOB,
    GREP,
    LIST,
    READ,
    SHELL,
    WRITE,
    Stage,
    View,
)

FILES_MAX: Final = 4  # files whose blocks an edit may name, the latest read
# no lengths and no patterns: with them the server takes a minute for an answer
TEXT: Final[dict[str, Any]] = {"type": "string"}
Choices = list[dict[str, Any]]


def alternatives(view: View, offered: Collection[str]) -> dict[str, Any]:
    """Return the schema of the next answer; `offered` are the names of the session's tools."""
    allowed = may(view, offered)
    choices = [choice for name, make in MAKERS.items() if name in allowed for choice in make(view)]
    if FINISH in allowed or not choices:
        choices.append(_choice(FINISH, answer=TEXT))
    return {"oneOf": choices}


def _choice(tool: str, **arguments: dict[str, Any]) -> dict[str, Any]:
    fixed = THOUGHTS.get(tool)
    spoken = {"const": fixed} if fixed else TEXT
    properties = {"thought": spoken, "tool": {"const": tool}, **arguments}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _list(view: View) -> Choices:
    new = [path for path in view.folders if Step(LIST, {"path": path}).key not in view.asked]
    return [_choice(LIST, path={"enum": new})] if new else []


def _read(view: View) -> Choices:
    unread = view.unread()
    if view.purpose is Purpose.WORK:
        unread = [path for path in unread if not is_document(path) or path in files_in(view.wanted)]
    if not view.paths:
        return [_choice(READ, path=TEXT)]
    return [_choice(READ, path={"enum": unread})] if unread else []


def _edits(view: View) -> Choices:
    latest = [path for path in view.contents if _is_code(path) or path in files_in(view.wanted)]
    heads = ((path, _heads(view, path)) for path in latest[-FILES_MAX:])
    return [_edit(path, names) for path, names in heads if names]


def _edit(path: str, names: list[str]) -> dict[str, Any]:
    """Return an edit with two thoughts: one finds the block, one leads to its new text."""
    return _choice(EDIT, path={"const": path}, block={"enum": names}, fix=TEXT, new=TEXT)


def _is_code(path: str) -> bool:
    """Tell whether a file may be changed unasked: no test and no document."""
    name = path.rpartition("/")[2]
    is_test = name.startswith("test_") or name.partition(".")[0].endswith("_test")
    return not is_test and not is_document(path)


def is_document(path: str) -> bool:
    """Tell whether a file is for people to read."""
    return path.endswith((".md", ".rst", ".txt"))


def _heads(view: View, path: str) -> list[str]:
    blocks = blocks_of(view.contents[path])
    return [head for head, block in blocks.items() if (path, block) not in view.futile]


def _write(view: View) -> Choices:
    """Offer the files that the request names and the project does not have."""
    new = [path for path in files_in(view.wanted) if path not in view.there]
    return [_choice(WRITE, path={"enum": new}, content=TEXT)] if new else []


def _shell(view: View) -> Choices:
    if view.stage is Stage.CHANGED and view.failing:
        return [_choice(SHELL, command={"const": view.failing})]
    named = commands_in(view.wanted)
    if named and view.stage in {Stage.START, Stage.CHANGED}:
        return [_choice(SHELL, command={"enum": list(named)})]
    return [_choice(SHELL, command=TEXT)]


MAKERS: Final[dict[str, Callable[[View], Choices]]] = {
    LIST: _list,
    READ: _read,
    GREP: lambda _view: [_choice(GREP, pattern=TEXT)],
    GLOB: lambda _view: [_choice(GLOB, pattern=TEXT)],
    EDIT: _edits,
    WRITE: _write,
    SHELL: _shell,
}
