"""The list of runs: which there are, how they stand, and what can be done with them."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QPoint, Qt
from PySide6.QtGui import QColor, QFont, QHideEvent, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QMenu,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from dmdstudio.app.run_list import RunRow
from dmdstudio.app.run_queue import RunQueue
from dmdstudio.app.run_reading import iterations_more
from dmdstudio.app.run_shelf import RunShelf
from dmdstudio.app.session import Session
from dmdstudio.app.theme import colour_of, theme_changed
from dmdstudio.app.views.labels import quiet
from dmdstudio.app.words import moment_words

Index = QModelIndex | QPersistentModelIndex
Role = Qt.ItemDataRole

COLUMNS = ("Compare", "Run", "State", "Iterations", "Best loss", "Began")
_TIPS = {
    "Compare": "Draw this run beside the one that is shown",
    "Run": "Double-click shows a run; F2 renames it",
    "Best loss": "The loss of the best iteration, averaged with its neighbours to find it",
}
_STATES = {
    "at work": ("At work", "accent"),
    "silent": ("No sign of life", "attention"),
    "completed": ("Completed", "good"),
    "stopped": ("Stopped", "quiet"),
    "failed": ("Failed", "bad"),
    "interrupted": ("Interrupted", "attention"),
    "empty": ("Nothing yet", "quiet"),
}


class RunModel(QAbstractTableModel):
    """The rows of a `RunShelf`."""

    def __init__(self, session: Session, shelf: RunShelf) -> None:
        super().__init__(shelf)
        self._session, self._shelf = session, shelf
        self._rows: list[RunRow] = []
        shelf.changed.connect(self._read)
        session.run_changed.connect(self._tell)
        self._read()

    def _read(self) -> None:
        rows = self._shelf.rows
        if [row.folder for row in rows] != [row.folder for row in self._rows]:
            self.beginResetModel()
            self._rows = rows
            self.endResetModel()
        else:
            self._rows = rows
            self._tell()

    def _tell(self) -> None:
        if self._rows:
            last = self.index(len(self._rows) - 1, len(COLUMNS) - 1)
            self.dataChanged.emit(self.index(0, 0), last)

    def row_at(self, index: Index) -> RunRow:
        """Return the run of a cell."""
        return self._rows[index.row()]

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008
        """One row for each run."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008
        """As many as `COLUMNS`."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(  # noqa: N802
        self, section: int, orientation: Qt.Orientation, role: int = Role.DisplayRole
    ) -> Any:
        """Return the words above a column."""
        if orientation != Qt.Orientation.Horizontal:
            return None
        if role == Role.DisplayRole:
            return COLUMNS[section]
        if role == Role.TextAlignmentRole:
            return _alignment(COLUMNS[section])
        return _TIPS.get(COLUMNS[section]) if role == Role.ToolTipRole else None

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Names can be edited, comparing can be ticked."""
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        column = COLUMNS[index.column()]
        if column == "Compare":
            return flags | Qt.ItemFlag.ItemIsUserCheckable
        return flags | Qt.ItemFlag.ItemIsEditable if column == "Run" else flags

    def data(self, index: Index, role: int = Role.DisplayRole) -> Any:
        """Return what a cell shows."""
        row, column = self.row_at(index), COLUMNS[index.column()]
        if role in (Role.DisplayRole, Role.EditRole):
            return _text(row, column)
        if role == Role.CheckStateRole and column == "Compare":
            ticked = row.folder in self._session.compared
            return Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked
        if role == Role.TextAlignmentRole:
            return _alignment(column)
        if role == Role.ToolTipRole:
            silent = row.silent_since
            words = f"Last seen at work on {moment_words(silent)}.\n" if silent is not None else ""
            return f"{words}{row.folder}"
        if role == Role.ForegroundRole and column == "State":
            return QColor(colour_of(_STATES[row.state][1]))
        if role == Role.FontRole and self._is_shown(row):
            font = QFont()
            font.setBold(True)
            return font
        return None

    def _is_shown(self, row: RunRow) -> bool:
        started = self._session.view.started
        return started is not None and Path(started.run_dir) == row.folder

    def setData(self, index: Index, value: Any, role: int = Role.EditRole) -> bool:  # noqa: N802
        """Rename a run, or compare it."""
        row, column = self.row_at(index), COLUMNS[index.column()]
        if role == Role.CheckStateRole and column == "Compare":
            self._shelf.compare(row.folder, Qt.CheckState(value) == Qt.CheckState.Checked)
            return True
        if role == Role.EditRole and column == "Run":
            self._shelf.rename(row.folder, str(value))
            return True
        return False


def _text(row: RunRow, column: str) -> str | None:
    match column:
        case "Run":
            return row.name
        case "State":
            return _STATES[row.state][0]
        case "Iterations":
            return f"{row.done} of {row.planned}" if row.planned else ""
        case "Best loss":
            return "" if math.isnan(row.best_loss) else f"{row.best_loss:.4g}"
        case "Began":
            return moment_words(row.began) if row.began else ""
    return None


def _resume_words(row: RunRow) -> str:
    more = iterations_more(row.view) if row.state == "completed" else None
    return "Resume" if more is None else f"Go on for {more} more iterations"


def _alignment(column: str) -> Qt.AlignmentFlag:
    right = column in ("Iterations", "Best loss")
    side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter


