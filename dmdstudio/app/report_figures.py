"""The figures of a run report, drawn by Matplotlib without a window. No Qt."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from dmdstudio.app.colours import LIGHT
from dmdstudio.app.regions import gaps_of, shade_of, with_gaps
from dmdstudio.app.state import RunView, is_scalar, target_history
from dmdstudio.app.words import with_unit
from dmdstudio.plan.events import StepReport, TargetReport
from dmdstudio.plan.regions import Regions

Kind = Literal["svg", "png"]

_SIZES = {"svg": (6.3, 2.9), "png": (3.6, 2.4)}
"""Inches: the width of a page on the screen, and half of one on paper."""
_STYLE: dict[Any, Any] = {
    "font.size": 9.0,
    "axes.edgecolor": LIGHT.edge,
    "axes.labelcolor": LIGHT.text,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.linewidth": 0.8,
    "legend.frameon": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "dmdstudio",  # the same run, the same file
    "text.color": LIGHT.text,
    "xtick.color": LIGHT.quiet,
    "ytick.color": LIGHT.quiet,
}


def loss_figure(view: RunView, kind: Kind) -> bytes:
    """Draw the loss of every iteration, and of every target where there are several."""
    iterations = [step.iteration for step in view.steps]

    def draw(axes: Any) -> None:
        losses = [step.loss for step in view.steps]
        axes.plot(iterations, losses, "o-", color=LIGHT.accent, ms=3.5, lw=1.4, label="Total")
        names = [t.name for t in view.steps[-1].targets if t.weight > 0]
        if len(names) > 1:
            for name, colour in zip(names, _colours(names), strict=True):
                parts = [_part(step, name) for step in view.steps]
                axes.plot(iterations, parts, "-", color=colour, lw=1.0, label=_words(view, name))
        if view.best is not None:
            best = (view.best.iteration, view.best.loss)
            axes.plot(*best, "o", color=LIGHT.good, ms=7, label=f"Best, iteration {best[0]}")
        finite = [x for x in losses if np.isfinite(x)]
        if finite and min(finite) > 0:
            axes.set_yscale("log")
        _count(axes, iterations)
        axes.set_ylabel("Loss")
        axes.legend(fontsize="small")

    return _drawn(draw, kind)


def target_figure(view: RunView, target: TargetReport, kind: Kind, regions: Regions = ()) -> bytes:
    """Draw one target: its curves with the regions of its axis, or its number against iteration."""
    return _drawn(lambda axes: draw_target(axes, view, target, regions), kind)


def draw_target(axes: Any, view: RunView, target: TargetReport, regions: Regions = ()) -> None:
    """Draw one target into Matplotlib's axes."""
    if is_scalar(target):
        iterations, values, errors = target_history(view, target.name)
        axes.errorbar(
            iterations, values, errors, fmt="o-", color=LIGHT.accent, ms=3.5, lw=1.2,
            elinewidth=0.8, capsize=2, label="Prediction",
        )  # fmt: skip
        if target.experiment:
            error = target.experiment_error[0] if target.experiment_error else 0.0
            value = target.experiment[0]
            axes.axhline(value, color=LIGHT.text, ls="--", lw=1.0, label="Experiment")
            axes.axhspan(value - error, value + error, color=LIGHT.text, alpha=0.1, lw=0)
        _count(axes, iterations)
    else:
        _shade(axes, regions)
        gaps = gaps_of(regions)
        if len(target.experiment) == len(target.axis):
            axis, (value,) = with_gaps(*_arrays(target.axis, target.experiment), gaps)
            axes.plot(axis, value, "--", color=LIGHT.text, lw=1.1, label="Experiment")
        first = reported(view.first, target.name)
        if first is not None and len(first.value) == len(first.axis):
            axis, (value,) = with_gaps(*_arrays(first.axis, first.value), gaps)
            axes.plot(axis, value, color=LIGHT.edge, lw=1.1, label="Initial")
        if len(target.value) == len(target.axis):
            axis, (value, error) = with_gaps(
                *_arrays(target.axis, target.value, target.error), gaps
            )
            axes.plot(axis, value, color=LIGHT.accent, lw=1.4, label="Refined")
            if len(error) == len(value):
                axes.fill_between(
                    axis, value - error, value + error, color=LIGHT.accent, alpha=0.2, lw=0
                )
        axes.set_xlabel(with_unit(target.axis_label or "Axis", target.axis_unit))
        axes.margins(x=0.01)
    axes.set_ylabel(with_unit(target.label, target.unit))
    axes.legend(fontsize="small")


def _arrays(axis: list[float], *columns: list[float]) -> tuple[np.ndarray, list[np.ndarray]]:
    return np.asarray(axis, float), [np.asarray(column, float) for column in columns]


def _shade(axes: Any, regions: Regions) -> None:
    """Shade what counts more, less or not at all; what weighs alike is named once."""
    colours = {"attention": LIGHT.attention, "quiet": LIGHT.quiet, "series 3": LIGHT.series[3]}
    named: set[str] = set()
    for region in regions:
        role, words = shade_of(region.weight)
        label = "" if words in named else words
        named.add(words)
        axes.axvspan(region.low, region.high, color=colours[role], alpha=0.14, lw=0, label=label)


def _count(axes: Any, iterations: Sequence[int]) -> None:
    """Count iterations along the axis below, in whole numbers."""
    axes.set_xlim(min(iterations) - 0.5, max(iterations) + 0.5)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("Iteration")


def reported(step: StepReport | None, name: str) -> TargetReport | None:
    """Return the report of a target at one iteration."""
    return next((t for t in step.targets if t.name == name), None) if step else None


def _part(step: StepReport, name: str) -> float:
    """Return what a target adds to the loss, its weight included."""
    found = reported(step, name)
    return float("nan") if found is None else found.loss


def _words(view: RunView, name: str) -> str:
    found = reported(view.latest, name)
    return name if found is None else found.label


def _colours(names: Sequence[str]) -> list[str]:
    return [LIGHT.series[(1 + k) % len(LIGHT.series)] for k in range(len(names))]


def _drawn(draw: Any, kind: Kind) -> bytes:
    """Return a picture. Matplotlib's pyplot and its windows are left alone."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    small: dict[Any, Any] = {"font.size": 7.0} if kind == "png" else {}
    with matplotlib.rc_context(_STYLE | small):
        figure = Figure(figsize=_SIZES[kind], layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure.add_subplot())
        file = io.BytesIO()
        figure.savefig(file, format=kind, dpi=300, metadata={"Date": None} if kind == "svg" else {})
    return file.getvalue()
