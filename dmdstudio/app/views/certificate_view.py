"""What reading back and engines made of an export, a small table, and the file to look at."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QFontDatabase, QGuiApplication
from PySide6.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QPlainTextEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from dmdstudio.app.exporter import Exported
from dmdstudio.app.theme import colour_of, theme_changed
from dmdstudio.app.views.labels import quiet
from dmdstudio.plan.certificate import (
    BOUNDS,
    WORDS,
    Certificate,
    EngineCheck,
    TargetCheck,
    difference_words,
    target_words,
)

COLUMNS = ("Tried in", "Energy", "Forces", "Pressure", "Verdict")
_ROLES = {
    "agrees": "good",
    "differs": "bad",
    "failed": "bad",
    "not read": "quiet",
    "not installed": "quiet",
    "not started": "quiet",
}
_SHOWN_BYTES = 200_000
"""Of the main file; it is there to look at."""


class CertificateView(QWidget):
    """The result of an export: what it was tried in and the differences, and the main file.

    Everything can be copied.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._certificate: Certificate | None = None
        self._page: Path | None = None
        self.table = QTableWidget(0, len(COLUMNS))
        self.table.setAccessibleName("Certificate")
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.table.setSelectionMode(QTableWidget.SelectionMode.NoSelection)
        self.table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.table.verticalHeader().hide()
        self.table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        for column in range(len(COLUMNS)):
            title = QTableWidgetItem(COLUMNS[column])
            title.setTextAlignment(_alignment(column))
            self.table.setHorizontalHeaderItem(column, title)
        self.note = quiet(wraps=True)
        self.copy_table = QPushButton("Copy table")
        self.copy_table.clicked.connect(self._copy_table)
        self.open_page = QPushButton("Open certificate")
        self.open_page.clicked.connect(self._open_page)
        self.preview = QPlainTextEdit()
        self.preview.setAccessibleName("Main file")
        self.preview.setReadOnly(True)
        self.preview.setCornerWidget(QWidget())  # else the style leaves a bare square there
        self.preview.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.preview.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.name = quiet()
        copy_file = QPushButton("Copy file")
        copy_file.clicked.connect(self._copy_file)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.note, 1)
        buttons.addWidget(self.copy_table)
        buttons.addWidget(self.open_page)
        title = QHBoxLayout()
        title.addWidget(self.name, 1)
        title.addWidget(copy_file)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.table)
        layout.addLayout(buttons)
        layout.addLayout(title)
        layout.addWidget(self.preview, 1)
        theme_changed().changed.connect(self._colour)

    def show_export(self, exported: Exported) -> None:
        """Show what was written, and what was made of it."""
        self._certificate = exported.certificate
        pages = [path for path in exported.files if path.name.endswith(".certificate.html")]
        self._page = pages[0] if pages else None
        checks = exported.certificate.checks if exported.certificate else ()
        self.table.setVisible(bool(checks))
        self.copy_table.setVisible(bool(checks))
        self.open_page.setVisible(self._page is not None)
        self.table.setRowCount(len(checks))
        for row, check in enumerate(checks):
            for column, words in enumerate(_cells(check)):
                item = QTableWidgetItem(words)
                item.setTextAlignment(_alignment(column))
                item.setToolTip(check.note)
                self.table.setItem(row, column, item)
        self.table.resizeRowsToContents()
        height = self.table.horizontalHeader().sizeHint().height() + 2
        height += sum(self.table.rowHeight(row) for row in range(len(checks)))
        self.table.setFixedHeight(height)
        self.note.setText(_note(exported.certificate))
        self.name.setText(exported.files[0].name)
        self.preview.setPlainText(_beginning(exported.files[0]))
        self._colour()

    def _colour(self) -> None:
        if self._certificate is None:
            return
        for row, check in enumerate(self._certificate.checks):
            if item := self.table.item(row, 4):
                item.setForeground(colour_of(_ROLES[check.verdict]))

    def _copy_table(self) -> None:
        assert self._certificate is not None
        rows = [COLUMNS, *(_cells(check) for check in self._certificate.checks)]
        QGuiApplication.clipboard().setText("\n".join("\t".join(row) for row in rows))

    def _copy_file(self) -> None:
        QGuiApplication.clipboard().setText(self.preview.toPlainText())

    def _open_page(self) -> None:
        QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._page)))


def _alignment(column: int) -> Qt.AlignmentFlag:
    """Return where the words of a column stand: numbers at the right."""
    side = Qt.AlignmentFlag.AlignRight if 1 <= column <= 3 else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter


def _cells(check: EngineCheck) -> tuple[str, ...]:
    return (
        f"{check.engine} {check.version}".strip(),
        *difference_words(check),
        WORDS[check.verdict],
    )


def _note(certificate: Certificate | None) -> str:
    """Say what the numbers are, or why there are none."""
    if certificate is None:
        return "Not tried in other engines."
    silent = [check.note for check in certificate.checks if check.silent]
    told = [_told(check) for check in certificate.targets]
    if silent:
        return "\n".join([" ".join(silent), *told])
    bounds = ", ".join(f"{name} {bound:.0e}" for name, bound in BOUNDS.items())
    lead = (
        f"Largest relative differences over {len(certificate.configurations)} configurations. "
        f"Allowed: {bounds.replace('e-0', 'e-')}."
    )
    return "\n".join([lead, *told])


def _told(check: TargetCheck) -> str:
    """Say in a line what an engine made of a target."""
    if check.note:
        return f"{check.label} by {check.engine}: {check.note}"
    ours, theirs, apart = target_words(check)
    return f"{check.label} by {check.engine}: {theirs}, in the run {ours}; {apart} apart."


def _beginning(path: Path) -> str:
    """Return the beginning of a text file; a word where it is no text or is gone."""
    try:
        with path.open("rb") as file:
            content = file.read(_SHOWN_BYTES + 1)
    except OSError as error:
        return f"{path.name} cannot be read: {error}."
    if b"\0" in content:
        return f"{path.name} holds numbers, no text."
    text = content[:_SHOWN_BYTES].decode("utf-8", "replace")
    return text + ("\n…" if len(content) > _SHOWN_BYTES else "")
