"""Secrets struck out of JSON: of every text in it, but for ids, paths and references. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, cast

from jidoka.contract.redaction import PLACEHOLDER, Redactor
from jidoka.contract.secret_values import SHORTEST, names_a_secret

_SHORTEST_TEXT: Final = SHORTEST
_WRITTEN_BY_THE_MODEL: Final = frozenset({"arguments", "args"})
"""What it assigns there is its own invention, as a test's password is; keys are not."""
_NO_TEXT: Final = frozenset(
    {"project_path", "requested_path", "worktree_of", "path", "api_key_ref", "export", "origin"}
)
_ENDINGS: Final = ("_id", "_ids", "_hash", "_ref", "sha256")
_MARK: Final = "[redacted:"


def clean(value: Any, redactor: Redactor, name: str = "") -> Any:
    """Return a JSON value without secrets: the very same where there are none.

    `name` is the key under which it stands.
    """
    if isinstance(value, str):
        return _text(value, redactor, name)
    if isinstance(value, dict):
        return _object(cast("dict[str, Any]", value), redactor, name)
    if isinstance(value, list | tuple):
        items = cast("list[Any]", value)
        new = [clean(item, redactor, name) for item in items]
        return (
            new if any(one is not other for one, other in zip(new, items, strict=True)) else items
        )
    return value


def placeholders_in(value: Any) -> int:
    """Return how many placeholders of secrets stand in a JSON value."""
    return sum(len(PLACEHOLDER.findall(text)) for text in texts_of(value) if _MARK in text)


def texts_of(value: Any) -> Iterator[str]:
    """Yield every text of a JSON value, keys left out."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in cast("Mapping[str, Any]", value).values():
            yield from texts_of(item)
    elif isinstance(value, list | tuple):
        for item in cast("list[Any]", value):
            yield from texts_of(item)


def _object(value: dict[str, Any], redactor: Redactor, name: str) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    for key, item in value.items():
        within = name if name in _WRITTEN_BY_THE_MODEL else key
        new = clean(item, redactor, within)
        if new is not item:
            changed[key] = new
    return value | changed if changed else value


def _text(value: str, redactor: Redactor, name: str) -> str:
    if len(value) < _SHORTEST_TEXT or name in _NO_TEXT or name.endswith(_ENDINGS):
        return value
    if name in _WRITTEN_BY_THE_MODEL:
        redactor = replace(redactor, assignments=False)
    elif names_a_secret(name):
        return redactor.text(f"{name}={value}")[0][len(name) + 1 :]
    clean_text, count = redactor.text(value)
    return clean_text if count else value
