"""`python -m jidoka.sandbox.report`: which layer holds on this machine, as one JSON object."""

from __future__ import annotations

import asyncio
import json
import sys

from jidoka.sandbox.probe import ProbedSandbox


async def report() -> dict[str, object]:
    """Return what the probe found: layer, why, what it leaves open, what was tried."""
    choice = await ProbedSandbox().choice()
    return {
        "layer": choice.layer,
        "why": choice.why,
        "gaps": list(choice.gaps),
        "tried": [
            {"name": attempt.name, "works": attempt.works, "why": attempt.why}
            for attempt in choice.tried
        ],
    }


def main() -> int:
    """Print the report; exit code 1 when no layer holds."""
    found = asyncio.run(report())
    sys.stdout.write(json.dumps(found) + "\n")
    return 1 if found["layer"] == "none" else 0


if __name__ == "__main__":
    sys.exit(main())
