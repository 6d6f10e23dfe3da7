"""What each iteration measured of its gradient: noise, reuse of samples, exactness of reversal."""

from __future__ import annotations

import math

from PySide6.QtWidgets import QVBoxLayout, QWidget

from dmdstudio.app.session import Session
from dmdstudio.app.state import RunView
from dmdstudio.app.views.diagnosis_page import ENOUGH
from dmdstudio.app.views.labels import quiet
from dmdstudio.app.views.panel import Panel
from dmdstudio.app.views.plot import Plot
from dmdstudio.app.words import percent
from dmdstudio.plan.events import StepReport


class NoisePage(QWidget):
    """Signal-to-noise ratio, effective sample fraction and reversal residual by iteration."""

    def __init__(self, panel: Panel) -> None:
        super().__init__()
        self._panel = panel
        self.ratio = Plot("Signal-to-noise ratio of the gradient by iteration", "")
        self.samples = Plot("Effective sample fraction by iteration", "")
        self.residual = Plot("Reversal residual by iteration", "")
        self._summary = quiet(wraps=True)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addWidget(self._summary)
        for plot in (self.ratio, self.samples, self.residual):
            plot.whole_numbers_below()
            column.addWidget(plot, 1)
        self.residual.hide()

    def draw(self, session: Session) -> None:
        """Show the run as it is now."""
        view = session.view
        steps = view.steps
        if not steps:
            self._summary.clear()
            self.residual.hide()
            self.ratio.set_empty(self._panel.why_empty("The signal-to-noise ratio"))
            self.samples.set_empty(self._panel.why_empty("The effective sample fraction"))
            return
        iterations = [step.iteration for step in steps]
        self._summary.setText(summary(steps[-1]))
        self._draw_ratio(iterations, [step.signal_to_noise for step in steps])
        self._draw_samples(session, iterations)
        self._draw_residual(view, iterations)

    def _draw_ratio(self, iterations: list[int], ratios: list[float]) -> None:
        if not any(ratio > 0 for ratio in ratios):
            self.ratio.set_empty("This run did not report how noisy its gradient is.")
            return
        self.ratio.set_log(True)
        self.ratio.set_labels("Iteration", "Signal-to-noise")
        words = f"{ENOUGH:g}: enough, until the fit has arrived"
        self.ratio.level("enough", iterations, ENOUGH, 0.0, "quiet", words)
        self.ratio.line("ratio", iterations, ratios, "accent", points=True, width=1.4)

    def _draw_samples(self, session: Session, iterations: list[int]) -> None:
        plot, steps = self.samples, session.view.steps
        shares = [100.0 * step.effective_sample_fraction for step in steps]
        plot.set_labels("Iteration", "Effective samples", "", "%")
        recipe = session.ran or session.recipe
        if recipe is not None:
            threshold = 100.0 * recipe.sampling.effective_sample_fraction
            plot.level("threshold", iterations, threshold, 0.0, "quiet", "Threshold")
        plot.line("fraction", iterations, shares, "accent", points=True, width=1.4)
        fresh = [
            (step.iteration, value)
            for step, value in zip(steps, shares, strict=True)
            if step.resampled
        ]
        if fresh:
            x, y = zip(*fresh, strict=True)
            label = "Fresh samples"
            plot.line("fresh", x, y, "good", label=label, points=True, joined=False)
        low = min(90.0, *shares) if shares else 0.0
        plot.set_range(max(0.0, low - 0.15 * (100.0 - low)), 100.0 + 0.12 * (100.0 - low))

    def _draw_residual(self, view: RunView, iterations: list[int]) -> None:
        residuals = [step.reversal_residual for step in view.steps]
        shown = any(residuals)
        if shown:
            self.residual.set_labels("Iteration", "Reversal residual")
            values = [math.nan if r is None else r for r in residuals]
            self.residual.line("residual", iterations, values, "attention", points=True, width=1.4)
        self.residual.setVisible(shown)


def summary(step: StepReport) -> str:
    """Return the newest iteration in a sentence."""
    parts = [f"Signal-to-noise {step.signal_to_noise:.3g}"] if step.signal_to_noise > 0 else []
    parts.append(f"effective samples {percent(step.effective_sample_fraction)}")
    if step.horizon is not None:
        parts.append(f"horizon {step.horizon:.3g} ps (measured)")
    if step.reversal_residual is not None:
        missed = f"off by {step.reversal_residual:g} lattice units"
        parts.append(f"reversal {'exact' if step.reversal_residual == 0 else missed}")
    words = "   ·   ".join(parts)
    return words[:1].upper() + words[1:]
