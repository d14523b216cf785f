"""Durable commands: applied as any other, and what is refused says so to whoever keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from jidoka.bus.lanes import Apply, Waiting
from jidoka.contract.envelope import Envelope
from jidoka.contract.errors import from_dict
from jidoka.contract.replies import REFUSED
from jidoka.contract.subjects import session_command
from jidoka.coordinator.request import request_of
from jidoka.coordinator.service import Coordinator


def applying(coordinator: Coordinator) -> Apply:
    """Return what applies one durable command; nobody waits for its answer.

    It raises what the command is refused with: retryable waits, the rest goes to quarantine.
    """

    async def apply(waiting: Waiting) -> None:
        subject = session_command(waiting.session_id, waiting.name)
        raise_refusal(await coordinator.answer(request_of(waiting.envelope, subject)))

    return apply


def raise_refusal(answer: Envelope) -> None:
    """Raise the error in an answer that says no."""
    if answer.name == REFUSED:
        raise from_dict(cast("Mapping[str, Any]", answer.data))
