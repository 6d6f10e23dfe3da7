"""One field that finds every action, setting and help page; everything without the mouse."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtGui import QKeyEvent, QPainter, QPalette
from PySide6.QtWidgets import (
    QFrame,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from dmdstudio.app.palette import Choice, found
from dmdstudio.app.theme import theme

_WIDTH, _ROWS, _TOP = 620, 12, 76
_MOVES = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)
_CHOICE = Qt.ItemDataRole.UserRole


class CommandPalette(QFrame):
    """Opens over its window, takes the keyboard, and is gone once something is chosen."""

    def __init__(self, window: QWidget, choices: Callable[[], Sequence[Choice]]) -> None:
        super().__init__(window, Qt.WindowType.Popup)
        self._window = window
        self.setObjectName("card")
        self._choices = choices
        self._offered: Sequence[Choice] = ()
        self.field = QLineEdit()
        self.field.setAccessibleName("Find an action, a setting or a help page")
        self.field.setPlaceholderText("Find an action, a setting or a help page")
        self.field.textChanged.connect(self._search)
        self.field.installEventFilter(self)
        self.list = QListWidget()
        self.list.setAccessibleName("Found")
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setItemDelegate(_Row(self.list))
        self.list.itemClicked.connect(lambda _: self.choose())
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 10, 10, 10)
        layout.setSpacing(8)
        layout.addWidget(self.field)
        layout.addWidget(self.list)

    def open(self) -> None:
        """Show what can be chosen now, over the middle of the window."""
        self._offered = self._choices()
        self.field.clear()
        self._search("")
        window = self._window
        width = min(_WIDTH, window.width() - 40)
        height = self.sizeHint().height() - self.list.sizeHint().height()
        self.resize(width, height + _ROWS * _row_height(self) + 4)
        self.move(window.mapToGlobal(window.rect().center()).x() - width // 2,
                  window.mapToGlobal(window.rect().topLeft()).y() + _TOP)  # fmt: skip
        self.show()
        self.field.setFocus()

    def choose(self) -> None:
        """Do what is marked, if it can be done now."""
        item = self.list.currentItem()
        if item is None:
            return
        choice: Choice = item.data(_CHOICE)
        if choice.enabled:
            self.hide()
            choice.choose()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Let the arrows move in the list while one types."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            if event.key() in _MOVES:
                self.list.event(event)
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self.choose()
                return True
        return super().eventFilter(watched, event)

    def _search(self, text: str) -> None:
        self.list.clear()
        for choice in found(text, self._offered):
            item = QListWidgetItem(choice.words)
            item.setData(_CHOICE, choice)
            item.setSizeHint(QSize(10, _row_height(self)))
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{choice.sort}: {choice.words}")
            self.list.addItem(item)
        self.list.setCurrentRow(0)


def _row_height(widget: QWidget) -> int:
    return widget.fontMetrics().height() + 12


class _Row(QStyledItemDelegate):
    """Words on the left, sort and shortcut on the right, faded where it cannot be chosen."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index) -> None:
        choice: Choice = index.data(_CHOICE)
        colours = theme()
        rect = option.rect  # type: ignore[attr-defined]
        chosen = bool(option.state & QStyle.StateFlag.State_Selected)  # type: ignore[attr-defined]
        if chosen:
            painter.fillRect(rect, option.palette.color(QPalette.ColorRole.Highlight))  # type: ignore[attr-defined]
        words = colours.on_accent if chosen else colours.text if choice.enabled else colours.faded
        quiet = colours.on_accent if chosen else colours.quiet if choice.enabled else colours.faded
        inside = rect.adjusted(10, 0, -10, 0)
        middle = Qt.AlignmentFlag.AlignVCenter
        end = f"{choice.sort}   {choice.hint}" if choice.hint else choice.sort
        width = painter.fontMetrics().horizontalAdvance(end)
        painter.setPen(quiet)
        painter.drawText(inside, middle | Qt.AlignmentFlag.AlignRight, end)
        painter.setPen(words)
        left = inside.adjusted(0, 0, -width - 16, 0)
        text = painter.fontMetrics().elidedText(
            choice.words, Qt.TextElideMode.ElideRight, left.width()
        )
        painter.drawText(left, middle | Qt.AlignmentFlag.AlignLeft, text)
