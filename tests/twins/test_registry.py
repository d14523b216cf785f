"""One suite for every registry: what is known of all sessions, folded from the log."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from jidoka.contract import events as e
from jidoka.contract.content import Status, ToolCall, TurnOutcome, Usage
from jidoka.core.registry import Registry, SessionQuery
from jidoka.store.memory import MemoryRegistry
from jidoka.store.registry import SqliteRegistry
from tests.support.entries import START, LogWriter


@pytest.fixture(params=["memory", "sqlite"])
async def registry(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Registry]:
    if request.param == "memory":
        yield MemoryRegistry()
        return
    sqlite = await SqliteRegistry.open(tmp_path / "registry.db")
    yield sqlite
    await sqlite.close()


@pytest.fixture
def log() -> LogWriter:
    return LogWriter()


def answer(turn_id: str, text: str, *calls: ToolCall) -> e.LlmResponded:
    return e.LlmResponded(
        turn_id=turn_id,
        call_id=f"{turn_id}-{text[:8]}",
        step=1,
        content=text,
        tool_calls=calls,
        usage=Usage(input_tokens=10, output_tokens=5),
        cost_usd=0.25,
        model="m",
    )


async def test_a_new_registry_knows_nothing(registry: Registry):
    found = await registry.find(SessionQuery())

    assert found == ()
    assert await registry.position() == 0
    assert await registry.get("s1") is None


async def test_a_created_session_is_known_by_its_first_event(registry: Registry, log: LogWriter):
    log.create("s1", path="/p/one", name="one")

    await registry.apply(log.entries, after=0)

    row = await registry.get("s1")
    assert row is not None
    assert (row.name, row.project_path, row.status) == ("one", "/p/one", Status.INITIALIZING)
    assert (row.first_cursor, row.head) == (1, log.entries[-1].head)


async def test_a_batch_that_was_applied_before_changes_nothing(registry: Registry, log: LogWriter):
    log.create("s1")
    log.write("s1", e.TurnStarted(turn_id="t", message_ids=()), answer("t", "hello"))
    position = await registry.apply(log.entries, after=0)
    before = await registry.get("s1")

    again = await registry.apply(log.entries, after=0)

    assert again == position == len(log.entries)
    assert await registry.get("s1") == before


async def test_a_batch_beyond_a_gap_is_not_applied(registry: Registry, log: LogWriter):
    log.create("s1")
    await registry.apply(log.entries[:1], after=0)

    position = await registry.apply(log.entries[1:], after=7)

    assert position == 1
    assert await registry.position() == 1


async def test_a_turn_adds_up_messages_tokens_and_cost(registry: Registry, log: LogWriter):
    log.create("s1")
    log.write(
        "s1",
        e.MessageAccepted(message_id="m1", content="hi"),
        e.TurnStarted(turn_id="t", message_ids=("m1",)),
        answer("t", "one", ToolCall(call_id="c1", tool="read", arguments="{}")),
        e.ToolCompleted(turn_id="t", call_id="c1", tool="read", output=""),
        answer("t", "two"),
        e.TurnEnded(turn_id="t", outcome=TurnOutcome.COMPLETED),
    )

    await registry.apply(log.entries, after=0)

    row = await registry.get("s1")
    assert row is not None
    assert (row.messages, row.turns, row.inbox) == (1, 1, ())
    assert row.tokens == {"input_tokens": 20, "output_tokens": 10}
    assert row.cost_usd == 0.5
    assert (row.phase, row.turn_id) == ("ready", None)


async def test_a_question_is_listed_until_it_is_answered(registry: Registry, log: LogWriter):
    log.create("s1")
    call = ToolCall(call_id="c1", tool="shell", arguments="{}")
    asked = e.PermissionRequested(
        turn_id="t",
        call_id="c1",
        tool="shell",
        args={},
        risk="execute",
        deadline=START,
    )
    log.write("s1", e.TurnStarted(turn_id="t", message_ids=()), answer("t", "x", call), asked)
    position = await registry.apply(log.entries, after=0)
    waiting = await registry.get("s1")
    log.write("s1", e.PermissionAnswered(call_id="c1", decision="allow"))

    await registry.apply(log.entries, after=position)

    answered = await registry.get("s1")
    assert waiting is not None
    assert answered is not None
    assert (waiting.phase, waiting.waiting) == ("waiting", ("c1",))
    assert (answered.phase, answered.waiting) == ("acting", ())


async def test_sessions_are_listed_newest_first_in_pages(registry: Registry, log: LogWriter):
    for number in range(5):
        log.create(f"s{number}")
    await registry.apply(log.entries, after=0)

    first = await registry.find(SessionQuery(limit=2))
    second = await registry.find(SessionQuery(limit=2, before=first[-1].first_cursor))

    assert [row.session_id for row in first] == ["s4", "s3"]
    assert [row.session_id for row in second] == ["s2", "s1"]


async def test_terminated_sessions_are_listed_only_when_asked_for(
    registry: Registry, log: LogWriter
):
    log.create("s1")
    log.create("s2")
    log.write("s1", e.SessionTerminated(reason="terminate_requested"))
    await registry.apply(log.entries, after=0)

    usual = await registry.find(SessionQuery())
    ended = await registry.find(SessionQuery(statuses=("terminated",)))

    assert [row.session_id for row in usual] == ["s2"]
    assert [(row.session_id, row.reason) for row in ended] == [("s1", "terminate_requested")]


async def test_of_a_deleted_session_nothing_is_known_or_found(registry: Registry, log: LogWriter):
    log.create("s1")
    log.write("s1", e.MessageAccepted(message_id="m", content="porcupine"), answer("t", "hedgehog"))
    log.create("s2")
    await registry.apply(log.entries[:-1], after=0)
    deleted = e.SessionDeleted(at=START, by="anna", last_sequence=4, last_hash="0" * 64)
    log.write("s1", deleted)

    await registry.apply(log.entries[-2:], after=len(log.entries) - 2)

    everything = SessionQuery(statuses=tuple(status.value for status in Status))
    assert await registry.get("s1") is None
    assert [row.session_id for row in await registry.find(everything)] == ["s2"]
    assert await registry.find(SessionQuery(text="porcupine")) == ()
    assert await registry.find(SessionQuery(text="hedgehog")) == ()


async def test_a_tombstone_alone_makes_no_session(registry: Registry, log: LogWriter):
    deleted = e.SessionDeleted(at=START, by="anna", last_sequence=4, last_hash="0" * 64)
    log.write("s1", deleted)

    await registry.apply(log.entries, after=0)

    assert await registry.get("s1") is None
    assert await registry.position() == 1


async def test_a_list_is_narrowed_to_a_folder(registry: Registry, log: LogWriter):
    log.create("s1", path="/p/one")
    log.create("s2", path="/p/one-more")
    await registry.apply(log.entries, after=0)

    found = await registry.find(SessionQuery(project="/p/one"))

    assert [row.session_id for row in found] == ["s1"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("parser", {"s1"}),
        ("PARS", {"s1"}),
        ("failing parser", {"s1"}),
        ("cafe", {"s2"}),
        ("spelling", {"s2"}),
        ("parser spelling", set()),
        ('" OR * (', set()),
        ("no-such-word", set()),
        ("named", {"s1", "s2"}),
    ],
)
async def test_a_search_finds_messages_answers_titles_and_names(
    registry: Registry, log: LogWriter, text: str, found: set[str]
):
    log.create("s1", name="named one")
    log.create("s2", name="named two")
    log.write("s1", e.MessageAccepted(message_id="m1", content="Mend the failing parser"))
    log.write("s2", e.SessionTitled(title="Café menu"), answer("t", "The spelling is right now"))
    await registry.apply(log.entries, after=0)

    rows = await registry.find(SessionQuery(text=text))

    assert {row.session_id for row in rows} == found


async def test_a_search_knows_edited_and_withdrawn_messages(registry: Registry, log: LogWriter):
    log.create("s1")
    log.write(
        "s1",
        e.MessageAccepted(message_id="m1", content="alpha"),
        e.MessageAccepted(message_id="m2", content="gamma"),
        e.MessageEdited(message_id="m1", content="beta"),
        e.MessageWithdrawn(message_id="m2"),
    )
    await registry.apply(log.entries, after=0)

    found = {
        word: len(await registry.find(SessionQuery(text=word)))
        for word in ("alpha", "beta", "gamma")
    }

    assert found == {"alpha": 0, "beta": 1, "gamma": 0}


async def test_a_reset_registry_can_be_filled_again(registry: Registry, log: LogWriter):
    log.create("s1")
    await registry.apply(log.entries, after=0)
    before = await registry.get("s1")

    await registry.reset()

    assert await registry.position() == 0
    assert await registry.find(SessionQuery()) == ()
    await registry.apply(log.entries, after=0)
    assert await registry.get("s1") == before
