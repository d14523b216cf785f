"""A zone with summer time that needs no database: the rules of central Europe."""

from datetime import datetime, timedelta, tzinfo

HOUR = timedelta(hours=1)


def last_sunday(year, month):
    day = datetime(year, month, 31)
    return day - timedelta(days=(day.weekday() + 1) % 7)


class CentralEurope(tzinfo):
    def _is_summer(self, moment):
        begins = last_sunday(moment.year, 3).replace(hour=2)
        ends = last_sunday(moment.year, 10).replace(hour=3)
        return begins <= moment.replace(tzinfo=None) < ends

    def utcoffset(self, moment):
        return HOUR * (2 if self._is_summer(moment) else 1)

    def dst(self, moment):
        return HOUR if self._is_summer(moment) else HOUR * 0

    def tzname(self, moment):
        return "CEST" if self._is_summer(moment) else "CET"
