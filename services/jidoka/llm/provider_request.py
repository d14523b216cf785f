"""What litellm is asked for, made of a call. Pure."""

from __future__ import annotations

from typing import Any, Final

from jidoka.contract.errors import InvalidMessage
from jidoka.contract.internal import LlmCall
from jidoka.contract.model_choice import MODEL_EXTRAS
from jidoka.llm.pieces import Route

DEFAULT_MAX_TOKENS: Final = 4_096
_CACHED: Final = (
    {"location": "message", "role": "system"},
    {"location": "message", "index": -1},
)
"""Where Anthropic is told that the next step begins with the same: else it charges all again."""
NO_KEY: Final = "none"
"""Sent where no key is named, so that the library does not look for one of its own."""


def request_of(call: LlmCall, route: Route, key: str | None) -> dict[str, Any]:
    """Return the arguments of a streamed completion: one try, with usage.

    Raises:
        InvalidMessage: an option that is not passed on, by its name.
    """
    unknown = sorted(call.llm.extra.keys() - MODEL_EXTRAS)
    if unknown:
        reason = f"is not passed on; known: {', '.join(sorted(MODEL_EXTRAS))}"
        raise InvalidMessage(
            problems=tuple({"path": f"llm.extra.{name}", "reason": reason} for name in unknown)
        )
    request: dict[str, Any] = {
        "model": f"{route.provider}/{route.model}",
        "messages": list(call.messages),
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": call.llm.max_tokens or DEFAULT_MAX_TOKENS,
        "max_retries": 0,
        "drop_params": True,
        **call.llm.extra,
    }
    if route.provider == "anthropic":
        request["cache_control_injection_points"] = list(_CACHED)
    if call.tools:
        request["tools"] = list(call.tools)
    if call.llm.temperature is not None:
        request["temperature"] = call.llm.temperature
    if route.api_base is not None:
        request["api_base"] = route.api_base
    if key is not None or route.api_base is not None:
        request["api_key"] = key or NO_KEY
    return request
