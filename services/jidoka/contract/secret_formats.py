"""What secrets look like: keys of known providers, plain and encoded.

A format is a distinctive beginning and a pattern. Text is looked through for the beginnings only,
in one go, so that text without secrets costs next to nothing.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Final


@dataclass(frozen=True, slots=True)
class Span:
    """Where a secret stands in a text."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True)
class Format:
    """The keys of one provider."""

    kind: str
    beginnings: tuple[str, ...]
    """One of them stands at the start of every key; only random text has it by chance."""
    rest: str
    random: bool = False
    """Whether words could look like it, so that it has to have digits and capitals."""

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What a whole key looks like; made when a beginning is first found."""
        either = "|".join(map(re.escape, self.beginnings))
        whole = rf"(?<![A-Za-z0-9])(?:{either}){self.rest}(?![A-Za-z0-9])"
        return re.compile(whole, re.ASCII)

    def end_at(self, text: str, start: int) -> int:
        """Return where the key that begins at `start` ends, 0 where none does."""
        match = self.pattern.match(text, start)
        if match is None or "EXAMPLE" in match[0]:  # what documentation shows is nobody's
            return 0
        return 0 if self.random and not _is_random(match[0]) else match.end()


def _format(kind: str, beginnings: str, rest: str, *, random: bool = False) -> Format:
    return Format(kind, tuple(beginnings.split()), rest, random)


FORMATS: Final = (
    _format("aws-key", "AKIA ASIA ABIA ACCA", r"[A-Z0-9]{16}"),
    _format("github-token", "ghp_ gho_ ghu_ ghs_ ghr_", r"[A-Za-z0-9]{16,255}"),
    _format("github-token", "github_pat_", r"\w{20,255}"),
    _format("gitlab-token", "glpat- gldt- glrt-", r"[\w-]{16,255}"),
    _format("anthropic-key", "sk-ant-", r"[\w-]{16,255}"),
    _format("openai-key", "sk-proj- sk-svcacct- sk-admin-", r"[\w-]{16,255}"),
    _format("api-key", "sk-", r"(?!ant-|proj-|svcacct-|admin-)[\w-]{20,255}", random=True),
    _format("slack-token", "xoxa- xoxb- xoxe- xoxo- xoxp- xoxr- xoxs- xapp-", r"[\w-]{10,255}"),
    _format("slack-webhook", "hooks.slack.com/services/", r"T\w{6,20}/B\w{6,20}/\w{16,64}"),
    _format("google-key", "AIza", r"[\w-]{30,64}"),
    _format("google-token", "ya29.", r"[\w.-]{20,512}"),
    _format("google-secret", "GOCSPX-", r"[\w-]{20,64}"),
    _format("stripe-key", "sk_live_ rk_live_ sk_test_ rk_test_ whsec_", r"[A-Za-z0-9]{16,255}"),
    _format("npm-token", "npm_", r"[A-Za-z0-9]{30,64}"),
    _format("pypi-token", "pypi-", r"[\w-]{40,512}"),
    _format("sendgrid-key", "SG.", r"[\w-]{16,32}\.[\w-]{16,64}"),
    _format("huggingface-token", "hf_", r"[A-Za-z0-9]{30,64}"),
    _format("groq-key", "gsk_", r"[A-Za-z0-9]{30,128}"),
    _format("xai-key", "xai-", r"[A-Za-z0-9]{40,128}"),
    _format("digitalocean-token", "dop_v1_ doo_v1_ dor_v1_", r"[a-f0-9]{40,64}"),
    _format("docker-token", "dckr_pat_ dckr_oat_", r"[\w-]{20,64}"),
    _format("age-key", "AGE-SECRET-KEY-1", r"[A-Z0-9]{40,64}"),
    _format("nats-seed", "SUA SAA SNA SOA SCA SXA", r"[A-Z2-7]{55}"),
    _format("jwt", "eyJ", r"[\w-]{8,4000}\.[\w-]{8,4000}\.[\w-]{4,1000}"),
)

_ENCODED_TOO: Final = re.findall(
    r"\S+",
    "AKIA ASIA ghp_ gho_ ghs_ github_pat_ glpat- sk-ant- sk-proj- sk_live_ xoxb- xoxp- AIza hf_ "
    "npm_ pypi- gsk_ eyJ sk-",
)
_SHORTEST_PART: Final = 4
"""Letters of an encoded beginning that are looked for: fewer stand in any long random text."""
_MOST_DECODED: Final = 4_096
_PROBED: Final = 48
_LIKELY: Final = re.compile(r"[\w.-]{16}", re.ASCII)
"""What every key begins with, and what random bytes are not."""
RUN: Final = re.compile(r"[A-Za-z0-9+/_-]*={0,2}")
HEX_RUN: Final = re.compile(r"[0-9a-fA-F]*")


def _is_random(text: str) -> bool:
    digits = sum(letter.isdigit() for letter in text)
    return digits > 0 and (not text.islower() or digits >= len(text) // 8)


def _parts(word: str) -> Iterator[tuple[str, int | None]]:
    """Yield how a word looks in base64, with what stands before it in its group, and in hex."""
    data = word.encode()
    for before, skipped in ((0, 0), (1, 2), (2, 3)):
        whole = (before + len(data)) * 8 // 6  # letters that no later byte changes
        letters = base64.b64encode(b"\0" * before + data).decode()[skipped:whole]
        if len(letters) >= _SHORTEST_PART:
            yield letters, before
    yield data.hex(), None
    yield data.hex().upper(), None


def _either(words: Iterable[str]) -> str:
    """Return a pattern for any of the words: by first letters, which is faster than one by one."""
    by_letter: dict[str, list[str]] = {}
    for word in sorted(set(words), key=len, reverse=True):
        by_letter.setdefault(word[0], []).append(re.escape(word[1:]))
    return "|".join(f"{re.escape(first)}(?:{'|'.join(rest)})" for first, rest in by_letter.items())


_BY_BEGINNING: Final = {word: each for each in FORMATS for word in each.beginnings}
_PARTS: Final = {part: (word, before) for word in _ENCODED_TOO for part, before in _parts(word)}
_ANY: Final = re.compile(_either((*_BY_BEGINNING, *_PARTS)))


def hits(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """Yield all places, those within another one too."""
    match = pattern.search(text)
    while match is not None:
        yield match
        match = pattern.search(text, match.start() + 1)


@cache
def _plain() -> re.Pattern[str]:
    return re.compile(_either(_BY_BEGINNING))


@cache
def _encoded() -> re.Pattern[str]:
    return re.compile(_either(_PARTS))


def may_hold_keys(text: str) -> bool:
    """Tell whether it is worth looking for keys in `text`: twice as fast as looking."""
    return _ANY.search(text) is not None


def plain_keys(text: str) -> Iterator[Span]:
    """Yield the keys of known providers that stand in `text`."""
    for match in hits(_plain(), text):
        wanted = _BY_BEGINNING[match[0]]
        if end := wanted.end_at(text, match.start()):
            yield Span(match.start(), end, wanted.kind)


def encoded_keys(text: str) -> Iterator[Span]:
    """Yield the keys of known providers that stand in `text` as base64 or hex."""
    for match in hits(_encoded(), text):
        word, before = _PARTS[match[0]]
        if before is None:
            span = _in_hex(text, match.start(), _BY_BEGINNING[word])
        else:
            span = _in_base64(text, match.start(), before, _BY_BEGINNING[word])
        if span is not None:
            yield span


def _in_base64(text: str, at: int, before: int, wanted: Format) -> Span | None:
    start = at - (0, 2, 3)[before]
    run = RUN.match(text, max(start, 0), start + _MOST_DECODED)
    if start < 0 or run is None or run.end() <= at:
        return None
    if not _LIKELY.match(from_base64(run[0][:_PROBED]), before):
        return None
    end = wanted.end_at(from_base64(run[0]), before)
    if not end:
        return None
    last = start + -(-end * 8 // 6)
    padding = run.end() if run.end() - last <= 2 else last  # noqa: PLR2004 - at most two `=`
    return Span(start + before * 8 // 6, max(last, padding), wanted.kind)


def _in_hex(text: str, at: int, wanted: Format) -> Span | None:
    run = HEX_RUN.match(text, at, at + _MOST_DECODED)
    if run is None or not _LIKELY.match(from_hex(run[0][:_PROBED])):
        return None
    end = wanted.end_at(from_hex(run[0]), 0)
    return Span(at, at + end * 2, wanted.kind) if end else None


def from_base64(text: str) -> str:
    """Return what letters of base64 stand for, as far as they are whole; lines are joined."""
    letters = "".join(text.split()).rstrip("=").replace("-", "+").replace("_", "/")
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    return base64.b64decode(letters + "=" * (-len(letters) % 4)).decode("latin-1")


def from_hex(text: str) -> str:
    """Return what hex digits stand for, as far as they are whole; lines are joined."""
    digits = "".join(text.split())
    return bytes.fromhex(digits[: len(digits) // 2 * 2]).decode("latin-1")
