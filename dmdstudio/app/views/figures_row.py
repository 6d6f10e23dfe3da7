"""Numbers in a row, each under its name."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from dmdstudio.app.views.labels import quiet


class Figures(QWidget):
    """A row of numbers, each under its name."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(32)
        grid.setVerticalSpacing(2)
        self._values: dict[str, QLabel] = {}
        for column, name in enumerate(names):
            label = quiet(name)
            value = QLabel("–")
            value.setObjectName("figure")
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            font = value.font()
            font.setPointSizeF(font.pointSizeF() * 1.15)
            value.setFont(font)
            value.setAccessibleName(name)
            grid.addWidget(label, 0, column)
            grid.addWidget(value, 1, column)
            self._values[name] = value
        grid.setColumnStretch(len(names), 1)

    def set(self, name: str, text: str) -> None:
        """Show a number."""
        self._values[name].setText(text or "–")
