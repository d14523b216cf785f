"""How many tokens a text is, by a rule that needs no model's tokenizer.

Plain ASCII counts four characters a token, anything else three bytes of UTF-8 a token, and every
message a few for its frame. That is within a quarter of what tokenizers count for prose and code;
what a provider has counted of the last call corrects it (`core.briefing`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from jidoka.contract.json import write_json

FRAME = 4
"""Tokens that a message takes beside its text."""


def tokens_of(text: str) -> int:
    """Return the tokens of a text, rounded up."""
    if text.isascii():
        return (len(text) + 3) // 4
    return (len(text.encode("utf-8", "replace")) + 2) // 3


def tokens_of_tools(specs: Iterable[Mapping[str, Any]]) -> int:
    """Return the tokens of the tools that a model is offered."""
    return sum(_of_spec(spec)[2] for spec in specs)


def written_tool(spec: Mapping[str, Any]) -> bytes:
    """Return the JSON of one tool."""
    return _of_spec(spec)[1]


_MOST_SPECS = 512
_specs: dict[int, tuple[Mapping[str, Any], bytes, int]] = {}
"""The JSON and tokens of tools, which are the same objects in call after call; held, so that no
other one ever has its number."""


def _of_spec(spec: Mapping[str, Any]) -> tuple[Mapping[str, Any], bytes, int]:
    known = _specs.get(id(spec))
    if known is None:
        if len(_specs) >= _MOST_SPECS:
            _specs.clear()
        text = write_json(spec)
        known = _specs[id(spec)] = (spec, text, tokens_of(text.decode()))
    return known
