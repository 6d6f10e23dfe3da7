"""Words of a command line as numbers, or a sentence why they are none."""

from __future__ import annotations

import argparse


def whole(text: str) -> int:
    """Return a whole number."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None


def number(text: str) -> float:
    """Return a number."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def positive(text: str) -> int:
    """Return a whole number of 1 or more."""
    count = whole(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return count


def port(text: str) -> int:
    """Return the port of an internet socket."""
    found = positive(text)
    if found >= 2**16:
        raise argparse.ArgumentTypeError(f"{text} is not a port, 1 to 65535")
    return found


def seconds(text: str) -> float:
    """Return a time above 0."""
    time = number(text)
    if not 0.0 < time < 1e9:
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds above 0")
    return time


def iteration(text: str) -> str | int:
    """Return ``'best'``, ``'last'`` or the number of an iteration."""
    if text in ("best", "last"):
        return text
    if text.isdecimal():
        return whole(text)
    raise argparse.ArgumentTypeError(f"{text!r} is not best, last or a number")
