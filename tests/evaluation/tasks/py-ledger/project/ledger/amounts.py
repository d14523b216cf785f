"""Amounts as banks print them."""


def parse_amount(text):
    """Return the amount in `text`: 1.234,56 is 1234.56, (12,50) and 12,50- are negative."""
    return float(text.replace(",", "."))


def show(amount):
    """Return an amount with two decimals."""
    return f"{amount:.2f}"
