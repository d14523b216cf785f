"""The public Python door: `from jidoka.client import Client`."""

from jidoka.client.items import Item, Recorded, Shown
from jidoka.client.session import Client

__all__ = ["Client", "Item", "Recorded", "Shown"]
