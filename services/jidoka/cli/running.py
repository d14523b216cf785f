"""One headless turn: the session found or made, the turn watched, the session closed."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from jidoka.cli import results
from jidoka.cli.door import brought_back, session_id_of, with_client
from jidoka.cli.failing import INTERRUPTED
from jidoka.cli.models import check_model
from jidoka.cli.reporter import Reporter
from jidoka.cli.watching import Interrupted, exit_code_of_turn, stoppable, watch_turn
from jidoka.client.items import Item, Recorded
from jidoka.contract.content import Status
from jidoka.contract.errors import JidokaError, SandboxUnavailable, SessionNotFound
from jidoka.contract.events import SessionStatusChanged

if TYPE_CHECKING:
    from jidoka.client import Client

CLOSE_S: Final = 15.0
LEAVE_S: Final = 1.0
"""To put the session away when somebody wants to leave at once."""
FULL_AUTO: Final = "full-auto"


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for."""

    prompt: str
    project_path: str
    llm: dict[str, Any]
    permission_mode: str | None = None
    max_steps: int | None = None
    max_cost_usd: float | None = None
    go_on: bool = False
    resume: str | None = None
    sandbox: str = "auto"
    sharing: str = "exclusive"
    network: bool = False
    rules: tuple[str, ...] = ()


def run_once(wish: Wish, form: str) -> int:
    """Do what was asked; return the exit code."""
    reporter, begun = Reporter(form), time.monotonic()
    try:
        return with_client(lambda client: _run(client, wish, reporter, begun))
    except Interrupted:
        return INTERRUPTED
    except JidokaError as error:
        reporter.end(results.of_error(None, error, begun))
        return error.exit_code


async def _run(client: Client, wish: Wish, reporter: Reporter, begun: float) -> int:
    if wish.llm or not (wish.go_on or wish.resume):  # a session that goes on has its own
        await check_model(client, wish.llm, wish.project_path)
    session_id, is_new = await _session(client, wish)
    try:
        async with reporter.beating(), stoppable(client, session_id):
            number = await client.send_message(session_id, wish.prompt, unattended=True)
            after = 0 if is_new else number - 1
            turn = await watch_turn(client, session_id, number, reporter.show, after=after)
    except JidokaError as error:
        await _close(client, session_id, CLOSE_S)
        reporter.end(results.of_error(session_id, error, begun))
        return error.exit_code
    except (Interrupted, OSError):  # a person has left, or whoever read what is printed
        await _close(client, session_id, LEAVE_S)
        raise
    await _close(client, session_id, CLOSE_S)
    reporter.end(results.of_turn(session_id, turn, begun))
    return exit_code_of_turn(turn)


async def _session(client: Client, wish: Wish) -> tuple[str, bool]:
    """Return a session that is ready to listen, and whether it is new."""
    if wish.resume is None and not wish.go_on:
        return await _created(client, wish), True
    if wish.resume is not None:
        session_id = await session_id_of(client, wish.resume)
        info = await client.get_session_info(session_id)
    else:
        found = await client.list_sessions(project=wish.project_path)
        if not found:
            raise SessionNotFound(asked=wish.project_path)
        info = found[0]
    await brought_back(client, info)
    await _configure(client, info.session_id, wish)
    return info.session_id, False


async def _configure(client: Client, session_id: str, wish: Wish) -> None:
    """Change what was named here, and nothing else of a session that goes on."""
    wanted = {
        "llm": wish.llm,
        "limits": _limits(wish),
        "permission_mode": wish.permission_mode,
        "network": wish.network or None,
        "permissions": wish.rules,
    }
    if changes := {name: value for name, value in wanted.items() if value}:
        await client.configure_session(session_id, **changes)


async def _created(client: Client, wish: Wish) -> str:
    mode = wish.permission_mode or FULL_AUTO
    if wish.sandbox == "auto" and mode == FULL_AUTO:
        await _check_sandbox(client)
    return await client.create_session(
        wish.project_path,
        llm=wish.llm,
        permission_mode=mode,
        limits=_limits(wish),
        sandbox=wish.sandbox,
        sharing=wish.sharing,
        network=wish.network,
        permissions=wish.rules,
        metadata={"made_by": "jidoka run"},
    )


def _limits(wish: Wish) -> dict[str, Any]:
    """Return the bounds of a turn that were named."""
    limits: dict[str, Any] = {}
    if wish.max_steps is not None:
        limits["max_steps"] = wish.max_steps
    if wish.max_cost_usd is not None:
        limits["turn_cost_usd"] = wish.max_cost_usd
    return limits


async def _check_sandbox(client: Client) -> None:
    """Refuse to let a model act alone where no host has a sandbox that holds.

    Raises:
        SandboxUnavailable: no host says that it has one.
    """
    layers = [beat.sandbox for beat in await client.hosts()]
    if layers and all(layer == "none" for layer in layers):
        raise SandboxUnavailable(tried=("bubblewrap", "landlock"), why="`jidoka doctor` says more")


async def _close(client: Client, session_id: str, limit_s: float) -> None:
    """Put the session away and wait until its folder is free; what fails here changes nothing."""
    with suppress(JidokaError, TimeoutError):
        async with asyncio.timeout(limit_s):
            number = await client.close_session(session_id, "run has ended")
            events = client.subscribe_to_session(session_id, after=number - 1, live=False)
            async with aclosing(events) as items:
                async for item in items:
                    if _is_put_away(item):
                        return


def _is_put_away(item: Item) -> bool:
    away = (Status.CLOSED, Status.TERMINATED)
    return (
        isinstance(item, Recorded)
        and isinstance(item.event, SessionStatusChanged)
        and item.event.status in away
    )
