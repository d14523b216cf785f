"""100 MB of a tool's output: the worker stays small, and what matters of it is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from jidoka.client import Client
from tests.support.big_output import KINDS, PRINTED, printed
from tests.support.home import Home

pytestmark = [pytest.mark.timeout(180)]
MIB = 1024 * 1024
MOST_GROWN = 20 * MIB
INLINE_BYTES = 64 * 1024
SPILLED = 64 * MIB


@pytest.mark.parametrize("kind", ["lines", "no UTF-8"])  # the benchmark has the others too
async def test_a_worker_whose_tool_prints_100_mb_grows_by_less_than_20(
    home: Home, tmp_path: Path, kind: str
):
    async with await Client.connect(home.state["nats_url"], source="test") as client:
        done = await printed(client, tmp_path / "project", KINDS[kind])

    print(f"\n{kind}: +{done.grown_bytes / MIB:.1f} MiB in {done.seconds:.1f} s")  # noqa: T201
    assert done.grown_bytes <= MOST_GROWN
    assert done.result.exit_status == 0
    assert done.result.output_bytes == PRINTED
    assert len(done.result.output) <= INLINE_BYTES
    assert "bytes left out" in done.result.output
    assert done.result.output_ref
    assert done.result.output_ref.size_bytes <= SPILLED * 3  # a byte that is no text becomes three
