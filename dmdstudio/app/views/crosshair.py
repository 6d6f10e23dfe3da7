"""A crosshair that snaps to the points of the lines, and a box that reads them out."""

from __future__ import annotations

import html
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QObject, QPointF, Qt, Signal
from PySide6.QtWidgets import QLabel

from dmdstudio.app.plot_contents import PlotContents
from dmdstudio.app.readout import Snap, nearest_point, read_out, stepped, switched, view_points
from dmdstudio.app.theme import colour_of, theme

_MARGIN = 10


class Crosshair(QObject):
    """Is there only while the mouse is over the axes, or since a key has asked for it.

    Signals:
        moved: the position on the bottom axis in its native unit, None where it has gone.
    """

    moved = Signal(object)

    def __init__(self, widget: pg.PlotWidget, contents: PlotContents) -> None:
        super().__init__(widget)
        self._widget, self._contents = widget, contents
        self._plot: Any = widget.getPlotItem()
        self.snap: Snap | None = None
        self._by_key = False
        self._lines = [pg.InfiniteLine(angle=angle, movable=False) for angle in (90, 0)]
        self._dot = pg.ScatterPlotItem(size=9)
        for item in (*self._lines, self._dot):
            item.setZValue(50)
            item.hide()
            self._plot.addItem(item, ignoreBounds=True)
        self.box = QLabel(widget)
        self.box.setObjectName("readout")
        self.box.setTextFormat(Qt.TextFormat.RichText)
        self.box.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.box.hide()
        scene: Any = widget.scene()
        scene.sigMouseMoved.connect(self._follow)

    def _follow(self, place: QPointF) -> None:
        view = self._plot.getViewBox()
        if not view.sceneBoundingRect().contains(place) or not self._contents.series:
            self.leave()
            return
        point = view.mapSceneToView(place)
        width, height = view.viewPixelSize()
        snap = nearest_point(self._contents, point.x(), point.y(), width, height)
        self._by_key = False
        self.show_point(snap)

    def step(self, steps: int) -> None:
        """Go to the point ``steps`` further to the right."""
        self._by_key = True
        self.show_point(stepped(self._contents, self.snap, steps))

    def jump(self, last: bool) -> None:
        """Go to the first or the last point of the line."""
        self._by_key = True
        snap = stepped(self._contents, self.snap, 0)
        far = len(self._contents.series[snap.name].x) if snap is not None else 0
        self.show_point(stepped(self._contents, snap, far if last else -far))

    def switch(self, by: int) -> None:
        """Go to the next line, or the previous one."""
        self._by_key = True
        self.show_point(switched(self._contents, self.snap, by))

    def leave(self, *, keys_too: bool = False) -> None:
        """Go away; a crosshair that was called by a key stays until a key sends it away."""
        if self.snap is not None and (keys_too or not self._by_key):
            self.show_point(None)

    def refresh(self) -> None:
        """Stay at the same point of a line that was drawn anew, or go with it."""
        if self.snap is None:
            return
        series = self._contents.series.get(self.snap.name)
        if series is None or not self._contents.visible(series) or self.snap.index >= len(series.x):
            self.show_point(None)
        else:
            index = self.snap.index
            x, y = float(series.x[index]), float(series.y[index])
            self.show_point(Snap(self.snap.name, index, x, y))

    def show_point(self, snap: Snap | None) -> None:
        """Stand at a point, or go away."""
        self.snap = snap
        for item in (*self._lines, self._dot):
            item.setVisible(snap is not None)
        self.box.setVisible(snap is not None)
        if snap is not None:
            series = self._contents.series[snap.name]
            across, up = view_points(self._contents, series)
            x, y = float(across[snap.index]), float(up[snap.index])
            pen = pg.mkPen(theme().edge, width=self._widget.devicePixelRatioF())
            for line, at in zip(self._lines, (x, y), strict=True):
                line.setPen(pen)
                line.setPos(at)
            colour = colour_of(series.look.colour)
            self._dot.setData([x], [y], brush=pg.mkBrush(colour), pen=pg.mkPen(theme().panel))
            self._write(snap)
            self._place(x)
        self.moved.emit(None if snap is None else snap.x)

    def show_position(self, x: float | None) -> None:
        """Follow the crosshair of another plot with a vertical line."""
        line = self._lines[0]
        line.setVisible(x is not None)
        if x is not None:
            line.setPen(pg.mkPen(theme().edge, width=self._widget.devicePixelRatioF()))
            line.setPos(self._contents.coordinates.to_view(x))

    def _write(self, snap: Snap) -> None:
        rows = []
        for name, number, of in read_out(self._contents, snap):
            series = self._contents.series.get(of)
            shade = colour_of(series.look.colour).name() if series else theme().quiet
            weight = "600" if of == snap.name else "400"
            rows.append(
                f'<tr><td style="color:{shade}">{html.escape(name, quote=False)}&nbsp;&nbsp;</td>'
                f'<td align="right" style="color:{theme().text}; font-weight:{weight}">'
                f"{html.escape(number, quote=False)}</td></tr>"
            )
        self.box.setText(f'<table cellspacing="0">{"".join(rows)}</table>')
        self.box.setAccessibleName(
            ", ".join(
                f"{name} {number}".strip() for name, number, _ in read_out(self._contents, snap)
            )
        )
        self.box.adjustSize()

    def _place(self, x: float) -> None:
        """Put the box into the upper corner that is away from the point."""
        view = self._plot.getViewBox()
        area = self._widget.mapFromScene(view.sceneBoundingRect()).boundingRect()
        point = self._widget.mapFromScene(view.mapViewToScene(QPointF(x, 0.0)))
        left = point.x() > area.center().x()
        across = area.left() + _MARGIN if left else area.right() - _MARGIN - self.box.width()
        self.box.move(across, area.top() + _MARGIN)
        self.box.raise_()
