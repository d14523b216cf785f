"""The embedded model itself: it loads, answers, and calls a tool; how well is not judged here."""

from __future__ import annotations

import os
import signal
from contextlib import aclosing
from typing import Any

import pytest

from jidoka.contract.content import LlmConfig
from jidoka.contract.errors import Unavailable
from jidoka.contract.internal import LlmCall
from jidoka.llm.embedded import EmbeddedModel
from jidoka.llm.local_server import LocalServer
from jidoka.llm.pieces import CallPart, Finish, Piece, Route, Text
from jidoka.llm.provider import ProviderLibrary
from jidoka.llm.weights import default_cache, is_installed

NAMES = ("read", "edit", "list", "grep", "shell")
TOOLS: tuple[dict[str, Any], ...] = tuple(
    {"type": "function", "function": {"name": name}} for name in NAMES
)
ROUTE = Route("local", "", first_byte_s=300.0)
needs_model = pytest.mark.skipif(not is_installed(), reason="the extra `local` is not installed")


def call(text: str, tools: tuple[dict[str, Any], ...]) -> LlmCall:
    return LlmCall(
        call_id="0199a1b2-0000-7000-8000-00000000c0de",
        session_id="s1",
        turn_id="t1",
        epoch=1,
        llm=LlmConfig(provider="local", max_tokens=16),
        messages=({"role": "user", "content": text},),
        tools=tools,
    )


async def answer_of(model: EmbeddedModel, asked: LlmCall) -> list[Piece]:
    async with aclosing(model.stream(asked, ROUTE)) as pieces:
        return [piece async for piece in pieces]


@needs_model
@pytest.mark.slow
@pytest.mark.local
@pytest.mark.timeout(900)
async def test_the_embedded_model_loads_answers_and_calls_a_tool():
    model = EmbeddedModel(ProviderLibrary, default_cache())

    try:
        plain = await answer_of(model, call("Say hello.", ()))
        step = await answer_of(model, call("Fix the failing test.", TOOLS))
    finally:
        await model.stop()

    assert any(isinstance(piece, Text) and piece.text for piece in plain)
    assert {piece.tool for piece in step if isinstance(piece, CallPart)} < set(NAMES)
    assert sum(isinstance(piece, CallPart) for piece in step) == 1
    assert Finish("tool_calls") in step


@needs_model
@pytest.mark.slow
@pytest.mark.local
@pytest.mark.timeout(900)
async def test_a_server_that_was_killed_is_started_anew():
    server = LocalServer(default_cache() / "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf")
    first = await server.address()
    killed = server.pid

    os.kill(killed or 0, signal.SIGKILL)
    await server.gone()
    second = await server.address()
    again = server.pid
    await server.stop()

    assert again != killed
    assert second.token != first.token
    assert server.pid is None


async def test_a_file_that_is_no_model_is_an_error_and_leaves_no_process(tmp_path):
    server = LocalServer(tmp_path / "missing.gguf")

    with pytest.raises(Unavailable, match="embedded model"):
        await server.address()

    assert server.pid is None
