import unittest

from report import database, top_customers


class TopCustomers(unittest.TestCase):
    def setUp(self):
        self.db = database()
        self.addCleanup(self.db.close)
        self.db.executemany("INSERT INTO customer VALUES (?, ?)", [(1, "Ada"), (2, "Bob"), (3, "Eve"), (4, "Ada")])
        self.db.executemany('INSERT INTO "order" VALUES (?, ?, ?)', [(1, 1, 1000), (2, 1, 500), (3, 2, 1200), (4, 4, 10)])
        self.db.executemany("INSERT INTO payment VALUES (?, ?, ?)", [(1, 1, 400), (2, 1, 600), (3, 3, 200)])

    def test_everybody_is_there_once_with_right_sums(self):
        self.assertEqual(
            top_customers(self.db),
            [("Ada", 1500, 500), ("Bob", 1200, 1000), ("Ada", 10, 10), ("Eve", 0, 0)],
        )
