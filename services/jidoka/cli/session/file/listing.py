"""`jidoka session file list`: the files that the model has before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jidoka.cli import options

if TYPE_CHECKING:
    from jidoka.client import Client
    from jidoka.contract.replies import ContextReport


def command(target: options.Target, as_json: options.AsJson = False) -> int:
    """List the active files of a session with their sizes, the one added last at the end."""
    from jidoka.cli.door import session_id_of, with_client  # noqa: PLC0415
    from jidoka.cli.showing import print_json, print_table  # noqa: PLC0415

    async def work(client: Client) -> ContextReport:
        return await client.get_context(await session_id_of(client, target), ())

    report = with_client(work)
    parts = {part.detail: part for part in report.parts if part.name == "files"}
    if as_json:
        files = ((path, parts.get(path)) for path in report.files)
        print_json(
            [
                {"path": path, "tokens": part.tokens if part else 0, "left_out": _why(part)}
                for path, part in files
            ]
        )
        return 0
    rows = [
        (path, f"{parts[path].tokens:,}" if path in parts else "", _why(parts.get(path)))
        for path in report.files
    ]
    print_table(("FILE", "TOKENS", "LEFT OUT"), rows)
    return 0


def _why(part: object) -> str:
    return str(getattr(part, "left_out", ""))
