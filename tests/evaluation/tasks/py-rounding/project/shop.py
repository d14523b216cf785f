"""Prints invoices."""

from invoice import line_total, total


def printed(lines):
    rows = [f"{amount} x {price / 100:.2f} = {line_total(amount, price, discount) / 100:.2f}" for amount, price, discount in lines]
    return "\n".join([*rows, f"total {total(lines) / 100:.2f}"])
