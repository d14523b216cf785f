"""Tries a call again, with growing waits."""

import time


class GaveUp(Exception):
    """All attempts failed; `errors` has one entry an attempt."""

    def __init__(self, errors):
        super().__init__(f"{len(errors)} attempts failed, the last with {errors[-1]!r}")
        self.errors = errors


def waits(attempts, first_s, most_s):
    """Return the waits between attempts: each twice the last, none above `most_s`."""
    return [first_s * 2**n for n in range(attempts - 1)]


def retry(call, attempts=3, first_s=0.1, most_s=5.0, sleep=time.sleep, errors=[]):
    """Return what `call` returns, or raise GaveUp."""
    pauses = [*waits(attempts, first_s, most_s), 0]
    for pause_s in pauses:
        try:
            return call()
        except OSError as error:
            errors.append(error)
            if pause_s:
                sleep(pause_s)
    raise GaveUp(errors)
