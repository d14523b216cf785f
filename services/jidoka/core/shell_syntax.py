"""The parts of a shell command line, as `core.shell_reading` finds them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

BLANK = " \t"
ENDS_WORD = frozenset(" \t\n;&|<>()")
GLOBS = frozenset("*?[")
SKIPPED = frozenset({"!", "{", "}", "if", "then", "else", "elif", "fi", "while", "until"}) | {
    "do",
    "done",
}
"""Words of the shell itself: what follows them is a command again."""
REFUSED = frozenset({"case", "select", "function", "coproc", "[[", "esac"})
ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\[[^]]*\])?\+?=")
PARAMETER = re.compile(r"\$(\{[A-Za-z_][A-Za-z0-9_]*\}|[A-Za-z_][A-Za-z0-9_]*|[0-9?@*#!$-])")
BRACES = re.compile(r"\{[^{}]*(,|\.\.)[^{}]*\}")
SPLIT_SIGN = re.compile(r"[$<>&|;({]\\\n")
"""A sign that goes on in the next line: shells put it together before they look at it."""
REDIRECT = re.compile(r"(\d*)(<<<|<<-|<<|<>|<&|>>|>&|>\||&>>|&>|<|>)")


class Unreadable(ValueError):  # noqa: N818 - an answer, not a defect
    """The command cannot be read for sure; the text says why."""


class Kind(Enum):
    """How much of a word is known before the shell runs."""

    LITERAL = "literal"
    GLOB = "glob"
    """It stands for names of files that are there."""
    DYNAMIC = "dynamic"
    """It may become anything, several words too."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word without its quotes."""

    text: str
    kind: Kind = Kind.LITERAL


@dataclass(frozen=True, slots=True)
class Redirect:
    """A file that a command's input comes from or its output goes to."""

    writes: bool
    target: Word


@dataclass(frozen=True, slots=True)
class SimpleCommand:
    """One program with its arguments."""

    words: tuple[Word, ...]
    assigns: bool = False
    """Whether it sets variables, with or without a program behind them."""
    redirects: tuple[Redirect, ...] = ()


@dataclass(slots=True)
class OpenCommand:
    """A command that is being read."""

    words: list[Word] = field(default_factory=list[Word])
    redirects: list[Redirect] = field(default_factory=list[Redirect])
    assigns: bool = False
    closed: bool = False
    """Only redirections may follow."""
    looping: bool = False
    """The names and values of a `for`: no command."""

    @property
    def at_start(self) -> bool:
        """Whether the next word is a program, or a word of the shell itself."""
        return not self.words and not self.closed and not self.looping


@dataclass(slots=True)
class HereDocument:
    """A here-document that begins with the next line."""

    end: str
    indented: bool
    quoted: bool
    depth: int
