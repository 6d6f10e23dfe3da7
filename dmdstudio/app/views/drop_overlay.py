"""What is laid over the window while files are dragged: where each of them will go."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from dmdstudio.app.drops import Drop
from dmdstudio.app.theme import theme

_MOST_SHOWN = 6


class DropOverlay(QWidget):
    """A veil with a line for each file; it lets the mouse through."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName("What the dragged files will do")
        self.hide()
        self._drops: tuple[Drop, ...] = ()

    def show_drops(self, drops: Sequence[Drop]) -> None:
        """Cover the window and say what will happen."""
        self._drops = tuple(drops)
        self.setAccessibleDescription("; ".join(f"{d.path.name}: {d.sentence}" for d in drops))
        self.setGeometry(self._window.rect())
        self.raise_()
        self.show()
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Draw the veil, a dashed frame and the lines."""
        colours, painter = theme(), QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        veil = QColor(colours.window)
        veil.setAlpha(235)
        painter.fillRect(self.rect(), veil)
        painter.setPen(QPen(QColor(colours.accent), 2, Qt.PenStyle.DashLine))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(16, 16, -16, -16), 12, 12)
        height = painter.fontMetrics().height()
        row = 2 * height + 22
        shown = self._drops[:_MOST_SHOWN]
        top = (self.height() - row * len(shown)) / 2
        font = painter.font()
        for number, drop in enumerate(shown):
            y = top + number * row
            font.setBold(True)
            painter.setFont(font)
            painter.setPen(QColor(colours.text))
            line = QRectF(40, y, self.width() - 80, height + 2)
            name = painter.fontMetrics().elidedText(
                drop.path.name, Qt.TextElideMode.ElideMiddle, int(line.width())
            )
            painter.drawText(line, Qt.AlignmentFlag.AlignHCenter, name)
            font.setBold(False)
            painter.setFont(font)
            painter.setPen(QColor(colours.quiet if drop.welcome else colours.bad))
            line.translate(0, height + 4)
            painter.drawText(line, Qt.AlignmentFlag.AlignHCenter, drop.sentence)
        left = len(self._drops) - len(shown)
        if left > 0:
            painter.setPen(QColor(colours.quiet))
            line = QRectF(40, top + len(shown) * row, self.width() - 80, height + 2)
            painter.drawText(line, Qt.AlignmentFlag.AlignHCenter, f"and {left} more")
        painter.end()
