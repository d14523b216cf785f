"""`jidoka session export`: a session as one file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jidoka.cli import options

if TYPE_CHECKING:
    from jidoka.client import Client


def command(
    target: options.Target,
    file: Annotated[Path, typer.Argument(help="Where to write it.")],
    as_json: options.AsJson = False,
) -> int:
    """Write a session to one file: all that its log holds, with blobs and hashes."""
    from jidoka.cli.door import session_id_of, with_client  # noqa: PLC0415
    from jidoka.cli.showing import print_json  # noqa: PLC0415

    async def work(client: Client) -> tuple[str, int]:
        session_id = await session_id_of(client, target)
        return session_id, await client.export_session(session_id, file.expanduser().absolute())

    session_id, size_bytes = with_client(work)
    if as_json:
        print_json({"session_id": session_id, "file": str(file), "size_bytes": size_bytes})
    else:
        print(f"{session_id} exported to {file} ({size_bytes:,} bytes)")
    return 0
