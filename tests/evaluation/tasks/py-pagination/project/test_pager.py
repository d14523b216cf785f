import unittest

from catalogue import Catalogue
from pager import page_count, page_of


class Pages(unittest.TestCase):
    def test_a_rest_has_a_page_of_its_own(self):
        self.assertEqual([page_count(n, 3) for n in (0, 1, 3, 4, 7)], [1, 1, 1, 2, 3])

    def test_every_item_is_on_one_page(self):
        items = list(range(7))
        pages = [page_of(items, n, 3) for n in (1, 2, 3)]
        self.assertEqual([i for page in pages for i in page.items], items)
        self.assertEqual([page.has_next for page in pages], [True, True, False])

    def test_there_is_no_page_behind_the_last(self):
        with self.assertRaises(IndexError):
            page_of([1, 2, 3], 2, 3)

    def test_the_catalogue_shows_where_it_is(self):
        shown = Catalogue(["pear", "Apple", "fig", "lime"]).show(2)
        self.assertEqual(shown, "pear\npage 2 of 2")


if __name__ == "__main__":
    unittest.main()
