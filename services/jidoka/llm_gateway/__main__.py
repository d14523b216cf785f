"""The program llm-gateway: settings, adapters, serve, drain."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping

from jidoka import telemetry
from jidoka.bus import requests
from jidoka.bus.blobs import NatsBlobs
from jidoka.bus.buckets import Answers as RememberedAnswers
from jidoka.bus.connection import Bus, connect
from jidoka.bus.live import NatsLive
from jidoka.contract.errors import JidokaError
from jidoka.contract.internal import LlmModelsRequest
from jidoka.contract.subjects import GATEWAY_QUEUE, LLM_MODELS
from jidoka.llm.provider import ProviderLibrary
from jidoka.llm.providers import SCRIPTED
from jidoka.llm.scripted import ScriptedModel
from jidoka.llm_gateway.answers import Answers
from jidoka.llm_gateway.directory import ModelDirectory
from jidoka.llm_gateway.keys import KeyRing, read_rules
from jidoka.llm_gateway.limits import ProviderLanes
from jidoka.llm_gateway.messages import BlobMessages
from jidoka.llm_gateway.server import Server
from jidoka.llm_gateway.service import Gateway
from jidoka.llm_gateway.speaking import ModelSpeaker, by_provider
from jidoka.settings import GatewaySettings, load, required_nats_url

DRAIN_S = 10.0
PATIENCE_S = 30.0
log = logging.getLogger(__name__)


async def run(settings: GatewaySettings, environment: Mapping[str, str]) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    name = f"llm-gateway-{os.getpid()}"
    url = required_nats_url(settings)
    async with await connect(url, name=name, patience_s=PATIENCE_S) as bus:
        await serve(settings, environment, bus, stop, lambda: telemetry.logger().info("ready"))


async def serve(
    settings: GatewaySettings,
    environment: Mapping[str, str],
    bus: Bus,
    stop: asyncio.Event,
    on_ready: Callable[[], None],
) -> None:
    """Serve until `stop`; calls in flight then have 10 s to end."""
    async with asyncio.TaskGroup() as tasks:
        gateway, directory = compose(settings, environment, bus, tasks)
        server = Server(bus, gateway)
        models = requests.serve(
            bus, LLM_MODELS, LlmModelsRequest, directory.models, queue=GATEWAY_QUEUE
        )
        beat = tasks.create_task(gateway.beat(), name="keep-alive")
        async with models:
            await server.listen()
            on_ready()
            await stop.wait()
            await server.hush()
        await gateway.drain(DRAIN_S)
        beat.cancel()


def compose(
    settings: GatewaySettings,
    environment: Mapping[str, str],
    bus: Bus,
    tasks: asyncio.TaskGroup,
) -> tuple[Gateway, ModelDirectory]:
    """Return the gateway and its directory, with every port paired."""
    keys = KeyRing(
        environment, read_rules(settings.key_rules), everything=settings.profile == "local"
    )
    library = ProviderLibrary(
        keys, connect_s=settings.connect_timeout_s, whole_s=settings.whole_timeout_s
    )
    scripted = ScriptedModel()
    blobs = NatsBlobs(bus)
    directory = ModelDirectory(
        settings=settings,
        environment=environment,
        library=library,
        keys=keys,
        scripted=scripted,
        has_local=lambda: False,
        has_weights=lambda: False,
    )
    speaker = ModelSpeaker(
        router=directory,
        lanes=ProviderLanes(),
        models=by_provider({SCRIPTED: scripted}, library),
        live=NatsLive(bus, source=f"/jidoka/llm-gateway/{os.getpid()}"),
        messages=BlobMessages(blobs),
        settings=settings,
    )
    answers = Answers(RememberedAnswers(bus), blobs)
    gateway = Gateway(speaker, answers, bus, tasks, concurrency=settings.concurrency)
    return gateway, directory


def main() -> int:
    """Run the program; return its exit code."""
    try:
        settings = load(GatewaySettings, os.environ)
        telemetry.configure("llm-gateway", settings)
        asyncio.run(run(settings, os.environ))
    except JidokaError as problem:
        sys.stderr.write(f"{problem.message}\n")
        return problem.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
