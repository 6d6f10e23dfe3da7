"""The area inside the axes: a rectangle zooms, the wheel too, a double click shows everything.

Where a part of the bottom axis is asked for, the next drag marks it instead.
"""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import Qt, Signal


class PlotView(pg.ViewBox):
    """Left drag zooms into a rectangle; middle drag, or left with Shift or Ctrl, moves.

    Signals:
        reset: everything is to be shown again.
        zoomed: the user chose a part.
        marked: the ends of the part that was asked for, as the axis counts; None where it was left.
    """

    reset = Signal()
    zoomed = Signal()
    marked = Signal(object)

    def __init__(self) -> None:
        super().__init__(enableMenu=False)
        self.setMouseMode(pg.ViewBox.RectMode)
        # Left to the painting, as pyqtgraph does it, this would have everything painted twice.
        self.sigRangeChanged.connect(self._place_items)
        self._mark: Any = None

    def _place_items(self) -> None:
        self.updateMatrix()

    # -- marking a part

    def begin_mark(self) -> None:
        """Let the next drag mark a part of the bottom axis."""
        if self._mark is None:
            self._mark = pg.LinearRegionItem(movable=False)
            self._mark.hide()
            self.addItem(self._mark, ignoreBounds=True)
            self.setCursor(Qt.CursorShape.CrossCursor)

    def end_mark(self, ends: tuple[float, float] | None = None) -> None:
        """Let drags zoom again."""
        if self._mark is not None:
            self.removeItem(self._mark)
            self._mark = None
            self.unsetCursor()
            self.marked.emit(ends)

    @property
    def is_marking(self) -> bool:
        """Whether a part is asked for."""
        return self._mark is not None

    def _take_mark(self, event: Any) -> None:
        event.accept()
        ends = [self.mapToView(place).x() for place in (event.buttonDownPos(), event.pos())]
        low, high = sorted(float(end) for end in ends)
        self._mark.setRegion((low, high))
        self._mark.show()
        if event.isFinish():
            self.end_mark((low, high))

    # -- by hand

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:  # noqa: N802
        """Zoom into a rectangle, or move."""
        if event.button() == Qt.MouseButton.RightButton:
            event.ignore()  # belongs to the menu
            return
        if self.is_marking:
            self._take_mark(event)
            return
        moving = bool(
            event.modifiers()
            & (Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.ControlModifier)
        )
        self.state["mouseMode"] = pg.ViewBox.PanMode if moving else pg.ViewBox.RectMode
        super().mouseDragEvent(event, axis)
        if event.isFinish() or moving:
            self.zoomed.emit()

    def wheelEvent(self, event: Any, axis: int | None = None) -> None:  # noqa: N802
        """Zoom around the pointer."""
        super().wheelEvent(event, axis)
        self.zoomed.emit()

    def mouseDoubleClickEvent(self, event: Any) -> None:  # noqa: N802
        """Show everything."""
        self.reset.emit()
        event.accept()
