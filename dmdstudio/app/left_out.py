"""Ranges of an experiment that do not count, as text and as parts of an axis. No Qt."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

Ranges = Sequence[tuple[float, float]]


def ranges_text(ranges: Ranges, resolution: float = 0.0) -> str:
    """Return ranges as a recipe writes them, ``'0-50, 2000-2700'``: in order, none touching.

    Args:
        ranges: (low, high); what lies below 0 is cut off, for a recipe cannot say it.
        resolution: to which ends are rounded, such as the width of a pixel; 0 keeps them.
    """
    digits = -math.floor(math.log10(resolution)) if resolution > 0 else 12
    kept = sorted((max(0.0, round(low, digits)), round(high, digits)) for low, high in ranges)
    merged: list[tuple[float, float]] = []
    for low, high in kept:
        if low >= high:
            continue
        if merged and low <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(high, merged[-1][1])
        else:
            merged.append((low, high))
    return ", ".join(f"{low:.10g}-{high:.10g}" for low, high in merged)


def widest_gap(ranges: Ranges, low: float, high: float) -> tuple[float, float]:
    """Return the widest part between ``low`` and ``high`` that no range has taken."""
    ends = sorted((max(low, a), min(high, b)) for a, b in ranges if b > low and a < high)
    gaps, at = [], low
    for begin, end in [*ends, (high, high)]:
        if begin > at:
            gaps.append((at, begin))
        at = max(at, end)
    return max(gaps, key=lambda gap: gap[1] - gap[0], default=(low, high))


def with_gaps(
    axis: np.ndarray, columns: Sequence[np.ndarray], ranges: Ranges
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return an axis and its columns with a break where a range was left out between two points.

    A line through the rest must not look like something that was measured there.
    """
    at, values = axis, list(columns)
    places = [
        place
        for low, high in ranges
        if 0 < (place := int(np.searchsorted(at, low))) < len(at) and at[place] >= high
    ]
    if not places:
        return at, values
    middle = [0.5 * (at[place - 1] + at[place]) for place in places]
    holed = [np.insert(v, places, np.nan) if len(v) == len(at) else v for v in values]
    return np.insert(at, places, middle), holed
