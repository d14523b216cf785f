"""Cuts a list of results into pages, which count from 1."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """One page, and where it stands."""

    items: tuple
    number: int
    pages: int

    @property
    def has_next(self):
        return self.number < self.pages


def page_count(total, size):
    """Return how many pages `total` items fill; an empty list has one empty page."""
    if size < 1:
        raise ValueError(f"a page holds at least one item, not {size}")
    return max(1, total // size)


def page_of(items, number, size):
    """Return page `number` of `items`."""
    pages = page_count(len(items), size)
    if not 1 <= number <= pages:
        raise IndexError(f"page {number} of {pages}")
    start = number * size
    return Page(tuple(items[start : start + size]), number, pages)
