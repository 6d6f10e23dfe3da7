"""What is laid over the window while files are dragged: where each of them will go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QDropEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from dmdstudio.app.drops import Drop, holds_columns, sort_drop, sort_text
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
        veil.setAlpha(225)
        painter.fillRect(self.rect(), veil)
        painter.setPen(QPen(QColor(colours.accent), 2, Qt.PenStyle.DashLine))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(16, 16, -16, -16), 12, 12)
        height = painter.fontMetrics().height()
        row = 2 * height + 22
        shown = self._drops[:_MOST_SHOWN]
        top = (self.height() - row * len(shown)) / 2
        left = len(self._drops) - len(shown)
        width = min(560.0, self.width() - 120.0)
        card = QRectF(
            (self.width() - width) / 2, top - 28, width, row * (len(shown) + (left > 0)) + 40
        )
        painter.setPen(QColor(colours.line))
        painter.setBrush(QColor(colours.panel))
        painter.drawRoundedRect(card, 10, 10)
        font = painter.font()
        for number, drop in enumerate(shown):
            y = top + number * row
            font.setBold(True)
            painter.setFont(font)
            painter.setPen(QColor(colours.text))
            line = QRectF(card.left() + 16, y, card.width() - 32, height + 2)
            name = painter.fontMetrics().elidedText(
                drop.path.name, Qt.TextElideMode.ElideMiddle, int(line.width())
            )
            painter.drawText(line, Qt.AlignmentFlag.AlignHCenter, name)
            font.setBold(False)
            painter.setFont(font)
            painter.setPen(QColor(colours.quiet if drop.welcome else colours.bad))
            line.translate(0, height + 4)
            painter.drawText(line, Qt.AlignmentFlag.AlignHCenter, drop.sentence)
        if left > 0:
            painter.setPen(QColor(colours.quiet))
            line = QRectF(card.left(), top + len(shown) * row, card.width(), height + 2)
            painter.drawText(line, Qt.AlignmentFlag.AlignHCenter, f"and {left} more")
        painter.end()


class DropTarget(QObject):
    """Takes over dragging and dropping for a window: says what will happen, then tells the files.

    Signals:
        dropped: the paths, as a list.
        text_dropped: columns of numbers.
    """

    dropped = Signal(list)
    text_dropped = Signal(str)

    def __init__(self, window: QWidget, has_recipe: Callable[[], bool]) -> None:
        super().__init__(window)
        self.overlay = DropOverlay(window)
        self._has_recipe = has_recipe
        window.setAcceptDrops(True)
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Handle what is dragged over the window; keep the overlay as large as it."""
        match event.type():
            case QEvent.Type.DragEnter if isinstance(event, QDropEvent):
                if drops := self._drops(event):
                    self.overlay.show_drops(drops)
                    event.acceptProposedAction()
                return True
            case QEvent.Type.DragLeave:
                self.overlay.hide()
                return True
            case QEvent.Type.Drop if isinstance(event, QDropEvent):
                self.overlay.hide()
                paths, text = self._files(event), event.mimeData().text()
                event.acceptProposedAction()
                if paths:
                    QTimer.singleShot(0, lambda: self.dropped.emit(paths))
                elif holds_columns(text):
                    QTimer.singleShot(0, lambda: self.text_dropped.emit(text))
                return True
            case QEvent.Type.Resize if isinstance(watched, QWidget):
                self.overlay.setGeometry(watched.rect())
        return False

    def _drops(self, event: QDropEvent) -> list[Drop]:
        if files := self._files(event):
            return [sort_drop(path, self._has_recipe()) for path in files]
        is_data = holds_columns(event.mimeData().text())
        return [sort_text(self._has_recipe())] if is_data else []

    def _files(self, event: QDropEvent) -> list[Path]:
        return [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
