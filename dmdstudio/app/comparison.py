"""What the targets of a recipe and of its run have to show, side by side. No Qt."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from dmdstudio.app.measured import Raw, raw_curve, report_of, says_more
from dmdstudio.app.regions import Ranges, gaps_of
from dmdstudio.app.state import RunView, targets_of
from dmdstudio.base.errors import RecipeError, UnitError
from dmdstudio.base.units import spectral
from dmdstudio.plan.catalog import Catalog
from dmdstudio.plan.events import TargetReport
from dmdstudio.plan.recipe import Recipe, TargetPlan
from dmdstudio.plan.regions import Regions, check_within, regions_in
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
        axis_unit: of the prediction, in which a recipe need not name the unit of regions; '' while
            that is not known.
        regions: of the recipe under edit, in the unit of the report's axis.
        problem: what is wrong with them.
    """

    report: TargetReport
    index: int | None = None
    plan: TargetPlan | None = None
    raw: Raw | None = None
    gaps: Ranges = ()
    axis_unit: str = ""
    regions: Regions = ()
    problem: str = ""

    @property
    def is_corrected(self) -> bool:
        """Whether the recipe under edit corrects the experiment."""
        return self.plan is not None and bool(self.plan.corrections)


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
    before = {} if ran is None else {p.key: p for p in ran.target}
    found = []
    for report in targets_of(view):
        index, plan = plans.pop(report.name, (None, None))
        raw = None
        if plan is not None and report.axis and report.name in measured:
            raw = known.raw(measured[report.name], report, plan, view)
        gaps: Ranges = ()
        if report.name in before:
            gaps = gaps_of(regions_of(before[report.name], report, report.axis_unit)[0])
        found.append(_compared(report, index, plan, raw, gaps, catalog, measured))
    for key, (index, plan) in plans.items():
        entry = catalog.find("observable", plan.observable)
        label = entry.label if entry else plan.observable.replace("_", " ").capitalize()
        if key in measured:
            report = report_of(measured[key], plan, label)
        else:
            report = TargetReport(
                name=key, observable=plan.observable, label=label, unit="", value=[], error=[]
            )
        found.append(_compared(report, index, plan, None, (), catalog, measured))
    return tuple(found)


def _compared(
    report: TargetReport,
    index: int | None,
    plan: TargetPlan | None,
    raw: Raw | None,
    gaps: Ranges,
    catalog: Catalog,
    measured: dict[str, Measurement],
) -> Comparison:
    """Return a comparison with the regions that the recipe under edit gives its target."""
    if plan is None:
        return Comparison(report, index, plan, raw, gaps)
    entry = catalog.find("observable", plan.observable)
    unit = entry.axis_unit if entry is not None else ""
    regions, problem = regions_of(plan, report, unit, measured.get(plan.key))
    return Comparison(report, index, plan, raw, gaps, unit, regions, problem)


def regions_of(
    plan: TargetPlan, report: TargetReport, axis_unit: str, measured: Measurement | None = None
) -> tuple[Regions, str]:
    """Return regions in the unit of a report's axis, and what is wrong with them.

    Args:
        plan: the target.
        report: of it.
        axis_unit: of the prediction; '' where that is not known.
        measured: its experiment, None where that is not known.
    """
    where, unit = f"Target {plan.key!r}", axis_unit or report.axis_unit
    if not plan.regions or not report.axis:
        return (), ""
    named = [msgspec.structs.replace(r, unit=r.unit or unit) for r in plan.regions]
    try:
        regions = regions_in(named, report.axis_unit, where)
    except RecipeError as error:
        return (), str(error)
    if measured is None or measured.axis is None:
        return regions, ""
    try:
        axis = spectral(measured.axis, measured.axis_unit, report.axis_unit)
        check_within(regions, axis, where)
    except (RecipeError, UnitError) as error:
        return regions, str(error)
    return regions, ""
