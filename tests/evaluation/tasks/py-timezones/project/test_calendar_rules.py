import unittest
from datetime import datetime, timezone

from calendar_rules import is_before, weekly
from zones import CentralEurope

ZONE = CentralEurope()


class Rules(unittest.TestCase):
    def test_a_weekly_meeting_keeps_its_hour_over_summer_time(self):
        meetings = weekly(datetime(2026, 3, 23, 9, tzinfo=ZONE), 3)
        self.assertEqual([m.hour for m in meetings], [8, 7, 7])
        self.assertTrue(all(m.tzinfo is timezone.utc for m in meetings))

    def test_and_back_in_autumn(self):
        meetings = weekly(datetime(2026, 10, 19, 9, tzinfo=ZONE), 2)
        self.assertEqual([m.hour for m in meetings], [7, 8])

    def test_moments_of_two_zones_are_compared_as_moments(self):
        here = datetime(2026, 7, 1, 9, tzinfo=ZONE)
        there = datetime(2026, 7, 1, 8, tzinfo=timezone.utc)
        self.assertTrue(is_before(here, there))
        self.assertFalse(is_before(there, here))
        self.assertTrue(is_before(datetime(2026, 7, 1, 6), here))
