"""Loads templates once."""


class Templates:
    def __init__(self, cache, read):
        self._cache = cache
        self._read = read

    def load(self, name):
        text = self._cache.get(name)
        if text is None:
            text = self._read(name)
            self._cache.put(name, text)
        return text
