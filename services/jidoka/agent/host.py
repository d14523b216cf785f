"""One machine's agent host: it answers the session-manager and says every second that it lives."""

from __future__ import annotations

import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from jidoka.agent.workers import Workers
from jidoka.contract.content import ErrorInfo
from jidoka.contract.errors import InvalidMessage, JidokaError, UnknownCommand
from jidoka.contract.internal import (
    ContextAsked,
    DiffAnswer,
    DiffAsked,
    FileAsked,
    HostBeat,
    HostReply,
    RulesAnswer,
    RulesAsked,
    WorkerStart,
    WorkerStop,
)
from jidoka.contract.replies import ContextReport

M = TypeVar("M", bound=BaseModel)
Answer = HostReply | DiffAnswer | ContextReport | RulesAnswer
KNOWN = (
    *("worker.start", "worker.stop", "worker.list"),
    *("turn.diff", "context.get", "file.look", "rules.list"),
)


@dataclass(slots=True)
class Host:
    """Serves `jido.host.<host>.` with `worker.start|stop|list`, `turn.diff`, `context.get`."""

    name: str
    workers: Workers
    capacity: int
    shared_folders: tuple[str, ...] = ()
    lease_s: float = 10.0
    home: str = ""
    """Jidoka's folder, where the snapshots of turns are."""
    look: Callable[[ContextAsked], Awaitable[ContextReport]] | None = None
    """Tells what a session's model would be sent."""
    permission_rules: Sequence[str] = ()
    """Of this machine."""

    async def answer(self, name: str, body: bytes) -> Answer:
        """Return the answer to one request; what goes wrong is in it."""
        try:
            return await self._answer(name, body)
        except JidokaError as problem:
            return HostReply(ok=False, error=ErrorInfo.model_validate(problem.as_dict()))

    async def _answer(self, name: str, body: bytes) -> Answer:
        match name:
            case "worker.start":
                worker = await self.workers.start(_read(WorkerStart, body))
                return HostReply(pid=worker.pid, workers=(worker,))
            case "worker.stop":
                await self.workers.stop(_read(WorkerStop, body))
                return HostReply()
            case "worker.list":
                return HostReply(workers=self.workers.states())
            case "turn.diff":
                from jidoka.agent.turn_diff import difference  # noqa: PLC0415 - seldom asked

                return await difference(_read(DiffAsked, body), self.home)
            case "file.look":
                from jidoka.agent.looking import look_at  # noqa: PLC0415 - seldom asked

                look_at(_read(FileAsked, body))
                return HostReply()
            case "rules.list":
                from jidoka.agent.outer_rules import rules_outside  # noqa: PLC0415 - seldom asked

                return rules_outside(_read(RulesAsked, body), self.permission_rules)
            case "context.get" if self.look is not None:
                return await self.look(_read(ContextAsked, body))
            case _:
                raise UnknownCommand(name=name, known=KNOWN)

    def beat(self) -> HostBeat:
        """Return this second's sign of life."""
        return HostBeat(
            host=self.name,
            machine=machine_name(),
            shared_folders=self.shared_folders,
            lease_s=self.lease_s if self.shared_folders else None,
            pid=os.getpid(),
            workers=len(self.workers),
            capacity=self.capacity,
            sandbox=self.workers.zygote.sandbox_layer,
        )


def machine_name() -> str:
    """Return what hosts on this machine, and in the same container, have in common."""
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    return f"{socket.gethostname()}/{boot_id}"


def _read(kind: type[M], body: bytes) -> M:
    try:
        return kind.model_validate_json(body)
    except ValueError:
        raise InvalidMessage.of("", f"not a {kind.__name__}") from None
