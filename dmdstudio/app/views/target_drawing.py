"""How a target is drawn: as a number by iteration or as curves, and what is left of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import numpy as np

from dmdstudio.app.measured import Arrays
from dmdstudio.app.regions import Ranges, shade_of, with_gaps
from dmdstudio.app.session import Session
from dmdstudio.app.state import RunView, target_history
from dmdstudio.app.views.plot import Plot
from dmdstudio.app.words import number_with_error
from dmdstudio.plan.events import StepReport, TargetReport
from dmdstudio.plan.regions import Regions

CURVES = (("initial", "Initial", "quiet", 1.4), ("best", "Best", "good", 1.8))
LATEST = ("latest", "Latest", "accent", 2.2)


def draw_number(plot: Plot, session: Session, target: TargetReport, empty: str) -> bool:
    """Draw a single number against iteration, with error bars, and the experiment's line."""
    view = session.view
    iterations, values, errors = target_history(view, target.name)
    if not iterations:
        plot.set_empty(empty)
        return False
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
        f"{len(iterations)} iterations, latest {number_words(target)}, experiment "
        f"{target.experiment[0] if target.experiment else 'none'}"
    )
    return True


def draw_curve(
    plot: Plot, view: RunView, target: TargetReport, gaps: Ranges, arrays: Arrays
) -> bool:
    """Draw the experiment as it is compared, and the first, best and latest prediction."""
    plot.whole_numbers_below(False)
    plot.set_labels(target.axis_label or "Axis", target.label, target.axis_unit, target.unit)
    drawn = False
    if target.experiment and len(target.experiment) == len(target.axis):
        columns = [arrays(target.experiment), arrays(target.experiment_error)]
        axis, (value, error) = with_gaps(arrays(target.axis), columns, gaps)
        plot.line("experiment", axis, value, "text", label="Experiment", dash=True)
        if len(error) == len(axis):
            plot.errors("experiment error", axis, value, error, "text", of="experiment")
        drawn = True
    for name, label, colour, width, report in predictions(view, target.name):
        axis, (value, error) = with_gaps(
            arrays(report.axis), [arrays(report.value), arrays(report.error)], gaps
        )
        plot.line(name, axis, value, colour, label=label, width=width)
        if name == LATEST[0] and len(error) == len(value):
            plot.band("latest error", axis, value - error, value + error, colour, of=name)
        drawn = True
    return drawn


def draw_regions(
    plot: Plot,
    regions: Regions,
    dragged: Callable[[int, float, float], None] | None = None,
    free: bool = False,
) -> None:
    """Shade regions of the axis, and take away those that are no longer.

    Args:
        plot: of a curve; it has no other shaded parts.
        regions: in the unit of its axis.
        dragged: told of the number of one that was dragged, and of its ends.
        free: whether they can be dragged now.
    """
    for number, region in enumerate(regions):
        colour, words = shade_of(region.weight)
        plot.region(
            f"region {number}", region.low, region.high, colour, words, ends=(free, free),
            dragged=functools.partial(dragged, number) if dragged is not None else None,
        )  # fmt: skip
    for name in list(plot.contents.spans):
        if int(name.rpartition(" ")[2]) >= len(regions):
            plot.remove_region(name)


def draw_residual_of_curve(
    plot: Plot, view: RunView, target: TargetReport, gaps: Ranges, arrays: Arrays
) -> bool:
    """Draw prediction minus experiment, and the experiment's standard error about zero."""
    plot.whole_numbers_below(False)
    plot.set_labels(target.axis_label or "Axis", "Δ", target.axis_unit, target.unit)
    drawn = False
    for name, label, colour, width, report in predictions(view, target.name):
        if len(report.experiment) != len(report.value):
            continue
        difference = arrays(report.value) - arrays(report.experiment)
        columns = [difference, arrays(report.error)]
        axis, (value, error) = with_gaps(arrays(report.axis), columns, gaps)
        plot.line(name, axis, value, colour, label=label, width=0.8 * width)
        if name == LATEST[0] and len(error) == len(value):
            plot.band("latest error", axis, value - error, value + error, colour, of=name)
        drawn = True
    if drawn and target.axis:
        plot.level("zero", [target.axis[0], target.axis[-1]], 0.0, 0.0, "text", "", beyond=0.0)
        if len(target.experiment_error) == len(target.axis):
            columns = [arrays(target.experiment_error)]
            axis, (error,) = with_gaps(arrays(target.axis), columns, gaps)
            plot.band("experiment error", axis, -error, error, "text", of="zero")
    return drawn


def draw_residual_of_number(plot: Plot, view: RunView, target: TargetReport) -> bool:
    """Draw by how much a single number misses the experiment at each iteration."""
    iterations, values, errors = target_history(view, target.name)
    if not iterations or not target.experiment:
        return False
    plot.whole_numbers_below()
    plot.set_labels("Iteration", "Δ", "", target.unit)
    difference = np.asarray(values) - target.experiment[0]
    plot.line("value", iterations, difference, "accent", label="Prediction", points=True, width=1.4)
    plot.errors("error", iterations, difference, errors, "accent", of="value")
    error = target.experiment_error[0] if target.experiment_error else 0.0
    plot.level("zero", iterations, 0.0, error, "text", "")
    return True


def predictions(view: RunView, name: str) -> Iterator[tuple[str, str, str, float, TargetReport]]:
    """Yield name, label, colour, width and report of the predictions of a curve."""
    steps: dict[str, StepReport | None] = {
        "initial": view.first,
        "best": view.best,
        "latest": view.latest,
    }
    for key, label, colour, width in (*CURVES, LATEST):
        report = report_in(steps[key], name)
        if report is not None and report.value and len(report.value) == len(report.axis):
            yield key, label, colour, width, report


def report_in(step: StepReport | None, name: str) -> TargetReport | None:
    """Return what an iteration says of a target."""
    targets = step.targets if step is not None else ()
    return next((target for target in targets if target.name == name), None)


def number_words(target: TargetReport) -> str:
    """Return a single number with its error, '' before there is one."""
    if not target.value:
        return ""
    return number_with_error(target.value[0], target.error[0] if target.error else 0, "")
