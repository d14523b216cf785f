"""What JetStream refuses with, and which of our errors that is.

https://github.com/nats-io/nats-server/blob/main/server/errors.json
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from nats import errors
from nats.aio.msg import Msg
from nats.js.errors import APIError

from jidoka.contract.errors import (
    InboxFull,
    JidokaError,
    StorageFull,
    TimedOut,
    TooLarge,
    Unavailable,
)

WRONG_LAST_SEQUENCE: Final = 10071
NO_MESSAGE: Final = 10037
LIMIT_REACHED: Final = 10077
"""A stream's own bound (`max_bytes`, `max_msgs_per_subject`) with `discard: new`."""
MOST_COMMANDS_WAITING: Final = 64
"""Durable commands of one kind and session."""
_NO_ROOM: Final = frozenset({LIMIT_REACHED, 10023, 10028, 10047})
_MESSAGE_TOO_LARGE: Final = 10054
_REAL_HEAD = re.compile(r"wrong last sequence: (\d+)")


def answered(answer: Msg) -> dict[str, Any]:
    """Return JetStream's answer, or raise the `APIError` that it refuses with."""
    value: dict[str, Any] = json.loads(answer.data)
    refusal = value.get("error")
    if refusal is None:
        return value
    known = {key: refusal[key] for key in ("code", "err_code", "description") if key in refusal}
    raise APIError(**known)


def error_of(
    problem: errors.Error, subject: str, size: tuple[int, int], timeout_s: float
) -> JidokaError | None:
    """Return our error for one of the client's, None where it only says that there is no broker.

    `size` is that of the message and the most that the broker takes, in bytes.
    """
    match problem:
        case errors.NoRespondersError():
            return Unavailable(part=subject, why="nobody listens there")
        case errors.TimeoutError():
            return TimedOut(after_s=timeout_s)
        case errors.MaxPayloadError():
            return TooLarge(what="message", size_bytes=size[0], maximum_bytes=size[1])
        case _:
            return None


def raised(refused: APIError, part: str, size_bytes: int) -> JidokaError:
    """Return our error for what JetStream refuses."""
    if refused.err_code in _NO_ROOM:
        return StorageFull(needed_bytes=size_bytes)
    if refused.err_code == _MESSAGE_TOO_LARGE:
        return TooLarge(what="message", size_bytes=size_bytes, maximum_bytes=0)
    return Unavailable(part=part, why=str(refused.description))


def command_raised(refused: APIError, part: str, size_bytes: int) -> JidokaError:
    """Return our error for what the stream of durable commands refuses."""
    if refused.err_code == LIMIT_REACHED and "per subject" in (refused.description or ""):
        return InboxFull(waiting=MOST_COMMANDS_WAITING, maximum=MOST_COMMANDS_WAITING)
    return raised(refused, part, size_bytes)


def real_head(refused: APIError) -> int | None:
    """Return the sequence that a refused append should have expected, if the server says."""
    match = _REAL_HEAD.search(refused.description or "")
    return int(match.group(1)) if match else None


def is_passing(problem: JidokaError | APIError) -> bool:
    """Tell whether a broker that has just started may say so until it has its streams again."""
    if isinstance(problem, APIError):
        return problem.code == 503 and problem.err_code in (None, 10008)  # noqa: PLR2004
    return isinstance(problem, Unavailable)
