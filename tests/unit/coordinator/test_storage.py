"""What is refused while the disk of the broker is full."""

from __future__ import annotations

from pathlib import Path

import pytest

from jidoka.contract.commands import CancelTurn, SubmitMessage
from jidoka.contract.errors import StorageFull
from jidoka.coordinator import storage
from jidoka.coordinator.storage import Storage
from jidoka.settings.storage import FULL_BYTES, LOW_BYTES, Room

MESSAGE = SubmitMessage(session_id="s1", content="go")


def test_without_room_a_message_is_refused_and_what_ends_work_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(storage, "room_in", lambda _: Room(FULL_BYTES - 1))

    Storage(tmp_path).check(CancelTurn(session_id="s1"))
    with pytest.raises(StorageFull) as refused:
        Storage(tmp_path).check(MESSAGE)

    assert refused.value.free_bytes == FULL_BYTES - 1


def test_with_room_or_a_broker_elsewhere_nothing_is_refused(tmp_path: Path):
    Storage(tmp_path / "not" / "there" / "yet").check(MESSAGE)
    Storage(None).check(MESSAGE)


@pytest.mark.parametrize(
    ("free", "state"),
    [(FULL_BYTES - 1, "full"), (FULL_BYTES, "low"), (LOW_BYTES - 1, "low"), (LOW_BYTES, "ok")],
)
def test_a_disk_is_full_low_or_well(free: int, state: str):
    assert Room(free).state == state
