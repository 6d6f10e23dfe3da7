"""A pair of axes: made when needed, in units, showing everything or a part; words until then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QPoint, QSize, Qt, Signal
from PySide6.QtWidgets import QGraphicsItem, QStackedLayout, QVBoxLayout, QWidget

from dmdstudio.app.axis_choices import axis_choices
from dmdstudio.app.axis_units import Coordinates
from dmdstudio.app.plot_contents import PlotContents
from dmdstudio.app.theme import theme, theme_changed
from dmdstudio.app.views.axis import Axis
from dmdstudio.app.views.crosshair import Crosshair
from dmdstudio.app.views.labels import quiet
from dmdstudio.app.views.legend import Legend
from dmdstudio.app.views.plot_items import PlotItems
from dmdstudio.app.views.plot_view import PlotView

pg.setConfigOptions(antialias=True)

_CACHED = QGraphicsItem.CacheMode.DeviceCoordinateCache
_LEFT_WIDTH = 72
"""Of the left axis, so that plots one above the other line up, pixels."""


class PlotAxes(QWidget):
    """What `Plot` draws in.

    Signals:
        hovered: the position under the crosshair, in the unit of the data; None where it has gone.
        span_marked: the ends of the part that was asked for, as the axis counts; None where it was
            left.
    """

    hovered = Signal(object)
    span_marked = Signal(object)

    def __init__(self, title: str, empty: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.contents = PlotContents(title)
        self._axes: Any = None
        self.items = PlotItems(self.contents, lambda: self._plot, self.devicePixelRatioF)
        self._wanted: dict[str, tuple[float, float]] = {}
        self._zoomed = False
        self._keeps_unit = False
        self._bottom_shown = True
        self._follows: PlotAxes | None = None
        self._empty = quiet(empty)
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setWordWrap(True)
        self._empty.setMargin(24)
        self._legend = Legend()
        drawn = QWidget()
        column = QVBoxLayout(drawn)
        column.setContentsMargins(3, 3, 3, 3)  # for the frame that shows the focus
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
        axis_choices().changed.connect(self._choose_axis)

    @property
    def is_prepared(self) -> bool:
        """Whether the axes are made."""
        return self._axes is not None

    def prepare(self) -> None:
        """Make the axes. It takes a while, so it is done when they are needed or in idle time."""
        if self._axes is not None:
            return
        axes = {side: Axis(orientation=side) for side in ("left", "bottom")}
        view = PlotView()
        self._widget = pg.PlotWidget(viewBox=view, axisItems=axes, enableMenu=False)
        self._widget.setAccessibleName(self.contents.title)
        self._widget.setFrameShape(self._widget.Shape.NoFrame)
        self._widget.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._widget.setContextMenuPolicy(Qt.ContextMenuPolicy.NoContextMenu)
        self._axes = self._widget.getPlotItem()
        # never shown; without a parent it would never go
        self._axes.ctrlMenu.setParent(self, Qt.WindowType.Popup)
        self._axes.hideButtons()
        self._axes.showGrid(x=False, y=True, alpha=0.45)  # more would cost most of a repaint
        self._axes.setContentsMargins(4, 8, 12, 4)
        for side in ("left", "bottom"):
            self._axes.getAxis(side).enableAutoSIPrefix(False)
            self._axes.getAxis(side).setCacheMode(_CACHED)  # its words take long to paint
        axes["left"].least_width = _LEFT_WIDTH
        axes["left"].setWidth(_LEFT_WIDTH)
        queued = Qt.ConnectionType.QueuedConnection
        axes["left"].width_wanted.connect(self._widen, queued)
        self._axes.getAxis("bottom").whole_numbers = self.contents.whole_numbers
        view.invertX(self.contents.falling)
        view.reset.connect(self.reset_view)
        view.zoomed.connect(self._note_zoom)
        view.marked.connect(self.span_marked)
        self.crosshair = Crosshair(self._widget, self.contents)
        self.crosshair.moved.connect(self.hovered)
        layout = self._drawn.layout()
        assert isinstance(layout, QVBoxLayout)
        layout.addWidget(self._widget, 1)
        self.restyle()

    def _widen(self, width: int) -> None:
        self._axes.getAxis("left").setWidth(width)

    @property
    def _plot(self) -> Any:
        """The axes, made by now."""
        self.prepare()
        return self._axes

    def sizeHint(self) -> QSize:  # noqa: N802
        """The same before and after the axes are made, so that plots share room evenly."""
        return QSize(400, 300)

    def set_empty(self, words: str) -> None:
        """Say why there is nothing to see."""
        self._empty.setText(words)
        self.setAccessibleDescription(words)
        self._stack.setCurrentWidget(self._empty)

    @property
    def is_empty(self) -> bool:
        """Whether words stand in place of the axes."""
        return self._stack.currentWidget() is self._empty

    # -- their names and units

    def set_labels(
        self, bottom: str, left: str, bottom_unit: str = "", left_unit: str = ""
    ) -> None:
        """Name both axes; the units are those of the data."""
        named = (bottom, bottom_unit), (left, left_unit)
        if named != (self.contents.bottom, self.contents.left):
            self.contents.bottom, self.contents.left = named
            self._choose_axis()

    def set_log(self, log: bool, bottom: bool = False) -> None:
        """Choose logarithmic or linear axes, left and below."""
        contents = self.contents
        if (log, bottom) != (contents.log_left, contents.coordinates.log):
            contents.log_left = log
            contents.coordinates = Coordinates(
                contents.coordinates.native, contents.coordinates.shown, bottom
            )
            self._plot.setLogMode(x=bottom, y=log)
            self._plot.enableAutoRange()

    def keep_unit(self) -> None:
        """Show the bottom axis as the data have it, whatever the user chose for others."""
        self._keeps_unit = True

    def _choose_axis(self) -> None:
        """Show the bottom axis in the unit and direction that the user chose."""
        contents, chosen = self.contents, axis_choices()
        native = contents.bottom[1]
        log = contents.coordinates.log
        shown = native if self._keeps_unit else chosen.shown_unit(native)
        coordinates = Coordinates(native, shown, log)
        falling = not self._keeps_unit and chosen.is_reversed(native)
        changed = (coordinates, falling) != (contents.coordinates, contents.falling)
        contents.coordinates, contents.falling = coordinates, falling
        if self._axes is None:
            return
        self._label_axes()
        if not changed:
            return
        self._axes.getViewBox().invertX(falling)
        self.items.move()
        self.crosshair.leave(keys_too=True)
        self.reset_view()

    def whole_numbers_below(self, only: bool = True) -> None:
        """Mark the bottom axis at whole numbers only, for iterations, or wherever it fits."""
        self.contents.whole_numbers = only
        if self._axes is not None:
            self._axes.getAxis("bottom").whole_numbers = only

    def set_ticks(self, names: Sequence[str]) -> None:
        """Write names at 0, 1, 2 ... of the bottom axis; without names, its numbers again."""
        self.contents.ticks = tuple(names)
        ticks = [list(enumerate(names))] if names else None
        self._plot.getAxis("bottom").setTicks(ticks)

    def _label_axes(self) -> None:
        if self._axes is not None:
            for side in ("left", "bottom"):
                self._plot.getAxis(side).name_it(*self.contents.names_of(side))
            self._plot.getAxis("bottom").showLabel(self._bottom_shown)

    # -- the part that is shown

    def set_range(self, low: float, high: float) -> None:
        """Show this part of the left axis, whatever the lines hold."""
        self._want("left", low, high)

    def set_span(self, low: float, high: float) -> None:
        """Show this part of the bottom axis, whatever the lines hold."""
        self._want("bottom", low, high)

    def show_all(self) -> None:
        """Let the lines decide again what the left axis shows."""
        if self._wanted.pop("left", None) is not None and not self._zoomed:
            self.reset_view()

    def _want(self, side: str, low: float, high: float) -> None:
        wanted = (low, high) if low < high else (high, low)
        if self._wanted.get(side) != wanted:
            self._wanted[side] = wanted
            if not self._zoomed:
                self._show_wanted(side)

    def _show_wanted(self, side: str) -> None:
        low, high = self._wanted[side]
        show = self._plot.setYRange if side == "left" else self._plot.setXRange
        if side == "bottom" and not self.contents.ticks:
            low, high = sorted(self.contents.coordinates.to_view(x) for x in (low, high))
        show(low, high, padding=0.0)

    def reset_view(self) -> None:
        """Show everything, or what was asked for, after a zoom."""
        self._zoomed = False
        if self._follows is not None:
            self._plot.enableAutoRange(y=True)
            if self._follows._zoomed:
                self._follows.reset_view()
        else:
            self._plot.enableAutoRange()
        for side in self._wanted:
            self._show_wanted(side)

    def view_range(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """Return what the bottom and the left axis show, as they count."""
        self._plot.getViewBox().updateAutoRange()
        across, up = self._plot.viewRange()
        return (across[0], across[1]), (up[0], up[1])

    def settle(self) -> None:
        """Fit the axes to what was drawn now, not while they are painted, which is then twice."""
        if self._axes is not None and not self.is_empty:
            self._axes.getViewBox().updateAutoRange()

    def place_below(self, point: QPoint) -> float | None:
        """Return the place in the view under a point of the screen; None outside the axes."""
        view = self._plot.getViewBox()
        scene = self._widget.mapToScene(self._widget.mapFromGlobal(point))
        inside = view.sceneBoundingRect().contains(scene)
        return float(view.mapSceneToView(scene).x()) if inside else None

    def _note_zoom(self) -> None:
        self._zoomed = True

    # -- beside others

    def set_right_margin(self, pixels: float) -> None:
        """Leave room on the right, so that the axis lines up with that of a picture above."""
        self._plot.setContentsMargins(4, 8, pixels, 4)

    def share_bottom(self, below: PlotAxes) -> None:
        """Let a plot right below show the same part of the bottom axis, and the same crosshair."""
        mine, other = self._plot.getViewBox(), below._plot.getViewBox()
        below._follows = self
        other.enableAutoRange(x=False)
        mine.sigXRangeChanged.connect(lambda _, ends: other.setXRange(*ends, padding=0.0))
        other.zoomed.connect(self._take_span)
        self.hovered.connect(below.crosshair.show_position)
        below.hovered.connect(self.crosshair.show_position)
        self._below = below

    def _take_span(self) -> None:
        """Show what was zoomed to in the plot below."""
        self._note_zoom()
        self._plot.setXRange(*self._below.view_range()[0], padding=0.0)

    def show_bottom_axis(self, shown: bool) -> None:
        """Show numbers and name of the bottom axis, or leave them to the plot below."""
        if shown == self._bottom_shown:
            return
        axis = self._plot.getAxis("bottom")
        axis.setStyle(showValues=shown)
        axis.setHeight(None if shown else 10)
        self._bottom_shown = shown
        self._label_axes()

    def hide_legend(self) -> None:
        """Leave the legend to the plot above."""
        self._legend.hide()
        self._legend.setMaximumHeight(0)

    # -- looks

    def restyle(self) -> None:
        """Take on the colours of the theme."""
        if self._axes is None:
            return
        colours = theme()
        self._widget.setBackground(colours.panel)
        for side in ("left", "bottom"):
            axis = self._plot.getAxis(side)
            axis.setPen(pg.mkPen(colours.line, width=self.devicePixelRatioF()))
            axis.setTextPen(pg.mkPen(colours.quiet))
            axis.setStyle(tickFont=self.font(), tickTextOffset=6)
        self.items.restyle()
        self.crosshair.refresh()
        self._label_axes()
        self._legend.show_contents(self.contents)
