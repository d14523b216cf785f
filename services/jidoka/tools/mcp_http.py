"""MCP over streamable HTTP: the transport, and what an address says that refuses it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from http import HTTPStatus
from typing import Any

import httpx2
from mcp.client.streamable_http import streamable_http_client

_REFUSED = 400


async def http_transport(
    stack: AsyncExitStack,
    url: str,
    headers: Mapping[str, str],
    limits: httpx2.Timeout,
    refusals: list[str],
) -> Any:
    """Return the way to a server; `refusals` gets in words what its address refuses."""

    async def answered(response: httpx2.Response) -> None:
        if response.status_code >= _REFUSED:
            refusals[:] = [_refusal(response.status_code, bool(headers))]

    client = httpx2.AsyncClient(
        headers=dict(headers), timeout=limits, event_hooks={"response": [answered]}
    )
    return streamable_http_client(url, http_client=await stack.enter_async_context(client))


def _refusal(status: int, has_header: bool) -> str:
    """Return what an HTTP status means for whoever gave the address."""
    said = f"the address answers with status {status}"
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return f"{said}: {'the header is not accepted' if has_header else 'it wants a --header'}"
    missing = status in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)
    return f"{said}: no MCP server is there" if missing else said
