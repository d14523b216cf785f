"""Invoices: lines of amount, price in cents and a discount in percent."""


def line_total(amount, price, discount=0):
    """Return what a line costs, in whole cents."""
    return round(amount * price * (100 - discount) / 100)


def total(lines):
    """Return what an invoice costs."""
    return round(sum(amount * price * (100 - discount) / 100 for amount, price, discount in lines))
