"""The corrections of a measurement, in the order in which they are applied, each with its form."""

from __future__ import annotations

import functools

import msgspec
from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QMenu, QPushButton, QVBoxLayout, QWidget

from dmdstudio.app.data_reading import changed_correction, first_correction, kind_of
from dmdstudio.app.forms import Form
from dmdstudio.app.measured import Corrections
from dmdstudio.app.views.labels import quiet
from dmdstudio.base.errors import DmdError
from dmdstudio.plan.catalog import Field, fields_of
from dmdstudio.plan.corrections import KINDS, Correction
from dmdstudio.plan.structure import Measurement

_PLACES = {("crop", "low"), ("crop", "high"), ("shift", "by"), ("normalise", "at")}
"""Settings that are places on the axis."""

_SUMMARY = "Applied in this order; the file itself stays as it is."


class CorrectionList(QWidget):
    """Shows corrections and changes them; the forms are those that the corrections declare.

    Signals:
        changed: another list, in `corrections`.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.corrections: Corrections = ()
        self._measurement: Measurement | None = None
        self._shape: tuple[str, ...] | None = None
        self.forms: list[Form] = []
        self.removers: list[QPushButton] = []
        self.add = QPushButton("Add correction…")
        self.add.setObjectName("add")
        menu = QMenu(self.add)
        menu.setToolTipsVisible(True)
        for kind, struct in KINDS.items():
            action = menu.addAction(kind.capitalize(), functools.partial(self._add, kind))
            action.setToolTip((struct.__doc__ or "").partition("\n")[0].replace("``", ""))
        self.add.setMenu(menu)
        self._words = quiet(_SUMMARY, wraps=True)
        self._items = QWidget()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self._words)
        column.addWidget(self._items)
        row = QHBoxLayout()
        row.addWidget(self.add)
        row.addStretch(1)
        column.addLayout(row)
        self._column = column

    def show_corrections(self, corrections: Corrections, measurement: Measurement | None) -> None:
        """Show a list of what is done to a measurement."""
        self.corrections, self._measurement = corrections, measurement
        is_curve = measurement is not None and measurement.axis is not None
        self.add.setEnabled(is_curve)
        unit = measurement.axis_unit if measurement is not None else ""
        shape = unit, *map(kind_of, corrections)
        if shape != self._shape:
            self._shape = shape
            self._build()
        for form, correction in zip(self.forms, corrections, strict=True):
            form.set_values({name: getattr(correction, name) for name in form.fields})

    def _build(self) -> None:
        items = QWidget()
        column = QVBoxLayout(items)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(10)
        self.forms, self.removers = [], []
        for number, correction in enumerate(self.corrections):
            column.addLayout(self._heading(number, kind_of(correction)))
            form = Form(self._fields(correction))
            form.edited.connect(functools.partial(self._change, number))
            column.addWidget(form)
            if not form.fields:
                form.hide()
            self.forms.append(form)
        self._column.replaceWidget(self._items, items)
        self._items.hide()
        self._items.deleteLater()
        self._items = items
        items.setVisible(bool(self.corrections))

    def _fields(self, correction: Correction) -> list[Field]:
        """Return the settings of a correction; places have the unit of the file's axis."""
        unit = self._measurement.axis_unit if self._measurement is not None else ""
        kind = kind_of(correction)
        return [
            msgspec.structs.replace(field, unit=unit) if (kind, field.name) in _PLACES else field
            for field in fields_of(type(correction))
        ]

    def _heading(self, number: int, kind: str) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(4)
        title = QLabel(f"{number + 1}. {kind.capitalize()}")
        title.setObjectName("figure")
        row.addWidget(title, 1)
        acts = {"Earlier": self._move_up, "Remove": self._remove}
        if number == 0:
            del acts["Earlier"]
        for words, act in acts.items():
            button = QPushButton(words)
            button.setObjectName("flat")
            button.setAccessibleName(f"{words}: correction {number + 1}, {kind}")
            button.clicked.connect(functools.partial(act, number))
            row.addWidget(button)
        self.removers.append(button)
        return row

    # -- changes

    def _take(self, corrections: Corrections) -> None:
        self.show_corrections(corrections, self._measurement)
        self.changed.emit()

    def _add(self, kind: str) -> None:
        if self._measurement is not None:
            self._take((*self.corrections, first_correction(kind, self._measurement)))

    def _remove(self, number: int, _: bool = False) -> None:
        self._take(self.corrections[:number] + self.corrections[number + 1 :])

    def _move_up(self, number: int, _: bool = False) -> None:
        moved = list(self.corrections)
        moved[number - 1 : number + 1] = moved[number - 1 : number + 1][::-1]
        self._take(tuple(moved))

    def _change(self, number: int, field: str, value: object) -> None:
        try:
            changed = changed_correction(self.corrections[number], field, value)
        except DmdError as error:
            self.forms[number].set_error(field, str(error))
            return
        self._take((*self.corrections[:number], changed, *self.corrections[number + 1 :]))
