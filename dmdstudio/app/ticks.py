"""Where the marks of an axis stand and what is written at them. No Qt."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def linear_step(low: float, high: float, most: float, whole: bool = False) -> float:
    """Return the distance of marks, 1, 2 or 5 of a power of ten, so that at most ``most`` fit.

    Args:
        low: begin of the axis.
        high: its end.
        most: how many marks have room.
        whole: whether marks stand at whole numbers only.
    """
    wanted = (high - low) / max(2.0, most)
    if whole:
        wanted = max(1.0, wanted)
    power = 10.0 ** np.floor(np.log10(max(wanted, 1e-300)))
    return float(next((power * m for m in (1, 2, 5) if power * m >= wanted), power * 10))


def linear_ticks(
    low: float, high: float, most: float, whole: bool = False
) -> list[tuple[float, str]]:
    """Return marks of a linear axis and their words."""
    step = linear_step(low, high, most, whole)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    values = [number * step for number in range(first, last + 1)]
    return list(zip(values, linear_words(values, step), strict=True))


def linear_words(values: Sequence[float], step: float) -> list[str]:
    """Return what is written at marks of a linear axis that are so far apart."""
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    largest = max((abs(value) for value in values), default=0.0)
    if largest and (largest >= 1e5 or largest < 1e-3):
        digits = max(0, math.floor(math.log10(largest)) + places)
        return [_scientific(value, digits) for value in values]
    return [f"{value:.{places}f}".replace("-", "−") for value in values]


def _scientific(value: float, digits: int) -> str:
    if value == 0.0:
        return "0"
    mantissa, _, exponent = f"{value:.{digits}e}".partition("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    return f"{mantissa}×10{_raised(int(exponent))}".replace("-", "−")


def log_ticks(low: float, high: float, most: float) -> list[float]:
    """Return the marks of a logarithmic axis from 10**low to 10**high, as logarithms."""
    span = high - low
    most = max(2.0, most)
    if span < 0.7:  # too little for 1, 2 and 5 of a decade
        return _round_numbers(low, high, most)
    if 3 * span < most:
        parts, step = (1, 2, 5), 1
    else:
        parts, step = (1,), int(np.ceil(span / most))
    first = int(np.floor(low / step)) * step
    decades = range(first, int(np.ceil(high)) + 1, step)
    marks = [decade + float(np.log10(part)) for decade in decades for part in parts]
    return [mark for mark in marks if low <= mark <= high]


def _round_numbers(low: float, high: float, most: float) -> list[float]:
    """Return the logarithms of a few evenly spaced round numbers."""
    first, last = 10.0**low, 10.0**high
    wanted = (last - first) / min(most, 5.0)
    power = 10.0 ** np.floor(np.log10(wanted))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= wanted)
    marks = np.arange(np.ceil(first / step), np.floor(last / step) + 1) * step
    return [float(np.log10(mark)) for mark in marks if mark > 0]


def power_words(logarithm: float) -> str:
    """Return ``'0.5'`` or, where it is shorter, ``'10⁻⁶'`` or ``'5×10⁻⁶'``."""
    exponent = round(logarithm)
    if abs(logarithm - exponent) > 1e-6 and not -4 < logarithm < 5:
        return _scientific(10.0**logarithm, 3)
    if abs(logarithm - exponent) > 1e-6 or -4 < exponent < 5:
        return f"{10.0**logarithm:.5g}"
    return f"10{_raised(exponent)}"


def _raised(exponent: int) -> str:
    return str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
