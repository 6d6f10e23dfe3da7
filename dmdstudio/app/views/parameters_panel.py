"""How the parameters move: all of them relative to their start, and one in its own unit."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QPushButton,
    QSpinBox,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from dmdstudio.app.session import Session
from dmdstudio.app.state import RunView, change_history, most_moved, parameter_history
from dmdstudio.app.views.labels import quiet
from dmdstudio.app.views.panel import Panel
from dmdstudio.app.views.plot import Plot
from dmdstudio.app.views.spin_box import keep_off_edge
from dmdstudio.app.words import short_key
from dmdstudio.plan.events import ParameterReport

_MOST_LINES = 6
"""More lines than this tell nobody anything; the chooser below reaches every parameter."""


class ParametersPanel(Panel):
    """Relative change of the free parameters above, the history of a chosen one below."""

    def __init__(
        self,
        session: Session,
        restore: Callable[[RunView, int], None],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(session, parent)
        self.iteration = QSpinBox()
        keep_off_edge(self.iteration)
        self.iteration.setAccessibleName("Iteration whose parameters to use")
        self.restore = QPushButton("Use in the recipe")
        self.restore.setToolTip(
            "Take the parameters of this iteration into the recipe; Undo takes them back"
        )
        self.restore.clicked.connect(lambda: restore(self.session.view, self.iteration.value()))
        self._best: int | None = None
        self.relative = Plot("Relative change of the parameters by iteration", "")
        self.single = Plot("One parameter by iteration", "")
        self.chooser = QComboBox()
        self.chooser.setAccessibleName("Parameter to show in its own unit")
        self.chooser.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.chooser.currentIndexChanged.connect(self._choose)
        self._more = quiet()
        self._more.setToolTip("Those that moved less are not drawn above")
        label = quiet("Parameter")
        label.setBuddy(self.chooser)
        row = QHBoxLayout()
        row.addWidget(label)
        row.addWidget(self.chooser)
        row.addWidget(self._more, 1)
        of_iteration = quiet("Iteration")
        of_iteration.setBuddy(self.iteration)
        for widget in (of_iteration, self.iteration, self.restore):
            row.addWidget(widget)
        below = QWidget()
        column = QVBoxLayout(below)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self.single, 1)
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.setChildrenCollapsible(False)
        splitter.setHandleWidth(10)
        splitter.addWidget(self.relative)
        splitter.addWidget(below)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 12)
        layout.addWidget(splitter)

    def draw(self) -> None:
        """Show the histories of all iterations."""
        view = self.session.view
        parameters = view.latest.parameters if view.latest else ()
        free = [p for p in parameters if p.free]
        self._offer(parameters)
        self.chooser.setEnabled(bool(parameters))
        self._offer_iterations()
        if not free:
            self.relative.set_empty(self.why_empty("The change of the parameters"))
            self.single.set_empty(self.why_empty("The history of a parameter"))
            return
        self.relative.set_labels("Iteration", "Change since the start", "", "%")
        self.relative.whole_numbers_below()
        for number, parameter in enumerate(most_moved(view, _MOST_LINES)):
            iterations, changes = change_history(view, parameter.key)
            name, colour = short_key(parameter.key), f"series {number}"
            self.relative.line(
                f"parameter {number}", iterations, changes, colour, label=name, points=True,
                width=1.6,
            )  # fmt: skip
        left = len(free) - _MOST_LINES
        self._more.setText(f"and {left} more" if left > 0 else "")
        self._draw_single({p.key: p for p in parameters})

    def _draw_single(self, parameters: dict[str, ParameterReport]) -> None:
        parameter = parameters.get(self.chooser.currentData() or "")
        if parameter is None:
            return
        iterations, values = parameter_history(self.session.view, parameter.key)
        self.single.set_labels("Iteration", short_key(parameter.key), "", parameter.unit)
        self.single.whole_numbers_below()
        self.single.line("value", iterations, values, "accent", points=True, width=1.6)
        span = max(values) - min(values) or abs(values[0]) * 0.01 or 1.0
        for name, bound in (("lower", parameter.lower), ("upper", parameter.upper)):
            near = bound is not None and min(values) - span < bound < max(values) + span
            if bound is not None and near:
                label = f"{name.capitalize()} bound"
                self.single.level(name, iterations, bound, 0.0, "attention", label)
            else:
                self.single.remove(name)

    def _offer_iterations(self) -> None:
        """Offer the iterations; the best one until another is chosen."""
        view = self.session.view
        for widget in (self.iteration, self.restore):
            widget.setEnabled(bool(view.steps))
        if not view.steps or view.best is None:
            self._best = None
            return
        follows = self._best is None or self.iteration.value() == self._best
        self.iteration.setRange(view.steps[0].iteration, view.steps[-1].iteration)
        self._best = view.best.iteration
        if follows:
            self.iteration.setValue(self._best)

    def _offer(self, parameters: tuple[ParameterReport, ...]) -> None:
        keys = [p.key for p in parameters]
        if [self.chooser.itemData(i) for i in range(self.chooser.count())] == keys:
            return
        self.chooser.blockSignals(True)
        self.chooser.clear()
        for key in keys:
            self.chooser.addItem(short_key(key), key)
        free = next((place for place, p in enumerate(parameters) if p.free), 0)
        self.chooser.setCurrentIndex(free)
        self.chooser.blockSignals(False)
        self.relative.clear()
        self.single.clear()

    def _choose(self) -> None:
        self.single.clear()
        self._ask()
