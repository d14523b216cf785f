import unittest

from cart import discounted, shipping, subtotal


class CartTest(unittest.TestCase):
    def test_subtotal_adds_price_times_quantity(self):
        self.assertEqual(subtotal([(250, 2), (100, 5)]), 1000)

    def test_a_discount_of_10_percent_leaves_90(self):
        left = discounted(1000, 10)
        self.assertEqual(left, 900, "a discount of 10 percent on 1000 must leave 900")

    def test_delivery_is_free_from_50_on(self):
        self.assertEqual(shipping(5000), 0)


if __name__ == "__main__":
    unittest.main()
