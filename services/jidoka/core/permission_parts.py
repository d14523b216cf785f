"""A call taken apart into what rules speak of: commands, files, hosts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

from jidoka.core.command_calls import Call, command_line
from jidoka.core.path_globs import normalised
from jidoka.core.rules import COMMAND_TOOLS, HOST_TOOLS
from jidoka.core.shell_syntax import Kind, Word
from jidoka.core.tooling import EffectClass

_PATH_KEYS = frozenset(
    {"path", "paths", "file", "files", "file_path", "filename", "folder", "directory", "cwd"}
)
_HEADER = re.compile(r"^(?:---|\+\+\+) (?:[ab]/)?([^\t\n]+)", re.MULTILINE)
_NOWHERE = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr", "/dev/stdin", "/dev/tty"})
_MOST_MENTIONED = 4_096


@dataclass(frozen=True, slots=True)
class Request:
    """A call that is to be judged."""

    tool: str
    kind: EffectClass
    args: Mapping[str, object]
    root: str = ""
    """The project folder, so that absolute paths in it are known again."""
    places: tuple[str, ...] = ()
    """Further names of the files that it reaches, such as what links lead to."""


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that a call does; what is not known of it is empty."""

    tool: str
    kind: EffectClass
    call: Call | None = None
    path: Word | None = None
    host: str | None = None
    unread: str = ""
    """Why nobody knows what it does."""
    mentioned: bool = False
    """A word that may name a file: rules can only ask or deny for it."""


def parts_of(request: Request) -> Iterator[Part]:
    """Yield the parts of a call, at least one."""
    if request.tool in COMMAND_TOOLS:
        yield from _of_command(request)
        return
    if request.tool in HOST_TOOLS:
        yield Part(request.tool, request.kind, host=_host_of(request.args.get("url")))
        return
    paths = dict.fromkeys((*_paths_in(request.args, named=False), *request.places))
    for path in paths:
        yield Part(request.tool, request.kind, path=Word(normalised(path, request.root)))
    if not paths:
        yield Part(request.tool, request.kind)
    if request.kind is EffectClass.UNKNOWN:
        for text in _texts_in(request.args):
            place = Word(normalised(text, request.root))
            yield Part(request.tool, request.kind, path=place, mentioned=True)


def _of_command(request: Request) -> Iterator[Part]:
    text = request.args.get("command")
    line = command_line(text if isinstance(text, str) else "")
    if line.unread or not line.calls:
        yield Part(request.tool, request.kind, unread=line.unread or "it is empty")
    for call in line.calls:
        yield Part(request.tool, request.kind, call=call)
        for word in call.words[1:]:
            for name in _names_in(word.text):
                path = Word(normalised(name, request.root), word.kind)
                yield Part("read", EffectClass.PURE, path=path, mentioned=True)
    for redirect in line.redirects:
        if redirect.target.text in _NOWHERE and redirect.target.kind is Kind.LITERAL:
            continue
        tool = ("write", EffectClass.IDEMPOTENT) if redirect.writes else ("read", EffectClass.PURE)
        target = Word(normalised(redirect.target.text, request.root), redirect.target.kind)
        yield Part(*tool, path=target)


def _names_in(text: str) -> Iterator[str]:
    """Yield what a word of a command may name: itself, and what stands behind `=` or `:`."""
    if text and len(text) <= _MOST_MENTIONED:
        yield text
        for sign in "=:":
            if sign in text:
                yield text.rpartition(sign)[2]


def _paths_in(value: object, *, named: bool) -> Iterator[str]:
    """Yield the paths among arguments, by the names that tools give them."""
    match value:
        case str():
            if named:
                yield value
        case list():
            for item in cast("list[object]", value):
                yield from _paths_in(item, named=named)
        case dict():
            for key, item in cast("dict[str, object]", value).items():
                if key == "patch" and isinstance(item, str):
                    yield from (name for name in _HEADER.findall(item) if name != "/dev/null")
                else:
                    yield from _paths_in(item, named=key in _PATH_KEYS)
        case _:
            return


def _texts_in(value: object) -> Iterator[str]:
    match value:
        case str():
            if 0 < len(value) <= _MOST_MENTIONED and "\n" not in value:
                yield value
        case list():
            for item in cast("list[object]", value):
                yield from _texts_in(item)
        case dict():
            for item in cast("dict[str, object]", value).values():
                yield from _texts_in(item)
        case _:
            return


def _host_of(url: object) -> str | None:
    try:
        return (urlsplit(url).hostname or "").rstrip(".") if isinstance(url, str) else None
    except ValueError:
        return None
