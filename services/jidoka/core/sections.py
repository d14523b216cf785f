"""The parts of the system message, each within its share of the room."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from jidoka.contract.briefing import ContextSource, TodoItem
from jidoka.core.briefing import Briefing, key_of
from jidoka.core.pieces import shortened
from jidoka.core.state import SessionState
from jidoka.core.tokens import tokens_of

PROMPT = """\
You are a coding agent. You work in one project folder with the tools you are given.
Project folder: {root}
- Look before you change: read a file before you edit it.
- Paths are relative to the project folder; nothing outside of it can be reached.
- Make the smallest change that does the task, then run the project's tests to see it work.
- A result that says `interrupted` may have happened: look before you do it again.
- When the task is done, answer in a few sentences: what you changed and how you know it works.\
"""
MARKS = {"pending": "[ ]", "in_progress": "[>]", "completed": "[x]"}
NOTES_SHARE = FILES_SHARE = 1 / 4
INDEX_SHARE = 1 / 16
_WORTH = 64
"""Tokens: a text that had to be cut to fewer is left out."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the system message."""

    name: str
    text: str
    detail: str = ""
    tokens: int = 0
    left_out: str = ""


def sections_of(state: SessionState, briefing: Briefing, room: int) -> list[Section]:
    """Return the sections in the order in which the model reads them.

    Notes, active files and index have at most their share of `room`, in tokens by our rule.
    """
    return [
        _section("prompt", PROMPT.format(root=state.project_path)),
        *([_section("session_prompt", state.system_prompt)] if state.system_prompt else ()),
        *_notes(briefing.of_kind("note"), int(room * NOTES_SHARE)),
        *_index(briefing.of_kind("index"), int(room * INDEX_SHARE)),
        *_files(state.attention.files, briefing, int(room * FILES_SHARE)),
        *_todo(briefing.todo),
    ]


def _section(name: str, text: str, detail: str = "", left_out: str = "") -> Section:
    return Section(name, text, detail, tokens_of(text), left_out)


def _notes(notes: Sequence[ContextSource], room: int) -> Iterator[Section]:
    """Yield the notes from the outermost folder inwards; the innermost has its room first."""
    inwards = sorted(notes, key=lambda note: -note.path.count("../"))
    texts = _within(reversed(inwards), room)
    for note in inwards:
        text = texts[note.path]
        if text:
            shown = f'<notes of="{note.path}">\n{text}\n</notes>'
            yield _section("notes", shown, note.path, _missing(note, text))
        else:
            yield Section("notes", "", note.path, 0, f"all {note.size_bytes} bytes")


def _index(indices: Sequence[ContextSource], room: int) -> Iterator[Section]:
    for index in indices:
        text = _within([index], room)[index.path]
        if text:
            shown = f"<files>\n{text}\n</files>"
            yield _section("index", shown, "", _missing(index, text))


def _files(paths: Sequence[str], briefing: Briefing, room: int) -> Iterator[Section]:
    """Yield the active files; the one added last has its room first."""
    known = (briefing.sources.get(key_of("file", path)) for path in paths)
    files = [source for source in known if source is not None]
    texts = _within(reversed(files), room)
    for file in files:
        text = texts[file.path]
        if file.problem:
            shown = f'<file path="{_quoted(file.path)}" problem="{_quoted(file.problem)}"/>'
            yield _section("files", shown, file.path, file.problem)
        elif text or not file.size_bytes:
            shown = f'<file path="{_quoted(file.path)}">\n{text}\n</file>'
            yield _section("files", shown, file.path, _missing(file, text))
        else:
            yield Section("files", "", file.path, 0, f"all {file.size_bytes} bytes")


def _todo(items: Sequence[TodoItem]) -> Iterator[Section]:
    if items:
        lines = (f"{MARKS.get(item.status, '[ ]')} {item.text}" for item in items)
        done = sum(item.status == "completed" for item in items)
        yield _section("todo", "To do:\n" + "\n".join(lines), f"{done} of {len(items)} done")


def _within(sources: Iterable[ContextSource], room: int) -> dict[str, str]:
    """Return what of each text fits, by path, the first ones first."""
    texts: dict[str, str] = {}
    for source in sources:
        text, tokens = source.text, tokens_of(source.text)
        if tokens > room:
            # in its own measure: a token of other scripts is a character, not four
            most = len(text) * room // tokens
            text = shortened(text, most) if room >= _WORTH else ""
        texts[source.path] = text
        room -= tokens_of(text)
    return texts


def _missing(source: ContextSource, text: str) -> str:
    missing = source.size_bytes - len(text.encode("utf-8", "replace"))
    is_cut = text != source.text or "bytes are not shown ...]" in source.text
    return f"about {missing} of {source.size_bytes} bytes" if is_cut and missing > 0 else ""


def _quoted(text: str) -> str:
    """Return a name within quotes: neither a quote nor a line break in it ends them."""
    if text.isprintable() and '"' not in text:
        return text
    told = (each if each.isprintable() else repr(each)[1:-1] for each in text)
    return "".join(told).replace('"', "&quot;")
