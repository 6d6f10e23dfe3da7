"""What the user prefers: look, device, where runs and compiled programs are kept."""

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
from dmdstudio.app.data_reading import forget_readings, remembered_count
from dmdstudio.app.preferences import (
    cache_folder,
    cache_size,
    clear_cache,
    device_preference,
    theme_preference,
)
from dmdstudio.app.run_folders import prefer, runs_folder
from dmdstudio.app.theme import set_theme
from dmdstudio.app.views.file_dialogs import choose_folder
from dmdstudio.app.views.labels import quiet
from dmdstudio.base.errors import DmdError

_THEMES = (("As the system", "system"), ("Light", "light"), ("Dark", "dark"))
_DEVICES = (("GPU where there is one", "auto"), ("CPU", "cpu"))


class PreferencesDialog(QDialog):
    """Every choice counts at once; a device or a cache from the next engine on."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Preferences")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setMinimumWidth(620)
        self.theme = _choices("Theme", _THEMES, theme_preference())
        self.theme.currentIndexChanged.connect(lambda _: self._take_theme())
        self.device = _choices("Device", _DEVICES, device_preference())
        self.device.currentIndexChanged.connect(
            lambda _: prefer("device", self.device.currentData())
        )
        form = QFormLayout()
        form.setHorizontalSpacing(18)
        form.setVerticalSpacing(10)
        form.addRow("Theme", self.theme)
        form.addRow("Device", self.device)
        form.addRow("", _quiet("For recipes that leave it open; counts when the engine restarts."))
        self.runs, row = self._folder("Runs", "runs", runs_folder())
        form.addRow("Runs", row)
        self.cache, row = self._folder("Compiled programs", "cache", cache_folder())
        form.addRow("Compiled programs", row)
        self._size = _quiet("")
        self.clear = QPushButton("Clear")
        self.clear.setToolTip("Remove compiled programs; the next runs compile again")
        self.clear.clicked.connect(self._clear)
        row = QHBoxLayout()
        row.addWidget(self._size, 1)
        row.addWidget(self.clear)
        form.addRow("", row)
        self._readings = _quiet("")
        self.forget = QPushButton("Forget")
        self.forget.setAccessibleName("Forget how data files are read")
        self.forget.setToolTip("Ask again about data files that leave something open")
        self.forget.clicked.connect(self._forget_readings)
        row = QHBoxLayout()
        row.addWidget(self._readings, 1)
        row.addWidget(self.forget)
        form.addRow("Data files", row)
        self._count_readings()
        close = QPushButton("Close")
        close.setDefault(True)
        close.clicked.connect(self.close)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(close)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.setSpacing(18)
        layout.addLayout(form)
        layout.addLayout(buttons)
        self._measure()

    def _folder(self, words: str, name: str, now: Path) -> tuple[QLineEdit, QHBoxLayout]:
        line = QLineEdit(str(now))
        line.setReadOnly(True)
        line.setAccessibleName(f"Folder of {words.lower()}")
        line.setCursorPosition(0)
        button = QPushButton("Choose…")
        button.setAccessibleName(f"Choose the folder of {words.lower()}")

        def take(paths: list[Path]) -> None:
            prefer(name, str(paths[0]))
            self.runs.setText(str(runs_folder()))
            self.cache.setText(str(cache_folder()))
            self._measure()

        button.clicked.connect(
            lambda: choose_folder(self, f"Folder of {words.lower()}", Path(line.text()), take)
        )
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(line, 1)
        row.addWidget(button)
        return line, row

    def _take_theme(self) -> None:
        prefer("theme", self.theme.currentData())
        set_theme(self.theme.currentData())

    def _forget_readings(self) -> None:
        forget_readings()
        self._count_readings()

    def _count_readings(self) -> None:
        count = remembered_count()
        kinds = {0: "No kind of data file is", 1: "One kind of data file is"}
        known = kinds.get(count, f"{count} kinds of data files are")
        self._readings.setText(f"{known} read without asking.")
        self.forget.setEnabled(count > 0)

    def _measure(self) -> None:
        folder = cache_folder()
        in_background(self, lambda: cache_size(folder), self._tell_size, self._fail)

    def _tell_size(self, size: int) -> None:
        self._size.setText(f"{size / 2**20:.1f} MiB of compiled programs.")
        self.clear.setEnabled(size > 0)

    def _clear(self) -> None:
        folder = cache_folder()
        self.clear.setEnabled(False)
        in_background(self, lambda: clear_cache(folder), lambda _: self._measure(), self._fail)

    def _fail(self, error: DmdError) -> None:
        self._size.setText(str(error))


def _choices(name: str, choices: tuple[tuple[str, str], ...], chosen: str) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    for words, value in choices:
        box.addItem(words, value)
    box.setCurrentIndex(box.findData(chosen))
    return box


def _quiet(text: str) -> QLabel:
    label = quiet(text, wraps=True)
    return label
