"""What a worker loads with the bus: it is forked by the hundred, so every module counts."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = {"faststream", "litellm", "structlog", "httpx", "aiohttp", "mcp", "textual", "typer"}


def test_importing_the_bus_loads_nothing_heavy_and_starts_nothing():
    code = (
        "import sys, threading, json\n"
        "import jidoka.bus.event_log, jidoka.bus.live, jidoka.bus.requests, jidoka.bus.buckets\n"
        "print(json.dumps([sorted({m.split('.')[0] for m in sys.modules}),"
        " threading.active_count()]))"
    )

    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=20, check=True)

    modules, threads = json.loads(ran.stdout)
    assert not HEAVY & set(modules)
    assert threads == 1
