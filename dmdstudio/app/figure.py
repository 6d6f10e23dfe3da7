"""A plot painted as a figure of a given size in millimetres: for a paper, or as on screen.

It is painted from the plot's contents, not from the screen's own items, whose pens have the width
of screen pixels and whose lines SVG does not clip.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QFontInfo, QFontMetricsF, QPainter, QPen, QPolygonF

from dmdstudio.app.clipping import Range, clipped, runs
from dmdstudio.app.plot_contents import Cells, Look, PlotContents, Series, thinned
from dmdstudio.app.readout import view_points
from dmdstudio.app.ticks import linear_ticks, log_ticks, power_words

UNIT = 10.0
"""Units of a painter in a point (1/72 inch): fine enough for whole numbers of font pixels."""
PER_MILLIMETRE = 72.0 / 25.4 * UNIT
_MOST_POINTS = 6000


@dataclass(frozen=True)
class FigureStyle:
    """Sizes in millimetres and points, and the colour of each role."""

    width: float
    height: float
    fonts: tuple[str, ...]
    letters: float
    line: float
    colour: Callable[[str], QColor]
    paper: QColor
    ink: QColor
    faint: QColor
    boxed: bool


def paint_figure(
    painter: QPainter, contents: PlotContents, view: tuple[Range, Range], style: FigureStyle
) -> None:
    """Paint a plot.

    Args:
        painter: scaled so that a point (1/72 inch) is `UNIT`.
        contents: of the plot.
        view: what the bottom and the left axis show, as they count: logarithms where they are
            logarithmic.
        style: how it looks.
    """
    _Figure(painter, contents, view, style).paint()


class _Figure:
    def __init__(
        self,
        painter: QPainter,
        contents: PlotContents,
        view: tuple[Range, Range],
        style: FigureStyle,
    ) -> None:
        self.painter, self.contents, self.view, self.style = painter, contents, view, style
        self.font = QFont(QFontInfo(QFont(list(style.fonts))).family())
        self.font.setPixelSize(max(1, round(style.letters * UNIT)))
        self.metrics = QFontMetricsF(self.font)
        self.whole = QRectF(0.0, 0.0, style.width * PER_MILLIMETRE, style.height * PER_MILLIMETRE)
        self.gap = 0.45 * self.metrics.height()
        (x_low, x_high), (y_low, y_high) = view
        self.left_ticks = self._left_ticks(y_low, y_high)
        widest = max((self.metrics.horizontalAdvance(w) for _, w in self.left_ticks), default=0.0)
        letter = self.metrics.height()
        self.left_words = contents.left_words() if contents.cells is None else ""
        left = widest + 1.6 * self.gap + (1.3 * letter if self.left_words else 0.0)
        bottom = 1.5 * letter + (1.3 * letter if contents.bottom_words() else 0.0)
        self.rows = self._legend_rows(self.whole.width() - left - self.gap)
        top = self.gap + 1.25 * letter * len(self.rows)
        right = 1.6 * self.gap if contents.cells is None else self._scale_room(contents.cells)
        self.area = self.whole.adjusted(left, top, -right, -bottom)
        self.bottom_ticks = self._bottom_ticks(x_low, x_high)

    def _ticks(
        self, low: float, high: float, log: bool, size: float, letters: float, whole: bool = False
    ) -> list[tuple[float, str]]:
        most = size / (letters * self.metrics.height())
        if log:
            return [(value, power_words(value)) for value in log_ticks(low, high, most)]
        return linear_ticks(low, high, most, whole)

    def _left_ticks(self, low: float, high: float) -> list[tuple[float, str]]:
        cells = self.contents.cells
        if cells is not None:  # the first row is the uppermost
            count = len(cells.names)
            every = -(-count // max(1, int(self.whole.height() / (1.6 * self.metrics.height()))))
            rows = [(count - row - 0.5, name) for row, name in enumerate(cells.names)]
            return rows[::every]
        return self._ticks(low, high, self.contents.log_left, self.whole.height(), 2.6)

    def _bottom_ticks(self, low: float, high: float) -> list[tuple[float, str]]:
        if self.contents.ticks:
            named = enumerate(self.contents.ticks)
            return [(float(place), words) for place, words in named if low <= place <= high]
        log, whole = self.contents.coordinates.log, self.contents.whole_numbers
        return self._ticks(low, high, log, self.area.width(), 4.5, whole)

    # -- places

    def _across(self, x: np.ndarray) -> np.ndarray:
        low, high = self.view[0]
        share = (x - low) / (high - low)
        share = 1.0 - share if self.contents.falling else share
        return self.area.left() + share * self.area.width()

    def _up(self, y: np.ndarray) -> np.ndarray:
        low, high = self.view[1]
        return self.area.bottom() - (y - low) / (high - low) * self.area.height()

    # -- painting

    def paint(self) -> None:
        """Paint everything, what lies behind first."""
        painter = self.painter
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.fillRect(self.whole, self.style.paper)
        painter.setFont(self.font)
        if self.contents.cells is not None:
            self._paint_cells(self.contents.cells)
            self._paint_axes()
            return
        self._paint_spans()
        if not self.style.boxed:
            for value, _ in self.left_ticks:
                y = float(self._up(np.array(value)))
                self._stroke(self.style.faint, 0.5)
                painter.drawLine(QPointF(self.area.left(), y), QPointF(self.area.right(), y))
        for name, colour in self.contents.bands.items():
            self._paint_band(name, colour)
        for mark in self.contents.marks.values():
            self._paint_mark(mark.x, mark.colour)
        for series in self.contents.series.values():
            if self.contents.visible(series):
                self._paint_line(series)
        self._paint_axes()
        self._paint_legend()

    def _stroke(self, colour: QColor, points: float, dash: bool = False) -> None:
        pen = QPen(colour, points * UNIT)
        pen.setJoinStyle(Qt.PenJoinStyle.RoundJoin)
        pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        if dash:
            pen.setDashPattern([4.0, 2.5])
        self.painter.setPen(pen)
        self.painter.setBrush(Qt.BrushStyle.NoBrush)

    # -- numbers as a picture

    def _scale_ticks(self, cells: Cells) -> list[tuple[float, str]]:
        largest = float(np.abs(cells.numbers).max()) or 1.0
        return self._ticks(-largest, largest, False, 0.6 * self.whole.height(), 2.6)

    def _scale_room(self, cells: Cells) -> float:
        ticks = self._scale_ticks(cells)
        widest = max((self.metrics.horizontalAdvance(words) for _, words in ticks), default=0.0)
        return widest + 4.6 * self.gap + 1.3 * self.metrics.height()

    def _shade(self, share: float) -> QColor:
        """Return the colour of a number between -1 and 1: that of the paper for 0."""
        end, paper = self.style.colour("series 0" if share < 0 else "series 1"), self.style.paper

        def mixed(low: float, high: float) -> float:
            return low + abs(share) * (high - low)

        return QColor.fromRgbF(
            mixed(paper.redF(), end.redF()),
            mixed(paper.greenF(), end.greenF()),
            mixed(paper.blueF(), end.blueF()),
        )

    def _paint_cells(self, cells: Cells) -> None:
        rows, points = cells.numbers.shape
        largest = float(np.abs(cells.numbers).max()) or 1.0
        edges = np.linspace(cells.begin, cells.end, points + 1)
        across = np.clip(self._across(edges), self.area.left(), self.area.right()).tolist()
        up = self._up(np.arange(rows, -1, -1, dtype=float)).tolist()
        self.painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)  # it leaves seams
        for row in range(rows):
            for point in range(points):
                upper_left = QPointF(across[point], up[row])
                place = QRectF(upper_left, QPointF(across[point + 1], up[row + 1]))
                self.painter.fillRect(place, self._shade(cells.numbers[row, point] / largest))
        left, steps = self.area.right() + self.gap, 64
        height = self.area.height() / steps
        for step in range(steps):
            bar = QRectF(left, self.area.bottom() - (step + 1) * height, self.gap, height)
            self.painter.fillRect(bar, self._shade(2.0 * (step + 0.5) / steps - 1.0))
        self.painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._stroke(self.style.ink, 0.5)
        for value, words in self._scale_ticks(cells):
            y = self.area.center().y() - 0.5 * self.area.height() * value / largest
            base = y + 0.5 * (self.metrics.ascent() - self.metrics.descent())
            self.painter.drawText(QPointF(left + 1.6 * self.gap, base), words)
        self.painter.save()
        self.painter.translate(self.whole.right() - 0.5 * self.gap, self.area.center().y())
        self.painter.rotate(-90.0)
        width = self.metrics.horizontalAdvance(cells.scale)
        self.painter.drawText(QPointF(-0.5 * width, 0.0), cells.scale)
        self.painter.restore()

    # -- lines and what lies behind them

    def _paint_spans(self) -> None:
        low, high = self.view[0]
        for span in self.contents.spans.values():
            ends = sorted(self.contents.coordinates.to_view(x) for x in (span.low, span.high))
            begin, end = max(ends[0], low), min(ends[1], high)
            if begin < end:
                x = sorted(self._across(np.array([begin, end])))
                shade = QColor(self.style.colour(span.colour))
                shade.setAlpha(40)
                area = QRectF(x[0], self.area.top(), x[1] - x[0], self.area.height())
                self.painter.fillRect(area, shade)

    def _paint_mark(self, x: float, colour: str) -> None:
        place = self.contents.coordinates.to_view(x)
        if self.view[0][0] <= place <= self.view[0][1]:
            across = float(self._across(np.array(place)))
            self._stroke(self.style.colour(colour), 0.8 * self.style.line, dash=True)
            top, bottom = self.area.top(), self.area.bottom()
            self.painter.drawLine(QPointF(across, top), QPointF(across, bottom))

    def _paint_band(self, name: str, colour: str) -> None:
        edges = [self.contents.series[f"{name} {end}"] for end in ("low", "high")]
        if not self.contents.visible(edges[0]):
            return
        (x, low), (_, high) = (view_points(self.contents, edge) for edge in edges)
        begin, end = self.view[0]
        known = np.isfinite(x) & np.isfinite(low) & np.isfinite(high)
        x, low, high = x[known], low[known], high[known]
        if len(x) < 2:
            return
        order = np.argsort(x, kind="stable")
        x, low, high = x[order], low[order], high[order]
        inner = x[(x > begin) & (x < end)]
        at = np.concatenate([[max(begin, x[0])], inner, [min(end, x[-1])]])
        at, _ = thinned(at, at, _MOST_POINTS)
        upper, lower = (np.clip(np.interp(at, x, edge), *self.view[1]) for edge in (high, low))
        across = self._across(np.concatenate([at, at[::-1]]))
        up = self._up(np.concatenate([upper, lower[::-1]]))
        shade = QColor(self.style.colour(colour))
        shade.setAlpha(50)
        self.painter.setPen(Qt.PenStyle.NoPen)
        self.painter.setBrush(QBrush(shade))
        self.painter.drawPolygon(QPolygonF([QPointF(*p) for p in zip(across, up, strict=True)]))

    def _paint_line(self, series: Series) -> None:
        look, colour = series.look, self.style.colour(series.look.colour)
        x, y = view_points(self.contents, series)
        if look.joined and look.width > 0:
            self._stroke(colour, look.width * self.style.line / 2.0, look.dash)
            if series.pairs:
                pieces = [
                    np.stack([x[i : i + 2], y[i : i + 2]], axis=1) for i in range(0, len(x), 2)
                ]
            else:
                pieces = runs(*thinned(x, y, _MOST_POINTS))
            for piece in pieces:
                for part in clipped(piece, self.view):
                    across, up = self._across(part[:, 0]), self._up(part[:, 1])
                    points = [QPointF(*p) for p in zip(across, up, strict=True)]
                    self.painter.drawPolyline(QPolygonF(points))
        if look.points:
            self._paint_points(x, y, look)

    def _paint_points(self, x: np.ndarray, y: np.ndarray, look: Look) -> None:
        (left, right), (low, high) = self.view
        inside = (x >= left) & (x <= right) & (y >= low) & (y <= high)
        self.painter.setPen(QPen(self.style.paper, 0.4 * UNIT))
        self.painter.setBrush(QBrush(self.style.colour(look.colour)))
        radius = 1.6 * self.style.line * UNIT
        for across, up in zip(self._across(x[inside]), self._up(y[inside]), strict=True):
            self.painter.drawEllipse(QPointF(across, up), radius, radius)

    def _paint_axes(self) -> None:
        painter, area, letter = self.painter, self.area, self.metrics.height()
        self._stroke(self.style.ink, 0.4 * self.style.line + 0.2)
        if self.style.boxed:
            painter.drawRect(area)
        else:
            painter.drawLine(area.bottomLeft(), area.bottomRight())
        for value, words in self.bottom_ticks:
            x = float(self._across(np.array(value)))
            painter.drawLine(QPointF(x, area.bottom()), QPointF(x, area.bottom() - 0.3 * self.gap))
            width = self.metrics.horizontalAdvance(words)
            left = min(max(x - width / 2, 0.0), self.whole.right() - width)
            painter.drawText(QPointF(left, area.bottom() + 1.15 * letter), words)
        for value, words in self.left_ticks:
            y = float(self._up(np.array(value)))
            painter.drawLine(QPointF(area.left(), y), QPointF(area.left() + 0.3 * self.gap, y))
            width = self.metrics.horizontalAdvance(words)
            base = y + 0.5 * (self.metrics.ascent() - self.metrics.descent())
            painter.drawText(QPointF(area.left() - width - 0.6 * self.gap, base), words)
        words = self.contents.bottom_words()
        x = area.center().x() - 0.5 * self.metrics.horizontalAdvance(words)
        base = self.whole.bottom() - self.metrics.descent() - 0.3 * self.gap
        painter.drawText(QPointF(x, base), words)
        words = self.left_words
        painter.save()
        painter.translate(self.metrics.ascent() + 0.3 * self.gap, area.center().y())
        painter.rotate(-90.0)
        painter.drawText(QPointF(-0.5 * self.metrics.horizontalAdvance(words), 0.0), words)
        painter.restore()

    # -- the legend

    def _legend_rows(self, width: float) -> list[list[tuple[str, str, Look | None]]]:
        if self.contents.cells is not None:
            return []
        entries: list[tuple[str, str, Look | None]] = [
            (series.label, series.look.colour, series.look)
            for series in self.contents.curves()
            if series.label
        ]
        spans = {span.label: span.colour for span in self.contents.spans.values() if span.label}
        entries += [(m.label, m.colour, None) for m in self.contents.marks.values() if m.label]
        entries += [(label, colour, None) for label, colour in spans.items()]
        rows: list[list[tuple[str, str, Look | None]]] = []
        used = width + 1.0
        for entry in entries:
            wide = self._entry_width(entry[0])
            if used + wide > width or not rows:
                rows.append([])
                used = 0.0
            rows[-1].append(entry)
            used += wide
        return rows

    def _entry_width(self, label: str) -> float:
        return self.metrics.horizontalAdvance(label) + 4.6 * self.gap

    def _paint_legend(self) -> None:
        letter = self.metrics.height()
        for number, row in enumerate(self.rows):
            x = self.area.right() - sum(self._entry_width(label) for label, _, _ in row)
            base = self.gap + 1.25 * letter * number + self.metrics.ascent()
            middle = base - 0.35 * self.metrics.ascent()
            for label, colour, look in row:
                x += 1.2 * self.gap
                self._paint_sign(x, middle, colour, look)
                self._stroke(self.style.ink, 0.5)
                self.painter.drawText(QPointF(x + 2.8 * self.gap, base), label)
                x += self._entry_width(label) - 1.2 * self.gap

    def _paint_sign(self, x: float, y: float, colour: str, look: Look | None) -> None:
        shade = self.style.colour(colour)
        if look is None:
            pale = QColor(shade)
            pale.setAlpha(110)
            size = 1.1 * self.gap
            self.painter.fillRect(QRectF(x + 0.7 * self.gap, y - size / 2, size, size), pale)
            return
        if look.joined:
            self._stroke(shade, look.width * self.style.line / 2.0, look.dash)
            self.painter.drawLine(QPointF(x, y), QPointF(x + 2.3 * self.gap, y))
        if look.points:
            self.painter.setPen(QPen(self.style.paper, 0.4 * UNIT))
            self.painter.setBrush(QBrush(shade))
            radius = 1.6 * self.style.line * UNIT
            self.painter.drawEllipse(QPointF(x + 1.15 * self.gap, y), radius, radius)
