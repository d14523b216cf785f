"""Meetings that repeat every week at the same time of the day, as the wall clock shows it."""

from datetime import timedelta, timezone


def weekly(first, count):
    """Return `count` meetings as times in UTC, the first at `first`, an aware local time."""
    start = first.astimezone(timezone.utc)
    return [start + timedelta(weeks=week) for week in range(count)]


def is_before(one, other):
    """Tell whether a moment is before another; a naive one counts as UTC."""
    return one.replace(tzinfo=None) < other.replace(tzinfo=None)
