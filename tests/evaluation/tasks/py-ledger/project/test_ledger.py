import unittest
from decimal import Decimal

from ledger.amounts import parse_amount
from ledger.statement import balance, read

STATEMENT = """\
2026-01-02; rent; (1.050,00)
2026-01-05; "shoes; blue"; 79,95-
2026-01-31; wages; 2.400,10
"""


class Ledger(unittest.TestCase):
    def test_thousands_have_points(self):
        self.assertEqual(parse_amount("1.234.567,89"), Decimal("1234567.89"))

    def test_negative_amounts_have_brackets_or_a_sign_behind(self):
        self.assertEqual(parse_amount(" (12,50)"), Decimal("-12.50"))
        self.assertEqual(parse_amount("12,50-"), Decimal("-12.50"))
        self.assertEqual(parse_amount("-12,50"), Decimal("-12.50"))

    def test_a_quoted_text_may_hold_the_delimiter(self):
        self.assertEqual(read(STATEMENT)[1][1], "shoes; blue")

    def test_cents_add_up(self):
        self.assertEqual(balance(STATEMENT), "1270.15")
        self.assertEqual(balance("d; a; 0,10\n" * 3), "0.30")
        self.assertEqual(balance("d; a; 0,005\n" * 2, start=Decimal("0.00")), "0.01")
