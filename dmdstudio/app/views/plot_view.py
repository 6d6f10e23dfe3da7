"""The area inside the axes: a rectangle zooms, the wheel too, a double click shows everything."""

from __future__ import annotations

from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import Qt, Signal


class PlotView(pg.ViewBox):
    """Left drag zooms into a rectangle; middle drag, or left with Shift or Ctrl, moves.

    Signals:
        reset: everything is to be shown again.
        zoomed: the user chose a part.
    """

    reset = Signal()
    zoomed = Signal()

    def __init__(self) -> None:
        super().__init__(enableMenu=False)
        self.setMouseMode(pg.ViewBox.RectMode)
        # Left to the painting, as pyqtgraph does it, this would have everything painted twice.
        self.sigRangeChanged.connect(self._place_items)

    def _place_items(self) -> None:
        self.updateMatrix()

    def mouseDragEvent(self, event: Any, axis: int | None = None) -> None:  # noqa: N802
        """Zoom into a rectangle, or move."""
        if event.button() == Qt.MouseButton.RightButton:
            event.ignore()  # belongs to the menu
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
