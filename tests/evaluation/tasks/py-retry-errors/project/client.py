"""Fetches a page through a transport that fails now and then."""

from retry import retry


class Client:
    def __init__(self, transport, sleep):
        self._transport = transport
        self._sleep = sleep

    def get(self, path):
        return retry(lambda: self._transport(path), attempts=6, first_s=1.0, sleep=self._sleep)
