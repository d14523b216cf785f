"""The way from a command to jidoka: the broker found or started, one client, names to ids."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from jidoka.cli import local_runtime
from jidoka.cli.showing import waiting
from jidoka.contract.content import Status
from jidoka.contract.errors import AmbiguousName, InvalidTransition, SessionNotFound
from jidoka.settings import ClientSettings, load

if TYPE_CHECKING:
    from jidoka.client import Client
    from jidoka.contract.replies import SessionInfo

T = TypeVar("T")
_Way: TypeAlias = "Callable[[list[SessionInfo], str], list[str]]"
_WHOLE_ID: Final = 25
_TENTH: Final = 10


def with_client(work: Callable[[Client], Awaitable[T]]) -> T:
    """Return what `work` returns, given a client; the embedded runtime is started if needed.

    Raises:
        Unavailable: JIDOKA_NATS_URL is set and nobody answers there.
    """
    settings = local_runtime.settings_of_runtime()
    local = local_runtime.found(settings)
    if settings.nats_url or (local and local.ready):
        url = local_runtime.url_of_bus(settings)
    else:
        with waiting("starting the runtime"):
            url = local_runtime.url_of_bus(settings)

    from jidoka.client import Client  # noqa: PLC0415 - half a second that `--help` does not spend

    timeout_s = load(ClientSettings, os.environ).request_timeout_s

    async def connected() -> T:
        async with await Client.connect(url, source="cli", timeout_s=timeout_s) as client:
            return await work(client)

    return asyncio.run(connected())


async def session_id_of(client: Client, target: str) -> str:
    """Return the id of a session: an id, its number in the list, a name or a unique beginning.

    One that has ended is meant only where no other is; it has no number.

    Raises:
        SessionNotFound, AmbiguousName.
    """
    if not target.strip():  # the beginning of every name, and of none that is meant
        raise SessionNotFound(asked=target)
    if len(target) == _WHOLE_ID and target[0] == "s" and target.isalnum():
        return target
    found = _one_of(await client.list_sessions(), target, (_by_id, _by_number, *_BY_WORDS))
    if found is None:
        ended = await client.list_sessions(status=(Status.TERMINATED,))
        found = _one_of(ended, target, (_by_id, *_BY_WORDS))
    if found is not None:
        return found
    if target.isascii() and target.replace("-", "").replace("_", "").isalnum():
        return target.lower()  # perhaps one that is too old to be listed: the system knows
    raise SessionNotFound(asked=target)


async def brought_back(client: Client, session: SessionInfo) -> bool:
    """Have a session that was put away back; tell whether this brought it."""
    if session.status != Status.CLOSED:
        return False
    try:
        await client.resume_session(session.session_id)
    except InvalidTransition:
        return False  # another was faster
    return True


def _one_of(sessions: list[SessionInfo], target: str, ways: tuple[_Way, ...]) -> str | None:
    """Return the id of the session that the first way that fits any finds, None where none does."""
    for fits in ways:
        if len(ids := fits(sessions, target)) > 1:
            raise AmbiguousName(name=target, candidates=tuple(ids))
        if ids:
            return ids[0]
    return None


def _by_id(sessions: list[SessionInfo], target: str) -> list[str]:
    return [s.session_id for s in sessions if s.session_id == target]


def _by_number(sessions: list[SessionInfo], target: str) -> list[str]:
    number = int(target) if target.isdecimal() and len(target) <= len(str(_TENTH)) else -1
    index = (number or _TENTH) - 1
    return [sessions[index].session_id] if 0 <= index < min(len(sessions), _TENTH) else []


def _by_name(sessions: list[SessionInfo], target: str) -> list[str]:
    return [s.session_id for s in sessions if s.name.casefold() == target.casefold()]


def _by_beginning(sessions: list[SessionInfo], target: str) -> list[str]:
    beginning = target.casefold()
    return [
        s.session_id
        for s in sessions
        if s.name.casefold().startswith(beginning) or s.session_id.startswith(beginning)
    ]


_BY_WORDS: Final = (_by_name, _by_beginning)
