import unittest

from checkout import total
from money import Money


class OfMoney(unittest.TestCase):
    def test_it_counts_in_cents(self):
        self.assertEqual(Money.parse("12.99", "EUR"), Money(1299, "EUR"))
        self.assertEqual(Money.parse("5", "EUR"), Money(500, "EUR"))

    def test_it_is_shown_with_two_decimals(self):
        self.assertEqual([str(Money(1205, "EUR")), str(Money(-5, "USD"))], ["12.05 EUR", "-0.05 USD"])

    def test_currencies_do_not_mix(self):
        with self.assertRaises(ValueError):
            Money(1, "EUR") + Money(1, "USD")

    def test_it_is_split_without_a_lost_cent(self):
        self.assertEqual(Money(1000, "EUR").split(3), [Money(334, "EUR"), Money(333, "EUR"), Money(333, "EUR")])

    def test_it_can_be_a_key(self):
        self.assertEqual({Money(1, "EUR"): "a"}[Money(1, "EUR")], "a")

    def test_a_basket_is_added_up(self):
        self.assertEqual(total(["0.10"] * 3), Money(30, "EUR"))
