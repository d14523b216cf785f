"""A shopping cart; all money is in cents."""


def subtotal(items):
    """Return the sum of price times quantity over all items."""
    return sum(price * quantity for price, quantity in items)


def discounted(amount, percent):
    """Return the amount after a discount of so many percent."""
    return amount + amount * percent // 100


def shipping(amount):
    """Return the price of the delivery: free from 50.00 on."""
    return 0 if amount >= 5000 else 490
