"""The answer to a gradient check: the methods side by side, parameter by parameter."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from dmdstudio.app.views.labels import quiet
from dmdstudio.base.units import pretty
from dmdstudio.plan.events import GradientChecked


class GradientDialog(QDialog):
    """A table that stays beside the window until it is closed."""

    def __init__(self, checked: GradientChecked, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Gradient check")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        methods = list(checked.rows[0].values) if checked.rows else []
        table = QTableWidget(len(checked.rows), 2 + 2 * len(methods))
        table.setAccessibleName("Gradient of the loss by method")
        table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        table.verticalHeader().hide()
        table.setShowGrid(False)
        heads = ["Parameter", "Unit"]
        for method in methods:
            heads += [method.replace("_", " ").capitalize(), "Rel. difference"]
        table.setHorizontalHeaderLabels(heads)
        table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        for number, row in enumerate(checked.rows):
            cells = [row.key, f"1/{pretty(row.unit)}" if row.unit else ""]
            for method in methods:
                error = row.errors.get(method)
                cells += [f"{row.values[method]:.8g}", "–" if error is None else f"{error:.1e}"]
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                if column > 1:
                    item.setTextAlignment(
                        Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                    )
                table.setItem(number, column, item)
        exact = "the very same bits" if checked.reversal_residual == 0 else "not the same bits"
        times = ", ".join(f"{m.replace('_', ' ')} {s:.1f} s" for m, s in checked.seconds.items())
        words = quiet(
            f"{checked.replicas} replicas, {checked.steps} steps, {checked.precision}. The lattice "
            f"returns to {exact} (residual {checked.reversal_residual or 0:g}). Time: {times}.",
            wraps=True,
        )
        if checked.note:
            words.setText(f"{words.text()} {checked.note}")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.setSpacing(12)
        layout.addWidget(words)
        layout.addWidget(table, 1)
        table.resizeColumnsToContents()
        width = sum(table.columnWidth(c) for c in range(table.columnCount()))
        self.resize(min(width + 60, 1000), 260)
