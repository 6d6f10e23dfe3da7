"""The loss, its gradient, the learning rate and the parameters against iteration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QSplitter, QVBoxLayout, QWidget

from dmdstudio.app.outliers import usual_range
from dmdstudio.app.run_folders import settings
from dmdstudio.app.session import Session
from dmdstudio.app.state import change_history, most_moved
from dmdstudio.app.views.labels import quiet
from dmdstudio.app.views.overlays import draw_other_losses
from dmdstudio.app.views.panel import Panel
from dmdstudio.app.views.plot import Plot
from dmdstudio.app.words import number_with_error, percent, short_key, titles

_MOST_LINES = 4


class LossPanel(Panel):
    """Above the loss, total and per target; below what drives it.

    Both parts are drawn on a linear or a logarithmic axis, with or without outliers.
    """

    def __init__(self, session: Session, log_axis: QAction, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.loss = Plot("Loss by iteration", "")
        self.gradient = Plot("Gradient norm by iteration", "")
        self.rate = Plot("Learning rate by iteration", "")
        self.parameters = Plot("Change of the parameters by iteration", "")
        self._log_axis = log_axis
        self._summary = quiet(wraps=True)
        toggle = QCheckBox("Logarithmic axis")
        toggle.setToolTip(log_axis.toolTip())
        toggle.setChecked(log_axis.isChecked())
        toggle.toggled.connect(log_axis.setChecked)
        log_axis.toggled.connect(toggle.setChecked)
        log_axis.toggled.connect(self._change_axis)
        self.usual = QCheckBox("Ignore outliers")
        self.usual.setToolTip("Let single values far away from all others leave the axis")
        self.usual.setChecked(str(settings().value("loss/ignore outliers", "false")) == "true")
        self.usual.toggled.connect(self._ignore)
        self._outside = quiet()
        top = QHBoxLayout()
        top.setSpacing(12)
        top.addWidget(self._summary, 1)
        top.addWidget(self._outside)
        top.addWidget(self.usual)
        top.addWidget(toggle)
        below = QWidget()
        row = QHBoxLayout(below)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        for plot in (self.gradient, self.rate, self.parameters):
            plot.whole_numbers_below()
            row.addWidget(plot, 1)
        self.loss.whole_numbers_below()
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.setChildrenCollapsible(False)
        splitter.setHandleWidth(10)
        splitter.addWidget(self.loss)
        splitter.addWidget(below)
        splitter.setSizes([300, 200])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 12)
        layout.setSpacing(10)
        layout.addLayout(top)
        layout.addWidget(splitter, 1)

    def draw(self) -> Iterator[None]:
        """Show all iterations."""
        steps = self.session.view.steps
        rates = [rate for step in steps if (rate := step.learning_rate) is not None]
        self.rate.setVisible(bool(rates))
        self.parameters.setVisible(bool(steps))
        if not steps:
            self._summary.clear()
            self._outside.clear()
            self.loss.set_empty(self.why_empty("The loss"))
            self.gradient.set_empty(self.why_empty("The gradient norm"))
            return
        for plot in (self.loss, self.gradient):
            plot.set_log(self._log_axis.isChecked())
        iterations = [step.iteration for step in steps]
        total = [step.loss for step in steps]
        self.loss.set_labels("Iteration", "Loss")
        parts = self._draw_targets(iterations)
        self.loss.line("total", iterations, total, "accent", label="Total", points=True, width=1.4)
        errors = [step.loss_error for step in steps]
        self.loss.errors("error", iterations, total, errors, "accent", of="total")
        draw_other_losses(self.loss, self.session)
        outside = self._fit(self.loss, [total, *parts])
        latest = steps[-1]
        fresh = "fresh" if latest.resampled else "reused"
        words = [
            f"Loss {number_with_error(latest.loss, latest.loss_error, '')}",
            f"effective samples {percent(latest.effective_sample_fraction)} ({fresh})",
        ]
        if latest.learning_rate is not None:
            words.append(f"learning rate {latest.learning_rate:.3g}")
        self._summary.setText("   ·   ".join(words))
        self.loss.setAccessibleDescription(self._summary.text())
        yield
        norms = [step.gradient_norm for step in steps]
        self.gradient.set_labels("Iteration", "Gradient norm")
        self.gradient.line("norm", iterations, norms, "accent", points=True, width=1.4)
        outside += self._fit(self.gradient, [norms])
        self._outside.setText(f"{outside} outside" if outside else "")
        yield
        if len(rates) == len(iterations):
            self.rate.set_labels("Iteration", "Learning rate")
            self.rate.line("rate", iterations, rates, "accent", points=True, width=1.4)
            yield
        self._draw_parameters()

    def _draw_targets(self, iterations: list[int]) -> list[list[float]]:
        """Draw each target's part where there are several, and what priors add; return them."""
        steps, parts = self.session.view.steps, []
        targets = [t for t in steps[-1].targets if t.experiment or t.loss]
        named = zip((t.name for t in targets), titles(targets), strict=True)
        for number, (name, label) in enumerate(named if len(targets) > 1 else ()):
            losses = [
                next((t.loss for t in step.targets if t.name == name), float("nan"))
                for step in steps
            ]
            colour = f"series {number + 1}"
            self.loss.line(f"of {name}", iterations, losses, colour, label=label, width=1.4)
            parts.append(losses)
        if any(step.prior for step in steps):
            priors = [step.prior for step in steps]
            self.loss.line(
                "priors", iterations, priors, "quiet", label="Priors", dash=True, width=1.4
            )
            parts.append(priors)
        return parts

    def _draw_parameters(self) -> None:
        """Draw the relative change of the free parameters, those that moved the most."""
        view = self.session.view
        drawn = most_moved(view, _MOST_LINES)
        self.parameters.set_labels("Iteration", "Change", "", "%")
        for number, parameter in enumerate(drawn):
            iterations, changes = change_history(view, parameter.key)
            name, colour = short_key(parameter.key), f"series {number}"
            self.parameters.line(
                f"parameter {number}", iterations, changes, colour, label=name, width=1.4
            )
        if not drawn:
            self.parameters.set_empty("No parameter is free.")

    def _fit(self, plot: Plot, lines: Sequence[Sequence[float]]) -> int:
        """Let outliers leave the axis where that is wanted; return how many do."""
        shown, outside = usual_range(lines, self._log_axis.isChecked())
        if shown is None or not self.usual.isChecked():
            plot.show_all()
            return 0
        plot.set_range(*shown)
        return outside

    def _ignore(self, on: bool) -> None:
        settings().setValue("loss/ignore outliers", "true" if on else "false")
        self._ask()

    def _change_axis(self) -> None:
        for plot in (self.loss, self.gradient):
            plot.clear()
        self._ask()
