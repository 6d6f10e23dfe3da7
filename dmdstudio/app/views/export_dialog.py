"""Writing the refined potential for another engine."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFormLayout,
    QHBoxLayout,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from dmdstudio.app.background import in_background
from dmdstudio.app.exporter import Exported, Exporter
from dmdstudio.app.state import RunView
from dmdstudio.app.views.certificate_view import CertificateView
from dmdstudio.app.views.file_dialogs import choose_new_file
from dmdstudio.app.views.labels import quiet
from dmdstudio.base.errors import DmdError
from dmdstudio.plan.catalog import Entry


class ExportDialog(QDialog):
    """Format, iteration and place; says what was written, and what other engines make of it.

    It stays open beside the window. The files are written and tried in a process of its own.
    """

    def __init__(self, view: RunView, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        assert view.started is not None and view.best is not None
        self._run_dir = view.started.run_dir
        self.setWindowTitle("Export the potential")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(620)
        self.format = QComboBox()
        self.format.setAccessibleName("Format")
        self._doc = quiet(wraps=True)
        self._doc.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._doc.setMinimumHeight(5 * self.fontMetrics().lineSpacing())
        self.iteration = QComboBox()
        self.iteration.setAccessibleName("Iteration")
        self.iteration.addItem(f"Best (iteration {view.best.iteration})", "best")
        last = view.steps[-1].iteration
        self.iteration.addItem(f"Last (iteration {last})", "last")
        self.output = QLineEdit()
        self.output.setAccessibleName("File")
        browse = QPushButton("Choose…")
        browse.clicked.connect(self._browse)
        self.certify = QCheckBox()
        self.certify.setChecked(True)
        self._certifies = True
        self.targets = QCheckBox()
        self.targets.hide()
        self.told = quiet(wraps=True)
        self.busy = QProgressBar()
        self.busy.setRange(0, 0)
        self.busy.hide()
        self.found = CertificateView()
        self.found.hide()
        self.exporter = Exporter(self._run_dir, self)
        self.exporter.done.connect(self._written)
        self.exporter.failed.connect(self._fail)
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
        form.addRow("", self.certify)
        form.addRow("", self.targets)
        buttons = QHBoxLayout()
        buttons.addWidget(self.told, 1)
        buttons.addWidget(close)
        buttons.addWidget(self.write)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.setSpacing(16)
        layout.addLayout(form)
        layout.addWidget(self.busy)
        layout.addWidget(self.found, 1)
        layout.addStretch(0)
        layout.addLayout(buttons)
        self._formats: list[_Format] = []
        self.certify.toggled.connect(self._offer_targets)
        self.format.currentIndexChanged.connect(self._choose)
        in_background(self, _formats, self._offer, self._fail)

    def _offer(self, formats: list[_Format]) -> None:
        self._formats = formats
        for entry, *_ in formats:
            self.format.addItem(entry.label, entry.name)
        self.write.setEnabled(bool(formats))

    def _choose(self, index: int) -> None:
        if 0 <= index < len(self._formats):
            entry, suffix, trials, moving = self._formats[index]
            self._doc.setText(entry.doc)
            if self.certify.isEnabled():
                self._certifies = self.certify.isChecked()
            self.certify.setEnabled(bool(trials))
            self.certify.setChecked(bool(trials) and self._certifies)
            words = " and ".join(trials)
            self.certify.setText(
                f"{words[:1].upper()}{words[1:]}, and certify that nothing differs"
                if trials
                else "Files of this format are not tried"
            )
            self.targets.setVisible(bool(moving))
            self.targets.setText(
                f"Also compute the targets again from trajectories by {' and '.join(moving)}; "
                "takes minutes"
            )
            self._offer_targets()
            folder = Path(self.output.text()).parent if self.output.text() else None
            self.output.setText(str((folder or Path(self._run_dir)) / f"potential{suffix}"))

    def _offer_targets(self) -> None:
        self.targets.setEnabled(self.certify.isEnabled() and self.certify.isChecked())

    def _browse(self) -> None:
        start = Path(self.output.text()) if self.output.text() else None
        choose_new_file(
            self, "Export to", start, "", lambda paths: self.output.setText(str(paths[0]))
        )

    def _write(self) -> None:
        output = self.output.text().strip()
        name, which = self.format.currentData(), self.iteration.currentData()
        if not output:
            self._tell("Name a file.", wrong=True)
            return
        self.write.setEnabled(False)
        certify = self.certify.isEnabled() and self.certify.isChecked()
        self._tell("Writing, and running what was written…" if certify else "Writing…")
        self.busy.show()
        targets = certify and not self.targets.isHidden() and self.targets.isChecked()
        self.exporter.start(name, output, which, certify, targets)

    def _written(self, exported: Exported) -> None:
        self.write.setEnabled(True)
        self.busy.hide()
        names = ", ".join(path.name for path in exported.files)
        differs = exported.certificate is not None and exported.certificate.verdict == "differs"
        if differs:
            self._tell(f"Written, but not the same to all that read it: {names}", wrong=True)
        else:
            self._tell(f"Written: {names}")
        self.found.show_export(exported)
        if not self.found.isVisible():
            self.found.show()
            self.resize(max(self.width(), 720), max(self.height(), 680))

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802  Qt's name
        """End an export that is going on; files that are whole stay."""
        self.exporter.stop()
        super().closeEvent(event)

    def _fail(self, error: DmdError) -> None:
        self.busy.hide()
        self.write.setEnabled(bool(self._formats))
        self._tell(str(error), wrong=True)

    def _tell(self, words: str, wrong: bool = False) -> None:
        self.told.setObjectName("wrong" if wrong else "quiet")
        self.told.setText(words)
        self.told.style().unpolish(self.told)
        self.told.style().polish(self.told)


_Format = tuple[Entry, str, list[str], list[str]]
"""A format, the ending of its main file, how its files can be tried, in words, and the engines
that run trajectories of them."""


def _formats() -> list[_Format]:
    from dmdstudio.files.potentials import export_formats, formats
    from dmdstudio.service.engines import engines_of

    found = []
    for entry in formats():
        format_ = export_formats.get(entry.name)
        engines = [engine.name for engine in engines_of(entry.name)]
        trials = ["read the files back"] if format_.reader else []
        trials += [f"run them in {' and '.join(engines)}"] if engines else []
        moving = [engine.name for engine in engines_of(entry.name) if engine.moves]
        found.append((entry, format_.suffix, trials, moving))
    return found
