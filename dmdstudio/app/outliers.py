"""The range of a history without its outliers. No Qt."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_REACH = 3.0
"""Half widths between the quartiles, beyond which a value is an outlier."""


def usual_range(
    lines: Sequence[Sequence[float]], log: bool
) -> tuple[tuple[float, float] | None, int]:
    """Return the range that holds all values but outliers, and how many are outside.

    A value is an outlier where it is more than three times the distance between the quartiles
    beyond them, on the axis as it is drawn. A fall from far away at the start of a run is one.
    None where nothing is left out, or there is nothing to judge by.

    Args:
        lines: values of each line that shares the axis; each is judged by itself.
        log: whether the axis is logarithmic.

    Source: J. W. Tukey, Exploratory Data Analysis (1977): values "far out".
    """
    ends: list[float] = []
    outside = 0
    for line in lines:
        values = np.asarray(line, dtype=float)
        values = values[np.isfinite(values) & ((values > 0) if log else True)]
        if not len(values):
            continue
        values = np.log10(values) if log else values
        first, last = np.quantile(values, [0.25, 0.75])
        reach = _REACH * (last - first)
        usual = values[(values >= first - reach) & (values <= last + reach)]
        outside += len(values) - len(usual)
        ends += [float(usual.min()), float(usual.max())]
    if not outside or not ends:
        return None, 0
    low, high = min(ends), max(ends)
    room = 0.06 * (high - low) or 0.05 * abs(high) or 1.0
    return (low - room, high + room), outside
