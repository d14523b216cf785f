"""What the conversation has shown of the project, and which calls would say nothing new.

A small model copies text badly and repeats itself gladly. Knowing what it has seen, the grammar
lets it name only files that exist, replace only blocks that are there once, and ask nothing twice.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from jidoka.llm.small_model.history import Step, Turn
from jidoka.llm.small_model.request import Purpose, files_in, purpose_of

READ, WRITE, EDIT, LIST, GLOB, GREP, SHELL = (
    "read",
    "write",
    "edit",
    "list",
    "glob",
    "grep",
    "shell",
)

PATHS_MAX = 40
_TRACED = re.compile(r'File "([^"\n]+)"')  # in a Python traceback
_LIBRARY = re.compile(r"/lib/|site-packages|<")
_NUMBERED = re.compile(r"^ *\d+\t", re.MULTILINE)
_BAD_END = re.compile(r"\(exit status [1-9]\d*\)$")


class Stage(Enum):
    """How far the work of the turn is."""

    START = auto()
    BROKEN = auto()
    """A command has failed, nothing was changed yet."""
    CHANGED = auto()
    """Something was changed and not checked yet."""
    FAILED = auto()
    """It was changed, and a command has failed since."""
    PASSED = auto()


@dataclass(slots=True)
class View:
    """The files as far as they were seen, and how far the last turn is."""

    contents: dict[str, str] = field(default_factory=dict[str, str])
    paths: dict[str, None] = field(default_factory=dict[str, None])
    there: set[str] = field(default_factory=set[str])
    """The files that a listing showed or a tool has read or written."""
    folders: dict[str, None] = field(default_factory=lambda: {".": None})
    asked: set[str] = field(default_factory=set[str])
    """The calls since something last changed."""
    repeated: set[str] = field(default_factory=set[str])
    """The tools whose last call was one of these already."""
    wanted: str = ""
    purpose: Purpose = Purpose.OPEN
    stage: Stage = Stage.START
    failing: str = ""
    """The last command that failed in this turn."""
    steps: int = 0
    edits: int = 0
    futile: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """File and block that an edit of this turn left as they were."""

    def unread(self) -> list[str]:
        """Return the files that were named but not read, the newest first."""
        return [path for path in self.paths if path not in self.contents][::-1][:PATHS_MAX]


def view_of(turns: Sequence[Turn]) -> View:
    """Return what is known of the project after `turns`."""
    view = View()
    for turn in turns:
        view.paths.update(dict.fromkeys(files_in(turn.asked)))
        view.wanted, view.purpose = turn.asked, purpose_of(turn.asked)
        view.stage, view.failing, view.steps, view.edits = Stage.START, "", 0, 0
        view.futile.clear()
        for step in turn.steps:
            _take(view, step)
    return view


def _take(view: View, step: Step) -> None:
    view.steps += 1
    changed = _changed(view, step) if step.name in {EDIT, WRITE} else False
    if changed:
        view.asked.clear()
        view.repeated.clear()
        view.stage = Stage.CHANGED
        view.edits += 1
    elif step.name == SHELL:
        _judge(view, step)
    else:
        _look(view, step)
    if step.key in view.asked:
        view.repeated.add(step.name)
    view.asked.add(step.key)


def _look(view: View, step: Step) -> None:
    path = normal(step.args.get("path") or ".")
    if failed(step):
        view.paths.pop(path, None)  # not there, or nothing that can be read
    elif step.name == READ:
        view.contents[path] = unnumbered(step.result)
        _note_there(view, path)
    elif step.name in {LIST, GLOB}:
        _note_listed(view, path if step.name == LIST else ".", step.result)
    elif step.name == GREP:
        view.paths.update(dict.fromkeys(files_in(step.result)))


def _note_listed(view: View, folder: str, text: str) -> None:
    """Add what a listing shows: one name a line, folders with a slash behind."""
    for line in text.splitlines():
        name = posixpath.normpath(posixpath.join(folder, line))
        if line.endswith("/"):
            view.folders.setdefault(name)
        elif line and not line.startswith("("):
            _note_there(view, name)


def _note_there(view: View, path: str) -> None:
    view.paths.setdefault(path)
    view.there.add(path)


def _judge(view: View, step: Step) -> None:
    """Take in whether a command went well, and what its traceback names."""
    bad = bool(_BAD_END.search(step.result)) or failed(step)
    for path in _TRACED.findall(step.result):
        known = any(path.endswith(f"/{name}") for name in view.paths)
        if not known and not _LIBRARY.search(path):
            view.paths.setdefault(path.rpartition("/")[2])
    if bad:
        view.failing = str(step.args.get("command", ""))
    if view.edits:
        view.stage = Stage.FAILED if bad else Stage.PASSED
    elif bad:
        view.stage = Stage.BROKEN


def _changed(view: View, step: Step) -> bool:
    """Follow an edit; return whether the file is another one now."""
    path, new = normal(step.args.get("path")), str(step.args.get("new", ""))
    old = str(step.args.get("old", ""))
    content = view.contents.get(path, "")
    if step.name == WRITE and not failed(step):
        view.contents[path] = str(step.args.get("content", ""))
        _note_there(view, path)
        return True
    if failed(step) or old == new:
        view.futile.add((path, old))
        return False
    if content.count(old) == 1:
        view.contents[path] = content.replace(old, new)
    else:
        view.contents.pop(path, None)  # not what we believed: it has to be read again
    return True


def failed(step: Step) -> bool:
    """Tell whether the tool could not do its work."""
    return step.result.startswith("error: ")


def unnumbered(text: str) -> str:
    """Return `text` without the line numbers that `read` puts in front."""
    return _NUMBERED.sub("", text)


def normal(path: object) -> str:
    """Return a path as listings write it."""
    return posixpath.normpath(str(path)) if path else ""
