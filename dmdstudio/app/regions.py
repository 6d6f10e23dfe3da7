"""Regions of a target under edit, moved and added by hand, and lines that break in them. No Qt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from dmdstudio.plan.regions import Regions

Ranges = Sequence[tuple[float, float]]


def moved(regions: Regions, number: int, low: float, high: float) -> Regions:
    """Return regions one of which was dragged to other ends; it stops at its neighbours.

    Those of which nothing would be left stay where they are.

    Args:
        regions: in one unit, none overlapping.
        number: of the one that moves.
        low: where it was dragged to.
        high: likewise.
    """
    middle = 0.5 * (low + high)
    for other in regions[:number] + regions[number + 1 :]:
        if other.low < high and other.high > low:
            if 0.5 * (other.low + other.high) < middle:
                low = max(low, other.high)
            else:
                high = min(high, other.low)
    if not low < high:
        return regions
    changed = msgspec.structs.replace(regions[number], low=low, high=high)
    return *regions[:number], changed, *regions[number + 1 :]


def rounded(place: float, resolution: float) -> float:
    """Return a place to the digits that a mouse can point at.

    Args:
        place: on the axis.
        resolution: such as the width of a pixel; 0 keeps all digits.
    """
    digits = -math.floor(math.log10(resolution)) if resolution > 0 else 12
    return round(place, digits)


def tables_of(regions: Regions, unit: str) -> list[dict[str, Any]] | None:
    """Return regions as the tables of a recipe, None where there are none.

    Args:
        regions: any.
        unit: of the axis, which need not be written down.
    """
    tables = [msgspec.to_builtins(region) for region in regions]
    for table in tables:
        if table["unit"] == unit:
            del table["unit"]
    return tables or None


def ends_of(regions: Regions) -> list[tuple[float, float]]:
    """Return where regions begin and end."""
    return [(region.low, region.high) for region in regions]


def shade_of(weight: float) -> tuple[str, str]:
    """Return the colour of a region, by role, and what it is called."""
    if weight == 0.0:
        return "attention", "Left out"
    return ("series 3" if weight >= 1.0 else "quiet"), f"Weight {weight:g}"


def gaps_of(regions: Regions) -> list[tuple[float, float]]:
    """Return where points are left out."""
    return ends_of(tuple(region for region in regions if region.weight == 0.0))


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
