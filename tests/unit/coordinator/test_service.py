"""The coordinator on a log in memory: repeats, races, and defects of ours."""

from __future__ import annotations

import asyncio
import itertools
import json
from dataclasses import replace
from typing import Any, cast

import pytest

from jidoka.bus.carrier import Asked
from jidoka.bus.memory import MemoryEventLog, MemoryKeep
from jidoka.contract.content import LlmConfig, Status
from jidoka.contract.envelope import Envelope, type_of
from jidoka.contract.errors import InvalidTransition, SessionNotFound
from jidoka.contract.events import Event, SessionCreated, SessionStatusChanged
from jidoka.contract.subjects import command_request
from jidoka.coordinator.asking import Asking
from jidoka.coordinator.door import answered
from jidoka.coordinator.folds import Folds, Sources
from jidoka.coordinator.manager import Manager
from jidoka.coordinator.request import Request, request_of
from jidoka.coordinator.service import Coordinator
from jidoka.core.ports import Draft, Head
from jidoka.core.session import fold
from jidoka.core.snapshot import Snapshot, dump
from jidoka.core.transcript import Transcript

NO_MANAGER = cast("Manager", None)
NOBODY_ELSE = cast("Asking", None)


def a_coordinator(
    log: MemoryEventLog, most_folds: int = 8, snapshots: MemoryKeep | None = None
) -> Coordinator:
    ids = itertools.count()
    sources = Sources(log, snapshots or MemoryKeep(), lambda: 0.0)
    return Coordinator(
        log,
        Folds(sources, most_folds),
        NO_MANAGER,
        NOBODY_ELSE,
        source="/jidoka/coordinator/1",
        new_id=lambda: f"{id(ids)}-{next(ids)}",
        inbox_limit=64,
    )


def say(session_id: str, text: str, command_id: str = "") -> Request:
    name = "message.submit"
    data = {"session_id": session_id, "content": text}
    envelope = Envelope(id=command_id or text, source="/a", type=type_of(name), data=data)
    return request_of(envelope, command_request(name))


async def write(log: MemoryEventLog, session_id: str, *events: Event) -> None:
    last = await log.last(session_id)
    head = last.head if last else Head()
    for number, event in enumerate(events):
        draft = Draft(event, event_id=f"{session_id}-{head.sequence}-{number}", source="/m")
        head = (await log.append(session_id, draft, head))[-1].head


async def a_log(*session_ids: str) -> MemoryEventLog:
    log = MemoryEventLog()
    for session_id in session_ids:
        await write(
            log,
            session_id,
            SessionCreated(session_name="x", project_path="/p", llm=LlmConfig()),
            SessionStatusChanged(status=Status.ACTIVE),
        )
    return log


async def test_two_replicas_on_one_log_give_one_answer_to_one_command():
    log = await a_log("s1")
    one, other = a_coordinator(log), a_coordinator(log)

    first = await one.answer(say("s1", "hi"))
    again = await other.answer(say("s1", "hi"))

    assert first.data == again.data == {"session_id": "s1", "sequence": 3, "cursor": 3}


async def test_a_replica_that_lost_every_race_decides_on_what_the_others_wrote():
    log = await a_log("s1")
    one, other = a_coordinator(log), a_coordinator(log)
    await other.answer(say("s1", "warm"))  # its clock stands still: its state counts as fresh

    for number in range(5):
        await one.answer(say("s1", f"{number}"))
    late = await other.answer(say("s1", "late"))

    assert cast("dict[str, Any]", late.data)["sequence"] == 9


async def test_a_repeat_finds_its_number_after_its_session_was_forgotten_here():
    log = await a_log("s1", "s2")
    coordinator = a_coordinator(log, most_folds=1)

    first = await coordinator.answer(say("s1", "hi"))
    await coordinator.answer(say("s2", "elsewhere"))
    again = await coordinator.answer(say("s1", "hi"))

    assert again.data == first.data


async def test_a_repeat_finds_its_cursor_behind_more_commands_than_are_remembered():
    log = await a_log("s1")
    coordinator = a_coordinator(log)
    coordinator._inbox_limit = 1_000
    first = await coordinator.answer(say("s1", "first"))
    for number in range(300):
        await coordinator.answer(say("s1", f"{number}"))

    again = await coordinator.answer(say("s1", "first"))

    assert again.data == first.data


