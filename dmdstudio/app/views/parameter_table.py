"""The table of refinable numbers: editable before a run, followed during it."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QPoint, Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QMenu,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from dmdstudio.app import edits
from dmdstudio.app.editor import Editor
from dmdstudio.app.forms import Wrong, text_of, value_of
from dmdstudio.app.session import Place, Session
from dmdstudio.app.theme import theme, theme_changed
from dmdstudio.app.views.add_button import AddButton, fill_menu
from dmdstudio.app.views.labels import quiet, wrong
from dmdstudio.app.views.parameter_dialog import ParameterDialog
from dmdstudio.app.views.potential_offer import PotentialOffer
from dmdstudio.app.wanted import Missing
from dmdstudio.app.words import error_words, interval_words, relative_change
from dmdstudio.base.units import pretty
from dmdstudio.plan.catalog import Field
from dmdstudio.plan.events import ParameterReport, ParameterUncertainty
from dmdstudio.plan.recipe import ParameterPlan
from dmdstudio.plan.terms import parameter_key
from dmdstudio.plan.ties import is_sum

Index = QModelIndex | QPersistentModelIndex
Row = tuple[Place, str, ParameterPlan | Missing]
"""Where a parameter stands, what reports call it, and what it is; or one that is still needed."""
Role = Qt.ItemDataRole

COLUMNS = (
    "Parameter", "Free", "Value", "Unit", "Now", "Change", "Error", "95 % interval", "Lower",
    "Upper", "Prior", "Prior mean",
)  # fmt: skip
NEEDED = "needs a value"
OF_RUN = ("Now", "Change")
"""Columns that are there once a run is."""
FOUND = ("Error", "95 % interval")
"""Columns that are there once the uncertainty is known."""
_EDITED = {
    "Value": "value",
    "Lower": "lower",
    "Upper": "upper",
    "Prior": "prior",
    "Prior mean": "prior_mean",
}
_TIPS = {
    "Parameter": "The parameter and the atom type it belongs to",
    "Free": "Ticked: refined. Not ticked: held at its value",
    "Value": "The value that the refinement starts from",
    "Lower": "The refinement never goes below; empty for no bound",
    "Upper": "The refinement never goes above; empty for no bound",
    "Unit": "The unit of value and bounds",
    "Prior": "Holds the parameter to where it starts, within this fraction: 0.05 for 5 %; "
    "empty for none",
    "Prior mean": "The prior holds it here instead of where it starts",
    "Now": "The value at the latest iteration of the run that is shown",
    "Change": "From the start of the run to its latest iteration",
    "Error": "The standard error of the best iteration's value",
    "95 % interval": "Where the parameter lies with 95 % confidence",
}


class ParameterModel(QAbstractTableModel):
    """The parameters of the recipe beside those of the run, and those that it still needs."""

    def __init__(self, session: Session, editor: Editor) -> None:
        super().__init__(session)
        self._session, self._editor = session, editor
        self._rows: list[Row] = []
        self._start: dict[str, ParameterReport] = {}
        self._now: dict[str, ParameterReport] = {}
        self._known: dict[str, ParameterUncertainty] = {}
        for signal in (session.recipe_changed, session.matter_changed, session.catalog_changed):
            signal.connect(self._read_recipe)
        session.run_changed.connect(self._read_run)
        session.problems_changed.connect(self._tell)
        self._run: tuple[object, ...] = (None,) * 4
        self._read_recipe()
        self._read_run()

    def _read_recipe(self) -> None:
        recipe = self._session.recipe
        rows: list[Row] = []
        wanted = self._editor.missing()
        lists = {"potential": recipe.potential, "surface": recipe.surface} if recipe else {}
        for section, terms in lists.items():
            for i, term in enumerate(terms):
                for j, parameter in enumerate(term.parameter):
                    place: Place = (section, i, "parameter", j)
                    rows.append((place, parameter_key(term, parameter), parameter))
                for missing in wanted:
                    if (missing.section, missing.index) == (section, i):
                        place = (section, i, "parameter", missing.words)
                        rows.append((place, f"{missing.term}.{missing.words}", missing))
        if [r[:2] for r in rows] != [r[:2] for r in self._rows]:
            self.beginResetModel()
            self._rows = rows
            self.endResetModel()
        else:
            self._rows = rows
            self._tell()

    def _read_run(self) -> None:
        view = self._session.view
        start = view.first.parameters if view.first else ()
        if view.started is not None and view.started.first_iteration == 0:
            start = view.started.parameters or start
        now = view.latest.parameters if view.latest else ()
        shown = (start, now, view.uncertainty, view.running)
        if all(a is b for a, b in zip(shown, self._run, strict=True)):
            return  # far more is drawn of a run than its parameters
        self._run = shown
        self._start = {p.key: p for p in start}
        self._now = {p.key: p for p in now}
        known = view.uncertainty
        self._known = {p.key: p for p in known.parameters} if known else {}
        self._tell()

    def _tell(self) -> None:
        if self._rows:
            self.dataChanged.emit(
                self.index(0, 0), self.index(len(self._rows) - 1, len(COLUMNS) - 1)
            )

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008
        """One row for each parameter."""
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
        return _TIPS[COLUMNS[section]] if role == Role.ToolTipRole else None

    def flags(self, index: Index) -> Qt.ItemFlag:
        """What can be edited."""
        flags = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if isinstance(self._rows[index.row()][2], Missing):
            editable = COLUMNS[index.column()] == "Value"
            return flags | Qt.ItemFlag.ItemIsEditable if editable else flags
        if COLUMNS[index.column()] == "Free":
            parameter = self._rows[index.row()][2]
            if isinstance(parameter, ParameterPlan) and parameter.tie:
                return flags  # it is as free as the one that it follows
            return flags | Qt.ItemFlag.ItemIsUserCheckable
        return flags | Qt.ItemFlag.ItemIsEditable if self._edits(index) else flags

    def _edits(self, index: Index) -> bool:
        return COLUMNS[index.column()] in _EDITED

    def data(self, index: Index, role: int = Role.DisplayRole) -> Any:
        """Return what a cell shows."""
        place, key, parameter = self._rows[index.row()]
        column = COLUMNS[index.column()]
        if isinstance(parameter, Missing):
            return self._data_of_missing(parameter, place, column, role)
        if role in (Role.DisplayRole, Role.EditRole):
            return self._text(key, parameter, column)
        if role == Role.CheckStateRole and column == "Free":
            free = parameter.free and not parameter.tie
            return Qt.CheckState.Checked if free else Qt.CheckState.Unchecked
        if role == Role.TextAlignmentRole:
            return _alignment(column)
        problem = self._session.problems.get((*place, _EDITED.get(column, "")))
        if role == Role.ForegroundRole:
            if problem:
                return QColor(theme().bad)
            quiet = column == "Unit" or (not parameter.free and column != "Parameter")
            return QColor(theme().quiet) if quiet else None
        if role == Role.ToolTipRole and column in FOUND and key in self._known:
            return error_words(self._known[key])
        if role == Role.ToolTipRole:
            return problem or (key if column == "Parameter" else _TIPS[column])
        if role == Role.AccessibleTextRole:
            return f"{column} of {key}: {self._text(key, parameter, column) or parameter.free}"
        return None

    def _data_of_missing(self, missing: Missing, place: Place, column: str, role: int) -> Any:
        """Return what a cell shows of a parameter that has no value yet."""
        field = missing.field
        shown = {
            "Parameter": f"{field.name} {missing.owner}".strip(),
            "Value": NEEDED,
            "Unit": pretty(field.unit),
        }
        if role == Role.DisplayRole:
            return shown.get(column, "")
        if role == Role.EditRole:
            return ""
        if role == Role.TextAlignmentRole:
            return _alignment(column)
        if role == Role.ForegroundRole:
            return QColor(theme().bad if column == "Value" else theme().quiet)
        if role == Role.ToolTipRole:
            problem = self._session.problems.get((*place, "value"), "")
            return problem or f"{missing.term} needs the {missing.words}. {field.doc}"
        if role == Role.AccessibleTextRole:
            return f"{column} of {missing.words}: {shown.get(column, '')}"
        return None

    def _set_missing(self, missing: Missing, place: Place, text: str) -> bool:
        """Take a first value; an empty text leaves the parameter missing."""
        if not text.strip():
            self._session.report((*place, "value"), "")
            return False
        field = missing.field
        wanted = Field(
            name="value", type="float", unit=field.unit, lower=field.lower, upper=field.upper
        )
        try:
            sentence = self._editor.set_number(missing, value_of(wanted, text))
        except Wrong as error:
            sentence = str(error)
        self._session.report((*place, "value"), sentence)
        return not sentence

    def term_of(self, row: int) -> tuple[str, int] | None:
        """Return section and number of the term that a row belongs to."""
        if not 0 <= row < len(self._rows):
            return None
        place = self._rows[row][0]
        return str(place[0]), int(place[1])

    def place_of(self, row: int) -> Place:
        """Return where the parameter of a row stands in the recipe."""
        return self._rows[row][0]

    def number_of(self, row: int) -> int | None:
        """Return which number of its term a row is; None where it has no value."""
        last = self._rows[row][0][-1]
        return last if isinstance(last, int) else None

    def _text(self, key: str, parameter: ParameterPlan, column: str) -> str:
        match column:
            case "Parameter":
                name = f"{parameter.name} {parameter.of}" if parameter.of else parameter.name
                if not parameter.tie:
                    return name
                return f"{name} {'=' if is_sum(parameter.tie) else '∝'} {parameter.tie}"
            case "Value" | "Lower" | "Upper" | "Prior" | "Prior mean":
                return text_of(getattr(parameter, _EDITED[column]))
            case "Unit":
                return pretty(parameter.unit)
            case "Now" if key in self._now:
                return f"{self._now[key].value:.5g}"
            case "Change" if key in self._now and key in self._start:
                change = relative_change(self._start[key], self._now[key])
                return "" if change is None else f"{change:+.2f}\u00a0%"
            case "Error" if key in self._known:
                error = self._known[key].error
                return "–" if error is None else f"± {error:.2g}"
            case "95 % interval" if key in self._known:
                return interval_words(self._known[key])
        return ""

    def setData(self, index: Index, value: Any, role: int = Role.EditRole) -> bool:  # noqa: N802
        """Make an edit; return whether it fits."""
        place, _, parameter = self._rows[index.row()]
        column = COLUMNS[index.column()]
        if isinstance(parameter, Missing):
            editing = role == Role.EditRole and column == "Value"
            return editing and self._set_missing(parameter, place, str(value))
        if role == Role.CheckStateRole and column == "Free":
            checked = Qt.CheckState(value) == Qt.CheckState.Checked
            return not self._session.change((*place, "free"), checked)
        if role != Role.EditRole or column not in _EDITED:
            return False
        name = _EDITED[column]
        field = Field(name=name, type="float", required=name == "value")
        try:
            number = value_of(field, str(value))
        except Wrong as error:
            self._session.report((*place, name), str(error))
            return False
        return not self._session.change((*place, name), number)


def _alignment(column: str) -> Qt.AlignmentFlag:
    left = column in ("Parameter", "Unit", "Free")
    side = Qt.AlignmentFlag.AlignLeft if left else Qt.AlignmentFlag.AlignRight
    return side | Qt.AlignmentFlag.AlignVCenter


class ParameterTable(QWidget):
    """The table, with the sentence about what is wrong below it; an offer while it is empty."""

    def __init__(self, session: Session, editor: Editor, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session, self._editor = session, editor
        self.model = ParameterModel(session, editor)
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setAccessibleName("Parameters of the potential")
        self.table.setShowGrid(False)
        self.table.setAlternatingRowColors(False)
        self.table.verticalHeader().hide()
        self.table.verticalHeader().setDefaultSectionSize(self.fontMetrics().height() + 14)
        self.table.setTabKeyNavigation(False)
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setHighlightSections(False)
        header.setMinimumSectionSize(36)
        self._wrong = wrong()
        self._hint = quiet(wraps=True)
        self.offer = PotentialOffer(session, editor)
        self.add = AddButton(editor, "potential")
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._show_menu)
        above = QHBoxLayout()
        above.setContentsMargins(0, 0, 0, 0)
        above.addWidget(self._hint, 1)
        above.addWidget(self.add)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 8, 0, 0)
        layout.setSpacing(8)
        layout.addLayout(above)
        layout.addWidget(self.table, 1)
        layout.addWidget(self.offer, 1)
        layout.addWidget(self._wrong)
        session.problems_changed.connect(self._show_problems)
        session.run_changed.connect(self._show_columns)
        session.run_changed.connect(self._show_hint)
        session.recipe_changed.connect(self._show_hint)
        session.matter_changed.connect(self._show_hint)
        session.catalog_changed.connect(self._show_hint)
        theme_changed().changed.connect(self.table.viewport().update)
        self._show_problems()
        self._show_columns()
        self._show_hint()

    def _show_columns(self) -> None:
        """Show what only some runs found where this one did."""
        view = self._session.view
        for names, hidden in ((OF_RUN, view.latest is None), (FOUND, view.uncertainty is None)):
            for column in map(COLUMNS.index, names):
                if self.table.isColumnHidden(column) != hidden:
                    self.table.setColumnHidden(column, hidden)

    def _show_problems(self) -> None:
        sentences = [
            f"{place[-1]}: {text}"
            for place, text in self._session.problems.items()
            if "parameter" in place
        ]
        self._wrong.setText("\n".join(sentences))
        self._wrong.setVisible(bool(sentences))

    def menu(self, row: int) -> QMenu:
        """Return what can be done with the term of a row."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        term = self.model.term_of(row)
        if term is not None:
            section, index = term
            name = edits.key_of(self._session.table()[section][index])
            number = self.model.number_of(row)
            if number is not None:
                action = menu.addAction("All settings of this parameter…")
                action.triggered.connect(lambda: self.show_settings(row))
                action = menu.addAction("Clear this value")
                action.triggered.connect(lambda: self._editor.clear_number(section, index, number))
            action = menu.addAction(f"Remove {name}, with all its parameters")
            action.triggered.connect(lambda: self._editor.remove(section, index))
            menu.addSeparator()
        added = menu.addMenu("Add term")
        added.setToolTipsVisible(True)
        fill_menu(added, self._editor, "potential")
        for action in menu.actions():
            action.setEnabled(self._editor.is_free)
        return menu

    def show_settings(self, row: int) -> ParameterDialog:
        """Open the form of all settings of a parameter that has a value."""
        dialog = ParameterDialog(self._session, self.model.place_of(row), self)
        dialog.show()
        return dialog

    def _show_menu(self, where: QPoint) -> None:
        index = self.table.indexAt(where)
        row = index.row() if index.isValid() else self.table.currentIndex().row()
        self.menu(row).popup(self.table.viewport().mapToGlobal(where))

    def _show_hint(self) -> None:
        recipe, wanted = self._session.recipe, len(self._editor.missing())
        offered = recipe is not None and not recipe.potential
        self.offer.setVisible(offered)
        self.table.setVisible(not offered)
        self._hint.setVisible(not offered)
        self.add.setVisible(recipe is not None and not offered)
        self.add.setEnabled(self._editor.is_free)
        self.offer.setEnabled(self._editor.is_free)
        if recipe is None:
            words = "The parameters of a recipe appear here."
        elif self._session.view.running:
            words = "The run under way has its own copy: edits are for the next."
        elif wanted:
            verb = "parameter needs" if wanted == 1 else "parameters need"
            words = f"{wanted} {verb} a value. Double-click or press F2 to give one."
        elif not self.model.rowCount():
            words = (
                "The numbers of this potential are arrays in its file, refined as a whole. The "
                "Parameters tab shows how they move."
            )
        else:
            words = "Double-click or press F2 to edit; the menu of a row has all its settings."
        self._hint.setText(words)
