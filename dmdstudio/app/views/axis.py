"""An axis whose marks people can read: whole iterations, and 1, 2, 5 of a decade."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyqtgraph as pg

_ROOM = {"left": 34.0, "right": 34.0, "bottom": 60.0}
"""Pixels from one mark to the next, at least."""
_LOG_ROOM = {"left": 24.0, "right": 24.0, "bottom": 42.0}


class Axis(pg.AxisItem):
    """An axis with marks at whole numbers where asked, and at few round ones where logarithmic.

    Attributes:
        whole_numbers: whether marks stand at whole numbers only.
    """

    whole_numbers = False

    def tickSpacing(self, low: float, high: float, size: float) -> Any:  # noqa: N802
        """Return the distance of marks: 1, 2 or 5 of a power of ten, with room for words."""
        wanted = (high - low) / max(2.0, size / _ROOM[self.orientation])
        if self.whole_numbers:
            wanted = max(1.0, wanted)
        power = 10.0 ** np.floor(np.log10(max(wanted, 1e-300)))
        step = next((power * m for m in (1, 2, 5) if power * m >= wanted), power * 10)
        return [(step, 0.0)]

    def logTickValues(self, low: float, high: float, size: float, linear: Any) -> Any:  # noqa: N802
        """Return the marks of a logarithmic axis, as logarithms."""
        span = high - low
        most = max(2.0, size / _LOG_ROOM[self.orientation])
        if span < 0.7:  # too little for 1, 2 and 5 of a decade
            return [(None, _round_numbers(low, high, most))]
        if 3 * span < most:
            parts, step = (1, 2, 5), 1
        else:
            parts, step = (1,), int(np.ceil(span / most))
        first = int(np.floor(low / step)) * step
        decades = range(first, int(np.ceil(high)) + 1, step)
        marks = [decade + float(np.log10(part)) for decade in decades for part in parts]
        return [(None, [mark for mark in marks if low <= mark <= high])]

    def logTickStrings(self, values: Any, scale: float, spacing: float) -> Any:  # noqa: N802
        """Return what is written at the marks of a logarithmic axis."""
        return [_power(value) for value in values]


def _round_numbers(low: float, high: float, most: float) -> list[float]:
    """Return the logarithms of a few evenly spaced round numbers."""
    first, last = 10.0**low, 10.0**high
    wanted = (last - first) / min(most, 5.0)
    power = 10.0 ** np.floor(np.log10(wanted))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= wanted)
    marks = np.arange(np.ceil(first / step), np.floor(last / step) + 1) * step
    return [float(np.log10(mark)) for mark in marks if mark > 0]


def _power(logarithm: float) -> str:
    """Return ``'0.5'`` or, where it is shorter, ``'10⁻⁶'``."""
    exponent = round(logarithm)
    if abs(logarithm - exponent) > 1e-6 or -4 < exponent < 5:
        return f"{10.0**logarithm:.5g}"
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
