"""The program llm-gateway: settings, adapters, serve, drain."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from jidoka import telemetry
from jidoka.bus import requests
from jidoka.bus.blobs import NatsBlobs
from jidoka.bus.buckets import Answers as RememberedAnswers
from jidoka.bus.connection import Bus, connect
from jidoka.bus.live import NatsLive
from jidoka.contract.errors import JidokaError
from jidoka.contract.internal import LlmLimit, LlmModelsRequest, LlmSpent
from jidoka.contract.subjects import GATEWAY_QUEUE, LLM_LIMITS, LLM_MODELS, LLM_SPENT
from jidoka.llm.embedded import EmbeddedModel
from jidoka.llm.provider import ProviderLibrary
from jidoka.llm.providers import LOCAL, SCRIPTED
from jidoka.llm.scripted import ScriptedModel
from jidoka.llm.text_calls import read_text_calls
from jidoka.llm.weights import default_cache
from jidoka.llm_gateway.answers import Answers
from jidoka.llm_gateway.directory import LocalFiles, ModelDirectory
from jidoka.llm_gateway.keys import KeyRing, read_rules
from jidoka.llm_gateway.limits import ProviderLanes
from jidoka.llm_gateway.messages import BlobMessages
from jidoka.llm_gateway.purse import MONEY, TOKENS, Purses
from jidoka.llm_gateway.redacting import secrets_of
from jidoka.llm_gateway.server import Server
from jidoka.llm_gateway.service import Gateway
from jidoka.llm_gateway.speaking import ModelSpeaker, by_provider
from jidoka.llm_gateway.spent_before import fill
from jidoka.settings import GatewaySettings, load, required_nats_url

DRAIN_S = 10.0
ROOM = 256
"""Calls that may wait for a place; more are sent away, to try again."""
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
        parts = compose(settings, environment, bus, tasks)
        gateway, directory = parts.gateway, parts.directory
        server = Server(bus, gateway, parts.lanes, parts.purses)
        models = requests.serve(
            bus, LLM_MODELS, LlmModelsRequest, directory.models, queue=GATEWAY_QUEUE
        )
        helpers = [tasks.create_task(gateway.beat(), name="keep-alive")]
        if directory.expects_provider():
            helpers.append(tasks.create_task(parts.library.prepare(), name="load litellm"))
        async with models:
            await fill(parts.purses, bus)
            await server.listen()
            on_ready()
            await stop.wait()
            await server.hush()
        await gateway.drain(DRAIN_S)
        await parts.embedded.stop()
        for helper in helpers:
            helper.cancel()


@dataclass(frozen=True, slots=True)
class Parts:
    """The gateway, put together."""

    gateway: Gateway
    directory: ModelDirectory
    lanes: ProviderLanes
    purses: Purses
    library: ProviderLibrary
    embedded: EmbeddedModel


def compose(
    settings: GatewaySettings,
    environment: Mapping[str, str],
    bus: Bus,
    tasks: asyncio.TaskGroup,
) -> Parts:
    """Return the parts of the gateway, every port paired with its adapter."""
    source = f"/jidoka/llm-gateway/{os.getpid()}"

    async def tell(limit: LlmLimit) -> None:
        with suppress(JidokaError):  # a gateway that did not hear of it is told by the provider
            await bus.publish(LLM_LIMITS, limit.model_dump_json().encode())

    purses = _purses(settings, bus, source)
    rules = read_rules(settings.key_rules)
    redactors = bus.redactors
    redactors.learn(secrets_of(environment))
    everything = settings.profile == "local"
    keys = KeyRing(environment, rules, everything=everything, learn=redactors.learn)
    library = ProviderLibrary(
        keys, connect_s=settings.connect_timeout_s, whole_s=settings.whole_timeout_s
    )
    lanes = ProviderLanes(source, tell, open_s=settings.circuit_open_s)
    scripted, blobs = ScriptedModel(), NatsBlobs(bus)
    embedded = EmbeddedModel(library.with_keys, settings.model_cache)
    local = LocalFiles(settings.model_cache or default_cache())
    directory = ModelDirectory(settings, environment, library, keys, scripted, local)
    speaker = ModelSpeaker(
        router=directory,
        lanes=lanes,
        models=by_provider({SCRIPTED: scripted, LOCAL: embedded}, library),
        live=NatsLive(bus, source=source),
        messages=BlobMessages(blobs),
        settings=settings,
        read_calls=read_text_calls,
        redactors=redactors,
        purses=purses,
    )
    answers = Answers(RememberedAnswers(bus), blobs)
    most = settings.concurrency + ROOM
    gateway = Gateway(speaker, answers, bus, tasks, most=most, redactors=redactors)
    return Parts(gateway, directory, lanes, purses, library, embedded)


def _purses(settings: GatewaySettings, bus: Bus, source: str) -> Purses:
    """Return what owners may spend; other gateways hear of it."""

    async def tell(spent: LlmSpent) -> None:
        with suppress(JidokaError):  # a gateway that did not hear of it reads it at its next start
            await bus.publish(LLM_SPENT, spent.model_dump_json().encode())

    caps = {TOKENS: settings.owner_tokens, MONEY: settings.owner_cost_usd}
    limits = {kind: float(cap) for kind, cap in caps.items() if cap is not None}
    period = settings.owner_period
    return Purses(limits, period=period, source=source, tell=tell, now=lambda: datetime.now(UTC))


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
