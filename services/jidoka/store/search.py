"""What people type into a search, as a query of SQLite's FTS5, and as a test in memory."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

TOKENIZER = "unicode61"
"""Splits at what is no letter or digit, folds case and accents: as `words_of` does."""

_WORD = re.compile(r"[^\W_]+")
MAX_WORDS = 32


def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a text, without case and accents."""
    plain = "".join(
        letter
        for letter in unicodedata.normalize("NFD", text.lower())
        if not unicodedata.combining(letter)
    )
    return tuple(_WORD.findall(plain))


def match_expression(text: str) -> str | None:
    """Return the FTS5 query for texts in which every word of `text` begins a word.

    Nothing of `text` is an operator. None when it has no word: then nothing matches.
    """
    words = words_of(text)[:MAX_WORDS]
    return " ".join(f'"{word}"*' for word in words) or None


def matches(text: str, wanted: Iterable[str]) -> bool:
    """Tell whether every word of `wanted` begins some word of `text`."""
    have = words_of(text)
    return all(any(word.startswith(want) for word in have) for want in wanted)
