import unittest

from posts import addresses
from slug import slug


class Slugs(unittest.TestCase):
    def test_letters_become_their_plain_ones(self):
        self.assertEqual(slug("Straße nach Łódź"), "strasse-nach-lodz")
        self.assertEqual(slug("Crème brûlée & Smørrebrød"), "creme-brulee-smorrebrod")
        self.assertEqual(slug("Über ÄÖÜ"), "ueber-aeoeue")

    def test_dashes_stand_only_between_words(self):
        self.assertEqual(slug("  ¿Qué?  ¡Sí!  "), "que-si")
        self.assertEqual(slug("a-" * 40, longest=8), "a-a-a-a")

    def test_what_has_no_letters_is_untitled(self):
        self.assertEqual(slug("日本"), "untitled")

    def test_addresses_differ(self):
        self.assertEqual(addresses(["Café", "Cafe", "日本", "中国"]), ["cafe", "cafe-2", "untitled", "untitled-2"])
