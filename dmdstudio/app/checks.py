"""Whether each part of the work is ready, needs attention or is out of date, and why. No Qt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from dmdstudio.app.matter import Matter
from dmdstudio.app.preflight import obstacles
from dmdstudio.app.state import RunView
from dmdstudio.app.wanted import missing_numbers, stray_numbers
from dmdstudio.app.words import difference
from dmdstudio.plan.catalog import Catalog
from dmdstudio.plan.recipe import Recipe

State = Literal["ready", "attention", "stale", "working", "waiting"]
STEPS = ("System", "Potential", "Experiment", "Refine", "Results")
_SECTIONS = {
    "system": "System",
    "potential": "Potential",
    "surface": "Potential",
    "target": "Experiment",
}


@dataclass(frozen=True)
class Check:
    """One step of the work: its state and one line that says why.

    ``past``: it is about a run that has ended, and keeps no other from beginning.
    """

    step: str
    state: State
    reason: str
    past: bool = False


def check_all(
    recipe: Recipe | None,
    view: RunView,
    problems: Mapping[tuple[str | int, ...], str],
    stale: bool,
    catalog: Catalog,
    matter: Matter | None = None,
    matter_problem: str = "",
    data_problem: str = "",
) -> tuple[Check, ...]:
    """Return the checks of all steps, in order.

    Args:
        recipe: under edit, None where none is.
        view: the run that is shown.
        problems: fields that hold something that does not fit.
        stale: the recipe was edited since that run.
        catalog: what exists, empty until the engine has told.
        matter: what the structure is made of, None while that is not known.
        matter_problem: why it cannot be known.
        data_problem: why the measured data cannot be compared.
    """
    if recipe is None:
        waiting = [Check(step, "waiting", "Drop a structure to begin") for step in STEPS]
        return tuple(waiting)
    found = [
        _system(recipe, matter, matter_problem),
        _potential(recipe, catalog, matter),
        _experiment(recipe, catalog, data_problem),
    ]
    hindered = obstacles(recipe, catalog, matter)
    found = [
        Check(c.step, "attention", hindered[c.step])
        if c.state == "ready" and c.step in hindered
        else c
        for c in found
    ]
    wrong: dict[str, str] = {}
    for place, sentence in problems.items():
        step = _SECTIONS.get(str(place[0]), "Refine")
        wrong.setdefault(step, f"{str(place[-1]).replace('_', ' ').capitalize()}: {sentence}")
    found.append(_refine(recipe, view, stale, found))
    checks = [Check(c.step, "attention", wrong[c.step]) if c.step in wrong else c for c in found]
    return (*checks, _results(view, stale))


def blocks(checks: tuple[Check, ...]) -> str:
    """Return why a run cannot begin, or nothing."""
    for check in checks[:4]:
        if check.state in ("attention", "waiting") and not check.past:
            return f"{check.step}: {check.reason}"
    return ""


def _system(recipe: Recipe, matter: Matter | None, matter_problem: str) -> Check:
    structure = recipe.path(recipe.system.structure)
    if not structure.is_file():
        return Check("System", "attention", f"{recipe.system.structure} is not there")
    if matter_problem:
        return Check("System", "attention", matter_problem)
    temperature = f"{recipe.sampling.temperature:g}\u00a0K"
    name = matter.formula if matter is not None else structure.name
    return Check("System", "ready", f"{name}, {temperature}")


def _potential(recipe: Recipe, catalog: Catalog, matter: Matter | None) -> Check:
    if not recipe.potential:
        return Check("Potential", "attention", "Choose a potential")
    if reason := _lacks(recipe, catalog, matter):
        return Check("Potential", "attention", reason)
    parameters = [p for term in recipe.terms for p in term.parameter]
    free = sum(p.free and not p.tie for p in parameters)
    kinds = ", ".join(_label(catalog, "potential", p.kind, p.name) for p in recipe.potential)
    if len(recipe.potential) > 2:  # their names would not fit
        kinds = f"{len(recipe.potential)} terms"
    arrays = [f"arrays of {t.options['file']}" for t in recipe.terms if t.options.get("file")]
    if parameters and not free and not arrays:
        return Check("Potential", "attention", "No parameter is free to be refined")
    count = [f"{free} of {len(parameters)} free"] if parameters or not arrays else []
    return Check("Potential", "ready", ", ".join([kinds, *count, *arrays]))


def _lacks(recipe: Recipe, catalog: Catalog, matter: Matter | None) -> str:
    """Return what terms and surfaces still need, or have for nothing; nothing where all is well."""
    for section, terms in (("potential", recipe.potential), ("surface", recipe.surface)):
        for plan in terms:
            entry = catalog.find(section, plan.kind)
            for field in entry.fields if entry else ():
                if field.required and not plan.options.get(field.name):
                    label = _label(catalog, section, plan.kind, plan.name)
                    return f"{label} needs its {field.label.lower()}"
    for sentence in stray_numbers(recipe, catalog, matter):
        return sentence
    first, *others = [*(m.words for m in missing_numbers(recipe, catalog, matter)), ""]
    more = f", and {len(others) - 1} more" if len(others) > 1 else ""
    return f"A value is needed: {first}{more}" if first else ""


def _unfit(recipe: Recipe, catalog: Catalog) -> str:
    """Return why an observable cannot be predicted as the recipe stands; nothing where all can."""
    kinds = (catalog.find("surface", plan.kind) for plan in recipe.surface)
    having = {kind.gives for kind in kinds if kind is not None}
    known = all(catalog.find("surface", plan.kind) for plan in recipe.surface)
    for target in recipe.target:
        entry = catalog.find("observable", target.observable)
        if entry is None:
            continue
        label = target.name or entry.label
        if entry.ensembles and recipe.sampling.ensemble not in entry.ensembles:
            return f"{label} needs starts at constant pressure: set the ensemble to npt"
        needs = {need.removesuffix("_velocity") for need in entry.needs} & {
            "dipole",
            "polarisability",
        }
        if known and needs - having:
            return f"{label} needs a {min(needs - having)} surface: add one to the potential"
    return ""


def _experiment(recipe: Recipe, catalog: Catalog, problem: str) -> Check:
    if not recipe.target:
        return Check("Experiment", "attention", "No target: drop a data file here")
    measured = [t for t in recipe.target if t.data]
    for target in measured:
        if not recipe.path(target.data).is_file():
            return Check("Experiment", "attention", f"{target.data} is not there")
    if not measured:
        return Check("Experiment", "attention", "No target has a data file")
    if reason := problem or _unfit(recipe, catalog):
        return Check("Experiment", "attention", reason)
    names = ", ".join(_label(catalog, "observable", t.observable, t.name) for t in measured)
    return Check("Experiment", "ready", names)


def _label(catalog: Catalog, section: str, kind: str, name: str) -> str:
    """Return what a registered thing is called, in words."""
    entry = catalog.find(section, kind)
    return name or (entry.label if entry else kind.replace("_", " "))


def _refine(recipe: Recipe, view: RunView, stale: bool, before: list[Check]) -> Check:
    total = view.started.iterations if view.started else recipe.refinement.iterations
    done = len(view.steps)
    if view.running:
        word = "Paused at" if view.paused else "Iteration"
        return Check("Refine", "working", f"{word} {min(done + 1, total)} of {total}")
    if view.failed is not None and view.started is not None:
        return Check("Refine", "attention" if not stale else "ready", view.failed.message, True)
    if any(check.state == "attention" for check in before):
        return Check("Refine", "waiting", "Waits for the steps above")
    if view.finished is not None and not stale:
        reason = "Stopped after" if view.finished.reason == "stopped" else "Done,"
        return Check("Refine", "ready", f"{reason} {done} iterations")
    return Check("Refine", "ready", f"Ready for {recipe.refinement.iterations} iterations")


def _results(view: RunView, stale: bool) -> Check:
    if view.best is None:
        return Check("Results", "waiting", "Nothing yet")
    if stale and not view.running:
        return Check("Results", "stale", "The recipe was edited since this run")
    words = [sentence for t in view.best.targets if (sentence := difference(t))]
    return Check("Results", "ready", f"Best: iteration {view.best.iteration}; {', '.join(words)}")
