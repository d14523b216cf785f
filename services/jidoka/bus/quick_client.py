"""nats-py's client with a faster reading of headers: it looks at each character of every name.

Half of what a replay costs was that. Should nats-py read them elsewhere one day, this is not used.
"""

from __future__ import annotations

from nats.aio.client import Client


class QuickClient(Client):
    """The client of a `Bus`."""

    @staticmethod
    def _parse_header_lines(raw: bytes) -> dict[str, str]:
        """Return the headers by name; what is no header line is left out, as nats-py does."""
        found: dict[str, str] = {}
        for line in raw.split(b"\r\n"):
            name, colon, value = line.partition(b":")
            key = name.strip().decode("ascii", "replace")
            if colon and key.split() == [key] and key.isascii():
                found[key] = value.strip().decode("utf-8", "replace")
        return found
