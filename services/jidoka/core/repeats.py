"""A model that makes the same call again and again: told so, and in the end stopped.

    twice the same call with the same result ─► the next one is not run: `call_repeated`
    so told in four answers, and still the same ─► the turn ends as failed, `call_repeated`

A result is the same when its end differs in nothing but how long things took. Another call, another
result or a word of a person begins the count anew. Who waits for something (`POLLING`) makes the
same call for a good reason. All of it follows from the log; what older builds recorded ends no
turn, since they refused nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from typing import Final

from jidoka.contract import events as e
from jidoka.contract.content import ToolCall, TurnOutcome
from jidoka.contract.errors import CallRepeated
from jidoka.contract.event_groups import CallEnd
from jidoka.core.changing import changed
from jidoka.core.state import Repeat, SessionState, Turn
from jidoka.core.tooling import ASK_TOOL

MOST_RUNS: Final = 2
"""How often in a row a call runs that has the same result."""
MOST_TOLD: Final = 4
"""In how many answers the model is told so."""
POLLING: Final = frozenset({ASK_TOOL, "shell_read"})
"""Tools that wait for what comes."""
_END: Final = 240
"""Characters at the end of a result, where programs say how long they took."""
_MOST_REWRITTEN: Final = 4_096
"""Characters of arguments that are the same in whatever order and with whatever spaces."""
_IN_ORDER: Final = json.JSONEncoder(sort_keys=True)
_TIMES: Final = re.compile(
    r"[0-9](?:[0-9]*(?:\.[0-9]+)?\s?(?:ms|s|sec|secs|seconds?|minutes?)\b|[0-9]:\d\d:\d\d)"
)


def is_repeated(turn: Turn, call: ToolCall) -> bool:
    """Tell whether a call that is to run now would only be the same once more."""
    last = turn.repeat
    return last.runs >= MOST_RUNS and last.call == _digest_of_call(call)


def error_of(turn: Turn, tool: str) -> CallRepeated:
    """Return what the model is told instead of a result."""
    told = turn.repeat.told + (turn.repeat.told_in != turn.step)
    return CallRepeated(tool=tool, times=MOST_RUNS + told)


def after_result(state: SessionState, event: CallEnd) -> SessionState:
    """Return the state that has counted how an open call ended; it is still open."""
    turn, open_call = state.turn, state.call(event.call_id)
    if turn is None or open_call is None or open_call.call.tool in POLLING:
        return state
    if isinstance(event, e.ToolFailed) and event.error.code == CallRepeated.code:
        return _told(state, turn, event)
    call, result = _digest_of_call(open_call.call), _digest_of(event)
    same = (call, result) == (turn.repeat.call, turn.repeat.result)
    repeat = Repeat(call, result, turn.repeat.runs + 1 if same else 1)
    return changed(state, turn=changed(turn, repeat=repeat))


def _told(state: SessionState, turn: Turn, event: e.ToolFailed) -> SessionState:
    last = turn.repeat
    told = last.told + (last.told_in != turn.step)
    turn = changed(turn, repeat=changed(last, told=told, told_in=turn.step))
    if told >= MOST_TOLD and turn.stopping is None:
        turn = changed(turn, stopping=TurnOutcome.FAILED, error=event.error)
    return changed(state, turn=turn)


def _digest_of_call(call: ToolCall) -> str:
    args = call.arguments
    if len(args) <= _MOST_REWRITTEN:
        with suppress(ValueError, RecursionError):  # else they are compared as they are written
            args = _IN_ORDER.encode(json.loads(args))
    return _digest(call.tool, args)


def _digest_of(event: CallEnd) -> str:
    match event:
        case e.ToolCompleted(output=output, exit_status=status):
            return _digest("completed", str(status), _lasting(output))
        case e.ToolFailed(error=error, output=output):
            return _digest("failed", error.code, _lasting(error.message), _lasting(output))
        case e.ToolDenied(by=by):
            return _digest("denied", by)
        case e.ToolInterrupted(call_id=call_id):
            return _digest("interrupted", call_id)  # it may be tried again


def _lasting(text: str) -> str:
    """Return what of a result is the same the next time."""
    start = max(len(text) - _END, 0)
    line = text.rfind("\n", 0, start)  # whole lines, since times are not always as long
    start = line if line >= 0 else start
    return text[:start] + _TIMES.sub("", text[start:])


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:16]
