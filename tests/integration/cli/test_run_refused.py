"""`jidoka run` before anything has begun: what it asks, and what it then refuses to do."""

from __future__ import annotations

import asyncio
from pathlib import Path
from subprocess import CompletedProcess

import pytest
from nats.aio.msg import Msg

from jidoka.bus.buckets import HostDirectory
from jidoka.bus.connection import Bus
from jidoka.contract import subjects
from jidoka.contract.internal import HostBeat, LlmModels
from tests.support.home import Home


@pytest.fixture
async def _model(bus: Bus) -> None:
    """Somebody who says that there is a model."""

    async def answer(message: Msg) -> None:
        await bus.publish(message.reply, LlmModels(provider="scripted").model_dump_json().encode())

    await bus.subscribe(subjects.LLM_MODELS, answer)
    await bus.barrier()


async def run(nats_url: str, project: Path, *more: str) -> CompletedProcess[str]:
    home = Home(project / "home", JIDOKA_NATS_URL=nats_url, JIDOKA_REQUEST_TIMEOUT_S="3")
    words = ["run", "Hi.", "--project", str(project), "--json", *more]
    return await asyncio.to_thread(home.jidoka, *words)


@pytest.mark.usefixtures("_model")
async def test_alone_it_does_not_act_where_no_sandbox_holds(
    bus: Bus, nats_url: str, tmp_path: Path
):
    await HostDirectory(bus).beat(HostBeat(host="h", pid=1, sandbox="none"))
    beating = asyncio.create_task(_beat(bus))

    refused = await run(nats_url, tmp_path)

    beating.cancel()
    assert refused.returncode == 6
    assert '"subtype": "sandbox_unavailable"' in refused.stdout


async def _beat(bus: Bus) -> None:
    while True:
        await HostDirectory(bus).beat(HostBeat(host="h", pid=1, sandbox="none"))
        await asyncio.sleep(0.5)


@pytest.mark.usefixtures("_model")
async def test_the_owner_may_opt_out_of_the_sandbox(bus: Bus, nats_url: str, tmp_path: Path):
    asked: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def take(message: Msg) -> None:
        if not asked.done():
            asked.set_result(message.data.decode())

    await bus.subscribe(subjects.command_request("session.create"), take)
    await bus.barrier()
    beating = asyncio.create_task(_beat(bus))
    running = asyncio.create_task(run(nats_url, tmp_path, "--sandbox", "off"))

    command = await asked

    beating.cancel()
    assert '"sandbox":"off"' in command
    assert (await running).returncode == 5  # nobody answers the command itself


async def test_without_a_gateway_it_says_who_does_not_answer(nats_url: str, tmp_path: Path):
    refused = await run(nats_url, tmp_path)

    assert refused.returncode == 5
    assert subjects.LLM_MODELS in refused.stdout
