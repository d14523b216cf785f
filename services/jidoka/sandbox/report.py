"""Which layer holds here, as JSON for `jidoka doctor`: `python -m jidoka.sandbox.report`."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import asdict
from typing import Any

from jidoka.sandbox.probe import ProbedSandbox


async def report() -> dict[str, Any]:
    """Return the layer, why it was taken, what it leaves open, and what else was tried."""
    choice = await ProbedSandbox().choice()
    return {
        "layer": choice.layer,
        "why": choice.why,
        "gaps": choice.gaps,
        "limits": choice.limits,
        "tried": [asdict(attempt) for attempt in choice.tried],
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(report())) + "\n")
