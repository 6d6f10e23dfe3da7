"""What the window shows before anything is open: a place to drop files, an example, recent work."""

from __future__ import annotations

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
    """

    chosen = Signal(object)

    def __init__(
        self, open_action: QAction, example_action: QAction, parent: QWidget | None = None
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
        zone = self._drop_zone(open_action)
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

    def _drop_zone(self, open_action: QAction) -> QFrame:
        zone = QFrame()
        zone.setObjectName("card")
        words = QLabel("Drop a recipe, a run folder, a structure or a data file")
        words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        words.setWordWrap(True)
        layout = QVBoxLayout(zone)
        layout.setContentsMargins(24, 28, 24, 28)
        layout.setSpacing(12)
        layout.addWidget(self._picture)
        layout.addWidget(words)
        button = _button(open_action, "Choose a file…")
        layout.addWidget(button, 0, Qt.AlignmentFlag.AlignCenter)
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
