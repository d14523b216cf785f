"""What a basket costs."""

from money import Money


def total(prices, currency="EUR"):
    """Return the sum of the prices, which are texts such as "12.99"."""
    return sum((Money.parse(price, currency) for price in prices), Money(0, currency))
