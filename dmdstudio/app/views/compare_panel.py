"""Prediction against experiment, target by target."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from dmdstudio.app.session import Session
from dmdstudio.app.state import is_scalar, target_history, targets_of
from dmdstudio.app.views.panel import Panel
from dmdstudio.app.views.plot import Plot
from dmdstudio.app.words import difference, number_with_error, titles, with_unit
from dmdstudio.plan.events import StepReport, TargetReport


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
            label = QLabel(name)
            label.setObjectName("quiet")
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


class ComparePanel(Panel):
    """A chosen target: its numbers, and the line or the curves."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.chooser = QComboBox()
        self.chooser.setAccessibleName("Target")
        self.chooser.currentIndexChanged.connect(lambda _: self.draw())
        self._source = QLabel()
        self._source.setObjectName("quiet")
        self._source.setWordWrap(True)
        self.figures = Figures(("Latest", "Experiment", "Difference", "Best"))
        self.plot = Plot("Prediction and experiment", "")
        self._heading = QLabel()
        self._heading.setObjectName("figure")
        top = QHBoxLayout()
        top.addWidget(self._heading, 1)
        top.addWidget(self.chooser)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 12)
        layout.setSpacing(12)
        layout.addLayout(top)
        layout.addWidget(self.figures)
        layout.addWidget(self.plot, 1)
        layout.addWidget(self._source)
        self._drawn: tuple[str, bool] | None = None

    def draw(self) -> None:
        """Show the chosen target."""
        targets = targets_of(self.session.view)
        self._offer(targets)
        target = next((t for t in targets if t.name == self.chooser.currentData()), None)
        self.figures.setVisible(target is not None)
        if target is None:
            self._source.clear()
            self._heading.clear()
            self.plot.set_empty(self.why_empty("The comparison with the experiment"))
            return
        kind = (target.name, is_scalar(target))
        if kind != self._drawn:
            self.plot.clear()
            self._drawn = kind
        self._source.setText(f"Experiment: {target.source}" if target.source else "")
        self._show_figures(target)
        if is_scalar(target):
            self._draw_number(target)
        else:
            self._draw_curve(target)

    def _offer(self, targets: tuple[TargetReport, ...]) -> None:
        names = [target.name for target in targets]
        if [self.chooser.itemData(i) for i in range(self.chooser.count())] != names:
            self.chooser.blockSignals(True)
            self.chooser.clear()
            for title, target in zip(titles(targets), targets, strict=True):
                self.chooser.addItem(title, target.name)
            self.chooser.blockSignals(False)
        self.chooser.setVisible(len(targets) > 1)

    def _show_figures(self, target: TargetReport) -> None:
        view = self.session.view
        scalar = is_scalar(target)
        latest = _number(target) if scalar else f"loss {target.loss:.4g}" if target.value else ""
        best = _report_of(view.best, target.name)
        best_number = "" if best is None else _number(best) if scalar else f"loss {best.loss:.4g}"
        experiment = ""
        if target.experiment:
            error = target.experiment_error[0] if target.experiment_error else 0.0
            points = f"{len(target.experiment)} points"
            experiment = number_with_error(target.experiment[0], error, "") if scalar else points
        self.figures.set("Latest", latest)
        self.figures.set("Experiment", experiment)
        self.figures.set("Difference", difference(target))
        where = f"  (iteration {view.best.iteration})" if view.best and best_number else ""
        self.figures.set("Best", best_number + where)
        self._heading.setText(with_unit(target.label, target.unit) if scalar else target.label)

    def _draw_number(self, target: TargetReport) -> None:
        draw_number(self.plot, self.session, target, self.why_empty(target.label))

    def _draw_curve(self, target: TargetReport) -> None:
        view, plot = self.session.view, self.plot
        plot.whole_numbers_below(False)
        plot.set_labels(target.axis_label or "Axis", target.label, target.axis_unit, target.unit)
        axis = target.axis
        if target.experiment and len(target.experiment) == len(axis):
            plot.line("experiment", axis, target.experiment, "text", label="Experiment", dash=True)
            plot.errors(
                "experiment error",
                axis,
                target.experiment,
                target.experiment_error,
                "text",
                of="experiment",
            )
        reports = (
            ("initial", "Initial", _report_of(view.first, target.name), "quiet", 1.4),
            ("best", "Best", _report_of(view.best, target.name), "good", 1.8),
            ("latest", "Latest", _report_of(view.latest, target.name), "accent", 2.2),
        )
        for name, label, report, colour, width in reports:
            if report is None or not report.value or len(report.value) != len(report.axis):
                continue
            plot.line(name, report.axis, report.value, colour, label=label, width=width)
            if name == "latest" and len(report.error) == len(report.value):
                value, error = np.asarray(report.value), np.asarray(report.error)
                plot.band(
                    "latest error", report.axis, value - error, value + error, colour, of=name
                )
        if not target.experiment and not target.value:
            plot.set_empty(self.why_empty(target.label))


def draw_number(plot: Plot, session: Session, target: TargetReport, empty: str) -> None:
    """Draw a single number against iteration, with error bars, and the experiment's line."""
    view = session.view
    iterations, values, errors = target_history(view, target.name)
    if not iterations:
        plot.set_empty(empty)
        return
    plot.whole_numbers_below()
    plot.set_labels("Iteration", target.label, "", target.unit)
    plot.line("value", iterations, values, "accent", label="Prediction", points=True, width=1.4)
    plot.errors("error", iterations, values, errors, "accent", of="value")
    if target.experiment:
        error = target.experiment_error[0] if target.experiment_error else 0.0
        value = target.experiment[0]
        plot.level("experiment", iterations, value, error, "text", "Experiment")
    if view.best is not None and view.best.iteration in iterations:
        place = iterations.index(view.best.iteration)
        plot.line(
            "best", [iterations[place]], [values[place]], "good", label="Best", points=True,
            joined=False,
        )  # fmt: skip
    plot.setAccessibleDescription(
        f"{len(iterations)} iterations, latest {_number(target)}, experiment "
        f"{target.experiment[0] if target.experiment else 'none'}"
    )


def _number(target: TargetReport) -> str:
    if not target.value:
        return ""
    return number_with_error(target.value[0], target.error[0] if target.error else 0, "")


def _report_of(step: StepReport | None, name: str) -> TargetReport | None:
    targets = step.targets if step is not None else ()
    return next((target for target in targets if target.name == name), None)
