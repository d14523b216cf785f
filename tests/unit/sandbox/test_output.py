"""However much a command prints, and however it is cut into pieces, little of it is held."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jidoka.core.tooling import INLINE_BYTES, SPILL_BYTES
from jidoka.sandbox.output import Output


@given(st.lists(st.binary(max_size=50)))
def test_a_short_output_is_all_in_the_head_and_needs_no_file(pieces):
    shown: list[str] = []
    output = Output(shown.append)

    for piece in pieces:
        output.add(piece)
    output.close()

    whole = b"".join(pieces)
    assert output.head() == whole.decode(errors="replace").replace("\0", "\ufffd")
    assert "".join(shown) == output.head()
    assert (output.tail(), output.spill, output.size) == ("", None, len(whole))


@pytest.mark.parametrize("piece_bytes", [1_000, 64 * 1024, 300_000])
def test_a_long_output_keeps_both_ends_and_the_whole_in_a_file(piece_bytes):
    whole = "".join(f"Zeile {n} äöü\n" for n in range(30_000)).encode()
    output = Output(lambda _text: None)

    for start in range(0, len(whole), piece_bytes):
        output.add(whole[start : start + piece_bytes])
    output.close()

    text = whole.decode()
    assert text.startswith(output.head())
    assert text.endswith(output.tail())
    assert len((output.head() + output.tail()).encode()) <= INLINE_BYTES
    assert output.spill
    assert Path(output.spill).read_bytes() == whole
    output.discard()


def test_one_byte_more_than_fits_inline_goes_to_a_file():
    fits, over = Output(lambda _text: None), Output(lambda _text: None)

    fits.add(b"x" * INLINE_BYTES)
    over.add(b"x" * INLINE_BYTES)
    over.add(b"x")

    assert fits.spill is None
    assert over.spill is not None
    over.discard()


def test_the_file_is_bounded_too():
    output = Output(lambda _text: None)

    for _ in range(SPILL_BYTES // 2**20 + 3):
        output.add(b"x" * 2**20)

    assert output.spill
    assert Path(output.spill).stat().st_size == SPILL_BYTES
    assert output.size == SPILL_BYTES + 3 * 2**20
    output.discard()


def test_discarding_leaves_no_file():
    output = Output(lambda _text: None)
    output.add(b"x" * 100_000)
    spill = output.spill

    output.discard()

    assert spill
    assert not Path(spill).exists()
