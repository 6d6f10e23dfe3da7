"""Numbers in rows and columns as a picture, in colours that diverge from zero, with a scale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QVBoxLayout, QWidget

from dmdstudio.app.axis_units import Coordinates
from dmdstudio.app.plot_contents import Cells, Look, PlotContents, Provenance, Series
from dmdstudio.app.theme import theme, theme_changed
from dmdstudio.app.views.axis import Axis
from dmdstudio.app.views.plot_menu import PlotMenu
from dmdstudio.app.words import with_unit

_MOST_NAMES = 24
_MARGIN, _GAP = 8, 5


class ImagePlot(QWidget):
    """One picture: points along the bottom axis, a named row for each parameter.

    Negative numbers take the first colour of the series, positive ones the second, and zero that
    of the panel; the scale is symmetric.
    """

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._widget = pg.PlotWidget(
            axisItems={"bottom": Axis(orientation="bottom")}, enableMenu=False
        )
        self._widget.setAccessibleName(title)
        self._widget.setMenuEnabled(False)
        self._widget.setFrameShape(self._widget.Shape.NoFrame)
        self._plot: Any = self._widget.getPlotItem()
        # never shown; without a parent it would never go
        self._plot.ctrlMenu.setParent(self, Qt.WindowType.Popup)
        self._plot.hideButtons()
        self._plot.setContentsMargins(4, 8, _MARGIN, 4)
        self._plot.getAxis("bottom").enableAutoSIPrefix(False)
        self._plot.getViewBox().invertY(True)
        self._plot.getViewBox().setMouseEnabled(x=False, y=False)
        self._image = pg.ImageItem(axisOrder="row-major")
        self._plot.addItem(self._image)
        self._scale = pg.ColorBarItem(width=14, interactive=False, values=(-1.0, 1.0))
        colour_menu: Any = self._scale.ctrlMenu
        colour_menu.setParent(self, Qt.WindowType.Popup)
        self._scale.setImageItem(self._image, insert_in=self._plot)
        self._scale.axis.setStyle(maxTickLevel=0)
        self._scale.axis.enableAutoSIPrefix(False)
        self._plot.getAxis("left").setStyle(tickLength=0)
        self._words = ("", "")
        column = QVBoxLayout(self)
        column.setContentsMargins(3, 3, 3, 3)  # as the plot below has
        column.addWidget(self._widget)
        self.setMinimumSize(220, 120)
        self.contents = PlotContents(title)
        self.provenance: Callable[[], Provenance] = Provenance
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(title)
        self.menu = PlotMenu(
            self,
            self.contents,
            view=self.view_range,
            provenance=lambda: self.provenance(),
            reset=lambda: None,
            switch=lambda _: None,
            ready=lambda: self.contents.cells is not None,
            fixed=True,
        )
        theme_changed().changed.connect(self.restyle)
        self.restyle()

    def view_range(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return what the bottom axis shows, and the rows."""
        cells = self.contents.cells
        assert cells is not None
        return (cells.begin, cells.end), (0.0, float(len(cells.names)))

    def set_labels(self, bottom: tuple[str, str], scale: tuple[str, str]) -> None:
        """Name the bottom axis and the scale, each with its unit."""
        self.contents.bottom, self.contents.left = bottom, scale
        self.contents.coordinates = Coordinates(bottom[1], bottom[1])
        self._words = (with_unit(*bottom), with_unit(*scale))
        self._label()

    def show_numbers(
        self, axis: Sequence[float], names: Sequence[str], numbers: np.ndarray
    ) -> tuple[float, float]:
        """Show numbers [row, point] at evenly spaced points; the scale follows the largest.

        Returns:
            Where the picture begins and ends on the bottom axis.
        """
        largest = float(np.nanmax(np.abs(numbers), initial=0.0)) or 1.0
        self._image.setImage(np.asarray(numbers, dtype=float), autoLevels=False)
        step = (axis[-1] - axis[0]) / max(1, len(axis) - 1) or 1.0
        left = axis[0] - step / 2
        self._image.setRect(QRectF(left, 0.0, step * len(axis), float(len(names))))
        self._scale.setLevels((-largest, largest))
        self._plot.setXRange(left, left + step * len(axis), padding=0.0)
        self._plot.setYRange(0.0, float(len(names)), padding=0.0)
        every = -(-len(names) // _MOST_NAMES)
        ticks = [(row + 0.5, name) for row, name in enumerate(names) if row % every == 0]
        left_axis = self._plot.getAxis("left")
        left_axis.setTicks([ticks])
        widest = max(self.fontMetrics().horizontalAdvance(name) for name in names)
        left_axis.setWidth(max(72, widest + 16))
        self.contents.cells = Cells(
            left, left + step * len(axis), tuple(names), np.asarray(numbers, float), self._words[1]
        )
        at, look, what = np.asarray(axis, float), Look("text"), self.contents.left[0]
        self.contents.series = {
            name: Series(name, at, np.asarray(row, float), look, f"{name}, {what.lower()}")
            for name, row in zip(names, numbers, strict=True)
        }
        return left, left + step * len(axis)

    @property
    def room_of_scale(self) -> float:
        """Pixels right of the picture, for a plot below it to leave as many."""
        return _MARGIN + _GAP + self._scale.size().width()

    def restyle(self) -> None:
        """Take on the colours of the theme."""
        colours = theme()
        self._widget.setBackground(colours.panel)
        ends = [QColor(colours.series[0]), QColor(colours.panel), QColor(colours.series[1])]
        self._scale.setColorMap(pg.ColorMap([0.0, 0.5, 1.0], [c.getRgb() for c in ends]))
        for axis in (self._plot.getAxis("left"), self._plot.getAxis("bottom"), self._scale.axis):
            axis.setPen(pg.mkPen(colours.line))
            axis.setTextPen(pg.mkPen(colours.quiet))
            axis.setStyle(tickFont=self.font(), tickTextOffset=6)
        self._scale.axis.setWidth(self.fontMetrics().horizontalAdvance("−0.0005") + 34)
        self._label()

    def _label(self) -> None:
        bottom, scale = self._words
        self._plot.setLabel("bottom", bottom, color=theme().quiet)
        self._scale.axis.setLabel(scale, color=theme().quiet)
