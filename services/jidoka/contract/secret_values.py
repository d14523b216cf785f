"""Secrets that no format tells: what is assigned to a password, and values known beforehand."""

from __future__ import annotations

import base64
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import Final
from urllib.parse import quote

from jidoka.contract.secret_formats import Span, hits

SHORTEST: Final = 8
"""Characters of a value that is worth hiding; shorter ones would strike out words."""
SHORTEST_TOKEN: Final = 12
MOST_KNOWN: Final = 64
LONGEST: Final = 512
_LEAST_ENTROPY: Final = 2.7
"""Bits a character: words and repetitions have less."""
_BEFORE: Final = 24

_STEMS: Final = re.compile(
    r"(?:p(?:ass(?:w(?:or)?d|phrase)?|wd)|secret|token|credentials?|key|_auth)"
    r"(?=\d?\\?[\"'\]]{0,2}[ \t]{0,8}[:=])|bearer |://"
)
"""In lower case: what comes before a value that is secret."""
_NAMED: Final = re.compile(r"p(?:ass|wd)|secret|token|credential|key|auth")
_NAMES: Final = re.compile(
    r"(?P<password>pass(?:w(?:or)?d|phrase)?|pwd)|(?P<secret>secret|credentials?)"
    r"|(?P<token>token|_auth)|(?P<key>key)|(?P<bears>bearer)|(?P<address>://[^/\s:@\"']{0,64})",
    re.IGNORECASE,
)
_OF_A_KEY: Final = re.compile(
    r"(?i)(?:api|secret|private|access|account|encryption|signing|auth|master|client|shared"
    r"|license|service|webhook)[_-]?$|[A-Z]_$"
)
"""What stands before `key` where it means a secret: a cache has keys too."""
_VALUE: Final = r"(?P<value>[\w+/.~!@#$%^&*=-]{8,512})"
_ASSIGNED: Final = re.compile(
    r"\d?(?:\\?[\"'])?\]?[ \t]{0,8}(?::?=|=>|:)[ \t]{0,8}(?P<quote>\\?[\"'`])?" + _VALUE, re.ASCII
)
_BEARS: Final = re.compile(r" " + _VALUE, re.ASCII)
_OF_AN_ADDRESS: Final = re.compile(r":(?P<value>[^/\s@\"'<>{}$]{5,128})(?=@)", re.ASCII)
_A_NAME: Final = re.compile(r"[A-Za-z_]+\d{0,2}(?:[.-][A-Za-z_]+\d{0,2})*|.*\.(?:py|js|ts|json)")
_A_PATH: Final = re.compile(r"(?:[.~]{0,2}/)?(?:[\w.-]{1,24}/)+[\w.-]*")
_LETTER: Final = re.compile(r"[^\W\d_]")
_DIGIT: Final = re.compile(r"\d")
_CALLED: Final = ("(", "[", "{", "<")
_AFTER: Final = {"bears": _BEARS, "address": _OF_AN_ADDRESS}
_LEAST: Final = {"token": SHORTEST_TOKEN, "key": SHORTEST_TOKEN, "address": 5}
_KINDS: Final = {"bears": "token", "address": "url-password"}


def may_assign(text: str) -> bool:
    """Tell whether a name of a secret stands in `text`."""
    return _STEMS.search(text.lower()) is not None


def assigned(text: str) -> Iterator[Span]:
    """Yield the values in `text` that are assigned to a name of a secret and look random."""
    lower = text.lower()
    if len(lower) != len(text):  # some letters are two in lower case
        lower = "".join(letter.lower()[:1] for letter in text)
    for stem in _STEMS.finditer(lower):
        span = _value_after(text, stem.start())
        if span is not None:
            yield span


def _value_after(text: str, at: int) -> Span | None:
    name = _NAMES.match(text, at)
    kind = name.lastgroup if name else None
    if name is None or kind is None:
        return None
    if kind == "key" and not _OF_A_KEY.search(text[max(0, at - _BEFORE) : at]):
        return None
    match = _AFTER.get(kind, _ASSIGNED).match(text, name.end())
    if match is None or text[match.end() : match.end() + 1] in _CALLED:
        return None
    value = match["value"].rstrip(".")
    enough = len(value) >= _LEAST.get(kind, SHORTEST)
    if not enough or not looks_random(value):
        return None
    start = match.start("value")
    return Span(start, start + len(value), _KINDS.get(kind, kind))


def names_a_secret(name: str) -> bool:
    """Tell whether what stands under this name is a secret."""
    return _NAMED.search(name.lower()) is not None


def looks_random(value: str) -> bool:
    """Tell whether a value is one that nobody would write as a word, a name or a path."""
    if value[:1] in "$%*" or not _LETTER.search(value):
        return False
    if not _DIGIT.search(value) and (value == value.lower() or value.isalpha()):
        return False
    if _A_NAME.fullmatch(value) or _A_PATH.fullmatch(value):
        return False
    return _entropy(value[: SHORTEST_TOKEN * 4]) >= _LEAST_ENTROPY - (len(value) < SHORTEST)


def _entropy(value: str) -> float:
    size = len(value)
    return -sum(n / size * math.log2(n / size) for n in Counter(value).values())


class KnownValues:
    """Values that are secret whatever they look like, in all forms in which they may be told."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        """Take the values that are worth hiding; of many, the first 64."""
        parts = (part for value in values for part in value.split())
        self.values = tuple(
            dict.fromkeys(part for part in parts if SHORTEST <= len(part) <= LONGEST)
        )[:MOST_KNOWN]

    def places(self, text: str) -> Iterator[Span]:
        """Yield where one of them stands in `text`."""
        if self._pattern is not None:
            for match in hits(self._pattern, text):
                yield Span(match.start(), match.end(), "known")

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        forms = {form for value in self.values for form in _forms(value)}
        if not forms:
            return None
        ordered = sorted(forms, key=lambda form: (-len(form), form))
        return re.compile("|".join(map(re.escape, ordered)))


def _forms(value: str) -> Iterator[str]:
    data = value.encode()
    yield value
    yield quote(value, safe="")
    yield quote(value, safe="").lower()
    yield json.dumps(value)[1:-1]
    yield json.dumps(value)[1:-1].replace("/", "\\/")
    yield data.hex()
    yield data.hex().upper()
    for before, skipped in ((0, 0), (1, 2), (2, 3)):
        whole = (before + len(data)) * 8 // 6
        letters = base64.b64encode(b"\0" * before + data).decode()[skipped:whole]
        yield letters
        yield letters.replace("+", "-").replace("/", "_")
