"""What the window shows before anything is open: a place to drop files, an example, recent work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from dmdstudio.app.icons import icon
from dmdstudio.app.run_folders import is_run_folder, recent
from dmdstudio.app.theme import theme, theme_changed


class StartPage(QWidget):
    """Drop zone, example and recent recipes and runs.

    Signals:
        chosen: the path of a recipe or run that was chosen from the recent ones.
        forget_waiting: the files that wait for a structure are not wanted.
    """

    chosen = Signal(object)
    forget_waiting = Signal()

    def __init__(
        self,
        new_action: QAction,
        open_action: QAction,
        example_action: QAction,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        title = QLabel("DMD Studio")
        font = title.font()
        font.setPointSizeF(font.pointSizeF() * 2.0)
        font.setWeight(font.Weight.DemiBold)
        title.setFont(font)
        subtitle = QLabel("Refine a molecular potential against measured dynamics")
        subtitle.setObjectName("quiet")
        self._picture = QLabel()
        self._picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        zone = self._drop_zone(new_action, open_action)
        self._waiting = QLabel()
        self._waiting.setWordWrap(True)
        self.waiting = self._waiting_row()
        self.example = _button(example_action, "Open the argon example")
        self.example.setObjectName("primary")
        example_words = QLabel(
            "Liquid argon: sigma and epsilon refined until the simulated self-diffusion "
            "meets the measured one. About three minutes on two cores."
        )
        example_words.setObjectName("quiet")
        example_words.setWordWrap(True)
        self.recent = QListWidget()
        self.recent.setAccessibleName("Recent recipes and runs")
        self.recent.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.recent.itemActivated.connect(self._choose)
        self.recent.itemClicked.connect(self._choose)
        heading = QLabel("Recent")
        heading.setObjectName("figure")
        self._none = QLabel("Recipes and runs that you open are listed here.")
        self._none.setObjectName("quiet")
        column = QVBoxLayout()
        column.setSpacing(12)
        column.addWidget(title)
        column.addWidget(subtitle)
        column.addSpacing(12)
        column.addWidget(zone)
        column.addWidget(self.waiting)
        column.addSpacing(8)
        row = QHBoxLayout()
        row.setSpacing(18)
        row.addWidget(self.example)
        row.addWidget(example_words, 1)
        column.addLayout(row)
        column.addSpacing(16)
        column.addWidget(heading)
        column.addWidget(self._none)
        column.addWidget(self.recent, 1)
        column.addStretch(1)
        page = QWidget()
        page.setLayout(column)
        page.setMaximumWidth(680)
        outer = QHBoxLayout(self)
        outer.setContentsMargins(32, 40, 32, 24)
        outer.addStretch(1)
        outer.addWidget(page, 6)
        outer.addStretch(1)
        theme_changed().changed.connect(self._paint_picture)
        self._paint_picture()
        self.refresh()

    def _waiting_row(self) -> QFrame:
        """Return the line that says which files wait for a structure; hidden while none do."""
        frame = QFrame()
        frame.setObjectName("card")
        forget = QPushButton("Forget")
        forget.setToolTip("Let go of the files that wait for a structure")
        forget.clicked.connect(self.forget_waiting)
        row = QHBoxLayout(frame)
        row.setContentsMargins(14, 10, 12, 10)
        row.addWidget(self._waiting, 1)
        row.addWidget(forget)
        frame.hide()
        return frame

    def show_waiting(self, paths: Sequence[Path]) -> None:
        """Say which files wait for a structure."""
        names = ", ".join(path.name for path in paths)
        verb = "waits" if len(paths) == 1 else "wait"
        self._waiting.setText(f"{names} {verb} for a structure.")
        self.waiting.setVisible(bool(paths))

    def _drop_zone(self, new_action: QAction, open_action: QAction) -> QFrame:
        zone = QFrame()
        zone.setObjectName("card")
        words = QLabel(
            "Drop a structure to begin, or a potential, a spectrum, a recipe or a run folder"
        )
        words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        words.setWordWrap(True)
        layout = QVBoxLayout(zone)
        layout.setContentsMargins(24, 28, 24, 28)
        layout.setSpacing(12)
        layout.addWidget(self._picture)
        layout.addWidget(words)
        row = QHBoxLayout()
        row.setSpacing(10)
        row.addStretch(1)
        row.addWidget(_button(new_action, "New refinement…"))
        row.addWidget(_button(open_action, "Open a file…"))
        row.addStretch(1)
        layout.addLayout(row)
        return zone

    def refresh(self) -> None:
        """Read the recent files anew."""
        self.recent.clear()
        for path in recent():
            kind = "Run" if is_run_folder(path) else "Recipe"
            name = path.name if kind == "Run" else _recipe_name(path)
            item = QListWidgetItem(f"{kind}   {name}")
            item.setData(Qt.ItemDataRole.UserRole, path)
            item.setToolTip(str(path))
            item.setSizeHint(QSize(10, self.fontMetrics().height() + 14))
            self.recent.addItem(item)
        self.recent.setVisible(self.recent.count() > 0)
        self._none.setVisible(self.recent.count() == 0)

    def _choose(self, item: QListWidgetItem) -> None:
        self.chosen.emit(item.data(Qt.ItemDataRole.UserRole))

    def _paint_picture(self) -> None:
        self._picture.setPixmap(icon("drop", theme().accent).pixmap(QSize(32, 32)))


def _recipe_name(path: Path) -> str:
    return f"{path.parent.name}/{path.name}" if path.name.startswith("recipe") else path.name


def _button(action: QAction, words: str) -> QPushButton:
    """Return a push button that triggers an action of the registry."""
    button = QPushButton(words)
    button.setToolTip(action.toolTip())
    button.clicked.connect(lambda: action.trigger())
    button.setEnabled(action.isEnabled())
    action.changed.connect(lambda: button.setEnabled(action.isEnabled()))
    return button
