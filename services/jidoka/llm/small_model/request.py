"""What a person's words tell without understanding them: a purpose, files, commands."""

from __future__ import annotations

import re
from enum import Enum, auto

# a file as people and search results name it: relative, with a short extension
_FILE = re.compile(
    r"(?<![\w/.-])(?:\./)?((?:[\w-]+/)*[\w-]+\.(?:[a-z]{1,4}|html|json5?))(?![\w/(])"
)
_WORK = re.compile(
    r"\b(add|build|change|correct|create|debug|fix|implement|make|mend|modify|move|refactor|remove"
    r"|rename|repair|replace|rewrite|solve|update|write)\b",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"^\W*(are|count|describe|do|does|explain|hello|hi|how|is|list|show|summari[sz]e|tell"
    r"|what|when|where|which|who|why)\b",
    re.IGNORECASE,
)
_PROGRAMS = r"(?:python3?|pytest|make|npm|node|go|cargo|bash|sh)"
_QUOTED = re.compile(rf"[`\"']({_PROGRAMS}\b[^`\"'\n]*)[`\"']")
_PYTHON = re.compile(r"\bpython3?(?: -m \w+(?:\.\w+)*| [\w/-]+\.py\b)", re.ASCII)


class Purpose(Enum):
    """What a person seems to want."""

    WORK = auto()
    ANSWER = auto()
    OPEN = auto()


def purpose_of(text: str) -> Purpose:
    """Return what `text` asks for: a change, an answer, or nothing that a word tells."""
    if _ASKS.search(text):
        return Purpose.ANSWER
    if _WORK.search(text):
        return Purpose.WORK
    return Purpose.ANSWER if text.rstrip().endswith("?") else Purpose.OPEN


def files_in(text: str) -> tuple[str, ...]:
    """Return the files that `text` names, in their order."""
    return tuple(dict.fromkeys(_FILE.findall(text)))


def commands_in(text: str) -> tuple[str, ...]:
    """Return the commands that `text` spells out, quoted or plain Python."""
    return tuple(dict.fromkeys(_QUOTED.findall(text) or _PYTHON.findall(text)))
