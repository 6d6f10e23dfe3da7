"""The projects, recipes and runs that were opened lately, one a row; a click opens one."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QModelIndex, Qt, Signal
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from dmdstudio.app.start_items import RecentItem
from dmdstudio.app.theme import theme, theme_changed

_NAME, _KIND, _FOLDER = range(3)


class RecentTable(QTableWidget):
    """Name, kind and folder of each; as tall as its rows.

    Signals:
        chosen: the path of the row that was clicked, or that Return was pressed on.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, 3, parent)
        self._items: Sequence[RecentItem] = ()
        self.setAccessibleName("Recent projects, recipes and runs")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.verticalHeader().hide()
        self.horizontalHeader().hide()
        for column, mode in (
            (_NAME, QHeaderView.ResizeMode.ResizeToContents),
            (_KIND, QHeaderView.ResizeMode.ResizeToContents),
            (_FOLDER, QHeaderView.ResizeMode.Stretch),
        ):
            self.horizontalHeader().setSectionResizeMode(column, mode)
        self.horizontalHeader().setMaximumSectionSize(300)
        self.clicked.connect(self._choose)
        self.activated.connect(self._choose)
        theme_changed().changed.connect(self._paint)

    def show_items(self, items: Sequence[RecentItem]) -> None:
        """List other items."""
        self._items = items
        self.setRowCount(len(items))
        height = self.fontMetrics().height() + 12
        for row, item in enumerate(items):
            self.setRowHeight(row, height)
            for column, words in ((_NAME, item.name), (_KIND, item.kind), (_FOLDER, item.folder)):
                cell = QTableWidgetItem(f" {words} ")
                cell.setToolTip(str(item.path))
                self.setItem(row, column, cell)
        self.setFixedHeight(len(items) * height + 2 * self.frameWidth())
        self._paint()

    def _choose(self, index: QModelIndex) -> None:
        self.chosen.emit(self._items[index.row()].path)

    def _paint(self) -> None:
        quiet = QColor(theme().quiet)
        for row in range(self.rowCount()):
            for column in (_KIND, _FOLDER):
                if (cell := self.item(row, column)) is not None:
                    cell.setForeground(quiet)
