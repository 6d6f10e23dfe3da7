"""A plot that says in words why it is empty, follows the theme and knows logarithmic axes.

Error bars and levels are drawn as ordinary lines: pyqtgraph's own error bars and infinite lines
ignore a logarithmic axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QLabel, QStackedLayout, QVBoxLayout, QWidget

from dmdstudio.app.theme import theme, theme_changed
from dmdstudio.app.views.axis import Axis

pg.setConfigOptions(antialias=True)

Numbers = Sequence[float] | np.ndarray


class Plot(QWidget):
    """One pair of axes.

    Lines have names; drawing a name again replaces it. Colours are named by role (``accent``,
    ``quiet``, ``text``, ``series 0`` ...), so that they follow the theme.
    """

    def __init__(self, title: str, empty: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title = title
        self._axes: Any = None
        self._whole_numbers = False
        self._lines: dict[str, tuple[pg.PlotDataItem, dict[str, Any]]] = {}
        self._bands: dict[str, tuple[pg.FillBetweenItem, str]] = {}
        self._axis_words: dict[str, str] = {"left": "", "bottom": ""}
        self._marks: dict[str, tuple[pg.InfiniteLine, dict[str, Any]]] = {}
        self._log = False
        self._log_bottom = False
        self._empty = QLabel(empty)
        self._empty.setObjectName("quiet")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setWordWrap(True)
        self._empty.setMargin(24)
        self._legend = QLabel()
        self._legend.setContentsMargins(16, 8, 16, 0)
        self._legend.setAlignment(Qt.AlignmentFlag.AlignRight)
        drawn = QWidget()
        column = QVBoxLayout(drawn)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self._legend)
        self._drawn = drawn
        self._stack = QStackedLayout(self)
        self._stack.addWidget(self._empty)
        self._stack.addWidget(drawn)
        self.setMinimumSize(180, 130)
        self.setAccessibleName(title)
        self.setAccessibleDescription(empty)
        theme_changed().changed.connect(self.restyle)

    @property
    def is_prepared(self) -> bool:
        """Whether the axes are made."""
        return self._axes is not None

    def prepare(self) -> None:
        """Make the axes. It takes a while, so it is done when they are needed or in idle time."""
        if self._axes is not None:
            return
        axes = {side: Axis(orientation=side) for side in ("left", "bottom")}
        self._widget = pg.PlotWidget(axisItems=axes, enableMenu=False)
        self._widget.setAccessibleName(self._title)
        self._widget.setFrameShape(self._widget.Shape.NoFrame)
        self._axes = self._widget.getPlotItem()
        self._axes.hideButtons()
        self._axes.showGrid(x=False, y=True, alpha=0.45)  # more would cost most of a repaint
        self._axes.setContentsMargins(4, 8, 12, 4)
        for side in ("left", "bottom"):
            self._axes.getAxis(side).enableAutoSIPrefix(False)
        self._axes.getAxis("left").setWidth(72)
        self._axes.getAxis("bottom").whole_numbers = self._whole_numbers
        layout = self._drawn.layout()
        assert isinstance(layout, QVBoxLayout)
        layout.addWidget(self._widget, 1)
        self.restyle()

    @property
    def _plot(self) -> Any:
        """The axes, made by now."""
        self.prepare()
        return self._axes

    def sizeHint(self) -> QSize:  # noqa: N802
        """The same before and after the axes are made, so that plots share room evenly."""
        return QSize(400, 300)

    def set_labels(self, bottom: str, left: str) -> None:
        """Name both axes, units included."""
        words = {"left": left, "bottom": bottom}
        if words != self._axis_words:
            self._axis_words = words
            self._label_axes()

    def set_empty(self, words: str) -> None:
        """Say why there is nothing to see."""
        self._empty.setText(words)
        self.setAccessibleDescription(words)
        self._stack.setCurrentWidget(self._empty)

    @property
    def is_empty(self) -> bool:
        """Whether words stand in place of the axes."""
        return self._stack.currentWidget() is self._empty

    def set_log(self, log: bool, bottom: bool = False) -> None:
        """Choose logarithmic or linear axes, left and below."""
        if (log, bottom) != (self._log, self._log_bottom):
            self._log, self._log_bottom = log, bottom
            self._plot.setLogMode(x=bottom, y=log)
            self._plot.enableAutoRange()

    def set_range(self, low: float, high: float) -> None:
        """Show this part of the left axis, whatever the lines hold."""
        self._plot.setYRange(low, high, padding=0.0)

    def line(
        self,
        name: str,
        x: Numbers,
        y: Numbers,
        colour: str,
        *,
        label: str = "",
        points: bool = False,
        dash: bool = False,
        width: float = 2.0,
        joined: bool = True,
        connect: str = "auto",
    ) -> None:
        """Draw or redraw a line."""
        look = {
            "colour": colour,
            "points": points,
            "dash": dash,
            "width": width,
            "joined": joined,
            "label": label,
        }
        self.prepare()
        known, old = self._lines.get(name, (None, None))
        item = pg.PlotDataItem() if known is None else known
        values = np.asarray(y, dtype=float)
        if self._log:
            values = np.where(values > 0, values, np.nan)
        style = self._style(look) if look != old else {}
        item.setData(np.asarray(x, dtype=float), values, connect=connect, **style)
        if known is None:  # only now: each change of an item that is shown costs an update
            item.setLogMode(self._log_bottom, self._log)
            self._plot.addItem(item)
        self._lines[name] = (item, look)
        if style:
            self._write_legend()
        self._stack.setCurrentWidget(self._drawn)

    def errors(self, name: str, x: Numbers, y: Numbers, error: Numbers, colour: str) -> None:
        """Draw vertical error bars of one standard error."""
        x, y, error = (np.asarray(v, dtype=float) for v in (x, y, error))
        if len(x) == 0 or len(error) != len(x) or not np.any(error > 0):
            self.remove(name)
            return
        low = y - error
        if self._log:
            low = np.where(low > 0, low, np.where(y > 0, y * 1e-2, np.nan))
        ends = np.stack([low, y + error], axis=1).ravel()
        self.line(name, np.repeat(x, 2), ends, colour, width=1.2, connect="pairs")

    def band(self, name: str, x: Numbers, low: Numbers, high: Numbers, colour: str) -> None:
        """Fill the space between two lines."""
        for end, values in (("low", low), ("high", high)):
            self.line(f"{name} {end}", x, values, colour, width=0.0)
        if name not in self._bands:
            fill = pg.FillBetweenItem(self._lines[f"{name} low"][0], self._lines[f"{name} high"][0])
            fill.setZValue(-20)
            self._plot.addItem(fill)
            self._bands[name] = (fill, colour)
            self._paint_band(fill, colour)

    def level(
        self,
        name: str,
        x: Numbers,
        value: float,
        error: float,
        colour: str,
        label: str,
        beyond: float = 0.5,
    ) -> None:
        """Draw a horizontal line across all ``x``, with a band of one standard error."""
        ends = [float(np.min(x)) - beyond, float(np.max(x)) + beyond]
        self.line(name, ends, [value, value], colour, label=label, dash=True, width=1.5)
        if error > 0:
            self.band(f"{name} band", ends, [value - error] * 2, [value + error] * 2, colour)

    def mark(self, name: str, x: float, colour: str, label: str) -> None:
        """Draw a vertical line through the whole height."""
        line, _ = self._marks.get(name, (None, None))
        if line is None:
            line = pg.InfiniteLine(angle=90, movable=False)
            line.setZValue(-10)
            self._plot.addItem(line, ignoreBounds=True)
        line.setPos(float(np.log10(x)) if self._log_bottom else x)
        self._marks[name] = (line, {"colour": colour, "label": label})
        self._paint_mark(name)
        self._write_legend()

    def remove(self, name: str) -> None:
        """Take a line away."""
        item, _ = self._lines.pop(name, (None, None))
        if item is not None:
            self._plot.removeItem(item)
            self._write_legend()

    def clear(self) -> None:
        """Take everything away."""
        for fill, _ in self._bands.values():
            self._plot.removeItem(fill)
        self._bands.clear()
        for line, _ in self._marks.values():
            self._plot.removeItem(line)
        self._marks.clear()
        for name in list(self._lines):
            self.remove(name)
        self._write_legend()
        if self._axes is not None:
            self._axes.enableAutoRange()

    def whole_numbers_below(self) -> None:
        """Mark the bottom axis at whole numbers only, for iterations."""
        self._whole_numbers = True
        if self._axes is not None:
            self._axes.getAxis("bottom").whole_numbers = True

    def set_span(self, low: float, high: float) -> None:
        """Show this part of the bottom axis, whatever the lines hold."""
        self._plot.setXRange(low, high, padding=0.0)

    def set_right_margin(self, pixels: float) -> None:
        """Leave room on the right, so that the axis lines up with that of a picture above."""
        self._plot.setContentsMargins(4, 8, pixels, 4)

    def set_ticks(self, names: Sequence[str]) -> None:
        """Write names at 0, 1, 2 ... of the bottom axis; without names, its numbers again."""
        ticks = [list(enumerate(names))] if names else None
        self._plot.getAxis("bottom").setTicks(ticks)

    def restyle(self) -> None:
        """Take on the colours of the theme."""
        if self._axes is None:
            return
        colours = theme()
        self._widget.setBackground(colours.panel)
        for side in ("left", "bottom"):
            axis = self._plot.getAxis(side)
            axis.setPen(pg.mkPen(colours.line))
            axis.setTextPen(pg.mkPen(colours.quiet))
            axis.setStyle(tickFont=self.font(), tickTextOffset=6)
        for item, look in self._lines.values():
            item.opts.update(self._style(look))
            item.updateItems(styleUpdate=True)
        for fill, colour in self._bands.values():
            self._paint_band(fill, colour)
        for name in self._marks:
            self._paint_mark(name)
        self._label_axes()
        self._write_legend()

    def _write_legend(self) -> None:
        """List the named lines above the axes, where they can hide none of them."""
        words = []
        for _, look in self._lines.values():
            if look["label"]:
                mark = "●" if look["points"] else "╌╌" if look["dash"] else "━━"
                colour = colour_of(look["colour"]).name()
                words.append(f'<span style="color:{colour}">{mark}</span>&nbsp;{look["label"]}')
        for _, look in self._marks.values():
            colour = colour_of(look["colour"]).name()
            words.append(f'<span style="color:{colour}">┆</span>&nbsp;{look["label"]}')
        self._legend.setText("&nbsp;&nbsp;&nbsp; ".join(words))
        self._legend.setVisible(bool(words))

    def _label_axes(self) -> None:
        for side, words in self._axis_words.items() if self._axes is not None else ():
            self._plot.setLabel(side, words, color=theme().quiet)

    def _style(self, look: dict[str, Any]) -> dict[str, Any]:
        """Return how pyqtgraph is told of the looks of a line."""
        colour = colour_of(look["colour"])
        dash = Qt.PenStyle.DashLine if look["dash"] else Qt.PenStyle.SolidLine
        width = look["width"] * self.devicePixelRatioF()  # pyqtgraph's pens do not scale
        pen = pg.mkPen(colour, width=width, style=dash) if width else pg.mkPen(None)
        return {
            "pen": pen if look["joined"] else None,  # without a pen its path would not be made
            "symbol": "o" if look["points"] else None,
            "symbolSize": 7,
            "symbolBrush": pg.mkBrush(colour),
            "symbolPen": pg.mkPen(theme().panel, width=1.0),
        }

    def _paint_mark(self, name: str) -> None:
        line, look = self._marks[name]
        pen = pg.mkPen(colour_of(look["colour"]), style=Qt.PenStyle.DashLine)
        pen.setWidthF(1.5 * self.devicePixelRatioF())
        line.setPen(pen)

    def _paint_band(self, fill: pg.FillBetweenItem, colour: str) -> None:
        shade = colour_of(colour)
        shade.setAlpha(38)
        fill.setBrush(pg.mkBrush(shade))


def colour_of(role: str) -> QColor:
    """Return the theme's colour of a role."""
    word, _, number = role.partition(" ")
    if word == "series":
        return QColor(theme().series[int(number) % len(theme().series)])
    return QColor(getattr(theme(), role))
