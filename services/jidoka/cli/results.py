"""The result of a turn for programs: one object, and the same as a last CloudEvent."""

from __future__ import annotations

import time

from jidoka.client.asking import new_id
from jidoka.client.items import Item
from jidoka.client.shapes import TurnView
from jidoka.contract.content import ErrorInfo
from jidoka.contract.envelope import Envelope, dataschema_of, type_of, utc
from jidoka.contract.errors import JidokaError
from jidoka.contract.replies import RUN_RESULT, RunResult

SOURCE = "/jidoka/cli/run"


def of_turn(session_id: str, turn: TurnView, begun: float) -> RunResult:
    """Return the result of a turn that has ended; `begun` is of the monotonic clock."""
    completed = turn.outcome == "completed"
    return RunResult(
        subtype="success" if completed else turn.outcome or "failed",
        is_error=not completed,
        result=turn.answer,
        session_id=session_id,
        outcome=turn.outcome,
        duration_ms=round((time.monotonic() - begun) * 1000),
        num_turns=turn.steps,
        total_cost_usd=turn.cost_usd,
        usage=turn.usage,
        error=turn.error,
    )


def of_error(session_id: str | None, error: JidokaError, begun: float) -> RunResult:
    """Return the result of a run that an error ended."""
    return RunResult(
        subtype=error.code,
        is_error=True,
        result=error.message,
        session_id=session_id,
        duration_ms=round((time.monotonic() - begun) * 1000),
        num_turns=0,
        total_cost_usd=None,
        usage=None,
        error=ErrorInfo.model_validate(error.as_dict()),
    )


def as_event(result: RunResult) -> bytes:
    """Return the CloudEvent of a result, one line."""
    return Envelope(
        id=new_id(),
        source=SOURCE,
        type=type_of(RUN_RESULT),
        subject=result.session_id,
        time=utc(time.time()),
        dataschema=dataschema_of("replies", RUN_RESULT),
        data=result.model_dump(mode="json"),
    ).to_json()


def line_of(item: Item) -> str:
    """Return the CloudEvent of an item on one line, as it is stored."""
    return item.body.decode()
