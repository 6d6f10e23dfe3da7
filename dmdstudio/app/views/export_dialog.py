"""Writing the refined potential for another engine."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from dmdstudio.app.background import in_background
from dmdstudio.app.state import RunView
from dmdstudio.app.views.file_dialogs import choose_new_file
from dmdstudio.base.errors import DmdError
from dmdstudio.plan.catalog import Entry


class ExportDialog(QDialog):
    """Format, iteration and place; stays open beside the window and says what was written."""

    def __init__(self, view: RunView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        assert view.started is not None and view.best is not None
        self._run_dir = view.started.run_dir
        self.setWindowTitle("Export the potential")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(580)
        self.format = QComboBox()
        self.format.setAccessibleName("Format")
        self._doc = _quiet_label()
        self._doc.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._doc.setMinimumHeight(4 * self.fontMetrics().lineSpacing())
        self.iteration = QComboBox()
        self.iteration.setAccessibleName("Iteration")
        self.iteration.addItem(f"Best (iteration {view.best.iteration})", "best")
        last = view.steps[-1].iteration
        self.iteration.addItem(f"Last (iteration {last})", "last")
        self.output = QLineEdit()
        self.output.setAccessibleName("File")
        browse = QPushButton("Choose…")
        browse.clicked.connect(self._browse)
        self.told = _quiet_label()
        self.write = QPushButton("Export")
        self.write.setObjectName("primary")
        self.write.setDefault(True)
        self.write.setEnabled(False)
        self.write.clicked.connect(self._write)
        close = QPushButton("Close")
        close.clicked.connect(self.close)
        place = QHBoxLayout()
        place.setSpacing(8)
        place.addWidget(self.output, 1)
        place.addWidget(browse)
        form = QFormLayout()
        form.setHorizontalSpacing(16)
        form.setVerticalSpacing(10)
        form.addRow("Format", self.format)
        form.addRow("", self._doc)
        form.addRow("Iteration", self.iteration)
        form.addRow("File", place)
        buttons = QHBoxLayout()
        buttons.addWidget(self.told, 1)
        buttons.addWidget(close)
        buttons.addWidget(self.write)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.setSpacing(16)
        layout.addLayout(form)
        layout.addStretch(1)
        layout.addLayout(buttons)
        self._formats: list[tuple[Entry, str]] = []
        self.format.currentIndexChanged.connect(self._choose)
        in_background(self, _formats, self._offer, self._fail)

    def _offer(self, formats: list[tuple[Entry, str]]) -> None:
        self._formats = formats
        for entry, _ in formats:
            self.format.addItem(entry.label, entry.name)
        self.write.setEnabled(bool(formats))

    def _choose(self, index: int) -> None:
        if 0 <= index < len(self._formats):
            entry, suffix = self._formats[index]
            self._doc.setText(entry.doc)
            folder = Path(self.output.text()).parent if self.output.text() else None
            self.output.setText(str((folder or Path(self._run_dir)) / f"potential{suffix}"))

    def _browse(self) -> None:
        start = Path(self.output.text()) if self.output.text() else None
        choose_new_file(
            self, "Export to", start, "", lambda paths: self.output.setText(str(paths[0]))
        )

    def _write(self) -> None:
        run_dir, output = self._run_dir, self.output.text().strip()
        name, which = self.format.currentData(), self.iteration.currentData()
        if not output:
            self._tell("Name a file.", wrong=True)
            return
        self.write.setEnabled(False)
        self._tell("Writing…")
        in_background(
            self, lambda: _export(run_dir, name, output, which), self._written, self._fail
        )

    def _written(self, paths: list[Path]) -> None:
        self.write.setEnabled(True)
        self._tell(f"Written: {', '.join(path.name for path in paths)}")

    def _fail(self, error: DmdError) -> None:
        self.write.setEnabled(bool(self._formats))
        self._tell(str(error), wrong=True)

    def _tell(self, words: str, wrong: bool = False) -> None:
        self.told.setObjectName("wrong" if wrong else "quiet")
        self.told.setText(words)
        self.told.style().unpolish(self.told)
        self.told.style().polish(self.told)


def _quiet_label() -> QLabel:
    label = QLabel()
    label.setObjectName("quiet")
    label.setWordWrap(True)
    return label


def _formats() -> list[tuple[Entry, str]]:
    from dmdstudio.files.potentials import export_formats, formats

    return [(entry, export_formats.get(entry.name).suffix) for entry in formats()]


def _export(run_dir: str, name: str, output: str, which: str) -> list[Path]:
    from dmdstudio.service.export import export_run

    return export_run(run_dir, name, output, which)
