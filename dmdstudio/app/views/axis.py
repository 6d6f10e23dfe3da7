"""An axis whose marks people can read: whole iterations, and 1, 2, 5 of a decade."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QFontMetricsF

from dmdstudio.app.theme import theme
from dmdstudio.app.ticks import linear_step, linear_words, log_ticks, power_words

_ROOM = {"left": 34.0, "right": 34.0, "bottom": 60.0}
"""Pixels from one mark to the next, at least."""
_LEAST_ROOM = {"left": 20.0, "right": 20.0, "bottom": 32.0}
"""The same where fewer than three marks would have that room."""
_TIGHT = 14.0
"""Where else there were but one mark."""
_BEYOND = 10
"""Pixels by which a number may stand out beyond the end of its axis."""

_AROUND = 14.0
"""Pixels beside the words and the name of a vertical axis."""

_LOG_ROOM = {"left": 24.0, "right": 24.0, "bottom": 42.0}


class Axis(pg.AxisItem):
    """An axis with marks at whole numbers where asked, and at few round ones where logarithmic.

    Attributes:
        whole_numbers: whether marks stand at whole numbers only.
        least_width: of a vertical one, pixels; it wants more where its words need that.

    Signals:
        width_wanted: pixels; while it is painted, when it must not change.
    """

    width_wanted = Signal(int)

    whole_numbers = False
    least_width = 0
    _names: tuple[str, ...] = ()

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.setStyle(hideOverlappingLabels=_BEYOND)

    def boundingRect(self) -> QRectF:  # noqa: N802
        """Return its place with room for numbers at its ends, which a grid takes away."""
        beyond = _BEYOND if self.orientation in ("left", "right") and self.grid is not False else 0
        return super().boundingRect().adjusted(0, -beyond, 0, beyond)

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
        room = min(_ROOM[self.orientation], max(_LEAST_ROOM[self.orientation], size / 3.0))
        most = size / room  # two marks tell less than three close ones
        step = linear_step(low, high, most, self.whole_numbers)
        if np.floor(high / step) <= np.ceil(low / step):  # one mark tells no scale at all
            finer = linear_step(low, high, 2.0 * most, self.whole_numbers)
            step = finer if size * finer >= _TIGHT * (high - low) else step
        return [(step, 0.0)]

    def logTickValues(self, low: float, high: float, size: float, linear: Any) -> Any:  # noqa: N802
        """Return the marks of a logarithmic axis, as logarithms."""
        return [(None, log_ticks(low, high, size / _LOG_ROOM[self.orientation]))]

    def tickStrings(self, values: Any, scale: float, spacing: float) -> Any:  # noqa: N802
        """Return what is written at the marks, with a minus that is as wide as a digit."""
        if self.logMode:
            return self.logTickStrings(values, scale, spacing)
        words = linear_words([scale * value for value in values], scale * spacing)
        self._make_room(words)
        return words

    def _make_room(self, words: Sequence[str]) -> None:
        """Ask for the width that words and name need."""
        if not self.least_width:
            return
        style: Any = self.style  # pyqtgraph's own
        font = QFontMetricsF(style["tickFont"] or self.font())
        widest = max((font.horizontalAdvance(word) for word in words), default=0.0)
        width = max(self.least_width, math.ceil(widest + font.height() + _AROUND))
        if width != self.fixedWidth:
            self.width_wanted.emit(width)

    def logTickStrings(self, values: Any, scale: float, spacing: float) -> Any:  # noqa: N802
        """Return what is written at the marks of a logarithmic axis."""
        words = [power_words(value) for value in values]
        self._make_room(words)
        return words
