"""The settings of a recipe as folding sections, made from what the recipe and catalog declare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PySide6.QtCore import QSize, QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFrame, QPushButton, QScrollArea, QVBoxLayout, QWidget

from dmdstudio.app.forms import Form
from dmdstudio.app.icons import icon
from dmdstudio.app.session import Place, Session
from dmdstudio.app.theme import theme, theme_changed
from dmdstudio.plan.catalog import Field, fields_of
from dmdstudio.plan.recipe import LISTS, sections

_TITLES = {
    "system": "System",
    "potential": "Potential",
    "surface": "Surface",
    "target": "Experiment",
    "refinement": "Refinement",
    "gradient": "Gradient",
    "sampling": "Sampling",
    "dynamics": "Dynamics",
    "optimizer": "Optimiser",
    "execution": "Execution",
}
_FOLDED = ("execution", "optimizer", "potential", "surface")
_CHOOSERS = {"potential": "kind", "surface": "kind", "gradient": "method", "target": "observable"}
_CATALOG = {
    "potential": "potential",
    "surface": "surface",
    "gradient": "gradient",
    "target": "observable",
}
_FILES = ("structure", "data", "file")


class Section(QWidget):
    """A title that folds what is below it."""

    def __init__(self, title: str, body: QWidget, folded: bool) -> None:
        super().__init__()
        self.body = body
        self.button = QPushButton(title)
        self.button.setObjectName("section")
        self.button.setCheckable(True)
        self.button.setIconSize(QSize(16, 16))
        self.button.setAccessibleName(f"{title} settings, fold or unfold")
        self.button.toggled.connect(self._fold)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.button)
        layout.addWidget(body)
        body.setContentsMargins(18, 0, 0, 10)
        self.button.setChecked(not folded)
        self._fold(not folded)

    def unfold(self) -> None:
        """Show what is below the title."""
        self.button.setChecked(True)

    def _fold(self, shown: bool) -> None:
        self.body.setVisible(shown)
        self.button.setIcon(icon("down" if shown else "right", theme().quiet))


class SettingsPanel(QScrollArea):
    """All sections of the recipe under edit."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("settings")
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAccessibleName("Settings")
        self._session = session
        self._shape: object = None
        self._forms: list[tuple[Place, Form]] = []
        self._sections: dict[str, Section] = {}
        self._waiting: list[str] = []
        self._due = True
        self._next = QTimer(self, singleShot=True, interval=1)
        self._next.timeout.connect(self._build_next)
        session.recipe_changed.connect(self._ask)
        session.catalog_changed.connect(self._ask)
        session.problems_changed.connect(self._show_problems)
        session.run_changed.connect(self._lock)
        theme_changed().changed.connect(self._repaint_arrows)

    def form(self, place: Place) -> Form:
        """Return the form of a section, such as ``('sampling',)`` or ``('target', 0)``."""
        self.finish()
        return next(form for at, form in self._forms if at == place)

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802
        """Make the forms once they are looked at."""
        super().showEvent(event)
        if self._due:
            self.refresh()

    def _ask(self) -> None:
        self._due = True
        if self.isVisible():
            self.refresh()

    def refresh(self) -> None:
        """Show the recipe; make the forms anew only where their fields are others.

        The sections are made one after another, with time for the window in between.
        """
        self._due = False
        table = self._session.table()
        shape = self._shape_of(table)
        if shape != self._shape:
            self._shape = shape
            self._build(table)
        else:
            self._fill(self._forms)

    def finish(self) -> None:
        """Make at once what is still to be made."""
        if self._due:
            self.refresh()
        while self._waiting:
            self._build_next()

    def _fill(self, forms: list[tuple[Place, Form]]) -> None:
        table = self._session.table()
        for place, form in forms:
            values: Any = table
            for step in place:
                values = values.get(step, {}) if isinstance(values, dict) else values[step]
            form.set_values(values)
        self._show_problems()
        self._lock()

    def _shape_of(self, table: dict[str, Any]) -> object:
        """Return what decides which fields there are."""
        chosen = [
            (name, index, item.get(_CHOOSERS[name]))
            for name in _CHOOSERS
            for index, item in enumerate(_items(table.get(name, [] if name in LISTS else {})))
        ]
        return bool(table), tuple(chosen), self._session.catalog, self._session.recipe_path

    def _build(self, table: dict[str, Any]) -> None:
        self._forms.clear()
        self._sections.clear()
        page = QWidget()
        page.setObjectName("plain")
        layout = QVBoxLayout(page)
        layout.setContentsMargins(12, 6, 14, 12)
        layout.setSpacing(2)
        layout.addStretch(1)
        self._layout = layout
        self.setWidget(page)
        self._waiting = [name for name in _TITLES if name != "surface" or name in table]
        self._waiting = self._waiting if table else []
        self._build_next()

    def _build_next(self) -> None:
        """Make the next section."""
        if not self._waiting:
            return
        name = self._waiting.pop(0)
        value = self._session.table().get(name, [] if name in LISTS else {})
        body = QWidget()
        rows = QVBoxLayout(body)
        rows.setContentsMargins(18, 0, 0, 10)
        rows.setSpacing(14)
        before = len(self._forms)
        if isinstance(value, list):
            for index, item in enumerate(value):
                rows.addWidget(self._form((name, index), item))
        else:
            rows.addWidget(self._form((name,), value))
        section = Section(_TITLES[name], body, folded=name in _FOLDED)
        self._sections[name] = section
        self._layout.insertWidget(self._layout.count() - 1, section)
        self._fill(self._forms[before:])
        if self._waiting:
            self._next.start()

    def _form(self, place: Place, values: dict[str, Any]) -> Form:
        name = str(place[0])
        fields: list[Field] = list(fields_of(sections()[name]))
        choices: dict[str, Sequence[str]] = {}
        if chooser := _CHOOSERS.get(name):
            entries = self._session.catalog.section(_CATALOG[name])
            if entries:
                choices[chooser] = [entry.name for entry in entries]
            chosen = self._session.catalog.find(_CATALOG[name], str(values.get(chooser, "")))
            if chosen is not None:
                fields += chosen.fields
        form = Form(fields, files=_FILES, choices=choices)
        form.edited.connect(lambda field, value: self._edit(place, form, field, value))
        form.mistaken.connect(lambda field, text: self._session.report((*place, field), text))
        self._forms.append((place, form))
        return form

    def _edit(self, place: Place, form: Form, field: str, value: Any) -> None:
        name = str(place[0])
        if _CHOOSERS.get(name) == field:
            self._choose(place, field, value)
        else:
            form.set_error(field, self._session.change((*place, field), value))

    def _choose(self, place: Place, field: str, value: str) -> None:
        """Take another method or observable; the settings of the one before do not fit it."""
        own = {f.name for f in fields_of(sections()[str(place[0])])} | {"parameter"}
        table = self._session.table()
        parent: Any = table
        for step in place[:-1]:
            parent = parent[step]
        kept = {k: v for k, v in parent[place[-1]].items() if k in own}
        parent[place[-1]] = {**kept, field: value}
        self._session.replace_recipe(table, field)

    def _show_problems(self) -> None:
        for place, form in self._forms:
            for field in form.fields:
                form.set_error(field, self._session.problems.get((*place, field), ""))

    def _lock(self) -> None:
        """Settings are held while a run is under way."""
        free = not self._session.view.running
        for _, form in self._forms:
            if form.isEnabled() != free:
                form.setEnabled(free)

    def show_section(self, name: str) -> None:
        """Unfold a section and scroll to it."""
        self.finish()
        section = self._sections.get(name)
        if section is not None:
            section.unfold()
            self.verticalScrollBar().setValue(section.y())
            section.button.setFocus()

    def _repaint_arrows(self) -> None:
        for section in self._sections.values():
            section._fold(section.button.isChecked())


def _items(value: Any) -> list[dict[str, Any]]:
    return value if isinstance(value, list) else [value]
