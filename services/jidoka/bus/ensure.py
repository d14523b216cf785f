"""The one step that makes streams, buckets and the object store: idempotent, and never destructive.

What is missing is made, what can be added is added. A setting whose change would lose or hide data
is refused with the stream and the field. Several programs may do this at once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Final

from nats.js.errors import APIError

from jidoka.bus.connection import Bus
from jidoka.bus.storage_limits import DEFAULT_LIMITS, StorageLimits
from jidoka.contract import subjects
from jidoka.contract.errors import StreamMismatch, TimedOut, Unavailable

log = logging.getLogger(__name__)

_STREAM_NOT_FOUND: Final = 10059
_NAME_IN_USE: Final = 10058
_SECOND: Final = 10**9
_MIB: Final = 1024 * 1024


RETRY_S: Final = 0.2

# A larger value only admits more: these follow the settings. A smaller one is applied too, since
# with `discard: new` nothing that is stored is thrown away for it.
_MAY_CHANGE: Final = frozenset(
    {"max_bytes", "max_msgs_per_subject", "max_consumers", "num_replicas", "duplicate_window"}
)
# These can be switched on in an existing stream, never off.
_MAY_BE_ADDED: Final = frozenset(
    {"allow_direct", "allow_atomic", "allow_msg_ttl", "allow_rollup_hdrs", "deny_delete"}
)
_GIVES_WAY: Final = "old"
"""`discard: old` throws away what does not fit, so there a lower bound is destructive."""


async def ensure(bus: Bus, limits: StorageLimits = DEFAULT_LIMITS) -> None:
    """Make every stream, bucket and store what this version needs.

    Raises:
        StreamMismatch: one is there with a setting whose change would lose data.
        Unavailable: JetStream does not answer, or has no room for the limits.
    """
    for wanted in stores(limits):
        await _ensure_stream(bus, wanted)
    await _ensure_durable(bus)


async def keep(bus: Bus, limits: StorageLimits = DEFAULT_LIMITS) -> None:
    """Do it again after every reconnect, for ever: a broker that was restarted has no JIDO_LIVE.

    Streams in memory vanish with a server that stands alone. For a task of a program that is
    always there.
    """
    back = asyncio.Event()
    forget = bus.on_reconnect(back.set)
    try:
        while True:
            await back.wait()
            back.clear()
            try:
                await ensure(bus, limits)
            except (Unavailable, TimedOut) as problem:
                log.warning("the streams are not there yet: %s", problem)
                await asyncio.sleep(RETRY_S)
                back.set()
    finally:
        forget()


def stores(limits: StorageLimits) -> tuple[dict[str, Any], ...]:
    """Return the configuration of every stream, those behind buckets and store included."""
    buckets = (
        _bucket(subjects.SNAPSHOTS_BUCKET, limits, max_bytes=limits.snapshots_bytes),
        _bucket(subjects.HOSTS_BUCKET, limits, max_bytes=16 * _MIB, age_s=limits.hosts_age_s),
        _bucket(
            subjects.ANSWERS_BUCKET,
            limits,
            max_bytes=limits.answers_bytes,
            age_s=limits.answers_age_s,
            discard="old",  # a full memory of answers forgets the oldest, not the next one
        ),
        _bucket(subjects.LEASES_BUCKET, limits, max_bytes=16 * _MIB),
    )
    return (*_lasting(limits), *_passing(limits), *buckets, _object_store(limits))


def _lasting(limits: StorageLimits) -> tuple[dict[str, Any], ...]:
    """Return the streams that keep what they hold until it is taken out."""
    return (
        _stream(
            subjects.EVENTS_STREAM,
            subjects.ALL_EVENTS,
            limits,
            max_bytes=limits.events_bytes,
            allow_direct=True,
            allow_atomic=True,
            deny_delete=True,
        ),
        _stream(
            subjects.COMMANDS_STREAM,
            subjects.ALL_COMMANDS,
            limits,
            retention="workqueue",
            max_bytes=limits.commands_bytes,
            max_msgs_per_subject=limits.commands_waiting,
            discard_new_per_subject=True,
            allow_direct=True,
        ),
        _stream(
            subjects.DLQ_STREAM,
            subjects.ALL_DLQ,
            limits,
            max_bytes=limits.dlq_bytes,
            allow_direct=True,
        ),
    )


def _passing(limits: StorageLimits) -> tuple[dict[str, Any], ...]:
    """Return the streams that forget what is old."""
    return (
        _stream(
            subjects.LIVE_STREAM,
            subjects.ALL_LIVE,
            limits,
            storage="memory",
            discard="old",
            max_bytes=limits.live_bytes,
            max_age=limits.live_age_s * _SECOND,
            num_replicas=1,
        ),
        _stream(
            subjects.PROJECTS_STREAM,
            subjects.ALL_PROJECTS,
            limits,
            discard="old",
            max_bytes=limits.projects_bytes,
            max_age=limits.projects_age_s * _SECOND,
            allow_direct=True,
        ),
    )


def _stream(name: str, held: str, limits: StorageLimits, **settings: Any) -> dict[str, Any]:
    return {
        "name": name,
        "subjects": [held],
        "storage": "file",
        "retention": "limits",
        "discard": "new",
        "max_consumers": 100_000,  # the server's default of 1,000 is too few for followers
        "max_age": 0,
        "max_msgs_per_subject": -1,
        "duplicate_window": 120 * _SECOND,
        "num_replicas": limits.replicas,
    } | settings


def _bucket(
    name: str, limits: StorageLimits, *, max_bytes: int, age_s: int = 0, discard: str = "new"
) -> dict[str, Any]:
    window = min(120, age_s) if age_s else 120
    return _stream(
        f"KV_{name}",
        f"$KV.{name}.>",
        limits,
        discard=discard,
        max_bytes=max_bytes,
        max_age=age_s * _SECOND,
        max_msgs_per_subject=1,
        duplicate_window=window * _SECOND,
        allow_direct=True,
        allow_rollup_hdrs=True,
        deny_delete=True,
        allow_msg_ttl=True,
        subject_delete_marker_ttl=60 * _SECOND,
    )


def _object_store(limits: StorageLimits) -> dict[str, Any]:
    name = subjects.BLOBS_STORE
    wanted = _stream(
        f"OBJ_{name}",
        "",
        limits,
        max_bytes=limits.blobs_bytes,
        allow_direct=True,
        allow_rollup_hdrs=True,
    )
    return wanted | {"subjects": [f"$O.{name}.C.>", f"$O.{name}.M.>"]}


async def _ensure_stream(bus: Bus, wanted: dict[str, Any]) -> None:
    name = wanted["name"]
    found = await _found(bus, name)
    if found is None:
        if await _made(bus, wanted):
            return
        found = await _found(bus, name) or {}  # somebody else was faster: look at theirs
    wanted = wanted | {"num_replicas": max(wanted["num_replicas"], found.get("num_replicas", 1))}
    different = {key for key in wanted if found.get(key, _empty(wanted[key])) != wanted[key]}
    for field in sorted(different):
        _check(name, field, found, wanted)
    if different:
        await _answered(bus, f"STREAM.UPDATE.{name}", found | wanted)


async def _ensure_durable(bus: Bus) -> None:
    """Make the consumer that all coordinators share; with equal settings again it is no change."""
    stream, name = subjects.COMMANDS_STREAM, subjects.COMMANDS_DURABLE
    config = {
        "durable_name": name,
        "name": name,
        "ack_policy": "explicit",
        "ack_wait": 30 * _SECOND,
        "max_deliver": -1,
        "max_ack_pending": 1_000,
        "filter_subject": subjects.ALL_COMMANDS,
        "deliver_policy": "all",
    }
    await _answered(
        bus, f"CONSUMER.DURABLE.CREATE.{stream}.{name}", {"stream_name": stream, "config": config}
    )


async def _found(bus: Bus, name: str) -> dict[str, Any] | None:
    try:
        return (await bus.api(f"STREAM.INFO.{name}"))["config"]
    except APIError as refused:
        if refused.err_code == _STREAM_NOT_FOUND:
            return None
        raise Unavailable(part=name, why=str(refused.description)) from None


async def _made(bus: Bus, wanted: Mapping[str, Any]) -> bool:
    try:
        await bus.api(f"STREAM.CREATE.{wanted['name']}", wanted)
    except APIError as refused:
        if refused.err_code == _NAME_IN_USE:
            return False
        raise Unavailable(part=wanted["name"], why=str(refused.description)) from None
    return True


async def _answered(bus: Bus, subject: str, request: Mapping[str, Any]) -> None:
    try:
        await bus.api(subject, request)
    except APIError as refused:
        raise Unavailable(part=subject, why=str(refused.description)) from None


def _check(name: str, field: str, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    """Raise unless `field` may become what is wanted."""
    new = wanted[field]
    old = found.get(field, _empty(new))
    lossy = found.get("discard", _GIVES_WAY) == _GIVES_WAY or found.get("storage") == "memory"
    if field in _MAY_BE_ADDED and new:
        return
    if field in _MAY_CHANGE and not (lossy and field == "max_bytes" and 0 < new < old):
        return
    if field == "subjects" and set(old) <= set(new):
        return
    raise StreamMismatch(stream=name, field=field, found=str(old), wanted=str(new))


def _empty(value: Any) -> Any:
    """Return what the server leaves out of its answer for a setting of this kind."""
    return type(value)()
