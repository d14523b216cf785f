"""`jidoka dlq show`: one message of quarantine, as it came, with the reason."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from jidoka.cli import options
from jidoka.cli.dlq.wording import Number, summary

if TYPE_CHECKING:
    from jidoka.client import Client, Quarantined


def command(number: Number, as_json: options.AsJson = False) -> int:
    """Show a message: why it was put away, the headers and the body of the original."""
    from jidoka.cli.door import with_client  # noqa: PLC0415
    from jidoka.cli.showing import print_json  # noqa: PLC0415

    async def work(client: Client) -> Quarantined:
        return await client.get_quarantined(number)

    message = with_client(work)
    if as_json:
        whole = {"error": message.error, "headers": message.headers, "body": _text(message.body)}
        encoded = base64.b64encode(message.body).decode()
        print_json(summary(message) | whole | {"body_base64": encoded})
    else:
        _print(message)
    return 0


def _print(message: Quarantined) -> None:
    """Print a message for a person: nothing in it commands the terminal."""
    from jidoka.cli.transcript import harmless  # noqa: PLC0415

    for name, value in summary(message).items():
        if value not in (None, ""):
            print(harmless(f"{name.replace('_', ' '):12} {value}"))
    for name, value in message.headers.items():
        print(harmless(f"{'header':12} {name}: {value}"))
    print(f"\n{harmless(message.body.decode(errors='replace'))}")


def _text(body: bytes) -> str | None:
    """Return a body as text, None where it is none."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None
