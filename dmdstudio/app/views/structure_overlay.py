"""What is written over a picture of a structure: legend, axes, and what is chosen and measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen

from dmdstudio.app.colours import Theme
from dmdstudio.app.structure_camera import Camera, Projected

_MARGIN, _ARM, _GAP = 14.0, 32.0, 8.0
_DISC = 12.0


def paint_legend(
    painter: QPainter, colours: Theme, entries: Sequence[tuple[np.ndarray | None, str, str]]
) -> None:
    """Write names and numbers in the left upper corner, and colours where they mean one."""
    metrics = QFontMetricsF(painter.font())
    line, top = metrics.height() + 4.0, _MARGIN
    widest = max((metrics.horizontalAdvance(name) for _, name, _ in entries), default=0.0)
    for rgb, name, number in entries:
        left = _MARGIN
        if rgb is not None:
            disc = QRectF(left, top + 0.5 * (metrics.height() - _DISC), _DISC, _DISC)
            painter.setPen(QPen(QColor(colours.edge), 1.0))
            painter.setBrush(QColor.fromRgbF(*(float(c) for c in rgb)))
            painter.drawEllipse(disc)
            left += _DISC + _GAP
        base = top + metrics.ascent()
        painter.setPen(QColor(colours.text))
        painter.drawText(QPointF(left, base), name)
        painter.setPen(QColor(colours.quiet))
        painter.drawText(QPointF(left + widest + _GAP, base), number)
        top += line


def paint_axes(
    painter: QPainter, colours: Theme, camera: Camera, cell: np.ndarray, height: float
) -> None:
    """Draw the directions of the lattice vectors in the left lower corner."""
    directions = cell / np.linalg.norm(cell, axis=1, keepdims=True)
    seen = directions @ camera.rotation.T
    origin = QPointF(_MARGIN + _ARM + 10.0, height - _MARGIN - _ARM - 10.0)
    bold = QFont(painter.font())
    bold.setBold(True)
    painter.setFont(bold)
    metrics = QFontMetricsF(bold)
    for axis in np.argsort(seen[:, 2]):  # the farthest first
        x, y = _ARM * seen[axis, 0], -_ARM * seen[axis, 1]
        colour = QColor(colours.series[(1, 2, 0)[axis]])
        pen = QPen(colour, 2.4)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        tip = origin + QPointF(x, y)
        painter.drawLine(origin, tip)
        length = np.hypot(x, y)
        painter.setBrush(colour)
        if length > 6.0:
            _paint_head(painter, tip, x / length, y / length)
        else:  # it points at the eye, or away
            painter.drawEllipse(tip, 2.6, 2.6)
        out = 11.0 / max(length, 11.0)
        centre = tip + (QPointF(out * x, out * y) if length > 6.0 else QPointF(9.0, -9.0))
        name = "abc"[axis]
        wide = metrics.horizontalAdvance(name)
        painter.drawText(
            QPointF(centre.x() - 0.5 * wide, centre.y() + 0.35 * metrics.ascent()), name
        )


def _paint_head(painter: QPainter, tip: QPointF, x: float, y: float) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.drawPolygon(
        [
            tip + QPointF(3.0 * x, 3.0 * y),
            tip + QPointF(-5.0 * x - 3.6 * y, -5.0 * y + 3.6 * x),
            tip + QPointF(-5.0 * x + 3.6 * y, -5.0 * y - 3.6 * x),
        ]
    )
    painter.setPen(painter.brush().color())


def paint_rings(
    painter: QPainter,
    colours: Theme,
    seen: Projected,
    radii: np.ndarray,
    chosen: Sequence[int],
    current: int | None,
) -> None:
    """Ring the chosen atoms, with their order where there are several, and the one pointed at."""
    painter.setBrush(Qt.BrushStyle.NoBrush)
    for atom in [*chosen, *([] if current is None or current in chosen else [current])]:
        radius = max(4.0, float(seen.scale[atom] * radii[atom])) + 2.0
        centre = QPointF(*seen.xy[atom])
        strong = atom in chosen
        painter.setPen(QPen(QColor(colours.panel), 5.0 if strong else 3.5))
        painter.drawEllipse(centre, radius, radius)
        painter.setPen(
            QPen(QColor(colours.accent if strong else colours.text), 2.2 if strong else 1.4)
        )
        painter.drawEllipse(centre, radius, radius)


def paint_measure(
    painter: QPainter,
    colours: Theme,
    places: np.ndarray,
    radii: np.ndarray,
    drawn: np.ndarray,
    words: str,
) -> None:
    """Draw a dashed line from atom to atom and the number that was measured beside it.

    Args:
        painter: of the picture.
        colours: of the theme.
        places: of the atoms, each the nearest image to the one before [atom, xy], pixels.
        radii: of the atoms there, pixels.
        drawn: where the atoms are in the picture; images elsewhere get a ring [atom, xy].
        words: the number.
    """
    points = [QPointF(*place) for place in places]
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(QColor(colours.panel), 4.5))
    painter.drawPolyline(points)
    painter.setPen(QPen(QColor(colours.accent), 1.8, Qt.PenStyle.DashLine))
    painter.drawPolyline(points)
    for point, radius, away in zip(points, radii, np.abs(places - drawn).max(axis=1), strict=True):
        if away > 1.0:
            painter.drawEllipse(point, radius, radius)
    last = len(places) - 1
    middle = 0.5 * (places[last // 2] + places[(last + 1) // 2])
    metrics = QFontMetricsF(painter.font())
    wide, high = metrics.horizontalAdvance(words) + 14.0, metrics.height() + 6.0
    card = QRectF(middle[0] + 10.0, middle[1] - high - 6.0, wide, high)
    room = QRectF(painter.viewport())
    ratio = painter.transform().m11() or 1.0
    card.moveLeft(min(max(card.left(), 2.0), room.width() / ratio - wide - 2.0))
    card.moveTop(min(max(card.top(), 2.0), room.height() / ratio - high - 2.0))
    painter.setPen(QPen(QColor(colours.accent), 1.0))
    painter.setBrush(QColor(colours.panel))
    painter.drawRoundedRect(card, 4.0, 4.0)
    painter.setPen(QColor(colours.text))
    painter.drawText(card, Qt.AlignmentFlag.AlignCenter, words)
