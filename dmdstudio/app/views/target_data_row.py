"""What the settings of a target say of its data, beside a button that shows all of it."""

from __future__ import annotations

from PySide6.QtWidgets import QHBoxLayout, QPushButton, QWidget

from dmdstudio.app.views.labels import quiet
from dmdstudio.app.words import counted
from dmdstudio.base.units import pretty
from dmdstudio.plan.recipe import TargetPlan


class TargetDataRow(QWidget):
    """How a file is read, its corrections and regions, in a line."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._words = quiet(wraps=True)
        self.button = QPushButton("Data…")
        self.button.setObjectName("flat")
        self.button.setAccessibleName("Data of the target")
        self.button.setToolTip("How the experiment's file is read, and corrections of it")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._words, 1)
        row.addWidget(self.button)

    def show_target(self, plan: TargetPlan, free: bool) -> None:
        """Say what holds of a target, and whether it may be changed; nothing without data."""
        self.button.setEnabled(free)
        self._words.setText(data_words(plan))
        self.setVisible(bool(plan.data))


def data_words(plan: TargetPlan) -> str:
    """Return ``'Read as absorbance, cm⁻¹. 2 corrections, 1 region.'``, or that it is as it is."""
    reading = plan.reading
    said = [reading.block, reading.quantity.replace("_", " ")]
    said += [pretty(unit) for unit in (reading.axis_unit, reading.value_unit) if unit != "1"]
    read = f"Read as {', '.join(filter(None, said))}." if any(said) else "Read as the file says."
    parts = [
        counted(len(items), word)
        for items, word in ((plan.corrections, "correction"), (plan.regions, "region"))
        if items
    ]
    return f"{read} {', '.join(parts)}." if parts else read
