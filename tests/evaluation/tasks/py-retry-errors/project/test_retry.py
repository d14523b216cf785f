import unittest

from client import Client
from retry import GaveUp, retry, waits


def failing():
    raise ConnectionError("down")


class Retry(unittest.TestCase):
    def test_the_errors_are_those_of_this_call(self):
        for _ in range(2):
            with self.assertRaises(GaveUp) as caught:
                retry(failing, attempts=2, sleep=lambda _s: None)
            self.assertEqual(len(caught.exception.errors), 2)

    def test_waits_have_a_bound(self):
        self.assertEqual(waits(6, 1.0, 5.0), [1.0, 2.0, 4.0, 5.0, 5.0])

    def test_a_client_waits_at_most_five_seconds(self):
        slept = []
        with self.assertRaises(GaveUp):
            Client(lambda _path: failing(), slept.append).get("/")
        self.assertEqual(max(slept), 5.0)
