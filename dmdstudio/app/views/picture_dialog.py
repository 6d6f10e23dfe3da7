"""A picture of a plot for a paper or a slide: format, size, style and a preview."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from PySide6.QtCore import Qt
from PySide6.QtGui import QPixmap
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDoubleSpinBox,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from dmdstudio.app.clipping import Range
from dmdstudio.app.figure import FigureStyle
from dmdstudio.app.figure_files import (
    LABELS,
    Format,
    figure_bytes,
    figure_image,
    publication_style,
    screen_style,
)
from dmdstudio.app.plot_contents import PlotContents, Provenance
from dmdstudio.app.run_folders import documents_folder, settings
from dmdstudio.app.views.file_dialogs import choose_new_file
from dmdstudio.app.views.labels import quiet
from dmdstudio.app.views.spin_box import keep_off_edge
from dmdstudio.files.whole import write_whole

_STYLES = {"publication": "Publication", "screen": "As on screen"}
_PREVIEW = (460, 330)


class PictureDialog(QDialog):
    """Paints what the plot shows now; what is chosen is remembered for the next picture."""

    def __init__(
        self,
        contents: PlotContents,
        view: tuple[Range, Range],
        provenance: Provenance,
        parent: QWidget,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Export picture")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._contents, self._view, self._provenance = contents, view, provenance
        self.format = _chooser("Format", LABELS)
        self.style_of = _chooser("Style", _STYLES)
        self.width_mm = _number("Width", " mm", 20.0, 400.0, 85.0)
        self.height_mm = _number("Height", " mm", 20.0, 400.0, 60.0)
        self.letters = _number("Size of the type", " pt", 4.0, 24.0, 8.0)
        self.dpi = QSpinBox()
        keep_off_edge(self.dpi)
        self.dpi.setAccessibleName("Resolution")
        self.dpi.setRange(72, 1200)
        self.dpi.setSuffix(" dpi")
        self.dpi.setValue(300)
        form = QFormLayout()
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        for words, widget in (
            ("Format", self.format),
            ("Style", self.style_of),
            ("Width", self.width_mm),
            ("Height", self.height_mm),
            ("Type", self.letters),
            ("Resolution", self.dpi),
        ):
            form.addRow(words, widget)
        self._note = quiet(
            "One column of a journal is about 85 mm wide, two are 170 to 180 mm.", wraps=True
        )
        form.addRow(self._note)
        self.preview = QLabel()
        self.preview.setObjectName("card")
        self.preview.setFixedSize(*_PREVIEW)
        self.preview.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.preview.setAccessibleName("Preview")
        top = QHBoxLayout()
        top.setSpacing(18)
        top.addLayout(form)
        top.addWidget(self.preview)
        self.save = QPushButton("Save…")
        self.save.setObjectName("primary")
        self.save.setDefault(True)
        self.save.clicked.connect(self._ask_where)
        cancel = QPushButton("Cancel")
        cancel.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(cancel)
        buttons.addWidget(self.save)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(18, 16, 18, 14)
        layout.setSpacing(14)
        layout.addLayout(top)
        layout.addLayout(buttons)
        self._recall()
        for box in (self.format, self.style_of):
            box.currentIndexChanged.connect(self._show)
        for spin in (self.width_mm, self.height_mm, self.letters):
            spin.valueChanged.connect(self._show)
        self._show()

    def _figure_style(self) -> FigureStyle:
        make = publication_style if self.style_of.currentData() == "publication" else screen_style
        return make(self.width_mm.value(), self.height_mm.value(), self.letters.value())

    def _show(self) -> None:
        self.dpi.setEnabled(self.format.currentData() == "png")
        style = self._figure_style()
        ratio = self.devicePixelRatioF()
        room = min((_PREVIEW[0] - 12) / style.width, (_PREVIEW[1] - 12) / style.height)
        image = figure_image(self._contents, self._view, style, 25.4 * room * ratio)
        image.setDevicePixelRatio(ratio)
        self.preview.setPixmap(QPixmap.fromImage(image))

    def _ask_where(self) -> None:
        kind = cast(Format, self.format.currentData())
        start = documents_folder() / f"{self._contents.file_name()}.{kind}"
        label = f"{LABELS[kind]} (*.{kind})"
        choose_new_file(self, "Export picture", start, label, lambda paths: self.write(paths[0]))

    def write(self, path: Path) -> None:
        """Write the picture, and close."""
        from dmdstudio.app.views.plot_menu import tell_unwritable

        kind = cast(Format, self.format.currentData())
        path = path if path.suffix else path.with_suffix(f".{kind}")
        content = figure_bytes(
            kind,
            self._contents,
            self._view,
            self._figure_style(),
            self._provenance,
            float(self.dpi.value()),
        )

        def fill(aside: Path) -> None:
            aside.write_bytes(content)

        try:
            write_whole(path, fill)
        except OSError as error:
            tell_unwritable(self, path, error)
            return
        self._remember()
        self.accept()

    def _remember(self) -> None:
        stored = settings()
        for name, value in (
            ("format", self.format.currentData()),
            ("style", self.style_of.currentData()),
            ("width", self.width_mm.value()),
            ("height", self.height_mm.value()),
            ("letters", self.letters.value()),
            ("dpi", self.dpi.value()),
        ):
            stored.setValue(f"picture/{name}", value)

    def _recall(self) -> None:
        stored = settings()
        for name, box in (("format", self.format), ("style", self.style_of)):
            box.setCurrentIndex(max(0, box.findData(stored.value(f"picture/{name}"))))
        for name, spin in (
            ("width", self.width_mm),
            ("height", self.height_mm),
            ("letters", self.letters),
        ):
            spin.setValue(float(str(stored.value(f"picture/{name}", spin.value()))))
        self.dpi.setValue(int(str(stored.value("picture/dpi", self.dpi.value()))))


def _chooser(name: str, choices: dict) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    for value, words in choices.items():
        box.addItem(words, value)
    return box


def _number(name: str, unit: str, low: float, high: float, value: float) -> QDoubleSpinBox:
    spin = QDoubleSpinBox()
    keep_off_edge(spin)
    spin.setAccessibleName(name)
    spin.setRange(low, high)
    spin.setDecimals(1)
    spin.setSuffix(unit)
    spin.setValue(value)
    return spin
