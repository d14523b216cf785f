import hashlib
import multiprocessing
from pathlib import Path

import pytest

from jidoka.contract.errors import ModelUnknown, StorageNotWritable, Unavailable
from jidoka.llm.weights import Expected, checked_gguf, is_joined, join

PIECES = [f"chunk {number};".encode() for number in range(1, 13)]
WHOLE = b"".join(PIECES)
EXPECTED = Expected(len(WHOLE), hashlib.sha256(WHOLE).hexdigest())


def _chunks(folder: Path, pieces: list[bytes]) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / f"part{number:02d}.bin" for number in range(1, len(pieces) + 1)]
    for path, piece in zip(paths, pieces, strict=True):
        path.write_bytes(piece)
    return paths


def _ignore(done: int, total: int) -> None:
    pass


def _join_there(chunks: list[Path], target: Path) -> None:
    join(chunks, target, EXPECTED, _ignore)


def test_chunks_are_joined_in_the_order_given_and_progress_reaches_the_whole(tmp_path):
    seen: list[tuple[int, int]] = []

    target = join(
        _chunks(tmp_path / "data", PIECES),
        tmp_path / "cache" / "m.gguf",
        EXPECTED,
        lambda done, total: seen.append((done, total)),
    )

    assert target.read_bytes() == WHOLE
    assert seen[-1] == (len(WHOLE), len(WHOLE))
    assert seen == sorted(seen)


@pytest.mark.parametrize(
    "pieces",
    [PIECES[::-1], PIECES[:-1], [*PIECES, b"more"], [b"Chunk 1;", *PIECES[1:]]],
    ids=["wrong order", "one short", "one too many", "a flipped bit"],
)
def test_data_that_is_not_what_it_should_be_leaves_no_file(tmp_path, pieces):
    target = tmp_path / "cache" / "m.gguf"

    with pytest.raises(Unavailable, match="not what it should be"):
        join(_chunks(tmp_path / "data", pieces), target, EXPECTED, _ignore)

    assert [path.name for path in target.parent.iterdir()] == ["m.lock"]


def test_a_join_that_was_interrupted_is_begun_anew(tmp_path):
    target = tmp_path / "m.gguf"
    target.with_suffix(".part").write_bytes(WHOLE[:7])

    join(_chunks(tmp_path / "data", PIECES), target, EXPECTED, _ignore)

    assert target.read_bytes() == WHOLE
    assert not target.with_suffix(".part").exists()


def test_an_interruption_in_the_middle_leaves_no_file(tmp_path):
    target = tmp_path / "cache" / "m.gguf"

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        join(_chunks(tmp_path / "data", PIECES), target, EXPECTED, interrupt)

    assert not target.exists()
    assert not target.with_suffix(".part").exists()


def test_several_processes_join_one_file(tmp_path):
    chunks, target = _chunks(tmp_path / "data", PIECES), tmp_path / "m.gguf"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_join_there, args=(chunks, target)) for _ in range(2)]

    for process in processes:
        process.start()
    for process in processes:
        process.join(25)

    assert [process.exitcode for process in processes] == [0, 0]
    assert target.read_bytes() == WHOLE


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(StorageNotWritable):
        join([], tmp_path / "file" / "m.gguf", EXPECTED, _ignore)


def test_a_cache_without_the_file_has_no_weights(tmp_path):
    assert not is_joined(tmp_path)


@pytest.mark.parametrize(("content", "why"), [(b"PK\x03\x04", "no GGUF"), (None, "No such file")])
def test_a_named_model_has_to_be_a_gguf_file(tmp_path, content, why):
    path = tmp_path / "model.gguf"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ModelUnknown, match=why):
        checked_gguf(str(path))


def test_a_gguf_file_is_taken_wherever_it_is(tmp_path):
    path = tmp_path / "any name"
    path.write_bytes(b"GGUF and more")

    assert checked_gguf(str(path)) == path