class RunsView(QWidget):
    """The table, and below it what waits in the queue.

    Args:
        handlers: what can be done with a run, by name: ``show``, ``resume``, ``restore``,
            ``export``, ``folder``, ``trash``; each is given the run's row.
    """

    def __init__(
        self,
        session: Session,
        shelf: RunShelf,
        queue: RunQueue,
        handlers: dict[str, Callable[[RunRow], None]],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._shelf, self._queue, self._handlers = shelf, queue, handlers
        self.model = RunModel(session, shelf)
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setAccessibleName("Runs")
        self.table.setObjectName("runs")
        self.table.setShowGrid(False)
        self.table.setTextElideMode(Qt.TextElideMode.ElideMiddle)  # folders end in their time
        self.table.setWordWrap(False)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.table.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.table.setTabKeyNavigation(False)
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._show_menu)
        self.table.doubleClicked.connect(self._activate)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 8)
        header = self.table.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(COLUMNS.index("Run"), QHeaderView.ResizeMode.Stretch)
        for key, act in (("Return", self._show_current), ("Delete", self._trash_current)):
            shortcut = QShortcut(QKeySequence(key), self.table)
            shortcut.activated.connect(act)
            shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
        self._empty = quiet("Runs are listed here.")
        self.own_only = QCheckBox("This project only")
        self.own_only.setToolTip("List only the runs that belong to the project that is open")
        self.own_only.toggled.connect(shelf.show_own_only)
        self._waiting = QLabel()
        self._drop_last = QPushButton("Take the last out")
        self._drop_last.setToolTip("Take the recipe that was added last out of the queue")
        self._drop_last.clicked.connect(queue.drop_last)
        self._go_on = QPushButton("Start the queue")
        self._go_on.clicked.connect(queue.go_on)
        self._below = QWidget()
        below = QHBoxLayout(self._below)
        below.setContentsMargins(0, 0, 0, 0)
        below.setSpacing(10)
        below.addWidget(self.own_only)
        below.addWidget(self._waiting, 1)
        below.addWidget(self._go_on)
        below.addWidget(self._drop_last)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(self._empty)
        layout.addWidget(self.table, 1)
        layout.addWidget(self._below)
        shelf.changed.connect(self._show_rows)
        queue.changed.connect(self._show_queue)
        theme_changed().changed.connect(self._repaint)
        self._show_rows()
        self._show_queue()

    def _show_rows(self) -> None:
        self._empty.setVisible(not self._shelf.rows)
        self.table.setVisible(bool(self._shelf.rows))
        self._show_below()

    def _show_below(self) -> None:
        """Leave the room to the runs where there is neither a project nor a queue."""
        self.own_only.setVisible(self._shelf.has_own or self.own_only.isChecked())
        self._below.setVisible(self._shelf.has_own or bool(self._queue.recipes))

    def take_focus(self) -> None:
        """Let the keyboard choose a run."""
        if not self.table.currentIndex().isValid() and self.model.rowCount():
            self.table.setCurrentIndex(self.model.index(0, COLUMNS.index("Run")))
        self.table.setFocus()

    def _show_queue(self) -> None:
        titles = [recipe.title or "Untitled" for recipe in self._queue.recipes]
        more = f" and {len(titles) - 1} more" if len(titles) > 1 else ""
        self._waiting.setText(f"Next: {titles[0]}{more}" if titles else "")
        self._waiting.setToolTip("\n".join(titles))
        self._drop_last.setVisible(bool(titles))
        self._go_on.setVisible(bool(titles) and self._queue.is_held)
        self._show_below()

    def _repaint(self) -> None:
        self.table.viewport().update()

    def current(self) -> RunRow | None:
        """Return the run that is selected."""
        index = self.table.currentIndex()
        return self.model.row_at(index) if index.isValid() else None

    def _activate(self, index: Index) -> None:
        if COLUMNS[index.column()] != "Compare":
            self._handlers["show"](self.model.row_at(index))

    def _show_current(self) -> None:
        if (row := self.current()) is not None:
            self._handlers["show"](row)

    def _trash_current(self) -> None:
        if (row := self.current()) is not None:
            self._handlers["trash"](row)

    def _show_menu(self, place: QPoint) -> None:
        index = self.table.indexAt(place)
        if index.isValid():
            self.menu_of(self.model.row_at(index), index).popup(
                self.table.viewport().mapToGlobal(place)
            )

    def menu_of(self, row: RunRow, index: Index) -> QMenu:
        """Return what can be done with a run."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        own = self._handlers
        has_steps, at_rest = row.view.best is not None, row.state not in ("at work", "silent")
        name = index.sibling(index.row(), COLUMNS.index("Run"))
        for words, act, enabled in (
            ("Show", lambda: own["show"](row), True),
            (_resume_words(row), lambda: own["resume"](row), at_rest),
            ("Use its best parameters", lambda: own["restore"](row), has_steps),
            ("Export…", lambda: own["export"](row), has_steps),
            ("Rename", lambda: self.table.edit(name), True),  # type: ignore[arg-type]
            ("Show its folder", lambda: own["folder"](row), True),
            ("Move to the trash", lambda: own["trash"](row), at_rest),
        ):
            action = menu.addAction(words, act)
            action.setEnabled(enabled)
        return menu

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Keep the list up to date while it is seen."""
        super().showEvent(event)
        self._shelf.watch(True)

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802
        """Leave the disk alone while nobody looks."""
        super().hideEvent(event)
        self._shelf.watch(False)
