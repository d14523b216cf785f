"""What providers and the way to them raise, as the errors of the contract. Pure.

The library's exceptions carry request headers, and providers repeat keys in what they say: of
their words only those of a refused request are kept, without anything that looks like a key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final

from jidoka.contract.errors import (
    ContextOverflow,
    JidokaError,
    ModelUnknown,
    ProviderAuth,
    ProviderBadAnswer,
    ProviderRateLimited,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnavailable,
)
from jidoka.llm.pieces import Route

WORDS_CHARS: Final = 300
REDACTED: Final = "[redacted]"
_KEYLIKE: Final = re.compile(r"(?i)\b(?:sk|pk|gsk|xai|key|bearer|token)[-_ ][\w*.-]{6,}|[\w-]{32,}")
_TOKENS: Final = re.compile(r"(\d[\d,]{1,9})(?= (?:input |prompt )?tokens)")
NO_REFERENCE: Final = "none (name one with --api-key-ref env:NAME)"
_DEEPEST: Final = 8

# by name: the classes are of three libraries that this file does not load
_SLOW: Final = frozenset({"Timeout", "APITimeoutError", "TimeoutException", "TimeoutError"})
_GARBLED: Final = frozenset({"JSONDecodeError", "APIResponseValidationError"})
_CUT: Final = frozenset(
    {"RemoteProtocolError", "ReadError", "ClientPayloadError", "ServerDisconnectedError"}
)
_UNREACHED: Final = frozenset({"ConnectError", "ClientConnectorError"})
_OVERFLOW: Final = re.compile(
    r"(?i)context.?(length|window|size)|too many (input )?tokens|prompt is too long"
)
_POLICY: Final = re.compile(r"(?i)content.?policy|content.?filter|safety system")


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked of whom: errors say so."""

    route: Route
    key: str | None = field(repr=False)
    window: int | None
    connect_s: float


def translated(problem: BaseException, asked: Asked) -> JidokaError:
    """Return the error of the contract that `problem` stands for."""
    chain = tuple(_chain(problem))
    names = {kind.__name__ for each in chain for kind in type(each).__mro__}
    provider = asked.route.provider
    if "ContextWindowExceededError" in names:
        return _overflow(chain, asked)
    if "ContentPolicyViolationError" in names:
        return ProviderRefused(provider=provider, reason="content policy")
    if names & {"ConnectTimeout", "ConnectionTimeoutError"}:
        return ProviderTimeout(provider=provider, which="connect", after_s=asked.connect_s)
    if names & _SLOW:
        first_s = asked.route.first_byte_s
        return ProviderTimeout(provider=provider, which="first byte", after_s=first_s)
    if names & _GARBLED:
        return ProviderBadAnswer(provider=provider, reason="garbled")
    if names & _CUT:
        return ProviderBadAnswer(provider=provider, reason="the stream was cut before its end")
    if names & _UNREACHED:
        return ProviderUnavailable(provider=provider)  # the library makes up a status of 500
    return _by_status(chain, asked)


def _by_status(chain: tuple[BaseException, ...], asked: Asked) -> JidokaError:
    provider, status = asked.route.provider, _status(chain)
    if status in (401, 403):
        return ProviderAuth(provider=provider, reference=asked.route.key_reference or NO_REFERENCE)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return ProviderRateLimited(provider=provider, retry_after_s=_retry_after_s(chain))
    if status == HTTPStatus.NOT_FOUND:
        return ModelUnknown(name=asked.route.name, why="the provider does not serve it")
    if status in (408, 504):
        first_s = asked.route.first_byte_s
        return ProviderTimeout(provider=provider, which="first byte", after_s=first_s)
    if status in range(400, 500):
        said = _said(chain)
        if _OVERFLOW.search(said) or _code(chain) == "context_length_exceeded":
            return _overflow(chain, asked)
        if _POLICY.search(said) or _code(chain) == "content_policy_violation":
            return ProviderRefused(provider=provider, reason="content policy")
        words = _words(chain, asked.key)
        return ProviderRefused(provider=provider, reason=f"bad request ({status}): {words}")
    return ProviderUnavailable(provider=provider, status=status)


def _chain(problem: BaseException) -> Iterator[BaseException]:
    """Yield an exception and what lies behind it."""
    each: Any = problem
    for _ in range(_DEEPEST):
        if not isinstance(each, BaseException):
            return
        yield each
        each = getattr(each, "original_exception", None) or each.__cause__ or each.__context__


def _status(chain: tuple[BaseException, ...]) -> int | None:
    """Return the HTTP status that a provider answered with, None where it did not."""
    for each in chain:
        response = getattr(each, "response", None)
        status = getattr(response, "status_code", None) or getattr(each, "status_code", None)
        if isinstance(status, int) and type(each).__name__ != "APIConnectionError":
            return status
    return None


def _said(chain: tuple[BaseException, ...]) -> str:
    """Return all that was said; for looking things up in, not for telling."""
    return " ".join(str(each) for each in chain)


def _code(chain: tuple[BaseException, ...]) -> str:
    """Return the provider's own code of an error, empty where it gave none."""
    codes = (getattr(each, "code", None) for each in chain)
    return next((code for code in codes if isinstance(code, str)), "")


def _headers(chain: tuple[BaseException, ...]) -> Iterator[Mapping[str, str]]:
    for each in chain:
        response = getattr(each, "response", None)
        for found in (getattr(response, "headers", None), getattr(each, "headers", None)):
            if found is not None and hasattr(found, "items"):
                yield {str(key).lower(): str(value) for key, value in found.items()}


def _retry_after_s(chain: tuple[BaseException, ...]) -> float | None:
    """Return how long a provider asks to wait, None where it does not say."""
    for headers in _headers(chain):
        for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
            if name in headers:
                return _seconds(headers[name], scale)
    return None


def _seconds(text: str, scale: float) -> float | None:
    try:
        return max(0.0, float(text) * scale)
    except ValueError:
        pass
    try:
        until = parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


def _overflow(chain: tuple[BaseException, ...], asked: Asked) -> ContextOverflow:
    """Return the error with the numbers that the provider named, as far as it did."""
    numbers = [int(text.replace(",", "")) for text in _TOKENS.findall(_said(chain))]
    window = asked.window or (numbers[0] if numbers else 0)
    return ContextOverflow(tokens=max((n for n in numbers if n > window), default=0), window=window)


def _words(chain: tuple[BaseException, ...], key: str | None) -> str:
    messages = (str(getattr(each, "message", "")) for each in chain)
    text = " ".join(next(filter(None, messages), "").split())
    text = text.rpartition("Exception - ")[2]  # what comes before is the library's own prefix
    text = _inner(text)
    if key:
        text = text.replace(key, REDACTED)
    return _KEYLIKE.sub(REDACTED, text)[:WORDS_CHARS]


def _inner(text: str) -> str:
    """Return the message in the JSON of a provider's error, or the text itself."""
    try:
        error: Any = json.loads(text[text.index("{") :])["error"]
        return str(error["message"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return text
