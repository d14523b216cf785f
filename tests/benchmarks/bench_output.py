"""100 MB of a tool's output: how much its worker grows, and how long it takes."""

from __future__ import annotations

from tests.benchmarks.results import Figure
from tests.support.big_output import KINDS, printed

MIB = 1024 * 1024
MOST_GROWN_MIB = 20


async def test_a_worker_while_its_tool_prints_100_mb(stack, record):
    done = {
        kind: await printed(stack.client, stack.home.parent / f"prints-{number}", command)
        for number, (kind, command) in enumerate(KINDS.items())
    }

    grown = max(each.grown_bytes for each in done.values()) / MIB
    record.append(Figure("worker grows at 100 MB of output", grown, "MiB", MOST_GROWN_MIB))
    record.extend(
        Figure(f"100 MB of output, {kind}", each.seconds, "s") for kind, each in done.items()
    )
