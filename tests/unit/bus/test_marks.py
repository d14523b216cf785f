"""The file of high-water marks: a damaged line is one mark less, never a wrong one."""

from __future__ import annotations

import asyncio
import threading
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jidoka.bus import marks as marks_file
from jidoka.bus.marks import Grave, Marks
from jidoka.core.ports import Head


def a_head(sequence: int) -> Head:
    return Head(cursor=7 * sequence, sequence=sequence, digest=f"{sequence:064x}")


async def written(path: Path, heads: dict[str, Head]) -> Marks:
    marks = Marks(path)
    for session_id, head in heads.items():
        marks.note(session_id, head)
    await marks.flush()
    return marks


async def test_what_was_noted_is_there_after_a_restart(tmp_path):
    heads = {"s1": a_head(3), "s2": a_head(9)}
    await written(tmp_path / "marks", heads)

    assert await Marks(tmp_path / "marks").load() == heads


async def test_no_file_is_no_marks(tmp_path):
    assert await Marks(tmp_path / "nothing").load() == {}


async def test_a_mark_never_goes_back(tmp_path):
    marks = await written(tmp_path / "marks", {"s1": a_head(5)})
    marks.note("s1", a_head(4))
    await marks.flush()

    assert await Marks(tmp_path / "marks").load() == {"s1": a_head(5)}


async def test_a_deleted_session_has_a_grave_and_no_mark_whatever_comes_of_it(tmp_path):
    marks = await written(tmp_path / "marks", {"s1": a_head(5), "s2": a_head(1)})
    marks.bury("s1", a_head(6), a_head(5).digest)
    marks.note("s1", a_head(7))
    await marks.flush()
    marks.note("s1", a_head(8))
    await marks.flush()

    again = Marks(tmp_path / "marks")
    assert await again.load() == {"s2": a_head(1)}
    assert again.graves() == marks.graves() == {"s1": Grave(a_head(6), a_head(5).digest)}


async def test_a_session_that_an_earlier_build_forgot_has_no_mark(tmp_path):
    await written(tmp_path / "marks", {"s1": a_head(5), "s2": a_head(1)})
    forgotten = f"s1 0 {Head().digest} 0".encode()
    with (tmp_path / "marks").open("ab") as file:
        file.write(b"%s %08x\n" % (forgotten, zlib.crc32(forgotten)))

    assert await Marks(tmp_path / "marks").load() == {"s2": a_head(1)}


async def test_the_task_writes_batches_and_the_rest_at_its_end(tmp_path):
    marks = Marks(tmp_path / "marks", batch_s=0)
    running = asyncio.create_task(marks.run())
    marks.note("s1", a_head(1))
    while not await Marks(tmp_path / "marks").load():  # noqa: ASYNC110 - seen from outside
        await asyncio.sleep(0)
    marks.note("s1", a_head(2))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert await Marks(tmp_path / "marks").load() == {"s1": a_head(2)}


async def test_a_write_that_has_begun_is_in_the_file_when_the_task_has_ended(tmp_path, monkeypatch):
    begun, go_on = threading.Event(), threading.Event()

    def held_up(path: Path, batch: dict) -> None:
        begun.set()
        go_on.wait(20)
        append(path, batch)

    append = marks_file._append
    monkeypatch.setattr(marks_file, "_append", held_up)
    marks = Marks(tmp_path / "marks", batch_s=0)
    running = asyncio.create_task(marks.run())
    marks.note("s1", a_head(1))
    await asyncio.to_thread(begun.wait, 20)

    running.cancel()
    await asyncio.wait({running}, timeout=0.05)
    ended_before = running.done()
    go_on.set()
    await asyncio.wait({running})

    assert not ended_before
    assert await Marks(tmp_path / "marks").load() == {"s1": a_head(1)}


async def test_the_file_does_not_grow_without_end(tmp_path, monkeypatch):
    monkeypatch.setattr("jidoka.bus.marks.SPARE_LINES", 10)
    marks = await written(tmp_path / "marks", {"s1": a_head(1)})
    for sequence in range(2, 200):
        marks.note("s1", a_head(sequence))
        await marks.flush()

    assert len((tmp_path / "marks").read_bytes().splitlines()) <= 13
    assert await Marks(tmp_path / "marks").load() == {"s1": a_head(199)}


async def test_a_line_that_was_torn_does_not_swallow_the_next(tmp_path):
    path = tmp_path / "marks"
    await written(path, {"s1": a_head(1), "s2": a_head(2)})
    path.write_bytes(path.read_bytes()[:-5])

    marks = Marks(path)
    assert await marks.load() == {"s1": a_head(1)}
    marks.note("s3", a_head(3))
    await marks.flush()

    assert await Marks(path).load() == {"s1": a_head(1), "s3": a_head(3)}


async def test_a_disk_that_refuses_is_tried_again(tmp_path, caplog):
    home = tmp_path / "home"
    home.write_text("a file where the folder should be")
    marks = await written(home / "marks", {"s1": a_head(1)})
    assert "not written" in caplog.text

    home.unlink()
    await marks.flush()

    assert await Marks(home / "marks").load() == {"s1": a_head(1)}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
async def test_no_flipped_bit_makes_a_wrong_mark(tmp_path, data):
    path = tmp_path / "marks"
    path.unlink(missing_ok=True)
    heads = {f"s{number}": a_head(number) for number in range(1, 6)}
    await written(path, heads)
    body = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] ^= 1 << data.draw(st.integers(0, 7))
    path.write_bytes(body)

    found = await Marks(path).load()

    assert set(found.items()) <= set(heads.items())
    assert len(found) >= len(heads) - 2


@pytest.mark.parametrize("cut", [2, 50, 200])
async def test_a_cut_file_keeps_its_beginning(tmp_path, cut):
    path = tmp_path / "marks"
    heads = {f"s{number}": a_head(number) for number in range(1, 6)}
    await written(path, heads)
    path.write_bytes(path.read_bytes()[:-cut])

    found = await Marks(path).load()

    assert set(found.items()) < set(heads.items())
