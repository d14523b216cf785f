"""`jidoka down`: end the embedded runtime; sessions stay in their logs and go on later."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def command(
    as_json: Annotated[bool, typer.Option("--json", help="Print an object.")] = False,
) -> int:
    """End the embedded runtime. Nothing is lost: what ran goes on at the next start."""
    from jidoka.cli import local_runtime  # noqa: PLC0415

    settings = local_runtime.settings_of_runtime()
    pid = local_runtime.stop(settings)
    if as_json:
        print(json.dumps({"pid": pid, "home": str(settings.home)}))
    elif pid is None:
        print(f"No runtime is up in {settings.home}.")
    else:
        print(f"jidoka is down (was pid {pid}).")
    return 0
