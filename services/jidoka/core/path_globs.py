"""Paths of a project as rules name them: one spelling for each, and globs as in `.gitignore`."""

from __future__ import annotations

import re
from functools import lru_cache

_GLOBS = re.compile(r"\*\*/|/\*\*$|\*\*|\*|\?|\[[^]]+\]|/|[^*?\[/]+|\[")


def normalised(path: str, root: str = "") -> str:
    """Return one spelling of a path: relative to the project, `.` and `..` followed by name.

    What is outside stays as it is asked for: absolute, or beginning with `..`. Links are not
    known here; whoever has the folder resolves them first.
    """
    absolute = path.startswith("/")
    parts: list[str] = []
    for part in path.split("/"):
        if part in ("", "."):
            continue
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part != ".." or not absolute:
            parts.append(part)
    whole = "/".join(parts)
    if not absolute:
        return whole or "."
    below = f"{root.rstrip('/')}/"
    if root and f"/{whole}/".startswith(below):
        return f"/{whole}/"[len(below) :].rstrip("/") or "."
    return f"/{whole}"


@lru_cache(maxsize=256)
def _compiled(glob: str) -> re.Pattern[str]:
    """Return what matches the path itself and all that is beneath it."""
    anchored = "/" in glob.rstrip("/")
    text = glob.strip("/") if not glob.startswith("/") else glob.rstrip("/")
    pieces: list[str] = []
    for piece in _GLOBS.findall(text):
        match piece:
            case "**/":
                pieces.append("(?:.*/)?")
            case "/**":
                pieces.append("(?:/.*)?")
            case "**":
                pieces.append(".*")
            case "*":
                pieces.append("[^/]*")
            case "?":
                pieces.append("[^/]")
            case _ if piece.startswith("[") and len(piece) > 1:
                pieces.append(_class_of(piece))
            case _:
                pieces.append(re.escape(piece))
    before = "" if anchored else "(?:.*/)?"
    return re.compile(f"{before}{''.join(pieces)}(?:/.*)?", re.DOTALL)


def _class_of(piece: str) -> str:
    inner = piece[1:-1].replace("\\", "\\\\").replace("[", "\\[")
    inner = f"^{inner[1:]}" if inner[0] in "!^" else inner
    return f"(?!/)[{inner}]"


def fits(path: str, glob: str) -> bool:
    """Tell whether a normalised path is what `glob` names, or beneath it.

    `*` and `?` stay within one folder, `**` does not; a glob without `/` fits at any depth.
    """
    return _compiled(glob).fullmatch(path) is not None


def problem_of(glob: str) -> str | None:
    """Return what is wrong with a glob, None when it can be used."""
    if ".." in glob.split("/"):
        return "'..' cannot be part of a path in a rule"
    try:
        _compiled(glob)
    except re.error:
        return "it is no glob"
    return None
