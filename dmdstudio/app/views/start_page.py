"""What the window shows before anything is open: where to drop files, examples, recent work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from dmdstudio.app.device_check import Finding
from dmdstudio.app.icons import icon
from dmdstudio.app.run_list import RunRow
from dmdstudio.app.start_items import EXAMPLES, recent_items, unfinished_words
from dmdstudio.app.theme import colour_of, theme, theme_changed
from dmdstudio.app.views.labels import quiet
from dmdstudio.app.views.recent_table import RecentTable

_PAGE_WIDTH = 720


class StartPage(QScrollArea):
    """Drop zone, examples, the run that can be resumed, recent work and the device.

    Signals:
        chosen: the path of a project, recipe or run that is to be opened.
        resume_wanted: the folder of the run that is to go on.
        forget_waiting: the files that wait for a structure are not wanted.
    """

    chosen = Signal(object)
    resume_wanted = Signal(object)
    forget_waiting = Signal()

    def __init__(
        self,
        new_action: QAction,
        open_action: QAction,
        example_action: QAction,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("start")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        title = QLabel("DMD Studio")
        font = title.font()
        font.setPointSizeF(font.pointSizeF() * 2.0)
        font.setWeight(font.Weight.DemiBold)
        title.setFont(font)
        self._picture = QLabel()
        self._picture.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._waiting = QLabel()
        self._waiting.setWordWrap(True)
        self.waiting = self._waiting_row()
        self._unfinished: RunRow | None = None
        self._finding = Finding("quiet", "")
        self._device = QLabel()
        self._device.setAccessibleName("Device")
        self._device.setWordWrap(True)
        self._device_light = QLabel("●")
        self.recent = RecentTable()
        self.recent.chosen.connect(self.chosen)
        self._none = quiet("Projects, recipes and runs that you open are listed here.", wraps=True)
        column = QVBoxLayout()
        column.setSpacing(12)
        column.addWidget(title)
        column.addWidget(quiet("Refine a molecular potential against measured dynamics"))
        column.addSpacing(8)
        column.addWidget(self._drop_zone(new_action, open_action))
        column.addWidget(self.waiting)
        column.addSpacing(8)
        column.addLayout(self._beginnings(example_action))
        column.addSpacing(8)
        column.addWidget(_heading("Recent"))
        column.addWidget(self._none)
        column.addWidget(self.recent)
        column.addStretch(1)
        column.addLayout(self._device_row())
        page = QWidget()
        page.setLayout(column)
        page.setMaximumWidth(_PAGE_WIDTH)
        middle = QWidget()
        outer = QHBoxLayout(middle)
        outer.setContentsMargins(32, 28, 32, 20)
        outer.addStretch(1)
        outer.addWidget(page, 6)
        outer.addStretch(1)
        self.setWidget(middle)
        theme_changed().changed.connect(self._paint)
        self._paint()
        self.show_unfinished(None)

    def _drop_zone(self, new_action: QAction, open_action: QAction) -> QFrame:
        zone = QFrame()
        zone.setObjectName("card")
        words = QLabel(
            "Drop a structure to begin, or a potential, a spectrum, a recipe, a project or a run"
        )
        words.setAlignment(Qt.AlignmentFlag.AlignCenter)
        words.setWordWrap(True)
        layout = QVBoxLayout(zone)
        layout.setContentsMargins(24, 24, 24, 24)
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

    def _beginnings(self, example_action: QAction) -> QGridLayout:
        """Return the examples, and below them the run that can be resumed."""
        grid = QGridLayout()
        grid.setHorizontalSpacing(18)
        grid.setVerticalSpacing(10)
        grid.setColumnStretch(1, 1)
        first, *others = EXAMPLES
        self.example = _button(example_action, first.verb)
        self.example.setObjectName("primary")
        rows: list[tuple[QPushButton, QLabel]] = [(self.example, quiet(first.words, wraps=True))]
        for example in others:
            if example.recipe is not None:
                button = QPushButton(example.verb)
                button.clicked.connect(lambda _=False, it=example: self.chosen.emit(it.recipe))
                rows.append((button, quiet(example.words, wraps=True)))
        self.resume = QPushButton("Resume a run")
        self.resume.clicked.connect(self._resume)
        self._resume_words = quiet(wraps=True)
        rows.append((self.resume, self._resume_words))
        for number, (button, words) in enumerate(rows):
            button.setToolTip(button.toolTip() or words.text())
            grid.addWidget(button, number, 0)
            grid.addWidget(words, number, 1)
        return grid

    def _device_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(self._device_light)
        row.addWidget(self._device, 1)
        return row

    # -- what changes

    def show_waiting(self, paths: Sequence[Path]) -> None:
        """Say which files wait for a structure."""
        names = ", ".join(path.name for path in paths)
        verb = "waits" if len(paths) == 1 else "wait"
        self._waiting.setText(f"{names} {verb} for a structure.")
        self.waiting.setVisible(bool(paths))

    def show_unfinished(self, row: RunRow | None) -> None:
        """Offer to go on with a run; None where there is none."""
        self._unfinished = row
        self.resume.setEnabled(row is not None)
        self._resume_words.setText(unfinished_words(row))
        self.resume.setToolTip(str(row.folder) if row is not None else self._resume_words.text())

    def show_device(self, finding: Finding) -> None:
        """Say where the engine computes."""
        if finding != self._finding:
            self._finding = finding
            self._device.setText(f"Device: {finding.words} {finding.advice}".strip())
            self._paint()

    def refresh(self) -> None:
        """Read the recent files anew."""
        items = recent_items()
        self.recent.show_items(items)
        self.recent.setVisible(bool(items))
        self._none.setVisible(not items)

    def _resume(self) -> None:
        if self._unfinished is not None:
            self.resume_wanted.emit(self._unfinished.folder)

    def _paint(self) -> None:
        self._picture.setPixmap(icon("drop", theme().accent).pixmap(QSize(32, 32)))
        self._device_light.setStyleSheet(f"color: {colour_of(self._finding.standing).name()}")


def _heading(words: str) -> QLabel:
    label = QLabel(words)
    label.setObjectName("figure")
    return label


def _button(action: QAction, words: str) -> QPushButton:
    """Return a push button that triggers an action of the registry."""
    button = QPushButton(words)
    button.setToolTip(action.toolTip())
    button.clicked.connect(lambda: action.trigger())
    button.setEnabled(action.isEnabled())
    action.changed.connect(lambda: button.setEnabled(action.isEnabled()))
    return button
