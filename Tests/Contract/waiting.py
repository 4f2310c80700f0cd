"""Waiting for a condition with a deadline: the only place of these tests that sleeps."""
import time

POLL_S = 0.02


def wait_until(condition, what, seconds=10.0):
    """The condition's first true value. Fails with `what` after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {seconds} s: {what() if callable(what) else what}"
        time.sleep(POLL_S)
