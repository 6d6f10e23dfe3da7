"""Diffusion or viscosity against iteration, and the curves that it comes from against time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QSplitter, QVBoxLayout, QWidget

from dmdstudio.app.session import Session
from dmdstudio.app.state import is_scalar, targets_of
from dmdstudio.app.views.labels import quiet
from dmdstudio.app.views.panel import Panel
from dmdstudio.app.views.plot import Plot
from dmdstudio.app.views.target_drawing import draw_number
from dmdstudio.app.words import titles
from dmdstudio.base.units import factor
from dmdstudio.plan.events import Curve, StepReport, TargetReport

_CURVES = 3
_TRANSPORT = ("self_diffusion", "shear_viscosity")
"""Observables that are integrals of correlations."""
_ROOM = 1.15
"""Time shown over the window, so that its end can be dragged further."""


class DiffusionPanel(Panel):
    """Above the coefficient per iteration; below, side by side, each curve that it reports.

    The window of the correlation is shaded in them; its end can be dragged.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.chooser = QComboBox()
        self.chooser.setAccessibleName("Transport coefficient")
        self.chooser.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.chooser.currentIndexChanged.connect(lambda _: self._draw_now())
        self.chooser.hide()
        self._window = quiet()
        top = QHBoxLayout()
        top.addWidget(self._window, 1)
        top.addWidget(self.chooser)
        self.coefficient = Plot("Transport coefficient by iteration", "")
        self.curves = [Plot("Correlation curve", "") for _ in range(_CURVES)]
        self._below = QWidget()
        row = QHBoxLayout(self._below)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        for plot in self.curves:
            row.addWidget(plot, 1)
            plot.setVisible(plot is self.curves[0])
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.setChildrenCollapsible(False)
        splitter.setHandleWidth(10)
        splitter.addWidget(self.coefficient)
        splitter.addWidget(self._below)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 12)
        layout.setSpacing(8)
        layout.addLayout(top)
        layout.addWidget(splitter, 1)
        self._shown: list[tuple[str, str]] = [("", "")] * _CURVES
        self._step = 0.0

    def draw(self) -> Iterator[None]:
        """Show the chosen coefficient."""
        target = self._offer()
        self._window.clear()
        self._below.setVisible(target is not None)
        if target is None:
            self.coefficient.set_empty(self._why_none())
            return
        draw_number(self.coefficient, self.session, target, self.why_empty(target.label))
        yield
        for number, plot in enumerate(self.curves):
            curve = target.curves[number] if number < len(target.curves) else None
            plot.setVisible(curve is not None or number == 0)
            if curve is not None:
                self._draw_curve(number, target, curve)
                yield
            elif number == 0:
                plot.set_empty(self.why_empty("The correlation function"))

    def _why_none(self) -> str:
        view = self.session.view
        if view.started is not None and view.started.targets:
            return "None of this run's targets is a diffusion coefficient or a viscosity."
        return self.why_empty("The diffusion coefficient")

    def _offer(self) -> TargetReport | None:
        """Offer the diffusion coefficients and viscosities of the run; return the chosen one."""
        numbers = [t for t in targets_of(self.session.view) if is_scalar(t)]
        found = [target for target in numbers if target.observable in _TRANSPORT]
        names = [target.name for target in found]
        if [self.chooser.itemData(i) for i in range(self.chooser.count())] != names:
            self.chooser.blockSignals(True)
            self.chooser.clear()
            for title, target in zip(titles(found), found, strict=True):
                self.chooser.addItem(title, target.name)
            self.chooser.blockSignals(False)
        self.chooser.setVisible(len(found) > 1)
        chosen = self.chooser.currentData()
        if self._shown[0][0] not in ("", chosen):
            self.coefficient.clear()
        return next((target for target in found if target.name == chosen), None)

    def _draw_curve(self, number: int, target: TargetReport, curve: Curve) -> None:
        plot, view = self.curves[number], self.session.view
        if self._shown[number] != (target.name, curve.name):
            plot.clear()
            self._shown[number] = target.name, curve.name
        plot.contents.title = curve.label
        plot.set_labels(curve.axis_label, curve.label, curve.axis_unit, curve.unit)
        first = _curve_of(view.first, target.name, curve.name)
        if first is not None and view.first is not view.latest:
            plot.line("initial", first.axis, first.value, "quiet", label="Initial", width=1.4)
        axis, value = np.asarray(curve.axis), np.asarray(curve.value)
        plot.line("latest", axis, value, "accent", label="Latest")
        if len(curve.error) == len(curve.value):
            error = np.asarray(curve.error)
            plot.band("latest error", axis, value - error, value + error, "accent", of="latest")
        if curve.unit == "angstrom2" and target.value:
            rate = 6.0 * target.value[0] * factor(target.unit, "angstrom2/ps")
            tangent = value[-1] + rate * (axis - axis[-1]) * factor(curve.axis_unit, "ps")
            shown = tangent >= 0.0
            label = "Slope 6 D"
            plot.line(
                "slope", axis[shown], tangent[shown], "text", label=label, dash=True, width=1.2
            )
        self._draw_window(plot, target, axis)
        plot.setAccessibleName(curve.label)

    # -- the window of the correlation

    def _draw_window(self, plot: Plot, target: TargetReport, axis: np.ndarray) -> None:
        """Shade the window as it is in the recipe under edit, and let its end be dragged."""
        place = self._place_of(target.name)
        if place is None or len(axis) < 2:
            return
        recipe = self.session.recipe
        assert recipe is not None
        window = float(recipe.target[place].options.get("window", axis[-1]))
        self._step = float(axis[1] - axis[0])
        free = not self.session.view.running
        plot.region(
            "window", 0.0, window, "good", "Window", ends=(False, free), dragged=self._set_window
        )
        end = _ROOM * max(float(axis[-1]), window)
        plot.set_span(-0.03 * end, end)
        hint = "; drag its end to change it" if free else ""
        self._window.setText(f"Correlations up to the window of {window:g} ps{hint}.")

    def _place_of(self, name: str) -> int | None:
        recipe = self.session.recipe
        keys = [plan.key for plan in recipe.target] if recipe is not None else []
        return keys.index(name) if name in keys else None

    def _set_window(self, _: float, end: float) -> None:
        """Take over a window, of whole intervals between the frames."""
        place = self._place_of(self.chooser.currentData() or "")
        if place is None:
            return
        window = max(1, round(end / self._step)) * self._step
        value = float(f"{window:.6g}")
        self.session.change(("target", place, "window"), value, merges=False)
        self._ask()


def _curve_of(step: StepReport | None, target: str, name: str) -> Curve | None:
    reports = step.targets if step is not None else ()
    curves = next((t.curves for t in reports if t.name == target), ())
    return next((curve for curve in curves if curve.name == name), None)
