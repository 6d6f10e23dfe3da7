"""Icons drawn in the colours of the theme: a few strokes each, sharp at every scale."""

from __future__ import annotations

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap, QPixmapCache
from PySide6.QtSvg import QSvgRenderer

_STROKES = {
    "open": '<path d="M3 7a2 2 0 0 1 2-2h4l2 2.5h8a2 2 0 0 1 2 2V17"/>'
    '<path d="M21 17a2 2 0 0 1-2 2H5a2 2 0 0 1-2-2V7"/>',
    "save": '<path d="M5 4h11l4 4v10a2 2 0 0 1-2 2H5a1.5 1.5 0 0 1-1-2V5z"/>'
    '<path d="M8 4v5h7V4M8 20v-6h8v6"/>',
    "run": '<path d="M7 4.5v15l12-7.5z" fill="currentColor"/>',
    "pause": '<path d="M8.5 5v14M15.5 5v14" stroke-width="3"/>',
    "stop": '<rect x="6" y="6" width="12" height="12" rx="1.5" fill="currentColor"/>',
    "resume": '<path d="M4 5v14" stroke-width="2.5"/><path d="M9 5v14l11-7z" fill="currentColor"/>',
    "check": '<path d="M4 17c3 0 4-10 8-10s5 6 8 6"/><path d="M14.5 19l2 2 4-4.5"/>',
    "diagnose": '<path d="M3 13h4l2.5-7 4 13 2.5-6h5"/>',
    "export": '<path d="M12 15V4M8 8l4-4 4 4M4 15v3a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-3"/>',
    "drop": '<path d="M12 4v11M8 11l4 4 4-4M4 15v3a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-3"/>',
    "down": '<path d="M7 10l5 5 5-5"/>',
    "right": '<path d="M10 7l5 5-5 5"/>',
}


def icon(name: str, colour: str, faded: str | None = None) -> QIcon:
    """Return a drawn icon; ``faded`` is its colour where it cannot be chosen."""
    drawn = QIcon()
    for size in (16, 24, 32, 48, 64):
        drawn.addPixmap(_pixmap(name, colour, size), QIcon.Mode.Normal)
        if faded:
            drawn.addPixmap(_pixmap(name, faded, size), QIcon.Mode.Disabled)
    return drawn


def application_icon() -> QIcon:
    """Return the mark of the program: a decaying oscillation in a rounded square."""
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none">'
        '<rect width="24" height="24" rx="5.5" fill="#2b62c9"/>'
        '<path d="M3.5 12C5 2 7 2 8.5 12s3 7 4.5 0 2.5-4.5 3.75 0 2 2 3.75 0" '
        'stroke="#fff" stroke-width="1.8" stroke-linecap="round"/></svg>'
    )
    drawn = QIcon()
    for size in (16, 32, 64, 128, 256):
        drawn.addPixmap(_render(svg, size))
    return drawn


def _pixmap(name: str, colour: str, size: int) -> QPixmap:
    """Return a drawn picture; Qt keeps those drawn before."""
    key, known = f"{name} {colour} {size}", QPixmap()
    if QPixmapCache.find(key, known):
        return known
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" '
        'stroke="currentColor" stroke-width="1.8" stroke-linecap="round" '
        f'stroke-linejoin="round">{_STROKES[name]}</svg>'
    ).replace("currentColor", colour)
    drawn = _render(svg, size)
    QPixmapCache.insert(key, drawn)
    return drawn


def _render(svg: str, size: int) -> QPixmap:
    pixmap = QPixmap(QSize(size, size))
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    QSvgRenderer(QByteArray(svg.encode())).render(painter, QRectF(0, 0, size, size))
    painter.end()
    return pixmap
