"""Forms made from the settings that a section of the recipe, or a registered thing, declares."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QWidget,
)

from dmdstudio.app.words import choice_words
from dmdstudio.base.units import pretty
from dmdstudio.plan.catalog import Field


class Wrong(ValueError):  # noqa: N818
    """A text that is no value of its field; says so in a sentence."""


def text_of(value: Any) -> str:
    """Return a value as it stands in a field: ``0.001``, ``1e-05``, ``1 1 1``."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.12g}"
    if isinstance(value, (list, tuple)):
        return " ".join(str(v) for v in value)
    return str(value)


def value_of(field: Field, text: str) -> Any:
    """Return what a text means in a field; None where it is empty and may be.

    Raises:
        Wrong: the text is no such value or out of bounds.
    """
    text = text.strip()
    if not text:
        if field.required:
            raise Wrong("A value is needed.")
        return None
    match field.type:
        case "float":
            return _bounded(field, _number(text))
        case "integer":
            number = _number(text)
            if number != int(number):
                raise Wrong(f"{text} is not a whole number.")
            return _bounded(field, int(number))
        case "integers":
            numbers = [_number(word) for word in text.replace(",", " ").split()]
            wanted = len(str(field.default).split())
            if len(numbers) != wanted or any(n != int(n) for n in numbers):
                raise Wrong(f"Write {wanted} whole numbers, such as {field.default}.")
            return [int(n) for n in numbers]
        case "boolean":
            return text == "true"
        case "choice" if isinstance(field.default, int):
            return int(text)
    return text


def _number(text: str) -> float:
    try:
        number = float(text.replace("−", "-"))
    except ValueError:
        raise Wrong(f"{text} is not a number.") from None
    if not math.isfinite(number):
        raise Wrong(f"{text} is not a finite number.")
    return number


def _bounded(field: Field, number: float) -> float:
    unit = f" {pretty(field.unit)}" if field.unit else ""
    if field.lower is not None and number < field.lower:
        raise Wrong(f"Must not be below {field.lower:g}{unit}.")
    if field.upper is not None and number > field.upper:
        raise Wrong(f"Must not be above {field.upper:g}{unit}.")
    return number


class _NoWheel(QObject):
    """Keeps the wheel for scrolling: a form passed by must not change its values."""

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() == QEvent.Type.Wheel:
            event.ignore()
            return True
        return super().eventFilter(watched, event)


