"""Asks what a data file does not say, shows it as it would be read, and corrects it."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from dmdstudio.app.background import in_background
from dmdstudio.app.data_reading import AskedFile, Choice, Preview, fitting, preview
from dmdstudio.app.views.correction_list import CorrectionList
from dmdstudio.app.views.labels import quiet, wrong
from dmdstudio.app.views.plot import Plot
from dmdstudio.app.words import number_with_error
from dmdstudio.base.errors import DmdError
from dmdstudio.base.units import pretty
from dmdstudio.plan.structure import Measurement

_NAMES = {
    "block": "Spectrum",
    "quantity": "Quantity",
    "axis_unit": "Axis in",
    "value_unit": "Values in",
}
_OPEN = "Choose…"
_MOST_ROWS = 4


class DataDialog(QDialog):
    """One window for all files that leave something open: a further one joins the list.

    Signals:
        answered: a file that can be read now, and whether to remember how.
        left_out: a file that is not to be used.
    """

    answered = Signal(object, bool)
    left_out = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Data")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(1040, 620)
        self._files: list[AskedFile] = []
        self._turn = 0
        self._shown: Preview | None = None
        self.files = QListWidget()
        self.files.setObjectName("names")
        self.files.setAccessibleName("Files that are asked about")
        self.files.setSpacing(2)
        self.files.currentRowChanged.connect(self._show_file)
        self._heading, self._about = QLabel(), quiet(wraps=True)
        self._heading.setObjectName("figure")
        self.choosers: dict[str, QComboBox] = {}
        self._labels: dict[str, tuple[QLabel, QLabel]] = {}
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(1, 1)
        for number, key in enumerate(_NAMES):
            self._add_question(number, key)
        self.corrections = CorrectionList()
        self.corrections.changed.connect(self._take_corrections)
        self.plot = Plot("The data as they are read", "The file is being read.")
        self._wrong = wrong()
        self.remember = QCheckBox("Remember for files like this")
        self.remember.setToolTip(
            "Files of the same ending and columns are read so from now on, without asking; "
            "Preferences forget it"
        )
        self.skip, self.use = QPushButton("Leave out"), QPushButton("Use")
        self.use.setObjectName("primary")
        self.use.setDefault(True)
        self.skip.clicked.connect(self._skip)
        self.use.clicked.connect(self._use)
        self._arrange()

    def _add_question(self, number: int, key: str) -> None:
        label, chooser, words = QLabel(_NAMES[key]), QComboBox(), quiet(wraps=True)
        chooser.setAccessibleName(_NAMES[key])
        chooser.setMinimumContentsLength(14)
        chooser.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        chooser.activated.connect(lambda _: self._say(key))
        label.setBuddy(chooser)
        self.choosers[key], self._labels[key] = chooser, (label, words)
        self._grid.addWidget(label, 2 * number, 0)
        self._grid.addWidget(chooser, 2 * number, 1)
        self._grid.addWidget(words, 2 * number + 1, 1)

    def _arrange(self) -> None:
        title = QLabel("Corrections")
        title.setObjectName("figure")
        side = QWidget()
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 8, 0)
        column.setSpacing(10)
        column.addLayout(self._grid)
        column.addSpacing(6)
        column.addWidget(title)
        column.addWidget(self.corrections)
        column.addStretch(1)
        area = self._area = QScrollArea()
        area.setObjectName("notes")
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setFixedWidth(400)
        area.setWidget(side)
        middle = QHBoxLayout()
        middle.setSpacing(16)
        middle.addWidget(area)
        card = QFrame()
        card.setObjectName("card")
        inside = QVBoxLayout(card)
        inside.setContentsMargins(8, 8, 8, 8)
        inside.addWidget(self.plot)
        middle.addWidget(card, 1)
        buttons = QHBoxLayout()
        buttons.addWidget(self.remember)
        buttons.addStretch(1)
        buttons.addWidget(self.skip)
        buttons.addWidget(self.use)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.setSpacing(10)
        layout.addWidget(self.files)
        layout.addWidget(self._heading)
        layout.addWidget(self._about)
        layout.addLayout(middle, 1)
        layout.addWidget(self._wrong)
        layout.addLayout(buttons)

    # -- files

    def ask(self, asked: AskedFile) -> None:
        """Ask about a file; after the others where there are some."""
        same = [
            n for n, a in enumerate(self._files) if (a.path, a.target) == (asked.path, asked.target)
        ]
        if same:
            self.files.setCurrentRow(same[0])
            return
        self._files.append(asked)
        self.files.addItem(asked.path.name)
        self._size_list()
        if len(self._files) == 1:
            self.files.setCurrentRow(0)

    def _size_list(self) -> None:
        """Show the list where there are several files, as high as a few of them."""
        rows = min(len(self._files), _MOST_ROWS)
        row = self.files.sizeHintForRow(0) + 2 * self.files.spacing()
        self.files.setFixedHeight(rows * row + 2 * self.files.frameWidth() + 4)
        self.files.setVisible(len(self._files) > 1)

    @property
    def _asked(self) -> AskedFile | None:
        row = self.files.currentRow()
        return self._files[row] if 0 <= row < len(self._files) else None

    def _show_file(self, _: int) -> None:
        asked = self._asked
        if asked is None:
            return
        of_target = asked.target is not None
        self._heading.setText(asked.path.name)
        self._about.setText(
            "How it is read, and what is done to it before it is compared."
            if of_target
            else "It does not say all that is needed to read it. Your choice is kept in the recipe."
        )
        self.remember.setVisible(not of_target)
        self.skip.setText("Cancel" if of_target else "Leave out")
        self.use.setText("Apply" if of_target else "Use")
        self._shown = None
        self.plot.clear()
        self.plot.set_empty("The file is being read.")
        self.corrections.show_corrections(asked.corrections, None)
        for key in self.choosers:
            self._show_row(key, shown=False)
        self._read()

    def _put(self, asked: AskedFile) -> None:
        """Take another state of the file that is shown, and read it so."""
        self._files[self.files.currentRow()] = asked
        self._read()

    def _say(self, key: str) -> None:
        asked, value = self._asked, self.choosers[key].currentData()
        if asked is not None and value:
            self._put(replace(asked, reading=fitting(asked.reading, key, value)))

    def _take_corrections(self) -> None:
        asked, corrections = self._asked, self.corrections.corrections
        if asked is None:
            return
        if len(corrections) > len(asked.corrections):  # once the new one has its place
            QTimer.singleShot(0, self.corrections, self._show_last_correction)
        self._put(replace(asked, corrections=corrections))

    def _show_last_correction(self) -> None:
        self._area.ensureWidgetVisible(self.corrections.add)

    # -- what would be read

    def _read(self) -> None:
        asked = self._asked
        assert asked is not None
        self._turn += 1
        self.use.setEnabled(False)
        in_background(
            self,
            functools.partial(preview, asked.path, asked.reading, asked.corrections),
            functools.partial(self._show, self._turn),
            functools.partial(self._fail, self._turn),
        )

    def _fail(self, turn: int, error: DmdError) -> None:
        if turn == self._turn:
            self._tell(str(error))

    def _show(self, turn: int, found: Preview) -> None:
        if turn != self._turn:  # another choice was made meanwhile
            return
        self._shown = found
        choices = {choice.question.key: choice for choice in found.choices}
        for key, chooser in self.choosers.items():
            self._show_row(key, shown=key in choices)
            if key in choices:
                self._fill(chooser, choices[key])
        asked = self._asked
        assert asked is not None
        self.corrections.show_corrections(asked.corrections, found.said)
        self._draw(found)
        self._tell(found.problem)
        self.use.setEnabled(found.is_complete)

    def _show_row(self, key: str, shown: bool) -> None:
        for widget in (self.choosers[key], *self._labels[key]):
            widget.setVisible(shown)

    def _fill(self, chooser: QComboBox, choice: Choice) -> None:
        question = choice.question
        chooser.clear()
        if not choice.chosen:
            chooser.addItem(_OPEN, "")
        for value, words in zip(question.choices, question.labels, strict=True):
            chooser.addItem(pretty(words), value)
        chooser.setCurrentIndex(max(0, chooser.findData(choice.chosen)))
        chooser.setToolTip(question.text)
        name, words = self._labels[question.key]
        if question.key == "block":
            name.setText("Column" if "column" in question.text else _NAMES["block"])
        words.setText("" if choice.chosen else question.text)
        words.setVisible(not choice.chosen)

    def _draw(self, found: Preview) -> None:
        result = found.result
        if result.axis is None:
            error = 0.0 if result.error is None else float(result.error[0])
            number = number_with_error(float(result.value[0]), error, result.unit)
            self.plot.set_empty(f"The file holds a single number: {number}.")
            return
        corrected = result is not found.said
        self.plot.clear()
        self.plot.set_labels(*_labels(result))
        if corrected and found.said.axis is not None and result.quantity == found.said.quantity:
            self.plot.line(
                "file",
                found.said.axis,
                found.said.value,
                "quiet",
                label="As in the file",
                width=1.2,
            )
        words = "Corrected" if corrected else "As it is read"
        self.plot.line("read", result.axis, result.value, "accent", label=words, width=1.6)
        if result.error is not None:
            self.plot.errors("error", result.axis, result.value, result.error, "accent", of="read")
        self.plot.settle()

    def _tell(self, sentence: str) -> None:
        self._wrong.setText(sentence)
        self._wrong.setVisible(bool(sentence))

    # -- done

    def _use(self) -> None:
        asked, found = self._asked, self._shown
        if asked is None or found is None or not found.is_complete:
            return
        remember = asked.target is None and self.remember.isChecked()
        self.answered.emit(asked, remember)
        self._leave(self._files.index(asked))

    def _skip(self) -> None:
        asked = self._asked
        if asked is not None:
            self.left_out.emit(asked)
            self._leave(self.files.currentRow())

    def _leave(self, row: int) -> None:
        """Take a file out of the list, and show the next."""
        shown = row == self.files.currentRow()
        del self._files[row]
        self.files.blockSignals(True)
        self.files.takeItem(row)
        self.files.blockSignals(False)
        self._size_list()
        if not self._files:
            self.accept()
        elif shown:
            self._show_file(self.files.currentRow())

    def forget(self, path: Path) -> bool:
        """Ask no more about a file that was dropped; return whether it was still asked about."""
        places = [(asked.path, asked.target) for asked in self._files]
        if (path, None) not in places:
            return False
        self._leave(places.index((path, None)))
        return True

    @property
    def waiting(self) -> tuple[AskedFile, ...]:
        """The files that are still asked about."""
        return tuple(self._files)

    def done(self, result: int) -> None:
        """Leave out what was not answered, and say so."""
        self._turn += 1  # what is still being read is of no use
        left, self._files = self._files, []
        for asked in left:
            self.left_out.emit(asked)
        super().done(result)


def _labels(measurement: Measurement) -> tuple[str, str, str, str]:
    """Return names and units of both axes."""
    from dmdstudio.files.spectra import QUANTITIES

    known = QUANTITIES.get(measurement.quantity)
    value = known.label.partition(",")[0] if known else measurement.quantity.replace("_", " ")
    names = {
        "1/cm": "Wavenumber", "THz": "Frequency", "GHz": "Frequency", "meV": "Energy",
        "eV": "Energy", "nm": "Wavelength", "um": "Wavelength", "ps": "Time", "fs": "Time",
        "angstrom": "Distance",
    }  # fmt: skip
    unit = measurement.axis_unit
    if measurement.quantity == "pair_distribution":
        return "Distance", value, unit, measurement.unit
    return names.get(unit, "Axis"), value.capitalize() or "Value", unit, measurement.unit
