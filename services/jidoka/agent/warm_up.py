"""What the zygote does once before its first fork, so that workers find it done and share it."""

from __future__ import annotations

import asyncio
import gc
from contextlib import aclosing, suppress

from jidoka.agent.gate import project_rules
from jidoka.agent.model_calls import hash_of
from jidoka.agent.secrets import SessionSecrets
from jidoka.agent.session import LiveSession
from jidoka.bus.connection import Bus
from jidoka.bus.event_log import NatsEventLog
from jidoka.bus.memory import MemoryEventLog
from jidoka.bus.secrets import redacted
from jidoka.contract import events as e
from jidoka.contract.content import LlmConfig, Status
from jidoka.contract.errors import JidokaError
from jidoka.contract.internal import LlmAnswer, LlmCall
from jidoka.core.context import assembled, ruled_tokens
from jidoka.core.ports import Draft, Head
from jidoka.core.turn import next_effects
from jidoka.tools.toolbox import Toolbox, builtin_tools

_PER_SIZE = 400
_NOWHERE = "/proc/self/no-project"
_SESSION = "zygote-warm-up"
_FOLLOW_S = 0.01
WARM_ROUNDS = 16
"""After so many runs the interpreter has specialised the code, and writes to it no more."""
_EVENTS: tuple[e.Event, ...] = (
    e.SessionCreated(session_name="warm", project_path="/", llm=LlmConfig(provider="none")),
    e.SessionStatusChanged(status=Status.INITIALIZING),
    e.WorkerAssigned(host="none", epoch=1),
    e.MessageAccepted(message_id="m", content="hello"),
    e.TurnStarted(turn_id="t", message_ids=("m",)),
    e.LlmRequested(turn_id="t", call_id="t-1", step=1, model="none"),
    e.LlmResponded(turn_id="t", call_id="t-1", step=1, content="hello", model="none"),
)


async def warm_up(bus: Bus) -> None:
    """Parse, fold and follow once: caches are filled, lazy parts are built. Nothing is recorded."""
    log = NatsEventLog(bus)
    with suppress(JidokaError):
        await log.last(_SESSION)
        await _follow_nothing(log)
    await _fold_a_turn(bus)
    call = LlmCall(call_id="c", session_id="s", turn_id="t", epoch=1, llm=LlmConfig())
    LlmCall.model_validate_json(call.model_dump_json())
    LlmAnswer.model_validate_json(LlmAnswer(call_id="c").model_dump_json())


def filled_holes() -> list[bytes]:
    """Return ballast that fills the half-used pages of small objects.

    What a worker allocates then comes from fresh pages, instead of copying old ones for a few
    bytes each: about 0.25 MB a worker, if what the warm-up left is collected before.
    """
    gc.collect()
    header = b"".__sizeof__()
    return [bytes(size - header) for size in range(48, 513, 16) for _ in range(_PER_SIZE)]


async def _follow_nothing(log: NatsEventLog) -> None:
    async with aclosing(log.follow(_SESSION)) as entries:
        with suppress(TimeoutError):
            async with asyncio.timeout(_FOLLOW_S):
                async for _ in entries:
                    break


async def _fold_a_turn(bus: Bus) -> None:
    log, session, head = MemoryEventLog(), LiveSession(_SESSION), Head()
    for number, event in enumerate(_EVENTS):
        clean = redacted(event, bus.redactors.of(_SESSION))
        draft = Draft(clean, f"id-{number}", "/jidoka/zygote", epoch=1, causation_id="c")
        for entry in await log.append(_SESSION, draft, head):
            session.absorb(entry)
            head = entry.head
    next_effects(session.state, 1, {})
    specs = Toolbox(builtin_tools()).specs_for_model()
    ruled_tokens(session.state, session.transcript, specs)
    sent = assembled(session.state, session.transcript, specs)
    hash_of(sent)
    project_rules(_NOWHERE)
    SessionSecrets(bus.redactors, _SESSION, _NOWHERE).learn()