async def a_snapshot(log: MemoryEventLog, session_id: str, /, **changed: Any) -> MemoryKeep:
    """Return a keep with the snapshot of a session as it is now, changed where named."""
    state = fold([entry async for entry in log.read(session_id)])
    kept = MemoryKeep()
    await kept.put("s1", dump(Snapshot(replace(state, **changed), Transcript())))
    return kept


async def test_a_first_fold_begins_from_the_snapshot():
    log = await a_log("s1")
    coordinator = a_coordinator(log, snapshots=await a_snapshot(log, "s1", name="of the snapshot"))
    await write(log, "s1", SessionStatusChanged(status=Status.IDLE))

    answer = await coordinator.answer(say("s1", "hi"))

    state = coordinator._folds.of("s1").state
    assert cast("dict[str, Any]", answer.data)["sequence"] == 4
    assert (state.name, state.status) == ("of the snapshot", Status.IDLE)


@pytest.mark.parametrize(
    "changed",
    [
        {"head": Head(99, 2, "ab" * 32)},
        {"head": Head(2, 2, "ab" * 32)},
        {"head": Head(1, 1, "ab" * 32)},
        {"session_id": "s2"},
    ],
    ids=["beyond the log", "another head", "another past", "another session"],
)
async def test_a_snapshot_of_another_log_is_none(changed: dict[str, Any]):
    log = await a_log("s1")
    kept = await a_snapshot(log, "s1", name="wrong", **changed)
    coordinator = a_coordinator(log, snapshots=kept)

    answer = await coordinator.answer(say("s1", "hi"))

    assert cast("dict[str, Any]", answer.data)["sequence"] == 3
    assert coordinator._folds.of("s1").state.name == "x"


async def test_damaged_bytes_are_no_snapshot():
    log, kept = await a_log("s1"), MemoryKeep()
    await kept.put("s1", b"\xff{")
    coordinator = a_coordinator(log, snapshots=kept)

    answer = await coordinator.answer(say("s1", "hi"))

    assert cast("dict[str, Any]", answer.data)["sequence"] == 3


async def test_a_refusal_is_given_on_the_newest_state_even_when_ours_seems_fresh():
    log = await a_log("s1")
    coordinator = a_coordinator(log)
    await write(log, "s1", SessionStatusChanged(status=Status.CLOSED))
    with pytest.raises(InvalidTransition):
        await coordinator.answer(say("s1", "closed"))

    await write(log, "s1", SessionStatusChanged(status=Status.ACTIVE))
    accepted = await coordinator.answer(say("s1", "open again"))

    assert accepted.name == "command.accepted"


async def test_a_close_of_what_was_resumed_meanwhile_is_recorded():
    log = await a_log("s1")
    coordinator = a_coordinator(log)
    await write(log, "s1", SessionStatusChanged(status=Status.CLOSED))
    with pytest.raises(InvalidTransition):
        await coordinator.answer(say("s1", "closed"))
    await write(log, "s1", SessionStatusChanged(status=Status.ACTIVE))
    name = "session.close"
    data = {"session_id": "s1"}
    close = Envelope(id="c", source="/a", type=type_of(name), data=data)

    request = request_of(close, command_request(name))
    await coordinator._recorded(request, cast("Any", request.command))

    last = await log.last("s1")
    assert last is not None
    assert last.event.name == "session.close_requested"


async def test_sessions_that_are_not_there_are_not_kept():
    coordinator = a_coordinator(await a_log())

    for number in range(20):
        with pytest.raises(SessionNotFound):
            await coordinator.answer(say(f"s{number}", "hi"))

    assert len(coordinator._folds) == 0


async def test_many_at_once_are_all_recorded_in_the_order_they_were_asked():
    log = await a_log("s1")
    coordinator = a_coordinator(log)

    answers = await asyncio.gather(*(coordinator.answer(say("s1", f"{n}")) for n in range(50)))

    numbers = [cast("dict[str, Any]", answer.data)["sequence"] for answer in answers]
    assert numbers == list(range(3, 53))


async def test_a_defect_of_ours_is_answered_with_an_incident_that_the_log_explains(
    caplog: pytest.LogCaptureFixture,
):
    coordinator = a_coordinator(await a_log())  # it has no manager to ask
    name = "session.list"
    body = Envelope(id="1", source="/a", type=type_of(name), data={}).to_json()

    answer, unread = await answered(coordinator, Asked(command_request(name), "", body, {}))

    said = json.loads(answer)
    data = said["data"]
    assert (data["code"], said["causationid"], unread) == ("internal", "1", None)
    assert f"incident {data['details']['incident']}" in caplog.text
    assert "Traceback" not in data["message"]
