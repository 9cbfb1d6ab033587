"""Expectations of scripts that run the service like an operator. A module for other scripts, not a command."""
import time


class Unexpected(Exception):
    """An unexpected result."""


def expect(condition, what):
    if not condition:
        raise Unexpected(what)


def eventually(what, probe, seconds=30):
    """The first result of the probe that counts as true."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = probe()
        if found:
            return found
        time.sleep(0.1)
    raise Unexpected(f"not within {seconds} s: {what}")
