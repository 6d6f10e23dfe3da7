"""The lines, bands, marks and regions of a plot as pyqtgraph's items.

Error bars and levels are drawn as ordinary lines: pyqtgraph's own error bars and infinite lines
ignore a logarithmic axis.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import QObject, Qt

from dmdstudio.app.plot_contents import Look, Mark, PlotContents, Series, Span
from dmdstudio.app.theme import colour_of, theme
from dmdstudio.app.views.region import Region

DENSE = 4000
"""Lines of more points are thinned to what the screen resolves."""
_PER_PIXEL = 0.6
"""Lowest and highest points of a thinned line, a pair for each so many pixels."""


class PlotItems:
    """Draws what a plot contains.

    Args:
        contents: of the plot; positions are those of the data.
        axes: returns the axes, which are made when they are first needed.
        ratio: returns the device pixels in a pixel: pyqtgraph's pens do not scale.
    """

    def __init__(
        self, contents: PlotContents, axes: Callable[[], Any], ratio: Callable[[], float]
    ) -> None:
        self._contents, self._axes, self._ratio = contents, axes, ratio
        self.lines: dict[str, tuple[pg.PlotDataItem, Look]] = {}
        self.bands: dict[str, tuple[pg.FillBetweenItem, str]] = {}
        self.marks: dict[str, tuple[pg.InfiniteLine, str]] = {}
        self.regions: dict[str, Region] = {}

    # -- lines

    def draw(self, series: Series, in_range: bool) -> bool:
        """Draw or redraw a line; return whether its looks or its name are others now."""
        name, look = series.name, series.look
        item, old = self.lines.get(name, (None, None))
        before = self._contents.series.get(name)
        if before is not None and before.x is series.x and before.y is series.y and look == old:
            before.label = series.label
            return False  # the very same arrays: nothing to do for many points
        self._contents.series[name] = series
        new = item is None
        item = pg.PlotDataItem() if item is None else item
        self.set_data(item, series, self._style(look) if look != old else {})
        if new:  # only now: each change of an item that is shown costs an update
            item.setLogMode(self._contents.coordinates.log, self._contents.log_left)
            item.setVisible(self._contents.visible(series))
            self._axes().addItem(item, ignoreBounds=not in_range)
            if len(series.x) > DENSE:
                self.set_data(item, series, {})
        self.lines[name] = (item, look)
        return look != old or before is None or before.label != series.label

    def set_data(self, item: pg.PlotDataItem, series: Series, style: dict[str, Any]) -> None:
        """Hand a line over in the units on screen."""
        coordinates = self._contents.coordinates
        x = np.asarray(coordinates.in_shown(series.x), dtype=float)
        y = series.y
        if self._contents.log_left:
            y = np.where(y > 0, y, np.nan)
        if coordinates.native != coordinates.shown and not series.pairs:
            x, y = _rising(x, y)
        shown = item.scene() is not None  # clipping to a view needs one
        dense = shown and len(x) > DENSE and not series.pairs
        if dense != bool(item.opts["autoDownsample"]):
            item.opts.update(autoDownsample=dense, downsampleMethod="peak", clipToView=dense)
            item.opts["autoDownsampleFactor"] = _PER_PIXEL
            item.curve.setSegmentedLineMode("on" if dense else "auto")
            style = self._style(series.look)
        if dense and style and series.look.dash:  # dashes of thousands of points take long
            style["pen"] = pg.mkPen(colour_of(series.look.colour), width=1.0)
        item.setData(x, y, connect="pairs" if series.pairs else "auto", **style)

    def remove(self, name: str) -> bool:
        """Take a line away, or a band; return whether there was one."""
        fill, _ = self.bands.pop(name, (None, None))
        if fill is not None:
            del self._contents.bands[name]
            self._axes().removeItem(fill)
            for end in ("low", "high"):
                self.remove(f"{name} {end}")
        item, _ = self.lines.pop(name, (None, None))
        if item is not None:
            del self._contents.series[name]
            self._axes().removeItem(item)
        return item is not None or fill is not None

    # -- bands, marks, regions

    def fill(self, name: str, colour: str) -> None:
        """Fill the space between the lines ``NAME low`` and ``NAME high``."""
        self._contents.bands[name] = colour
        if name not in self.bands:
            lower, upper = (self.lines[f"{name} {end}"][0].curve for end in ("low", "high"))
            fill = pg.FillBetweenItem(lower, upper)
            fill.setZValue(-20)
            self._axes().addItem(fill, ignoreBounds=True)
            self.bands[name] = (fill, colour)
            self._paint_band(fill, colour)
            self.show_visible()

    def mark(self, name: str, mark: Mark) -> None:
        """Draw a vertical line through the whole height."""
        line, _ = self.marks.get(name, (None, None))
        if line is None:
            line = pg.InfiniteLine(angle=90, movable=False)
            line.setZValue(-10)
            self._axes().addItem(line, ignoreBounds=True)
        line.setPos(self._contents.coordinates.to_view(mark.x))
        self._contents.marks[name] = mark
        self.marks[name] = (line, mark.colour)
        self._paint_mark(line, mark.colour)

    def region(
        self,
        name: str,
        span: Span,
        ends: tuple[bool, bool],
        dragged: Callable[[float, float], None] | None,
        parent: QObject,
    ) -> None:
        """Shade a part of the bottom axis; see `Plot.region`."""
        self._contents.spans[name] = span
        region = self.regions.get(name)
        if region is None:
            region = self.regions[name] = Region(parent, self._ratio)
            if dragged is not None:
                region.dragged.connect(dragged)
            self._axes().addItem(region.item, ignoreBounds=True)
        region.show_span(span, self._contents.coordinates, ends)

    def remove_region(self, name: str) -> None:
        """Take a region away."""
        region = self.regions.pop(name)
        del self._contents.spans[name]
        self._axes().removeItem(region.item)
        region.deleteLater()

    # -- all of them

    def clear(self) -> None:
        """Take everything away."""
        for name in [*self.bands, *self.lines]:
            self.remove(name)
        for line, _ in self.marks.values():
            self._axes().removeItem(line)
        self.marks.clear()
        self._contents.marks.clear()
        for name in list(self.regions):
            self.remove_region(name)

    def show_visible(self) -> None:
        """Hide what is switched off, and what belongs to it."""
        contents = self._contents
        for name, (item, _) in self.lines.items():
            item.setVisible(contents.visible(contents.series[name]))
        for name, (fill, _) in self.bands.items():
            fill.setVisible(contents.visible(contents.series[f"{name} low"]))

    def move(self) -> None:
        """Stand where the unit on screen wants it."""
        contents = self._contents
        for name, (item, _) in self.lines.items():
            self.set_data(item, contents.series[name], {})
        for name, (line, _) in self.marks.items():
            line.setPos(contents.coordinates.to_view(contents.marks[name].x))
        for name, region in self.regions.items():
            region.show_span(contents.spans[name], contents.coordinates, region.ends)

    def restyle(self) -> None:
        """Take on the colours of the theme."""
        for name, (item, look) in self.lines.items():
            self.set_data(item, self._contents.series[name], self._style(look))
        for fill, colour in self.bands.values():
            self._paint_band(fill, colour)
        for line, colour in self.marks.values():
            self._paint_mark(line, colour)
        for region in self.regions.values():
            region.restyle()

    def _style(self, look: Look) -> dict[str, Any]:
        """Return how pyqtgraph is told of the looks of a line."""
        colour = colour_of(look.colour)
        dash = Qt.PenStyle.DashLine if look.dash else Qt.PenStyle.SolidLine
        width = look.width * self._ratio()
        pen = pg.mkPen(colour, width=width, style=dash) if width else pg.mkPen(None)
        return {
            "pen": pen if look.joined else None,  # without a pen its path would not be made
            "symbol": "o" if look.points else None,
            "symbolSize": 7,
            "symbolBrush": pg.mkBrush(colour),
            "symbolPen": pg.mkPen(theme().panel, width=1.0),
        }

    def _paint_mark(self, line: pg.InfiniteLine, colour: str) -> None:
        pen = pg.mkPen(colour_of(colour), style=Qt.PenStyle.DashLine)
        pen.setWidthF(1.5 * self._ratio())
        line.setPen(pen)

    def _paint_band(self, fill: pg.FillBetweenItem, colour: str) -> None:
        shade = colour_of(colour)
        shade.setAlpha(38)
        fill.setBrush(pg.mkBrush(shade))


def _rising(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a line from left to right, without points that the unit on screen cannot show."""
    known = np.isfinite(x)
    if not known.all():
        x, y = x[known], y[known]
    return (x[::-1], y[::-1]) if len(x) > 1 and x[0] > x[-1] else (x, y)
