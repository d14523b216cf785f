"""`jidoka dlq redrive`: send a durable command again, now that what was in its way is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jidoka.cli import options
from jidoka.cli.dlq.wording import Number

if TYPE_CHECKING:
    from jidoka.client import Client


def command(number: Number, as_json: options.AsJson = False) -> int:
    """Put a durable command back into its queue, as it came; it is recorded once for its id."""
    from jidoka.cli.door import with_client  # noqa: PLC0415
    from jidoka.cli.showing import print_json  # noqa: PLC0415

    async def work(client: Client) -> str:
        return await client.redrive_quarantined(number)

    subject = with_client(work)
    if as_json:
        print_json({"number": number, "subject": subject})
    else:
        print(f"{number} is sent again to {subject}")
    return 0
