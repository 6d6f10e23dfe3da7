"""What the targets of a recipe and of its run have to show, side by side. No Qt."""

from __future__ import annotations

from dataclasses import dataclass

from dmdstudio.app.left_out import Ranges
from dmdstudio.app.measured import Raw, raw_curve, report_of, says_more
from dmdstudio.app.state import RunView, targets_of
from dmdstudio.base.errors import RecipeError
from dmdstudio.plan.catalog import Catalog
from dmdstudio.plan.events import TargetReport
from dmdstudio.plan.recipe import Recipe, TargetPlan
from dmdstudio.plan.structure import Measurement


@dataclass(frozen=True)
class Comparison:
    """One target.

    Attributes:
        report: what the run says of it, or the measurement alone before there is a run.
        index: its place in the recipe under edit; None where that has no such target.
        plan: likewise.
        raw: the experiment as it was measured, where that shows more than the report.
        gaps: ranges that the run left out.
    """

    report: TargetReport
    index: int | None = None
    plan: TargetPlan | None = None
    raw: Raw | None = None
    gaps: Ranges = ()


class RawCurves:
    """Raw curves that show more than those compared: looked for once in a run, not 20 times a
    second.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[object, ...], Raw | None]] = {}

    def raw(
        self, measured: Measurement, report: TargetReport, plan: TargetPlan, view: RunView
    ) -> Raw | None:
        """Return the experiment as it was measured, None where that shows nothing more."""
        now = (measured, view.started, plan.fit_scale)
        before, raw = self._known.get(report.name, ((), None))
        if not before or any(a is not b for a, b in zip(before, now, strict=True)):
            raw = raw_curve(measured, report, plan)
            raw = raw if raw is not None and says_more(raw, report) else None
            self._known[report.name] = now, raw
        return raw


def comparisons(
    recipe: Recipe | None,
    ran: Recipe | None,
    view: RunView,
    catalog: Catalog,
    measured: dict[str, Measurement],
    known: RawCurves,
) -> tuple[Comparison, ...]:
    """Return the targets of the run, then those of the recipe that it has not.

    Args:
        recipe: under edit.
        ran: the recipe of the run, if there is one.
        view: of the run.
        catalog: what observables are called.
        measured: content of the data files that were read, by the keys of their targets.
        known: keeps raw curves from one call to the next.
    """
    plans = {} if recipe is None else {p.key: (i, p) for i, p in enumerate(recipe.target)}
    left = {} if ran is None else {p.key: left_out_of(p) for p in ran.target}
    found = []
    for report in targets_of(view):
        index, plan = plans.pop(report.name, (None, None))
        raw = None
        if plan is not None and report.axis and report.name in measured:
            raw = known.raw(measured[report.name], report, plan, view)
        gaps = left.get(report.name, ())
        found.append(Comparison(report, index, plan, raw, gaps))
    for key, (index, plan) in plans.items():
        entry = catalog.find("observable", plan.observable)
        label = entry.label if entry else plan.observable.replace("_", " ").capitalize()
        if key in measured:
            report = report_of(measured[key], plan, label)
        else:
            report = TargetReport(
                name=key, observable=plan.observable, label=label, unit="", value=[], error=[]
            )
        found.append(Comparison(report, index, plan))
    return tuple(found)


def left_out_of(plan: TargetPlan) -> Ranges:
    """Return the ranges that a target leaves out, none where its text is not understood."""
    try:
        return plan.left_out
    except RecipeError:
        return ()
