import unittest

from cache import Cache
from loader import Templates


class Lru(unittest.TestCase):
    def setUp(self):
        self.now = 0.0
        self.cache = Cache(2, 10.0, lambda: self.now)

    def test_the_one_unused_for_the_longest_time_goes(self):
        self.cache.put("a", 1)
        self.cache.put("b", 2)
        self.cache.get("a")
        self.cache.put("c", 3)
        self.assertEqual([self.cache.get(key) for key in "abc"], [1, None, 3])

    def test_putting_again_counts_as_use(self):
        self.cache.put("a", 1)
        self.cache.put("b", 2)
        self.cache.put("a", 4)
        self.cache.put("c", 3)
        self.assertEqual([self.cache.get(key) for key in "abc"], [4, None, 3])

    def test_what_is_too_old_is_gone(self):
        self.cache.put("a", 1)
        self.now = 10.5
        self.assertIsNone(self.cache.get("a"))
        self.assertEqual(len(self.cache), 0)

    def test_templates_are_read_once(self):
        asked = []
        templates = Templates(self.cache, lambda name: asked.append(name) or f"<{name}>")
        for name in ("home", "help", "home", "about", "home"):
            templates.load(name)
        self.assertEqual(asked, ["home", "help", "about"])
