"""A part of the bottom axis that can be dragged, on linear and logarithmic axes alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QObject, Signal

from dmdstudio.app.axis_units import Coordinates
from dmdstudio.app.plot_contents import Span
from dmdstudio.app.theme import colour_of

Changed = Callable[[float, float], None]


class Region(QObject):
    """Shades a part of an axis; pyqtgraph's own region knows neither units nor logarithms.

    Signals:
        dragged: low and high in the native unit, once the mouse lets go.
    """

    dragged = Signal(float, float)

    def __init__(self, parent: QObject, ratio: Callable[[], float]) -> None:
        super().__init__(parent)
        self._ratio = ratio
        self.item = pg.LinearRegionItem(movable=False)
        self.item.setZValue(-15)
        self._coordinates = Coordinates()
        self._span: Span | None = None
        self.ends = (False, False)
        self.item.sigRegionChangeFinished.connect(self._finish)

    def show_span(self, span: Span, coordinates: Coordinates, ends: tuple[bool, bool]) -> None:
        """Stand at a part of the axis; ``ends`` says which of its ends can be dragged."""
        self._span, self._coordinates, self.ends = span, coordinates, ends
        low, high = sorted(coordinates.to_view(x) for x in (span.low, span.high))
        self.item.blockSignals(True)
        self.item.setRegion((low, high))
        self.item.blockSignals(False)
        self.item.setMovable(all(ends))
        turned = coordinates.to_view(span.low) > coordinates.to_view(span.high)
        for line, movable in zip(self.item.lines, reversed(ends) if turned else ends, strict=True):
            line.setMovable(movable)
        self.restyle()

    def restyle(self) -> None:
        """Take on the colours of the theme."""
        if self._span is None:
            return
        shade = colour_of(self._span.colour)
        ratio = self._ratio()
        pen = pg.mkPen(shade, width=1.5 * ratio)
        pale, hovered = colour_of(self._span.colour), colour_of(self._span.colour)
        pale.setAlpha(34)
        hovered.setAlpha(56)
        self.item.setBrush(pg.mkBrush(pale))
        self.item.setHoverBrush(pg.mkBrush(hovered))
        for line in self.item.lines:
            line.setPen(pen)
            line.setHoverPen(pg.mkPen(shade, width=3.0 * ratio))

    def _finish(self) -> None:
        assert self._span is not None
        places: Any = self.item.getRegion()
        low, high = sorted(self._coordinates.from_view(place) for place in places)
        if self.ends[0] is False:
            low = self._span.low
        if self.ends[1] is False:
            high = self._span.high
        self.dragged.emit(low, high)
