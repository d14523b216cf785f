"""What providers raise, as errors of the contract."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any

import pytest

from jidoka.contract.errors import (
    ContextOverflow,
    JidokaError,
    ProviderBadAnswer,
    ProviderRateLimited,
    ProviderRefused,
    ProviderTimeout,
    ProviderUnavailable,
)
from jidoka.llm.pieces import Route
from jidoka.llm.provider_errors import Asked, translated

KEY = "k-canary"
ASKED = Asked(Route("openai", "gpt", None, "env:K"), KEY, 1_000, 10.0)


class ConnectTimeout(Exception):  # noqa: N818 - its name in httpx
    pass


class APITimeoutError(Exception):
    pass


class ReadError(Exception):
    pass


class ContextWindowExceededError(Exception):
    pass


class StatusError(Exception):
    """An error with a response, as the libraries have them."""

    def __init__(self, status: int, message: str = "", **headers: str) -> None:
        super().__init__(message)
        self.message = message
        self.status_code = status
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.response = SimpleNamespace(status_code=status, headers=named)


def wrapped(problem: Exception) -> Exception:
    """Return an error of a library around another's."""
    outer = RuntimeError("wrapped")
    outer.__cause__ = problem
    return outer


@pytest.mark.parametrize(
    ("problem", "kind", "fields"),
    [
        (ConnectTimeout(), ProviderTimeout, {"which": "connect", "after_s": 10.0}),
        (APITimeoutError(), ProviderTimeout, {"which": "first byte", "after_s": 60.0}),
        (ReadError(), ProviderBadAnswer, {}),
        (ValueError("defect"), ProviderUnavailable, {"status": None}),
        (StatusError(500), ProviderUnavailable, {"status": 500}),
        (StatusError(413, "too big"), ProviderRefused, {}),
        (ContextWindowExceededError("1200 tokens"), ContextOverflow, {"tokens": 1200}),
        (StatusError(400, "prompt is too long: 2,345 tokens"), ContextOverflow, {"tokens": 2345}),
    ],
)
@pytest.mark.parametrize("deep", [False, True])
def test_each_is_told_by_its_kind_however_deep(
    problem: Exception, kind: type[JidokaError], fields: dict[str, Any], *, deep: bool
):
    found = translated(wrapped(problem) if deep else problem, ASKED)

    assert isinstance(found, kind)
    assert fields.items() <= found.details().items()


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry_after": "12"}, 12.0),
        ({"retry_after_ms": "1500", "retry_after": "2"}, 1.5),
        ({"Retry_After": "0.5"}, 0.5),
        ({"retry_after": "-3"}, 0.0),
        ({"retry_after": "soon"}, None),
        ({}, None),
    ],
)
def test_how_long_to_wait_is_read_from_the_headers(headers: dict[str, str], expected: float | None):
    found = translated(StatusError(429, **headers), ASKED)

    assert isinstance(found, ProviderRateLimited)
    assert found.retry_after_s == expected


def test_how_long_to_wait_may_be_a_date():
    at = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)

    found = translated(StatusError(429, retry_after=at), ASKED)

    assert isinstance(found, ProviderRateLimited)
    assert found.retry_after_s is not None
    assert 3_000 < found.retry_after_s <= 3_600


@pytest.mark.parametrize(
    "secret",
    [KEY, "sk-abcdef0123456789", "Bearer abcdef0123", "api-key: x" + "y" * 40, "gsk_0123456789ab"],
)
def test_what_looks_like_a_key_is_struck_out(secret: str):
    found = translated(StatusError(400, f"bad value {secret} in field a"), ASKED)

    assert isinstance(found, ProviderRefused)
    assert "in field a" in found.reason
    assert secret.rsplit(maxsplit=1)[-1] not in found.reason


def test_a_long_explanation_is_cut():
    found = translated(StatusError(400, "word " * 500), ASKED)

    assert isinstance(found, ProviderRefused)
    assert len(found.reason) < 400


def test_where_no_key_was_named_the_way_to_name_one_is_told():
    found = translated(StatusError(401), Asked(Route("openai", "gpt"), None, None, 10.0))

    assert "--api-key-ref" in found.message


def test_an_error_that_refers_to_itself_ends():
    problem = RuntimeError("round")
    problem.__cause__ = problem

    assert isinstance(translated(problem, ASKED), ProviderUnavailable)
