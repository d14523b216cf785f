"""A provider that goes wrong over HTTP, against the whole system: turns end, sessions go on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from jidoka.client import Client, Recorded
from jidoka.contract import events as e
from tests.support.fake_openai import Server, running_openai
from tests.support.home import Home, running_home

pytestmark = [pytest.mark.timeout(180)]
TURN_S = 90.0
FAULTS = (
    *("parallel", "same-index", "as-text", "tool-fly", "tool-edit"),
    *("no-usage", "reasoning", "empty", "length", "filter", "refusal"),
    *("cut", "cut-clean", "garbage", "page", "error-in-stream", "hang", "stall"),
    *("status-429", "status-500", "status-401", "context", "policy", "bad-request"),
)
"""Names of the fake provider's models; `tool-edit` lacks arguments that edit needs."""


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home that waits a second for a model, so that silence and outages are soon over."""
    settings = {
        "JIDOKA_SESSION_LIMIT": "200",
        "JIDOKA_FIRST_BYTE_TIMEOUT_S": "1",
        "JIDOKA_SILENCE_TIMEOUT_S": "1",
        "JIDOKA_CIRCUIT_OPEN_S": "1",
        "OPENAI_API_KEY": "none-needed",
    }
    with running_home(tmp_path_factory.mktemp("faults") / "home", **settings) as home:
        yield home


async def end_of(client: Client, session_id: str, after: int) -> e.TurnEnded:
    """Return how the turn of a message ended that was recorded as `after`."""
    items = client.subscribe_to_session(session_id, after=after, live=False)
    async with asyncio.timeout(TURN_S), aclosing(items):
        async for item in items:
            if isinstance(item, Recorded) and isinstance(item.event, e.TurnEnded):
                return item.event
    raise AssertionError("the session went away")


async def tried(client: Client, server: Server, folder: Path, fault: str) -> tuple[str, str]:
    """Return how the turn with the fault ended, and what the next one answered."""
    folder.mkdir()
    (folder / "a.txt").write_text("one\n")
    model = f"faulty-{fault}"
    server.names[model] = [fault]
    # a lane of its own: an open circuit is for all that share one
    llm = {"provider": "openai", "model": model, "api_base": f"{server.base_url}/{fault}"}
    session_id = await client.create_session(
        folder, llm=llm, permission_mode="full-auto", limits={"max_steps": 4}
    )
    first = await end_of(client, session_id, await client.send_message(session_id, "Do it."))
    server.names[model] = ["words-3"]
    second = await end_of(client, session_id, await client.send_message(session_id, "And now?"))
    await client.terminate_session(session_id)
    code = first.error.code if first.error else ""
    return f"{first.outcome} {code}".strip(), f"{second.outcome}: {second.answer.strip()}"


async def test_whatever_a_provider_does_the_turn_ends_and_the_next_one_is_answered(
    impatient: Home, tmp_path: Path
):
    url = impatient.state["nats_url"]
    async with running_openai() as server, await Client.connect(url, source="test") as client:
        server.retry_after = "0"
        trials = [tried(client, server, tmp_path / fault, fault) for fault in FAULTS]
        found = dict(zip(FAULTS, await asyncio.gather(*trials), strict=True))

    print(f"\n{len(FAULTS)} faults over HTTP: {found}")  # noqa: T201 - read in the log
    wrong = {fault: ends for fault, ends in found.items() if ends[1] != "completed: w0 w1 w2"}
    assert wrong == {}
