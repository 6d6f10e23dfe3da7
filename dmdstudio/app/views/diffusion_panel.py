"""The diffusion coefficient against iteration, and the curves that it comes from against time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QVBoxLayout, QWidget

from dmdstudio.app.session import Session
from dmdstudio.app.state import is_scalar, targets_of
from dmdstudio.app.views.panel import Panel
from dmdstudio.app.views.plot import Plot
from dmdstudio.app.views.target_drawing import draw_number
from dmdstudio.plan.events import Curve, StepReport, TargetReport

_CURVES = 3


class DiffusionPanel(Panel):
    """Above D per iteration; below, side by side, each curve that the observable reports."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.coefficient = Plot("Diffusion coefficient by iteration", "")
        self.curves = [Plot("Correlation curve", "") for _ in range(_CURVES)]
        below = QWidget()
        row = QHBoxLayout(below)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        for plot in self.curves:
            row.addWidget(plot, 1)
            plot.setVisible(plot is self.curves[0])
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.setChildrenCollapsible(False)
        splitter.setHandleWidth(10)
        splitter.addWidget(self.coefficient)
        splitter.addWidget(below)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 12)
        layout.addWidget(splitter)
        self._shown: list[str] = [""] * _CURVES

    def draw(self) -> Iterator[None]:
        """Show the first target that is a diffusion coefficient, or any single number."""
        target = _diffusion_target(targets_of(self.session.view))
        if target is None:
            self.coefficient.set_empty(self._why_none())
            for number, plot in enumerate(self.curves):
                plot.set_empty(self.why_empty("The correlation function"))
                plot.setVisible(number == 0)
            return
        draw_number(self.coefficient, self.session, target, self.why_empty(target.label))
        yield
        for number, plot in enumerate(self.curves):
            curve = target.curves[number] if number < len(target.curves) else None
            plot.setVisible(curve is not None or number == 0)
            if curve is not None:
                self._draw_curve(number, target.name, curve)
                yield
            elif number == 0:
                plot.set_empty(self.why_empty("The correlation function"))

    def _why_none(self) -> str:
        view = self.session.view
        if view.started is not None and view.started.targets:
            return "None of this run's targets is a diffusion coefficient."
        return self.why_empty("The diffusion coefficient")

    def _draw_curve(self, number: int, target: str, curve: Curve) -> None:
        plot, view = self.curves[number], self.session.view
        if self._shown[number] != curve.name:
            plot.clear()
            self._shown[number] = curve.name
        plot.set_labels(curve.axis_label, curve.label, curve.axis_unit, curve.unit)
        first = _curve_of(view.first, target, curve.name)
        if first is not None and view.first is not view.latest:
            plot.line("initial", first.axis, first.value, "quiet", label="Initial", width=1.4)
        value = np.asarray(curve.value)
        plot.line("latest", curve.axis, value, "accent", label="Latest")
        if len(curve.error) == len(curve.value):
            error = np.asarray(curve.error)
            plot.band(
                "latest error", curve.axis, value - error, value + error, "accent", of="latest"
            )
        plot.setAccessibleName(curve.label)


def _diffusion_target(targets: tuple[TargetReport, ...]) -> TargetReport | None:
    """Return the target that this panel is about."""
    numbers = [t for t in targets if is_scalar(t)]
    named = [t for t in numbers if "diffusion" in t.observable]
    return next(iter(named), None)


def _curve_of(step: StepReport | None, target: str, name: str) -> Curve | None:
    reports = step.targets if step is not None else ()
    curves = next((t.curves for t in reports if t.name == target), ())
    return next((curve for curve in curves if curve.name == name), None)
