"""The settings of a recipe as folding sections, made from what the recipe and catalog declare.

In two levels: *guided* shows the few that decide a refinement, *expert* every one there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from dmdstudio.app.editor import CATALOG, Editor
from dmdstudio.app.edits import key_of
from dmdstudio.app.forms import Form
from dmdstudio.app.guided import guided_fields, guided_values, with_guided
from dmdstudio.app.run_folders import prefer, preference
from dmdstudio.app.session import Place, Session
from dmdstudio.app.theme import theme_changed
from dmdstudio.app.views.add_button import AddButton
from dmdstudio.app.views.labels import quiet
from dmdstudio.app.views.preflight_card import PreflightCard
from dmdstudio.app.views.section import ItemHeading, Section
from dmdstudio.app.views.target_data_row import TargetDataRow
from dmdstudio.base.errors import RecipeError
from dmdstudio.plan.catalog import Field, fields_of
from dmdstudio.plan.recipe import LISTS, sections

GUIDED = "guided"
EXPERT = "expert"

_TITLES = {
    "system": "System",
    "potential": "Potential",
    "surface": "Surface",
    "target": "Experiment",
    GUIDED: "Refinement",
    "refinement": "Refinement",
    "gradient": "Gradient",
    "sampling": "Sampling",
    "dynamics": "Dynamics",
    "optimizer": "Optimiser",
    "execution": "Execution",
}
_EXPERT = ("refinement", "gradient", "sampling", "dynamics", "optimizer", "execution")
_FOLDED = ("execution", "optimizer", "potential", "surface")
_CHOOSERS = {"potential": "kind", "surface": "kind", "gradient": "method", "target": "observable"}
_CATALOG = {**CATALOG, "gradient": "gradient"}
_HEIGHT = "height"
_MARGIN = 8
_SETTLE_MILLISECONDS = 150
_MOST_TRIES = 40
_NONE_YET = {
    "potential": "No term yet.",
    "surface": "No surface. Spectra need one: the dipole moment or polarisability that they see.",
    "target": "No target yet. Drop a measurement on the window, or add what is to be predicted.",
}
_FILES = ("structure", "data", "file")


class SettingsPanel(QWidget):
    """All sections of the recipe under edit, below a switch between guided and expert.

    Signals:
        data_wanted: the number of a target whose data are to be looked at.
    """

    data_wanted = Signal(int)

    def __init__(self, session: Session, editor: Editor, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.area = QScrollArea()
        self.area.setObjectName("settings")
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setAccessibleName("Settings")
        self.setFocusProxy(self.area)
        self._session, self._editor = session, editor
        self.level = EXPERT if preference("settings level") == EXPERT else GUIDED
        self._headings: list[tuple[Place, ItemHeading]] = []
        self._data_rows: list[tuple[int, TargetDataRow]] = []
        self._goal: Place = ()
        self._tries = 0
        self._settled = QTimer(self, singleShot=True, interval=_SETTLE_MILLISECONDS)
        self._settled.timeout.connect(self._settle)
        self.area.verticalScrollBar().rangeChanged.connect(self._reach)
        self._page = QWidget()
        self.area.setWidget(self._page)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 8, 0, 0)
        column.setSpacing(8)
        column.addLayout(self._make_switch())
        column.addWidget(self.area, 1)
        self.preflight = PreflightCard(session)
        column.addWidget(self.preflight)
        self._shape: object = None
        self._forms: list[tuple[Place, Form]] = []
        self._sections: dict[str, Section] = {}
        self._folded: dict[str, bool] = {}
        self._waiting: list[str] = []
        self._due = True
        self._next = QTimer(self, singleShot=True, interval=1)
        self._next.timeout.connect(self._build_next)
        session.recipe_changed.connect(self._ask)
        session.catalog_changed.connect(self._ask)
        session.problems_changed.connect(self._show_problems)
        session.run_changed.connect(self._show_data_rows)
        theme_changed().changed.connect(self._repaint_arrows)
        editor.added.connect(self._want)

    def _make_switch(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(0)
        row.setContentsMargins(0, 0, 0, 0)
        self._levels = QButtonGroup(self)
        tips = {
            GUIDED: "The few settings that decide a refinement",
            EXPERT: "Every setting of every method",
        }
        self.switch: dict[str, QPushButton] = {}
        for level, tip in tips.items():
            button = QPushButton(level.capitalize())
            button.setObjectName("segment")
            button.setCheckable(True)
            button.setToolTip(tip)
            button.setChecked(level == self.level)
            button.clicked.connect(lambda _=False, level=level: self.set_level(level))
            self._levels.addButton(button)
            self.switch[level] = button
            row.addWidget(button)
        row.addStretch(1)
        return row

    def set_level(self, level: str) -> None:
        """Show guided or expert settings, now and the next time."""
        self.switch[level].setChecked(True)
        if level != self.level:
            self.level = level
            prefer("settings level", level)
            self._ask()

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
            if place == (GUIDED,):
                form.set_values(guided_values(table, self._session.catalog))
                continue
            values: Any = table
            for step in place:
                values = values.get(step, {}) if isinstance(values, dict) else values[step]
            form.set_values(values)
        for (section, index), heading in self._headings:
            heading.set_title(self._title(str(section), table[str(section)][index]))
        self._show_data_rows()
        self._show_problems()

    def _show_data_rows(self) -> None:
        """Say how data are read; those of a run under way stand still."""
        plans = self._session.recipe.target if self._session.recipe is not None else ()
        for index, row in self._data_rows:
            if index < len(plans):
                row.show_target(plans[index], free=not self._session.view.running)

    def _shape_of(self, table: dict[str, Any]) -> object:
        """Return what decides which fields there are."""
        chosen = [
            (name, index, item.get(_CHOOSERS[name]))
            for name in _CHOOSERS
            for index, item in enumerate(_items(_value(table, name)))
        ]
        guided = guided_fields(table, self._session.catalog) if self.level == GUIDED else ()
        opened = self._session.recipe_path
        return bool(table), tuple(chosen), self._session.catalog, opened, self.level, guided

    def _build(self, table: dict[str, Any]) -> None:
        if not self._waiting and not self._goal:  # else what is shown is not all yet
            self._goal = (_HEIGHT, self.area.verticalScrollBar().value())
        self._folded |= {name: section.is_folded for name, section in self._sections.items()}
        self._forms.clear()
        self._headings.clear()
        self._data_rows.clear()
        self._sections.clear()
        page = QWidget()
        page.setObjectName("plain")
        layout = QVBoxLayout(page)
        layout.setContentsMargins(12, 6, 14, 12)
        layout.setSpacing(2)
        layout.addStretch(1)
        self._layout, self._page = layout, page
        self.area.setWidget(page)
        hidden = _EXPERT if self.level == GUIDED else (GUIDED,)
        self._waiting = [name for name in _TITLES if name not in hidden] if table else []
        self._build_next()

    def _build_next(self) -> None:
        """Make the next section."""
        if not self._waiting:
            return
        name = self._waiting.pop(0)
        value = _value(self._session.table(), name)
        body = QWidget()
        rows = QVBoxLayout(body)
        rows.setContentsMargins(18, 0, 0, 10)
        rows.setSpacing(14)
        before = len(self._forms)
        if name == GUIDED:
            rows.addWidget(self._guided_form())
        elif name in LISTS:
            for index, item in enumerate(value):
                rows.addLayout(self._item((name, index), item))
            rows.addLayout(self._adding(name, value))
        else:
            rows.addWidget(self._form((name,), value))
        folded = self._folded.get(name, name in _FOLDED and name not in self._goal)
        section = Section(_TITLES[name], body, folded)
        self._sections[name] = section
        self._layout.insertWidget(self._layout.count() - 1, section)
        self._fill(self._forms[before:])
        if self._waiting:
            self._next.start()
        elif self._goal:
            self._go(self._goal)

    def _reach(self) -> None:
        """Go to the section, item or height that is asked for, as far as forms are laid out."""
        bar, name = self.area.verticalScrollBar(), str(self._goal[0]) if self._goal else ""
        heading = next((h for place, h in self._headings if place == self._goal), None)
        if name == _HEIGHT:
            bar.setValue(int(self._goal[1]))
        elif heading is not None:
            self._sections[name].unfold()
            bar.setValue(heading.mapTo(self._page, QPoint(0, 0)).y() - _MARGIN)
        elif name in self._sections:
            bar.setValue(self._sections[name].y())

    def _want(self, section: str, index: int) -> None:
        """Show what was added, once its form is there."""
        if self.isVisible():
            self._go((section, index))

    def _go(self, goal: Place) -> None:
        """Go somewhere, and stay there while the forms find their sizes."""
        self._goal, self._tries = goal, _MOST_TRIES
        self._settled.start()
        self._reach()

    def _settle(self) -> None:
        self._reach()
        page, self._tries = self._page, self._tries - 1
        if page.isVisible() and page.height() < page.minimumSizeHint().height() and self._tries > 0:
            self._settled.start()  # a busy machine: the forms are not laid out yet
        else:
            self._goal = ()

    def _item(self, place: Place, values: dict[str, Any]) -> QVBoxLayout:
        """Return the heading and the form of one of several."""
        section, index = str(place[0]), int(place[1])
        heading = ItemHeading(self._editor, section, index)
        self._headings.append((place, heading))
        column = QVBoxLayout()
        column.setSpacing(4)
        column.addWidget(heading)
        column.addWidget(self._form(place, values))
        if section == "target":
            row = TargetDataRow()
            row.button.clicked.connect(lambda: self.data_wanted.emit(index))
            self._data_rows.append((index, row))
            column.addWidget(row)
        return column

    def _adding(self, section: str, items: list[Any]) -> QHBoxLayout:
        """Return the button that adds one more, after a word where there is none."""
        row = QHBoxLayout()
        row.setSpacing(10)
        if not items:
            words = quiet(_NONE_YET[section], wraps=True)
            row.addWidget(words, 1)
        button = AddButton(self._editor, section)
        row.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        if items:
            row.addStretch(1)
        return row

    def _guided_form(self) -> Form:
        form = Form(guided_fields(self._session.table(), self._session.catalog))
        form.edited.connect(lambda field, value: self._guide(form, field, value))
        form.mistaken.connect(lambda field, text: self._session.report((GUIDED, field), text))
        self._forms.append(((GUIDED,), form))
        return form

    def _guide(self, form: Form, field: str, value: Any) -> None:
        """Take over a guided setting with all that follows from it."""
        session = self._session
        table = with_guided(session.table(), field, value, session.catalog)
        sentence = self._replace(table, f"change {form.fields[field].label.lower()}")
        self._tell((GUIDED,), form, field, sentence)

    def _title(self, section: str, item: dict[str, Any]) -> str:
        """Return the name of an item: its own, or what its kind is called."""
        entry = self._session.catalog.find(_CATALOG[section], item.get(_CHOOSERS[section], ""))
        return item.get("name") or (entry.label if entry else key_of(item))

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
            sentence = self._choose(place, field, value)
        elif field == "name" and name in LISTS:
            sentence = self._editor.rename(name, int(place[1]), value or "")
        elif (name, field) == ("target", "data"):
            sentence = self._change_file(int(place[1]), value)
        else:
            form.set_error(field, self._session.change((*place, field), value))
            return
        self._tell(place, form, field, sentence)

    def _tell(self, place: Place, form: Form, field: str, sentence: str) -> None:
        """Say what is wrong with a setting; where nothing is, its form may be another by now."""
        self._session.report((*place, field), sentence)
        if sentence:
            form.set_error(field, sentence)

    def _change_file(self, index: int, name: str | None) -> str:
        """Take another data file; what was said of the one before need not hold for it."""
        recipe, table = self._session.recipe, self._session.table()
        assert recipe is not None
        target = table["target"][index]
        before = target.pop("data", "")
        if name:
            target["data"] = name
        if not (name and before and _is_same(recipe.path(name), recipe.path(before))):
            for key in ("reading", "corrections"):
                target.pop(key, None)
        return self._replace(table, "change data")

    def _replace(self, table: dict[str, Any], words: str) -> str:
        """Take over all tables as one edit; return what is wrong with them, or nothing."""
        try:
            self._session.replace_recipe(table, words)
        except RecipeError as error:
            return f"{error.message} {error.advice}".strip()
        return ""

    def _choose(self, place: Place, field: str, value: str) -> str:
        """Take another method or observable; the settings of the one before do not fit it."""
        own = {f.name for f in fields_of(sections()[str(place[0])])} | {"parameter"}
        table = self._session.table()
        parent: Any = table
        for step in place[:-1]:
            parent = parent[step]
        kept = {k: v for k, v in parent[place[-1]].items() if k in own}
        parent[place[-1]] = {**kept, field: value}
        return self._replace(table, field)

    def _show_problems(self) -> None:
        for place, form in self._forms:
            for field in form.fields:
                form.set_error(field, self._session.problems.get((*place, field), ""))

    def show_section(self, name: str) -> None:
        """Unfold a section and scroll to it."""
        self.finish()
        if name in _EXPERT and self.level == GUIDED:
            name = GUIDED
        section = self._sections.get(name)
        if section is not None:
            section.unfold()
            section.button.setFocus()
            self._go((name,))

    def show_field(self, section: str, field: str) -> None:
        """Go to a setting; to one that only experts see by showing what they see."""
        if section in _EXPERT:
            self.set_level(EXPERT)
        self.show_section(section)
        editor = self.form((section,)).editor(field)
        self._goal = ()
        self.area.ensureWidgetVisible(editor)
        editor.setFocus()

    def _repaint_arrows(self) -> None:
        for section in self._sections.values():
            section.repaint_arrow()


def _value(table: dict[str, Any], name: str) -> Any:
    return table.get(name, [] if name in LISTS else {})


def _is_same(one: Path, other: Path) -> bool:
    return one.resolve() == other.resolve()


def _items(value: Any) -> list[dict[str, Any]]:
    return value if isinstance(value, list) else [value]
