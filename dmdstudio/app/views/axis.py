"""An axis whose marks people can read: whole iterations, and 1, 2, 5 of a decade."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from PySide6.QtGui import QFontMetricsF

from dmdstudio.app.theme import theme
from dmdstudio.app.ticks import linear_step, log_ticks, power_words

_ROOM = {"left": 34.0, "right": 34.0, "bottom": 60.0}
"""Pixels from one mark to the next, at least."""
_LOG_ROOM = {"left": 24.0, "right": 24.0, "bottom": 42.0}


class Axis(pg.AxisItem):
    """An axis with marks at whole numbers where asked, and at few round ones where logarithmic.

    Attributes:
        whole_numbers: whether marks stand at whole numbers only.
    """

    whole_numbers = False
    _names = ("", "")

    def name_it(self, words: str, short: str) -> None:
        """Call the axis ``words``, or ``short`` while that has no room."""
        self._names = words, short
        self._fit_name()

    def resizeEvent(self, event: Any = None) -> None:  # noqa: N802
        """Take the name that has room."""
        super().resizeEvent(event)
        if any(self._names):
            self._fit_name()

    def _fit_name(self) -> None:
        words, short = self._names
        label: Any = self.label
        size = self.geometry()
        room = size.height() if self.orientation in ("left", "right") else size.width()
        wide = QFontMetricsF(label.font()).horizontalAdvance(words)
        fitting = words if wide <= room or room <= 0 else short
        colour = theme().quiet
        if (fitting, colour) != (self.labelText, self.labelStyle.get("color")):
            self.setLabel(fitting, color=colour)
            super().resizeEvent(None)  # which puts it into the middle

    def tickSpacing(self, low: float, high: float, size: float) -> Any:  # noqa: N802
        """Return the distance of marks: 1, 2 or 5 of a power of ten, with room for words."""
        most = size / _ROOM[self.orientation]
        return [(linear_step(low, high, most, self.whole_numbers), 0.0)]

    def logTickValues(self, low: float, high: float, size: float, linear: Any) -> Any:  # noqa: N802
        """Return the marks of a logarithmic axis, as logarithms."""
        return [(None, log_ticks(low, high, size / _LOG_ROOM[self.orientation]))]

    def logTickStrings(self, values: Any, scale: float, spacing: float) -> Any:  # noqa: N802
        """Return what is written at the marks of a logarithmic axis."""
        return [power_words(value) for value in values]
