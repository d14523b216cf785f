"""A statement: lines of date; text; amount."""

import csv
from io import StringIO

from ledger.amounts import parse_amount, show


def read(text):
    """Return the rows of a statement as (date, text, amount)."""
    rows = csv.reader(StringIO(text), delimiter=";")
    return [(date.strip(), about.strip(), parse_amount(amount)) for date, about, amount in rows]


def balance(text, start=0):
    """Return what is left after all rows."""
    total = start
    for _, _, amount in read(text):
        total = total + amount
    return show(total)
