"""Permission rules as people write them: one a line, `VERDICT TOOL [PATTERN]`.

    allow shell git status           commands that begin with these words
    allow shell pytest -q $          this command and nothing behind it
    ask   @write docs/**             every tool that writes files, below docs/
    deny  *      .env                every tool, that file in any folder
    deny  fetch  *.example.org       pages of these hosts

Verdicts: deny wins over ask, ask over allow; what no rule names is the mode's to say. A tool is a
name, a name with `*`, or a class: `@read`, `@write` (files), `@run` (everything else).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import lru_cache

from jidoka.contract.errors import InvalidMessage
from jidoka.core import path_globs
from jidoka.core.shell_reading import read_commands
from jidoka.core.shell_syntax import Kind, Unreadable
from jidoka.core.tooling import EffectClass

MOST_CHARACTERS = 1_000
MOST_RULES = 1_000
COMMAND_TOOLS = frozenset({"shell", "shell_start"})
HOST_TOOLS = frozenset({"fetch"})
END = "$"
"""As the last word of a command: nothing may follow."""
_TOOL = re.compile(r"@(read|write|run)|[A-Za-z0-9_.:*-]{1,128}")
_CLASSES = {
    "@read": frozenset({EffectClass.PURE}),
    "@write": frozenset({EffectClass.IDEMPOTENT}),
    "@run": frozenset({EffectClass.EFFECT}),
}


class Verdict(StrEnum):
    """The answer of mode and rules, weakest first."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


STRENGTH = {verdict: number for number, verdict in enumerate(Verdict)}


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule."""

    verdict: Verdict
    tool: str
    pattern: str = ""
    words: tuple[str, ...] = ()
    """The pattern of a rule about commands, word by word."""
    source: str = ""
    """Where it stands: `settings`, `project`, `session`, `answer`, a file and line."""

    @property
    def text(self) -> str:
        """The rule as it is written."""
        return " ".join(filter(None, (self.verdict.value, self.tool, self.pattern)))

    @property
    def named(self) -> str:
        """The rule and where it stands, for a person."""
        return f"{self.text} ({self.source})" if self.source else self.text

    @property
    def is_about_commands(self) -> bool:
        """Whether its pattern is the beginning of a command."""
        return self.tool in COMMAND_TOOLS or self.tool == "@run"

    @property
    def specificity(self) -> tuple[int, int, int]:
        """Greater for rules that say more exactly what they are about."""
        letters = len(re.sub(r"[*?]", "", self.pattern))
        return bool(self.pattern), letters, "*" not in self.tool and "@" not in self.tool

    def covers(self, tool: str, kind: EffectClass) -> bool:
        """Tell whether it is about calls of a tool; one that nobody knows may be of any class."""
        if self.tool.startswith("@"):
            unknown = kind is EffectClass.UNKNOWN and self.verdict is not Verdict.ALLOW
            return unknown or kind in _CLASSES[self.tool]
        return fnmatchcase(tool, self.tool)


@lru_cache(maxsize=1024)
def parse_rule(text: str) -> Rule:
    """Return the rule of one line.

    Raises:
        ValueError: it is none; the text says why.
    """
    if len(text) > MOST_CHARACTERS or "\n" in text or "\0" in text:
        raise ValueError(f"a rule is one line of at most {MOST_CHARACTERS} characters")
    said, _, rest = text.strip().partition(" ")
    tool, _, pattern = rest.strip().partition(" ")
    if said not in set(Verdict):
        raise ValueError(f"{said[:40]!r} is no verdict: allow, ask or deny")
    if not _TOOL.fullmatch(tool):
        raise ValueError(f"{tool[:40]!r} is no tool: a name, a name with *, @read, @write or @run")
    rule = Rule(Verdict(said), tool, pattern.strip())
    if not rule.pattern:
        return rule
    if rule.is_about_commands:
        return replace(rule, words=_words_of(rule.pattern))
    if tool not in HOST_TOOLS and (problem := path_globs.problem_of(rule.pattern)):
        raise ValueError(problem)
    return rule


def _words_of(pattern: str) -> tuple[str, ...]:
    try:
        commands = read_commands(pattern)
    except Unreadable as problem:
        raise ValueError(f"the command cannot be read: {problem}") from None
    if len(commands) != 1 or commands[0].assigns or commands[0].redirects:
        raise ValueError("a rule names one plain command: no ';', '|', '>' and no variables")
    words = commands[0].words
    if any(word.kind is Kind.DYNAMIC for word in words):
        raise ValueError("a rule names words that are known: no $variable and no $(command)")
    return tuple(word.text for word in words)


def parse_rules(lines: Iterable[str], source: str, *, first: int = 1) -> tuple[Rule, ...]:
    """Return the rules of lines; empty ones and what begins with `#` are left out.

    Raises:
        InvalidMessage: every line that is no rule, by its number.
    """
    rules: list[Rule] = []
    problems: list[dict[str, str]] = []
    for number, line in enumerate(lines, first):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            rules.append(replace(parse_rule(line.strip()), source=f"{source}:{number}"))
        except ValueError as problem:
            problems.append({"path": f"{source}:{number}", "reason": str(problem)})
    if len(rules) > MOST_RULES:
        problems.append({"path": source, "reason": f"more than {MOST_RULES} rules"})
    if problems:
        raise InvalidMessage(problems=tuple(problems))
    return tuple(rules)


def tightening(lines: Iterable[str], source: str) -> tuple[Rule, ...]:
    """Return what a project may say of itself: it asks and denies, it allows nothing.

    Whoever wrote the project is not who runs it, and the agent writes there too. A line that
    cannot be read may have been a denial, so it asks about everything.
    """
    rules: list[Rule] = []
    for number, line in enumerate(lines, 1):
        try:
            rules += parse_rules((line,), source, first=number)
        except InvalidMessage:
            rules.append(Rule(Verdict.ASK, "*", source=f"{source}:{number}, which is no rule"))
    return tuple(rule for rule in rules[:MOST_RULES] if rule.verdict is not Verdict.ALLOW)
