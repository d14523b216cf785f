"""What a choice of a model may hold: it is recorded, so nothing secret and nothing endless."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlsplit

from jidoka.contract.content import LlmConfig
from jidoka.contract.json import write_json

MODEL_EXTRAS: Final = frozenset(
    {
        "extra_body",
        "frequency_penalty",
        "logit_bias",
        "parallel_tool_calls",
        "presence_penalty",
        "reasoning_effort",
        "response_format",
        "seed",
        "service_tier",
        "stop",
        "thinking",
        "tool_choice",
        "top_k",
        "top_p",
        "user",
        "verbosity",
    }
)
"""Options that a session may pass on; none of them says where a call goes or with which key."""
MAX_EXTRA_BYTES: Final = 64 * 1024
MAX_NAME: Final = 4096
"""Characters; the name of a scripted model or of a file of weights is a path."""
MAX_FALLBACKS: Final = 16
REFERENCE: Final = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]{0,127})")


def problems_of_choice(llm: LlmConfig) -> tuple[dict[str, str], ...]:
    """Return what is wrong as `{path, reason}`; a value is never repeated, it may be a secret."""
    found = (*_names(llm), *_way_to_the_key(llm), *_options(llm))
    return tuple({"path": f"llm.{path}", "reason": reason} for path, reason in found)


def _names(llm: LlmConfig) -> Iterator[tuple[str, str]]:
    named = {"provider": llm.provider, "model": llm.model, "api_base": llm.api_base}
    for path, value in named.items():
        if len(value or "") > MAX_NAME:
            yield path, f"has at most {MAX_NAME} characters"
    if len(llm.fallbacks) > MAX_FALLBACKS or any(len(name) > MAX_NAME for name in llm.fallbacks):
        yield "fallbacks", f"are at most {MAX_FALLBACKS} names of models"


def _way_to_the_key(llm: LlmConfig) -> Iterator[tuple[str, str]]:
    if llm.api_key_ref and REFERENCE.fullmatch(llm.api_key_ref) is None:
        yield "api_key_ref", "must be env:NAME, never a key itself"
    if llm.api_base and not _is_address(llm.api_base):
        yield "api_base", "must be an http or https URL, without a password or a query"


def _is_address(text: str) -> bool:
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError:
        return False
    plain = not (url.username or url.password or url.query or url.fragment or port == 0)
    return plain and url.scheme in ("http", "https") and bool(url.hostname)


def _options(llm: LlmConfig) -> Iterator[tuple[str, str]]:
    for name in sorted(llm.extra.keys() - MODEL_EXTRAS)[:MAX_FALLBACKS]:
        yield f"extra.{name[:64]}", f"is not passed on; known: {', '.join(sorted(MODEL_EXTRAS))}"
    if len(write_json(llm.extra)) > MAX_EXTRA_BYTES:
        yield "extra", f"has at most {MAX_EXTRA_BYTES} bytes"
