"""What an OpenAI-compatible server serves, for who configured its address and no model."""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final
from urllib.request import OpenerDirector, ProxyHandler, Request, build_opener

from jidoka.contract.errors import ProviderUnavailable
from jidoka.llm.providers import COMPATIBLE

TIMEOUT_S: Final = 5.0
MOST_BYTES: Final = 1024 * 1024


async def first_model(api_base: str, key: str | None = None) -> str | None:
    """Return the first model that the server lists, None where it lists none.

    Raises:
        ProviderUnavailable: it cannot be reached, or does not list in OpenAI's way.
    """
    return await asyncio.to_thread(_first_model, api_base, key)


def _first_model(api_base: str, key: str | None) -> str | None:
    headers = {"authorization": f"Bearer {key}"} if key else {}
    if not api_base.startswith(("http://", "https://")):
        raise ProviderUnavailable(provider=COMPATIBLE)
    request = Request(f"{api_base.rstrip('/')}/models", headers=headers)  # noqa: S310 - see above
    opener: OpenerDirector = build_opener(ProxyHandler({}))  # the server is on this machine or near
    try:
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            listed: Any = json.loads(answer.read(MOST_BYTES))["data"]
        return str(listed[0]["id"]) if listed else None
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        raise ProviderUnavailable(provider=COMPATIBLE) from None
