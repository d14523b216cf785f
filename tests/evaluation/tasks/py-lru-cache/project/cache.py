"""A small cache: at most `size` entries, none older than `ttl_s`."""

from collections import OrderedDict


class Cache:
    def __init__(self, size, ttl_s, clock):
        self._size = size
        self._ttl_s = ttl_s
        self._clock = clock
        self._entries = OrderedDict()

    def get(self, key, default=None):
        """Return what is stored under `key`; using it makes it the newest."""
        if key not in self._entries:
            return default
        value, _ = self._entries[key]
        return value

    def put(self, key, value):
        """Store a value; the entry unused for the longest time goes when there is no room."""
        self._entries[key] = (value, self._clock())
        if len(self._entries) > self._size:
            self._entries.popitem()

    def __len__(self):
        return len(self._entries)