class Form(QWidget):
    """One row for each field: label, editor with unit, and below it what is wrong.

    Signals:
        edited: name and new value (None for empty); not sent for a text that is no value.
        mistaken: name and sentence; an empty sentence where it is mended.
    """

    edited = Signal(str, object)
    mistaken = Signal(str, str)

    def __init__(
        self,
        fields: Sequence[Field],
        *,
        files: Sequence[str] = (),
        choices: Mapping[str, Sequence[str]] | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.fields = {field.name: field for field in fields}
        self._editors: dict[str, QLineEdit | QComboBox | QCheckBox] = {}
        self._wrongs: dict[str, QLabel] = {}
        self._filling = False
        self._no_wheel = _NoWheel(self)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        self._labels: dict[str, QLabel] = {}
        for row, field in enumerate(fields):
            editor = self._editor(field, list((choices or {}).get(field.name, field.choices)))
            self._editors[field.name] = editor
            self._add_row(grid, row, field, editor, field.name in files)
        self._follow_choices()

    def _add_row(
        self, grid: QGridLayout, row: int, field: Field, editor: QWidget, is_file: bool
    ) -> None:
        words = field.label[:1].upper() + field.label[1:]
        label = QLabel(words)
        label.setBuddy(editor)
        label.setFixedWidth(self.fontMetrics().horizontalAdvance("Effective sample fraction") + 4)
        label.setWordWrap(True)
        unit = f", in {pretty(field.unit)}" if field.unit else ""
        tip = f"{field.doc or words}{_bounds_words(field)}"
        self._labels[field.name] = label
        for widget in (label, editor):
            widget.setToolTip(tip)
        editor.setAccessibleName(words + unit)
        editor.setAccessibleDescription(tip)
        wrong = QLabel()
        wrong.setObjectName("wrong")
        wrong.setWordWrap(True)
        wrong.hide()
        self._wrongs[field.name] = wrong
        beside = QHBoxLayout()
        beside.setSpacing(6)
        beside.addWidget(editor, 1)
        if not is_file:
            suffix = QLabel(pretty(field.unit))
            suffix.setObjectName("quiet")
            suffix.setFixedWidth(self.fontMetrics().horizontalAdvance("10⁻⁹ m²/s"))
            beside.addWidget(suffix)
        else:
            browse = QPushButton("Choose…")
            browse.setAccessibleName(f"Choose a file for {words}")
            browse.clicked.connect(lambda _=False, name=field.name: self._browse(name))
            beside.addWidget(browse)
        grid.addWidget(label, 2 * row, 0)
        grid.addLayout(beside, 2 * row, 1)
        grid.addWidget(wrong, 2 * row + 1, 0, 1, 2)

    def _editor(self, field: Field, choices: list[str]) -> QLineEdit | QComboBox | QCheckBox:
        name = field.name
        if field.type == "boolean":
            box = QCheckBox()
            box.toggled.connect(lambda on: self._take(name, "true" if on else "false"))
            return box
        if choices:
            combo = QComboBox()
            for choice in choices:
                combo.addItem(choice_words(choice), choice)
            combo.setMinimumContentsLength(8)
            combo.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            combo.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            combo.installEventFilter(self._no_wheel)
            # The last signal of a change: what hears it may take the whole form away.
            combo.currentTextChanged.connect(lambda _: self._take(name, self._text(name)))
            return combo
        line = QLineEdit()
        line.setMinimumWidth(60)
        if not field.required:
            line.setPlaceholderText(text_of(field.default) or "none")
        line.editingFinished.connect(lambda: self._take_line(name, line))
        return line

    def set_values(self, values: Mapping[str, Any]) -> None:
        """Show values; a missing one shows its default. A field being typed in is left alone."""
        self._filling = True
        try:
            for name, field in self.fields.items():
                self._show(name, values.get(name, field.default))
        finally:
            self._filling = False
        self._follow_choices()

    def _show(self, name: str, value: Any) -> None:
        editor, text = self._editors[name], text_of(value)
        if isinstance(editor, QCheckBox):
            editor.setChecked(bool(value))
        elif isinstance(editor, QComboBox):
            if editor.findData(text) < 0:
                editor.addItem(choice_words(text), text)
            editor.setCurrentIndex(editor.findData(text))
        else:
            typing = editor.hasFocus() and editor.isModified()
            if not typing and editor.text() != text and not editor.property("wrong"):
                editor.setText(text)
                editor.setCursorPosition(0)

    def _follow_choices(self) -> None:
        """Fade what does not matter with the choices as they stand, and say with which it does."""
        for name, field in self.fields.items():
            known = {k: v for k, v in field.only_with.items() if k in self.fields}
            matters = all(self._text(k) in choices for k, choices in known.items())
            editor, label = self._editors[name], self._labels[name]
            if known and editor.isEnabledTo(self) != matters:
                editor.setEnabled(matters)
                label.setEnabled(matters)
                tip = f"{field.doc}{_bounds_words(field)}"
                only = "; ".join(
                    f"{self.fields[k].label.lower()} {' or '.join(map(choice_words, v))}"
                    for k, v in known.items()
                )
                for widget in (editor, label):
                    widget.setToolTip(tip if matters else f"{tip} Matters only with {only}.")

    def values(self) -> dict[str, Any]:
        """Return all values as they stand; raise `Wrong` at the first that is none."""
        return {name: value_of(field, self._text(name)) for name, field in self.fields.items()}

    def _text(self, name: str) -> str:
        editor = self._editors[name]
        if isinstance(editor, QCheckBox):
            return "true" if editor.isChecked() else "false"
        return editor.currentData() if isinstance(editor, QComboBox) else editor.text()

    def set_error(self, name: str, sentence: str) -> None:
        """Say below a field what is wrong with it, or nothing."""
        label, editor = self._wrongs[name], self._editors[name]
        label.setText(sentence)
        label.setVisible(bool(sentence))
        if bool(editor.property("wrong")) != bool(sentence):
            editor.setProperty("wrong", bool(sentence))
            editor.style().unpolish(editor)
            editor.style().polish(editor)

    def error(self, name: str) -> str:
        """Return what is said to be wrong with a field."""
        return self._wrongs[name].text()

    def editor(self, name: str) -> QLineEdit | QComboBox | QCheckBox:
        """Return the editor of a field."""
        return self._editors[name]

    def _take_line(self, name: str, line: QLineEdit) -> None:
        if line.isModified():
            line.setModified(False)
            self._take(name, line.text())

    def _take(self, name: str, text: str) -> None:
        if self._filling:
            return
        try:
            value = value_of(self.fields[name], text)
        except Wrong as error:
            self.set_error(name, str(error))
            self.mistaken.emit(name, str(error))
            return
        self.set_error(name, "")
        self._follow_choices()
        self.edited.emit(name, value)

    def _browse(self, name: str) -> None:
        dialog = QFileDialog(self, self.fields[name].label)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self._choose(name, path))
        dialog.open()

    def _choose(self, name: str, path: str) -> None:
        self._show(name, path)
        self._take(name, path)


def _bounds_words(field: Field) -> str:
    lower, upper = field.lower, field.upper
    if lower is not None and upper is not None:
        return f" Between {lower:g} and {upper:g}."
    if lower is not None:
        return f" From {lower:g}."
    return f" Up to {upper:g}." if upper is not None else ""
