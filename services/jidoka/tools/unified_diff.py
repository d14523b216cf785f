"""Unified diffs as models write them: the lines are right more often than the numbers.

A hunk is placed where its old lines stand exactly; its line number only chooses between several
such places. Counts in the header are not believed, they follow from the lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from jidoka.contract.errors import EditNoMatch, ToolArgsInvalid

_HUNK = re.compile(r"^@@(?: -(\d+)(?:,\d+)? \+\d+(?:,\d+)?)? @@|^@@\s*$")
_NOTHING = "/dev/null"
_BETWEEN_FILES = ("diff ", "index ", "new file", "deleted file", "Index: ", "=====")


@dataclass(slots=True)
class Hunk:
    """One change: old lines that must be there, new lines instead."""

    line: int | None
    """Where the old lines are said to begin, from 1."""
    old: list[str] = field(default_factory=list[str])
    new: list[str] = field(default_factory=list[str])
    unended: set[str] = field(default_factory=set[str])
    """Sides whose last line has no line end: `-`, `+`."""
    last: str = ""
    """The sign of the line read last."""
    blank: int = 0
    """How many wholly empty lines came last: context, or nothing but space before what follows."""


@dataclass(slots=True)
class FilePatch:
    """The changes of one file."""

    source: str | None
    """None: the file is made."""
    target: str | None
    """None: the file is removed."""
    hunks: list[Hunk] = field(default_factory=list[Hunk])


def parse(text: str) -> list[FilePatch]:
    """Return the files of a unified diff.

    Raises:
        ToolArgsInvalid: it is none; the line is named.
    """
    patches: list[FilePatch] = []
    lines = text.replace("\r\n", "\n").split("\n")
    for number, line in enumerate(lines, start=1):
        if _begins_file(lines[number - 1 : number + 2]):
            patches.append(FilePatch(_name(line), _name(lines[number])))
        elif number > 1 and _begins_file(lines[number - 2 : number + 1]):
            continue
        elif found := _HUNK.match(line):
            if not patches:
                raise _broken(number, "a hunk before any '--- ' and '+++ ' lines")
            patches[-1].hunks.append(Hunk(int(found[1]) if found[1] else None))
        elif patches and patches[-1].hunks:
            _add(patches[-1].hunks[-1], line, number)
    if not patches or not all(patch.hunks for patch in patches):
        raise _broken(len(lines), "no file with '--- ', '+++ ' and at least one '@@' hunk")
    for hunk in (hunk for patch in patches for hunk in patch.hunks if hunk.blank):
        del hunk.old[-hunk.blank :], hunk.new[-hunk.blank :]
    return patches


def apply(text: str, hunks: Sequence[Hunk], *, path: str) -> str:
    """Return `text` with the hunks applied, in their order.

    Raises:
        EditNoMatch: with how often the old lines of a hunk stand in the text.
    """
    ends = "\r\n" if "\r\n" in text else "\n"
    lines = text.replace("\r\n", "\n").split("\n")
    ended = lines[-1] == ""
    if ended:
        lines.pop()
    shift = 0
    for hunk in hunks:
        at = _place_of(hunk, lines, shift, path)
        lines[at : at + len(hunk.old)] = hunk.new
        shift += len(hunk.new) - len(hunk.old)
        if hunk.unended and at + len(hunk.new) == len(lines):
            ended = "+" not in hunk.unended
    return ends.join(lines) + (ends if ended and lines else "")


def made_by(hunks: Sequence[Hunk]) -> str:
    """Return the text of a file that a patch makes."""
    lines = [line for hunk in hunks for line in hunk.new]
    end = "" if "+" in hunks[-1].unended or not lines else "\n"
    return "\n".join(lines) + end


def _place_of(hunk: Hunk, lines: Sequence[str], shift: int, path: str) -> int:
    said = None if hunk.line is None else hunk.line - 1 + shift
    if not hunk.old:  # nothing to recognise the place by: only the number tells
        return min(max(0, len(lines) if said is None else said + 1), len(lines))
    places = list(_places(hunk.old, lines))
    if len(places) == 1 or (places and said is not None):
        return min(places, key=lambda place: abs(place - (said or 0)))
    raise EditNoMatch(path=path, matches=len(places))


def _places(old: Sequence[str], lines: Sequence[str]) -> Iterator[int]:
    for at in range(len(lines) - len(old) + 1):
        if lines[at] == old[0] and list(lines[at : at + len(old)]) == list(old):
            yield at


def _add(hunk: Hunk, line: str, number: int) -> None:
    sign = line[:1]
    if line.startswith(_BETWEEN_FILES):
        return
    match sign:
        case "" | " ":  # an empty line of context may have lost its space
            hunk.old.append(line[1:])
            hunk.new.append(line[1:])
        case "-":
            hunk.old.append(line[1:])
        case "+":
            hunk.new.append(line[1:])
        case "\\":
            hunk.unended |= {hunk.last} if hunk.last in "-+" else {"-", "+"}
        case _:
            raise _broken(number, "a line of a hunk begins with ' ', '+' or '-'")
    hunk.blank = hunk.blank + 1 if sign == "" else 0
    hunk.last = sign


def _begins_file(lines: Sequence[str]) -> bool:
    """Tell a header from lines that a hunk removes and adds, which may look alike."""
    signs = ("--- ", "+++ ", "@@")
    return len(lines) == len(signs) and all(map(str.startswith, lines, signs))


def _name(line: str) -> str | None:
    name = line[4:].partition("\t")[0].strip()
    if name == _NOTHING:
        return None
    return name[2:] if name.startswith(("a/", "b/")) else name


def _broken(number: int, reason: str) -> ToolArgsInvalid:
    return ToolArgsInvalid(tool="patch", problems=(f"patch: line {number}: {reason}",))
