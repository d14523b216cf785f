"""Secrets struck out of text before anybody but the file it came from has it. Pure.

A secret becomes `[redacted:github-token:3f9ac1]`: its kind and a tag. The tag follows from the
value, the session and a key that only our programs have, so the same secret has the same
placeholder for the life of its session, and nobody else can try values against it.

Text may come in pieces. What is struck out is the same however it is cut: secrets have no space in
them, so a word is looked at when its end has come, and a private key, which goes over many lines,
when its own end has.

    feed ──► private key?  ── its end is not there yet ──► held, at most 16 KiB
        └──► words         ── the last one is not whole ──► held, at most 8 KiB
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from jidoka.contract.private_keys import BLOCK_AHEAD, block_at, next_block
from jidoka.contract.secret_formats import Span, encoded_keys, may_hold_keys, plain_keys
from jidoka.contract.secret_values import KnownValues, assigned, may_assign

PLACEHOLDER: Final = re.compile(r"\[redacted:(?P<kind>[a-z0-9-]{2,24}):(?P<tag>[0-9a-f]{6})\]")
LONGEST_WORD: Final = 8 * 1024
"""Of a longer run of letters the beginning is looked at before its end has come."""
_OVERLAP: Final = 2 * 1024
_PIECE: Final = 64 * 1024
_CONTEXT: Final = 160
_AROUND_LINES: Final = re.compile(r"(?m)^ {0,6}\d{1,7}\t|\r$")
"""What a listing puts around the lines of a key, which is the same key as in its file."""
_BEFORE_LINES: Final = ("", "\n", "\t")
"""After what a line of a key may begin, the number of a listing left out."""
_BREAK: Final = re.compile(r"[^!-~]")


@dataclass(frozen=True, slots=True)
class Redactor:
    """Strikes secrets out of the texts of one session."""

    key: bytes = field(default=b"", repr=False)
    """What only our programs know, at most 64 bytes."""
    session_id: str = ""
    known: KnownValues = field(default_factory=KnownValues, repr=False)
    assignments: bool = True
    """Whether values that are assigned to a password count, whatever they look like."""

    def text(self, text: str) -> tuple[str, int]:
        """Return `text` without secrets, and how many there were."""
        if len(text) < LONGEST_WORD and not self.suspects(text) and next_block(text, 0) < 0:
            return text, 0
        stream = self.stream()
        return stream.feed(text) + stream.close(), stream.count

    def stream(self) -> RedactedStream:
        """Return what strikes secrets out of a text that comes in pieces."""
        return RedactedStream(self)

    def suspects(self, text: str) -> bool:
        """Tell whether it is worth looking for secrets in `text`."""
        return (
            may_hold_keys(text)
            or (self.assignments and may_assign(text))
            or next(self.known.places(text), None) is not None
        )

    def placeholder(self, kind: str, value: str) -> str:
        """Return what stands for a secret."""
        salted = f"{self.session_id}\n{value}".encode("utf-8", "surrogatepass")
        tag = hashlib.blake2b(salted, key=self.key[:64], digest_size=3).hexdigest()
        return f"[redacted:{kind}:{tag}]"

    def secrets_of(self, text: str) -> dict[str, set[str]]:
        """Return the secrets in a text by their placeholders, to put them back where they were."""
        stream = RedactedStream(self, {})
        stream.feed(text)
        stream.close()
        return stream.found or {}


class Redactors:
    """The redactors of one program: one a session, all with the values that the program knows."""

    def __init__(self, key: bytes = b"", known: Iterable[str] = ()) -> None:
        self._pattern = Redactor(key, known=KnownValues(known))

    def of(self, session_id: str) -> Redactor:
        """Return what strikes secrets out of the texts of a session."""
        return replace(self._pattern, session_id=session_id)

    def learn(self, values: Iterable[str]) -> None:
        """Strike these values out too, from the next text on; the newest where there are many."""
        before = self._pattern.known
        new = KnownValues(values).values
        if not set(new) <= set(before.values):
            self._pattern = replace(self._pattern, known=KnownValues((*new, *before.values)))


class RedactedStream:
    """A text on its way through a redactor."""

    def __init__(self, redactor: Redactor, found: dict[str, set[str]] | None = None) -> None:
        """`found` collects the secrets by their placeholders."""
        self.count = 0
        self.found = found
        self._redactor = redactor
        self._held = ""
        self._context = ""

    def feed(self, text: str) -> str:
        """Take the next piece; return what is ready of all that came so far."""
        parts: list[str] = []
        for start in range(0, len(text), _PIECE):  # or taking from its front costs its square
            self._held += text[start : start + _PIECE]
            parts.extend(self._ready(final=False))
        return "".join(parts)

    def close(self) -> str:
        """Return the rest: no more comes."""
        return "".join(self._ready(final=True))

    def _ready(self, *, final: bool) -> Iterator[str]:
        at = next_block(self._held, 0, of_line=self._context[-1:] in _BEFORE_LINES)
        while at >= 0:
            end, is_key, after = block_at(self._held, at)
            if not final and len(self._held) - end <= BLOCK_AHEAD:
                yield from self._words(at, whole=False)
                return
            if is_key:
                yield from self._words(at, whole=True)
                yield self._block(end - at)
                at = next_block(self._held, 0, of_line=False)
            else:
                at = next_block(self._held, after, of_line=False)
        yield from self._words(len(self._held), whole=final)

    def _block(self, size: int) -> str:
        """Strike out the private key at the front."""
        value = self._take(size)
        self._context = ""
        return self._struck("private-key", value)

    def _words(self, limit: int, *, whole: bool) -> Iterator[str]:
        """Give out what is before `limit`; its last word only when that is known to be `whole`."""
        while (start := _long_word(self._held, limit)) >= 0:
            for seen, cut in ((start, start), (LONGEST_WORD, LONGEST_WORD - _OVERLAP)):
                before = len(self._held)
                yield self._clean(seen, cut)
                limit -= before - len(self._held)
        size = limit if whole else _after_last_break(self._held, limit)
        yield self._clean(size, size)

    def _clean(self, seen: int, cut: int) -> str:
        """Take about `cut` characters off the front; `seen` of them say what has to be struck."""
        if not seen:
            return ""
        spans = self._spans(seen)
        for span in spans:
            if span.start < cut < span.end:
                cut = span.start or span.end
        parts: list[str] = []
        done = 0
        text = self._take(cut)
        for span in spans:
            if span.end <= cut:
                parts += (
                    text[done : span.start],
                    self._struck(span.kind, text[span.start : span.end]),
                )
                done = span.end
        self._context = (self._context + text)[-_CONTEXT:]
        return "".join((*parts, text[done:])) if parts else text

    def _spans(self, seen: int) -> list[Span]:
        """Return what is secret in the first `seen` characters, in order, without overlaps."""
        context = self._context
        text, known, skip = context + self._held[:seen], self._redactor.known, len(context)
        if not self._redactor.suspects(text):
            return []
        found = [*plain_keys(text), *encoded_keys(text), *known.places(text)]
        if self._redactor.assignments:
            found += assigned(text)
        if not found:
            return found
        kept: list[Span] = []
        for span in sorted(found, key=lambda each: (each.start, -each.end)):
            if span.start < (kept[-1].end if kept else skip):
                continue
            kept.append(span)
        return [Span(each.start - skip, each.end - skip, each.kind) for each in kept]

    def _take(self, size: int) -> str:
        text, self._held = self._held[:size], self._held[size:]
        return text

    def _struck(self, kind: str, value: str) -> str:
        self.count += 1
        stands = self._redactor.placeholder(kind, _AROUND_LINES.sub("", value))
        if self.found is not None:
            self.found.setdefault(stands, set()).add(value)
        return stands


def _after_last_break(text: str, limit: int) -> int:
    """Return where the last word before `limit` begins."""
    tail = text[max(0, limit - LONGEST_WORD) : limit]
    match = _BREAK.search(tail[::-1])
    return limit - (match.start() if match else len(tail))


def _long_word(text: str, limit: int) -> int:
    """Return where the first run of at least 8 Ki letters begins, -1 for nowhere.

    Such a run goes over one of the places that are looked at, every 8 Ki characters.
    """
    at = LONGEST_WORD - 1
    while at < limit:
        start = _after_last_break(text, at + 1)
        match = _BREAK.search(text, at, min(limit, start + LONGEST_WORD))
        if match is None and start + LONGEST_WORD <= limit:
            return start
        at = (match.start() if match else limit) + LONGEST_WORD
    return -1
