"""`jidoka up`: the embedded runtime, in the foreground unless detached."""

from __future__ import annotations

import json
import os
import sys
from typing import Annotated

import typer


def command(
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Return when it is ready; it runs on.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print an object.")] = False,
) -> int:
    """Start the embedded runtime: broker and programs of this home."""
    from jidoka.cli import local_runtime  # noqa: PLC0415
    from jidoka.settings import check_all  # noqa: PLC0415

    if not detach:
        # the runtime takes this process's place, so signals reach it without a middleman
        os.execv(sys.executable, [sys.executable, "-m", local_runtime.MODULE])  # noqa: S606 - our own program
    check_all(os.environ)
    settings = local_runtime.settings_of_runtime()
    local = local_runtime.start(settings)
    if as_json:
        print(json.dumps({"pid": local.pid, "home": str(settings.home)}))
    else:
        print(f"jidoka is up (pid {local.pid}, home {settings.home}). `jidoka down` ends it.")
    return 0
