import unittest

from invoice import line_total, total
from shop import printed


class Invoices(unittest.TestCase):
    def test_half_a_cent(self):
        self.assertEqual([line_total(1, 5, 50), line_total(1, 25, 50), line_total(1, 35, 50)], [3, 13, 18])

    def test_the_total_is_that_of_the_lines_as_they_are_printed(self):
        self.assertEqual(total([(1, 5, 50), (1, 5, 50)]), 6)
        self.assertEqual(printed([(1, 25, 50), (1, 25, 50)]), "1 x 0.25 = 0.13\n1 x 0.25 = 0.13\ntotal 0.26")

    def test_large_amounts_stay_exact(self):
        self.assertEqual(line_total(10**15 + 1, 33, 0), 33 * (10**15 + 1))
