"""A short tour: a card beside one part of the window after another, never in the way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from dmdstudio.app.theme import theme, theme_changed
from dmdstudio.app.views.labels import quiet

_WIDTH, _GAP, _LINE = 320, 12, 3


@dataclass(frozen=True)
class Stop:
    """One part of the window, and what it is for."""

    title: str
    words: str
    part: Callable[[], QWidget | None]


class Tour(QFrame):
    """The card; a frame is drawn around the part of the window that it tells about.

    Args:
        window: that is toured.
        stops: parts that are not shown are left out.
        notice: what the card must not cover: it may want an answer.
        ended: called once the tour is over or skipped.
    """

    def __init__(
        self,
        window: QWidget,
        stops: Sequence[Stop],
        notice: QWidget,
        ended: Callable[[], None],
    ) -> None:
        super().__init__(window)
        self.setObjectName("card")
        self.setAccessibleName("Tour")
        self.setFixedWidth(_WIDTH)
        self._window, self._ended, self._place = window, ended, 0
        self._notice = notice
        self._stops = [stop for stop in stops if (part := stop.part()) and part.isVisible()]
        self._outline = _Outline(window)
        self._title = QLabel()
        self._title.setObjectName("figure")
        self._words = QLabel()
        self._words.setWordWrap(True)
        self._count = quiet()
        self.skip = QPushButton("Skip")
        self.skip.clicked.connect(self.end)
        self.next = QPushButton("Next")
        self.next.setObjectName("primary")
        self.next.clicked.connect(self._go_on)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self._count, 1)
        buttons.addWidget(self.skip)
        buttons.addWidget(self.next)
        layout = self._rows = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 12)
        layout.setSpacing(10)
        layout.addWidget(self._title)
        layout.addWidget(self._words)
        layout.addLayout(buttons)
        window.installEventFilter(self)
        notice.installEventFilter(self)
        theme_changed().changed.connect(self._outline.update)

    def begin(self) -> None:
        """Show the first stop; nothing where no part is shown."""
        if self._stops:
            self._outline.show()
            self.show()
            self._show_stop()
        else:
            self.end()

    def end(self) -> None:
        """Leave, and do not come back by oneself."""
        self._window.removeEventFilter(self)
        self._notice.removeEventFilter(self)
        self._outline.deleteLater()
        self.hide()
        self.deleteLater()
        self._ended()

    def _go_on(self) -> None:
        self._place += 1
        if self._place < len(self._stops):
            self._show_stop()
        else:
            self.end()

    def _show_stop(self) -> None:
        stop, last = self._stops[self._place], self._place == len(self._stops) - 1
        self._title.setText(stop.title)
        self._words.setText(stop.words)
        self._count.setText(f"{self._place + 1} of {len(self._stops)}")
        self.next.setText("Done" if last else "Next")
        self.skip.setVisible(not last)
        self.setAccessibleDescription(f"{stop.title}. {stop.words}")
        self._arrange()
        self.next.setFocus()

    def _arrange(self) -> None:
        """Put the card beside its part, where there is most room."""
        part = self._stops[self._place].part()
        if part is None or not part.isVisible():
            self._go_on()
            return
        corner = part.mapTo(self._window, QPoint(0, 0))
        around = QRect(corner, part.size())
        height = self._rows.totalHeightForWidth(_WIDTH)  # with the frame
        self.resize(_WIDTH, height)
        room = self._window.rect().adjusted(_GAP, _GAP, -_GAP, -_GAP)
        if around.right() + _GAP + _WIDTH <= room.right():
            spot = QPoint(around.right() + _GAP, around.top() + _GAP)
        elif around.left() - _GAP - _WIDTH >= room.left():
            spot = QPoint(around.left() - _GAP - _WIDTH, around.top() + _GAP)
        else:  # as wide as the window: below or above
            below = around.bottom() + _GAP
            fits = below + height <= room.bottom()
            spot = QPoint(around.left() + _GAP, below if fits else around.top() - _GAP - height)
        if self._notice.isVisible():
            corner = self._notice.mapTo(self._window, QPoint(0, 0))
            told = QRect(corner, self._notice.size())
            if told.intersects(QRect(spot, self.size())):
                spot.setY(told.bottom() + _GAP)
        spot.setX(max(room.left(), min(spot.x(), room.right() - _WIDTH)))
        spot.setY(max(room.top(), min(spot.y(), room.bottom() - height)))
        self.move(spot)
        self._outline.setGeometry(around.adjusted(-_LINE, -_LINE, _LINE, _LINE))
        self._outline.raise_()
        self.raise_()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Escape skips the rest."""
        if event.key() == Qt.Key.Key_Escape:
            self.end()
        else:
            super().keyPressEvent(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Follow the window's size, and make way for a notice."""
        if event.type() in (QEvent.Type.Resize, QEvent.Type.Show) and self.isVisible():
            self._arrange()
        return super().eventFilter(watched, event)


class _Outline(QWidget):
    """A frame that lets everything through."""

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.hide()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(theme().accent), _LINE))
        half = _LINE / 2
        painter.drawRoundedRect(self.rect().toRectF().adjusted(half, half, -half, -half), 8, 8)
