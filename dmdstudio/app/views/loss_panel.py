"""The loss and the norm of its gradient against iteration."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QSplitter, QVBoxLayout, QWidget

from dmdstudio.app.session import Session
from dmdstudio.app.views.panel import Panel
from dmdstudio.app.views.plot import Plot


class LossPanel(Panel):
    """Total and per target, on a linear or a logarithmic axis."""

    def __init__(self, session: Session, log_axis: QAction, parent: QWidget | None = None) -> None:
        super().__init__(session, parent)
        self.loss = Plot("Loss by iteration", "")
        self.gradient = Plot("Gradient norm by iteration", "")
        self._log_axis = log_axis
        self._summary = QLabel()
        self._summary.setObjectName("quiet")
        self._summary.setWordWrap(True)
        toggle = QCheckBox("Logarithmic axis")
        toggle.setToolTip(log_axis.toolTip())
        toggle.setChecked(log_axis.isChecked())
        toggle.toggled.connect(log_axis.setChecked)
        log_axis.toggled.connect(toggle.setChecked)
        log_axis.toggled.connect(self._change_axis)
        top = QHBoxLayout()
        top.addWidget(self._summary, 1)
        top.addWidget(toggle)
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.setChildrenCollapsible(False)
        splitter.setHandleWidth(10)
        splitter.addWidget(self.loss)
        splitter.addWidget(self.gradient)
        splitter.setSizes([300, 200])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 12)
        layout.setSpacing(10)
        layout.addLayout(top)
        layout.addWidget(splitter, 1)

    def draw(self) -> None:
        """Show the losses of all iterations."""
        steps = self.session.view.steps
        if not steps:
            self._summary.clear()
            self.loss.set_empty(self.why_empty("The loss"))
            self.gradient.set_empty(self.why_empty("The gradient norm"))
            return
        for plot in (self.loss, self.gradient):
            plot.set_log(self._log_axis.isChecked())
            plot.whole_numbers_below()
        iterations = [step.iteration for step in steps]
        total = [step.loss for step in steps]
        self.loss.set_labels("Iteration", "Loss")
        errors = [step.loss_error for step in steps]
        self.loss.errors("error", iterations, total, errors, "accent", of="total")
        self._draw_targets(iterations)
        self.loss.line("total", iterations, total, "accent", label="Total", points=True, width=1.4)
        self.gradient.set_labels("Iteration", "Gradient norm")
        norms = [step.gradient_norm for step in steps]
        self.gradient.line("norm", iterations, norms, "accent", points=True, width=1.4)
        latest = steps[-1]
        fresh = "fresh" if latest.resampled else "reused"
        self._summary.setText(
            f"Loss {latest.loss:.4g} ± {latest.loss_error:.2g}   ·   "
            f"effective samples {latest.effective_sample_fraction:.0%} ({fresh})   ·   "
            f"learning rate {latest.learning_rate:.3g}"
        )
        self.loss.setAccessibleDescription(self._summary.text())

    def _draw_targets(self, iterations: list[int]) -> None:
        """Draw each target's part where there are several."""
        steps = self.session.view.steps
        names = [t.name for t in steps[-1].targets if t.experiment or t.loss]
        for number, name in enumerate(names if len(names) > 1 else ()):
            losses = [
                next((t.loss for t in step.targets if t.name == name), float("nan"))
                for step in steps
            ]
            label = name.replace("_", " ")
            colour = f"series {number + 1}"
            self.loss.line(f"of {name}", iterations, losses, colour, label=label, width=1.4)
        if any(step.prior for step in steps):
            priors = [step.prior for step in steps]
            self.loss.line(
                "priors", iterations, priors, "quiet", label="priors", dash=True, width=1.4
            )

    def _change_axis(self) -> None:
        for plot in (self.loss, self.gradient):
            plot.clear()
        self._ask()
