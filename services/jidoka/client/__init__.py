"""The public Python door: `from jidoka.client import Client`."""

from jidoka.bus.quarantine import Extent, Quarantined
from jidoka.client.items import Item, Recorded, Shown
from jidoka.client.session import Client

__all__ = ["Client", "Extent", "Item", "Quarantined", "Recorded", "Shown"]
