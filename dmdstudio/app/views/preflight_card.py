"""A card that says, while one edits, what a run will take and what stands in its way."""

from __future__ import annotations

import html

import psutil
from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QFrame, QGridLayout, QLabel, QVBoxLayout, QWidget

from dmdstudio.app.checks import blocks, check_all
from dmdstudio.app.measured_pace import kind_of, known_rates
from dmdstudio.app.preflight import Line, Setting, preflight
from dmdstudio.app.session import Session
from dmdstudio.app.theme import theme, theme_changed

_DELAY_MILLISECONDS = 60


class PreflightCard(QFrame):
    """Label and words of every line, one below the other."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self.setAccessibleName("Before the run")
        self._session = session
        self.lines: tuple[Line, ...] = ()
        self._rows: list[tuple[QLabel, QLabel]] = []
        title = QLabel("Before the run")
        title.setObjectName("figure")
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(3)
        self._grid.setColumnStretch(1, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(14, 10, 14, 12)
        column.setSpacing(6)
        column.addWidget(title)
        column.addLayout(self._grid)
        self._soon = QTimer(self, singleShot=True, interval=_DELAY_MILLISECONDS)
        self._soon.timeout.connect(self.refresh)
        for signal in (
            session.recipe_changed,
            session.matter_changed,
            session.catalog_changed,
            session.problems_changed,
            session.run_changed,
        ):
            signal.connect(self._ask)
        theme_changed().changed.connect(self._paint)
        self.refresh()

    def _ask(self) -> None:
        if not self._soon.isActive():
            self._soon.start()

    def refresh(self) -> None:
        """Show what is known now; nothing without a recipe."""
        session = self._session
        recipe = session.recipe
        self.setVisible(recipe is not None)
        if recipe is None:
            return
        ready = session.view.ready
        device = ready.device if ready else ""
        setting = Setting(
            device,
            len(ready.devices) if ready else 1,
            known_rates(kind_of(recipe, device)),
            psutil.virtual_memory().available
            if ready is None or device.startswith("CPU")
            else ready.memory_bytes * len(ready.devices),
        )
        checks = check_all(
            recipe,
            session.view,
            session.problems,
            session.is_stale,
            session.catalog,
            session.matter,
            session.matter_problem,
            session.data_problem,
        )
        same = session.diagnosed_recipe == recipe
        diagnosed = session.view.diagnosed if same else None
        self._show(
            preflight(recipe, session.catalog, session.matter, setting, diagnosed, blocks(checks))
        )

    def _show(self, lines: tuple[Line, ...]) -> None:
        if lines == self.lines:
            return
        self.lines = lines
        while len(self._rows) < len(lines):
            self._rows.append(self._new_row())
        for number, row in enumerate(self._rows):
            for label in row:
                label.setVisible(number < len(lines))
        for line, (label, words) in zip(lines, self._rows, strict=False):
            label.setText(line.label)
            words.setAccessibleName(f"{line.label}: {line.words}")
            for widget in (label, words):
                widget.setToolTip(line.tip)
        self._paint()

    def _new_row(self) -> tuple[QLabel, QLabel]:
        label, words = QLabel(self), QLabel(self)
        label.setObjectName("quiet")
        words.setWordWrap(True)
        words.setTextFormat(Qt.TextFormat.RichText)
        row = len(self._rows)
        self._grid.addWidget(label, row, 0, Qt.AlignmentFlag.AlignTop)
        self._grid.addWidget(words, row, 1)
        return label, words

    def _paint(self) -> None:
        """Colour the words by how they stand."""
        colours = theme()
        shades = {
            "plain": colours.text,
            "unknown": colours.quiet,
            "warning": colours.attention,
            "blocked": colours.bad,
        }
        for line, (_, words) in zip(self.lines, self._rows, strict=False):
            text = html.escape(line.words, quote=False)
            words.setText(f'<span style="color:{shades[line.state]}">{text}</span>')
