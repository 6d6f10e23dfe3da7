"""An axis whose marks people can read: whole iterations, and 1, 2, 5 of a decade."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetricsF

from dmdstudio.app.theme import theme
from dmdstudio.app.ticks import linear_step, log_ticks, power_words

_ROOM = {"left": 34.0, "right": 34.0, "bottom": 60.0}
"""Pixels from one mark to the next, at least."""
_LEAST_ROOM = 32.0
_BEYOND = 10
"""Pixels by which a number may stand out beyond the end of its axis."""

_LOG_ROOM = {"left": 24.0, "right": 24.0, "bottom": 42.0}


class Axis(pg.AxisItem):
    """An axis with marks at whole numbers where asked, and at few round ones where logarithmic.

    Attributes:
        whole_numbers: whether marks stand at whole numbers only.
    """

    whole_numbers = False
    _names: tuple[str, ...] = ()

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.setStyle(hideOverlappingLabels=_BEYOND)

    def name_it(self, *names: str) -> None:
        """Call the axis by the first of its names that has room, else by a part of the last."""
        self._names = names
        self._fit_name()

    def resizeEvent(self, event: Any = None) -> None:  # noqa: N802
        """Take the name that has room."""
        super().resizeEvent(event)
        if any(self._names):
            self._fit_name()

    def _fit_name(self) -> None:
        label: Any = self.label
        size = self.geometry()
        room = size.height() if self.orientation in ("left", "right") else size.width()
        font = QFontMetricsF(label.font())
        names = (n for n in self._names if font.horizontalAdvance(n) <= room or room <= 0)
        fitting = next(names, None)
        if fitting is None:
            fitting = font.elidedText(self._names[-1], Qt.TextElideMode.ElideRight, room)
        colour = theme().quiet
        if (fitting, colour) != (self.labelText, self.labelStyle.get("color")):
            self.setLabel(fitting, color=colour)
            super().resizeEvent(None)  # which puts it into the middle

    def tickSpacing(self, low: float, high: float, size: float) -> Any:  # noqa: N802
        """Return the distance of marks: 1, 2 or 5 of a power of ten, with room for words."""
        room = _ROOM[self.orientation]
        if self.orientation == "bottom":  # two marks tell less than three close ones
            room = min(room, max(_LEAST_ROOM, size / 3.0))
        most = size / room
        return [(linear_step(low, high, most, self.whole_numbers), 0.0)]

    def logTickValues(self, low: float, high: float, size: float, linear: Any) -> Any:  # noqa: N802
        """Return the marks of a logarithmic axis, as logarithms."""
        return [(None, log_ticks(low, high, size / _LOG_ROOM[self.orientation]))]

    def tickStrings(self, values: Any, scale: float, spacing: float) -> Any:  # noqa: N802
        """Return what is written at the marks, with a minus that is as wide as a digit."""
        return [word.replace("-", "−") for word in super().tickStrings(values, scale, spacing)]

    def logTickStrings(self, values: Any, scale: float, spacing: float) -> Any:  # noqa: N802
        """Return what is written at the marks of a logarithmic axis."""
        return [power_words(value) for value in values]
