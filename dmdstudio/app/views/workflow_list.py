"""The steps of the work, each with its state as a badge and one line that says why."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPen, QTextLayout
from PySide6.QtWidgets import (
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from dmdstudio.app.checks import STEPS, Check
from dmdstudio.app.colours import Theme
from dmdstudio.app.theme import theme, theme_changed

_WORDS = {
    "ready": "ready",
    "attention": "needs attention",
    "stale": "out of date",
    "working": "at work",
    "waiting": "waiting",
}
_CHECK_ROLE = Qt.ItemDataRole.UserRole


def _badge_colour(state: str, colours: Theme) -> QColor:
    return QColor(
        {
            "ready": colours.good,
            "attention": colours.bad,
            "stale": colours.attention,
            "working": colours.accent,
        }.get(state, colours.quiet)
    )


class _StepDelegate(QStyledItemDelegate):
    """Draws a badge, the step's name, and below it the reason, shortened to fit."""

    def paint(
        self,
        painter: QPainter,
        option: QStyleOptionViewItem,
        index: QModelIndex | QPersistentModelIndex,
    ) -> None:
        check, colours = index.data(_CHECK_ROLE), theme()
        if check is None:
            return
        state: QStyle.StateFlag = option.state  # type: ignore[attr-defined]
        rect = QRectF(option.rect).adjusted(6, 3, -6, -3)  # type: ignore[attr-defined]
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if state & (QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_MouseOver):
            shade = QColor(colours.accent)
            shade.setAlpha(36 if state & QStyle.StateFlag.State_Selected else 16)
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(shade)
            painter.drawRoundedRect(rect, 6, 6)
        font: QFont = QFont(option.font)  # type: ignore[attr-defined]
        height = painter.fontMetrics().height()
        self._paint_badge(painter, check.state, colours, rect, height)
        left = rect.left() + 32
        font.setWeight(QFont.Weight.DemiBold)
        painter.setFont(font)
        painter.setPen(QColor(colours.text))
        width = rect.right() - 10 - left
        top = rect.top() + 7
        painter.drawText(QRectF(left, top, width, height), check.step)
        font.setWeight(QFont.Weight.Normal)
        painter.setFont(font)
        quiet = colours.bad if check.state == "attention" else colours.quiet
        painter.setPen(QColor(quiet))
        painter.drawText(
            QRectF(left, top + height + 3, width, 2 * height),
            _two_lines(font, painter.fontMetrics(), check.reason, width),
        )
        painter.restore()

    def _paint_badge(
        self, painter: QPainter, state: str, colours: Theme, rect: QRectF, height: int
    ) -> None:
        """A filled disc, a ring where the step waits, an exclamation mark where it needs help."""
        size = 14.0
        top = rect.top() + 7 + (height - size) / 2
        disc = QRectF(rect.left() + 9, top, size, size)
        colour = _badge_colour(state, colours)
        if state == "waiting":
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(colour, 1.5))
            painter.drawEllipse(disc.adjusted(1, 1, -1, -1))
            return
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawEllipse(disc)
        centre = disc.center()
        pen = QPen(QColor(colours.panel), 1.7)
        pen.setCapStyle(Qt.PenCapStyle.RoundCap)
        painter.setPen(pen)
        x, y = centre.x(), centre.y()
        if state == "ready":
            painter.drawPolyline(_points((x - 3, y), (x - 0.8, y + 2.4), (x + 3.2, y - 2.4)))
        elif state == "working":
            painter.drawPolyline(_points((x - 1.5, y - 3), (x + 2, y), (x - 1.5, y + 3)))
        else:
            painter.drawLine(_points((x, y - 3.4), (x, y + 0.6))[0], _points((x, y + 0.6))[0])
            painter.drawPoint(_points((x, y + 3.4))[0])

    def sizeHint(  # noqa: N802
        self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> QSize:
        height = option.fontMetrics.height()  # type: ignore[attr-defined]
        return QSize(160, 3 * height + 24)


def _two_lines(font: QFont, metrics: QFontMetrics, text: str, width: float) -> str:
    """Return as much of a text as fits on two lines; the tooltip holds all of it."""
    layout = QTextLayout(text, font)
    layout.beginLayout()
    line = layout.createLine()
    line.setLineWidth(width)
    layout.endLayout()
    first = line.textLength()
    rest = metrics.elidedText(text[first:], Qt.TextElideMode.ElideRight, int(width))
    return f"{text[:first].rstrip()}\n{rest}".rstrip()


def _points(*pairs: tuple[float, float]):
    from PySide6.QtCore import QPointF

    return [QPointF(x, y) for x, y in pairs]


class WorkflowList(QListWidget):
    """System, Potential, Experiment, Refine, Results.

    Signals:
        step_chosen: the name of the step that was clicked or entered.
    """

    step_chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName("Steps of the work")
        self.setItemDelegate(_StepDelegate(self))
        self.setMouseTracking(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setMinimumWidth(200)
        for step in STEPS:
            self.addItem(QListWidgetItem(step))
        self.itemClicked.connect(lambda item: self.step_chosen.emit(item.text()))
        self.itemActivated.connect(lambda item: self.step_chosen.emit(item.text()))
        theme_changed().changed.connect(self.viewport().update)

    def show_checks(self, checks: Sequence[Check]) -> None:
        """Show the state of every step."""
        for row, check in enumerate(checks):
            item = self.item(row)
            if item.data(_CHECK_ROLE) != check:
                words = f"{check.step}: {_WORDS[check.state]}. {check.reason}"
                item.setData(_CHECK_ROLE, check)
                item.setToolTip(words)
                item.setData(Qt.ItemDataRole.AccessibleTextRole, words)
