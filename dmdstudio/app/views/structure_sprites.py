"""Paints balls and sticks as small pictures, all of which lie side by side in one large one.

A few milliseconds for thousands of atoms, without OpenGL, which remote and virtual screens lack.
"""

from __future__ import annotations

from typing import cast

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QPainter, QPixmap
from shiboken6 import wrapInstance

from dmdstudio.app.structure_drawing import EDGE, FOG_LEVELS, SIZES, STICK, Pieces
from dmdstudio.app.structure_shading import STICK_LENGTH, ball, edge, stick

_SHEET_WIDTH = 1024
_FIRST_HEIGHT, _MOST_HEIGHT = 512, 8192
_KINDS = len(SIZES) - EDGE
_X, _Y, _LEFT, _TOP, _WIDTH, _HEIGHT, _SCALE_X, _SCALE_Y, _ROTATION, _OPACITY = range(10)


class Sprites:
    """The pictures of balls and sticks in the colours of a palette, drawn when first needed.

    Args:
        palette: colours [colour, rgb], 0 to 1.
        background: what is far fades into it [rgb].
    """

    def __init__(self, palette: np.ndarray, background: np.ndarray) -> None:
        self._palette, self._background = palette, background
        self._forget()

    def _forget(self) -> None:
        kinds = len(self._palette) * FOG_LEVELS * _KINDS
        self._places = np.full((kinds, 4), -1.0)  # left, top, width, height
        self._sheet = QPixmap(_SHEET_WIDTH, _FIRST_HEIGHT)
        self._sheet.fill(Qt.GlobalColor.transparent)
        self._left = self._top = self._row = 0

    def paint(self, painter: QPainter, pieces: Pieces, smooth: bool = True) -> None:
        """Paint pieces in their order.

        Args:
            painter: of an image, in its own pixels.
            pieces: what to paint.
            smooth: whether turned and stretched pictures are interpolated.
        """
        if not len(pieces):
            return
        kind = (pieces.colour * FOG_LEVELS + pieces.fog) * _KINDS + pieces.size - EDGE
        self._draw_missing(kind)
        f = np.empty((len(pieces), 10))
        f[:, _X : _Y + 1] = pieces.xy
        f[:, _LEFT : _HEIGHT + 1] = self._places[kind]
        f[:, _SCALE_X : _SCALE_Y + 1] = 1.0
        stretched = (pieces.size < 0) | (pieces.size == len(SIZES) - 1)
        f[stretched, _SCALE_X : _SCALE_Y + 1] = (
            pieces.extent[stretched] / f[stretched, _WIDTH : _HEIGHT + 1]
        )
        f[:, _ROTATION] = pieces.angle
        f[:, _OPACITY] = 1.0
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform, smooth)
        # An array of fragments is what Qt takes; ten numbers each, as numpy holds them.
        first = cast(
            "QPainter.PixmapFragment", wrapInstance(f.ctypes.data, QPainter.PixmapFragment)
        )
        painter.drawPixmapFragments(first, len(f), self._sheet)

    def _draw_missing(self, kind: np.ndarray) -> None:
        needed = np.flatnonzero(np.bincount(kind, minlength=len(self._places)))
        missing = needed[self._places[needed, 0] < 0]
        if len(missing) and self._top > _MOST_HEIGHT:
            self._forget()  # pictures of sizes that are long gone
            missing = needed
        for one in missing[np.argsort(missing % _KINDS, kind="stable")]:  # alike ones in a row
            self._draw(int(one))

    def _draw(self, kind: int) -> None:
        shade, place = divmod(kind, _KINDS)
        size = place + EDGE
        colour, fog = divmod(shade, FOG_LEVELS)
        rgb, share = self._palette[colour], fog / (FOG_LEVELS - 1)
        if size >= 0:
            pixels = ball(int(SIZES[size]), rgb, self._background, share)
        else:
            pixels = (stick if size == STICK else edge)(rgb, self._background, share)
        height, width = pixels.shape[:2]
        left, top = self._room(width, height)
        form = QImage.Format.Format_RGBA8888_Premultiplied
        picture = QImage(pixels.data, width, height, 4 * width, form)
        painter = QPainter(self._sheet)
        painter.setCompositionMode(QPainter.CompositionMode.CompositionMode_Source)
        painter.drawImage(left, top, picture)
        painter.end()
        if size < 0:  # stretched: what lies beside it must not run in
            left, width = left + 2, STICK_LENGTH - 4
        self._places[kind] = (left, top, width, height)

    def _room(self, width: int, height: int) -> tuple[int, int]:
        """Return where there is room on the sheet, in rows one below the other."""
        if self._left + width > _SHEET_WIDTH:
            self._left, self._top, self._row = 0, self._top + self._row, 0
        place = self._left, self._top
        self._left, self._row = self._left + width, max(self._row, height)
        if self._top + height > self._sheet.height():
            taller = QPixmap(_SHEET_WIDTH, max(2 * self._sheet.height(), self._top + height))
            taller.fill(Qt.GlobalColor.transparent)
            painter = QPainter(taller)
            painter.drawPixmap(0, 0, self._sheet)
            painter.end()
            self._sheet = taller
        return place
