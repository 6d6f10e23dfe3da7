"""Points in order: sorted by the axis, of one abscissa averaged, gaps told."""

from __future__ import annotations

import numpy as np

GAP = 5.0
"""A spacing of more than this many medians is a gap."""

FEWEST_POINTS = 10
"""With fewer points a median spacing says nothing."""


def in_order(
    axis: np.ndarray, value: np.ndarray, error: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, int]:
    """Sort by the axis and average points of the same abscissa, taken as independent.

    Returns:
        axis, value, error (root of the summed squares over the count), and how many abscissas
        stood more than once.
    """
    points, place, counts = np.unique(axis, return_inverse=True, return_counts=True)
    mean = np.bincount(place, weights=value) / counts
    spread = None
    if error is not None:
        spread = np.sqrt(np.bincount(place, weights=error**2)) / counts
        once = counts[place] == 1
        spread[place[once]] = error[once]  # untouched to the last bit
    return points, mean, spread, int((counts > 1).sum())


def averaged_note(count: int) -> str:
    """Say how many abscissas stood more than once."""
    return f"{count} axis values stood more than once and were averaged"


def gaps_note(axis: np.ndarray, unit: str) -> str:
    """Say where a sorted axis has gaps: ``'1 gap: 1800 to 2600 1/cm'``; '' where it has none."""
    if len(axis) < FEWEST_POINTS:
        return ""
    spacing = np.diff(axis)
    places = np.flatnonzero(spacing > GAP * np.median(spacing))
    if not len(places):
        return ""
    shown = ", ".join(f"{axis[n]:.6g} to {axis[n + 1]:.6g}" for n in places[:5])
    more = f" and {len(places) - 5} more" if len(places) > 5 else ""
    return f"{len(places)} gap{'s' * (len(places) > 1)}: {shown}{more} {unit}".rstrip()
