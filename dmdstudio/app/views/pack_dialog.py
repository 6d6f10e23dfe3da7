"""A box of molecules, packed at random, to begin a refinement with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Event

from PySide6.QtCore import QCoreApplication, Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QDialog,
    QDoubleSpinBox,
    QFormLayout,
    QGridLayout,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from dmdstudio.app.background import in_background
from dmdstudio.app.views.file_dialogs import choose_files, choose_new_file
from dmdstudio.app.views.labels import quiet
from dmdstudio.app.views.spin_box import keep_off_edge
from dmdstudio.base.errors import DmdError


class PackDialog(QDialog):
    """Molecules and how many of each, density, tolerance and file; empty lines do not count.

    Args:
        folder: where the file goes if nothing else is said.
        parent: the window.

    Signals:
        packed: the file that was written.
    """

    packed = Signal(object)

    def __init__(self, folder: Path, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Pack molecules")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(600)
        self._stop, self._replaced = Event(), ""
        application = QCoreApplication.instance()
        assert application is not None
        application.aboutToQuit.connect(self._halt)
        self.molecules: list[tuple[QLineEdit, QSpinBox]] = []
        self._rows = QGridLayout()
        self._rows.setSpacing(8)
        self._rows.setColumnStretch(0, 1)
        self._add_molecule("H2O", 64)
        self.add = QPushButton("Add molecule")
        self.add.clicked.connect(lambda: self._add_molecule("", 1))
        self.density = _box("Density", 0.997, 4, (0.0001, 30.0), " g/cm³")
        self.tolerance = _box("Tolerance", 2.0, 2, (0.5, 10.0), " Å")
        self.tolerance.setToolTip("Smallest distance between atoms of different molecules")
        self.output = QLineEdit(str(_free_name(folder)))
        self.output.setAccessibleName("File")
        browse = QPushButton("Choose…")
        browse.clicked.connect(self._browse)
        place = QHBoxLayout()
        place.setSpacing(8)
        place.addWidget(self.output, 1)
        place.addWidget(browse)
        self.told = quiet(wraps=True)
        self.busy = QProgressBar()
        self.busy.setRange(0, 0)
        self.busy.hide()
        self.pack = QPushButton("Pack and begin")
        self.pack.setObjectName("primary")
        self.pack.setDefault(True)
        self.pack.clicked.connect(self._pack)
        close = QPushButton("Cancel")
        close.clicked.connect(self.reject)
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(10)
        form.addRow("Molecules", self._rows)
        more = QHBoxLayout()
        more.addWidget(self.add)
        more.addStretch(1)
        form.addRow("", more)
        form.addRow("Density", self.density)
        form.addRow("Tolerance", self.tolerance)
        form.addRow("File", place)
        for button in (self.add, browse, close):
            button.setAutoDefault(False)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(close)
        buttons.addWidget(self.pack)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.setSpacing(16)
        layout.addLayout(form)
        layout.addWidget(self.busy)
        layout.addWidget(self.told)
        layout.addStretch(1)
        layout.addLayout(buttons)

    def _add_molecule(self, name: str, count: int) -> None:
        molecule, number, browse = QLineEdit(name), QSpinBox(), QPushButton("File…")
        molecule.setPlaceholderText("A structure file, or a name such as CH3OH")
        molecule.setAccessibleName(f"Molecule {len(self.molecules) + 1}")
        number.setAccessibleName(f"Count of molecule {len(self.molecules) + 1}")
        number.setRange(1, 100_000)
        number.setValue(count)
        keep_off_edge(number)
        browse.setAutoDefault(False)
        browse.clicked.connect(
            lambda: choose_files(
                self, "A molecule", lambda paths: molecule.setText(str(paths[0])), several=False
            )
        )
        row = len(self.molecules)
        for column, widget in enumerate((molecule, browse, number)):
            self._rows.addWidget(widget, row, column)
        self.molecules.append((molecule, number))
        molecule.setFocus()
        QTimer.singleShot(0, self, self._make_room)

    def _browse(self) -> None:
        choose_new_file(
            self,
            "Write the box as",
            Path(self.output.text()),
            "",
            self._choose,
        )

    def _choose(self, paths: list[Path]) -> None:
        self._replaced = str(paths[0])  # the file dialog has asked
        self.output.setText(self._replaced)

    def _pack(self) -> None:
        wanted = [(m.text().strip(), n.value()) for m, n in self.molecules if m.text().strip()]
        output = self.output.text().strip()
        if not wanted or not output:
            self._tell("Name a file." if wanted else "Name a molecule.", wrong=True)
            return
        if output != self._replaced and Path(output).exists():
            self._tell(f"{output} is there already. Choose… lets you replace it.", wrong=True)
            return
        density, tolerance, stop = self.density.value(), self.tolerance.value(), self._stop
        self.pack.setEnabled(False)
        self.busy.show()
        self._tell("Packing…")
        in_background(
            self,
            lambda: _written(wanted, density, tolerance, Path(output), stop),
            self._done,
            self._fail,
        )

    def _done(self, path: Path) -> None:
        self.packed.emit(path)
        self.accept()

    def done(self, result: int) -> None:
        """End a packing that is going on."""
        self._halt()
        super().done(result)

    def _halt(self) -> None:
        self._stop.set()

    def _fail(self, error: DmdError) -> None:
        self.busy.hide()
        self.pack.setEnabled(True)
        self._tell(str(error), wrong=True)

    def _tell(self, words: str, wrong: bool = False) -> None:
        self.told.setObjectName("wrong" if wrong else "quiet")
        self.told.setText(words)
        self.told.style().unpolish(self.told)
        self.told.style().polish(self.told)
        QTimer.singleShot(0, self, self._make_room)  # when sizes of what is new are known

    def _make_room(self) -> None:
        """Grow where a line or a sentence has come; a dialog does not by itself."""
        layout = self.layout()
        assert layout is not None
        layout.activate()
        self.resize(self.width(), max(self.height(), layout.totalHeightForWidth(self.width())))


def _box(
    name: str, value: float, decimals: int, bounds: tuple[float, float], unit: str
) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setAccessibleName(name)
    box.setDecimals(decimals)
    box.setRange(*bounds)
    box.setSingleStep(0.01 if decimals > 2 else 0.1)
    box.setValue(value)
    box.setSuffix(unit)
    keep_off_edge(box)
    return box


def _free_name(folder: Path) -> Path:
    """Return ``packed.xyz``, or the next name that no file has."""
    path, number = folder / "packed.xyz", 1
    while path.exists():
        number += 1
        path = folder / f"packed-{number}.xyz"
    return path


def _written(
    wanted: Sequence[tuple[str, int]],
    density_g_per_cm3: float,
    tolerance: float,
    path: Path,
    stop: Event,
) -> Path:
    from dmdstudio.files.structures import write_structure
    from dmdstudio.files.structures.packing import Portion, cube_of, molecule_called, packed

    portions = [Portion(Path(name).stem, molecule_called(name), count) for name, count in wanted]
    edges = cube_of(portions, density_g_per_cm3)
    box = packed(portions, edges, tolerance, stopped=stop.is_set)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_structure(box, path)
    except OSError as error:
        raise DmdError(f"{path} cannot be written: {error.strerror}.", "Choose another.") from None
    return path
