"""The embedded model's file, joined once in a process of its own, with a progress bar."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, Final

from jidoka.contract.errors import Unavailable, from_dict
from jidoka.settings import GatewaySettings, load

MODULE: Final = "jidoka.llm.prepare_local"
LIMIT_S: Final = 600.0


async def join_weights() -> None:
    """Return when the model's file is there and checked.

    Raises:
        JidokaError: it cannot be made ready; what the process says.
    """
    cache = load(GatewaySettings, os.environ).model_cache
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        MODULE,
        *(() if cache is None else ("--cache", str(cache))),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(LIMIT_S):
            with _bar() as draw:
                last = await _progress(process, draw)
            code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if "error" in last:
        raise from_dict(last["error"])
    if code != 0:
        raise Unavailable(part="the embedded model", why=f"{MODULE} ended with {code}")


async def _progress(
    process: asyncio.subprocess.Process, draw: Callable[[float, float], None]
) -> dict[str, Any]:
    """Draw what the process says; return its last line."""
    last: dict[str, Any] = {}
    if process.stdout is None:
        return last
    async for line in process.stdout:
        last = json.loads(line)
        if "done_bytes" in last:
            draw(last["done_bytes"], last.get("total_bytes", 0))
    return last


@contextmanager
def _bar() -> Generator[Callable[[float, float], None]]:
    if not sys.stderr.isatty():
        print("making the embedded model ready, once ...", file=sys.stderr, flush=True)
        yield lambda _done, _total: None
        return
    from rich.console import Console  # noqa: PLC0415
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("making the embedded model ready, once", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total or None)
