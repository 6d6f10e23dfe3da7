"""Paints a large structure with all care without holding up the window.

Where everything lies is worked out in the background; then it is painted a little at a time.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QImage, QPainter

from dmdstudio.app.background import in_background
from dmdstudio.app.structure_drawing import Pieces
from dmdstudio.app.views.structure_sprites import Sprites
from dmdstudio.base.errors import DmdError

PIECES_AT_ONCE = 6000
"""Some milliseconds' painting, between which the window does what else is due."""


class StillPainter(QObject):
    """Makes one picture at a time.

    Signals:
        done: the finished `QImage`.
    """

    done = Signal(object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._wanted: object = None
        self._sprites: Sprites | None = None
        self._image: QImage | None = None
        self._pieces: Pieces | None = None
        self._place = 0
        self._next = QTimer(self, interval=0)
        self._next.timeout.connect(self._paint_some)

    def begin(self, work: Callable[[], Pieces], sprites: Sprites, background: QImage) -> None:
        """Paint what ``work`` returns over an image; what was begun before is given up.

        ``work`` is done by another thread and must not hold on to the window.
        """
        self.cancel()
        wanted = self._wanted = object()
        self._sprites, self._image = sprites, background

        def come(pieces: Pieces) -> None:
            if self._wanted is wanted:
                self._pieces, self._place = pieces, 0
                self._next.start()

        def failed(error: DmdError) -> None:
            if self._wanted is wanted:
                self.cancel()
                raise error

        in_background(self, work, come, failed)

    def cancel(self) -> None:
        """Give up what was begun."""
        self._next.stop()
        self._wanted = self._sprites = self._image = self._pieces = None

    def _paint_some(self) -> None:
        image, pieces, sprites = self._image, self._pieces, self._sprites
        assert image is not None and pieces is not None and sprites is not None
        some = pieces.chosen(slice(self._place, self._place + PIECES_AT_ONCE))
        painter = QPainter(image)
        sprites.paint(painter, some)
        painter.end()
        self._place += PIECES_AT_ONCE
        if self._place >= len(pieces):
            self.cancel()
            self.done.emit(image)
