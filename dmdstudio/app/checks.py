"""Whether each part of the work is ready, needs attention or is out of date, and why. No Qt."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from dmdstudio.app.state import RunView, is_scalar, targets_of
from dmdstudio.base.units import pretty
from dmdstudio.plan.events import ParameterReport, TargetReport
from dmdstudio.plan.recipe import Recipe

State = Literal["ready", "attention", "stale", "working", "waiting"]
STEPS = ("System", "Potential", "Experiment", "Refine", "Results")
_SECTIONS = {
    "system": "System",
    "potential": "Potential",
    "target": "Experiment",
}


@dataclass(frozen=True)
class Check:
    """One step of the work: its state and one line that says why."""

    step: str
    state: State
    reason: str


def check_all(
    recipe: Recipe | None,
    view: RunView,
    problems: Mapping[tuple[str | int, ...], str],
    stale: bool,
) -> tuple[Check, ...]:
    """Return the checks of all steps, in order."""
    if recipe is None:
        waiting = [Check(step, "waiting", "Open a recipe first") for step in STEPS]
        return tuple(waiting)
    found = [_system(recipe, view), _potential(recipe), _experiment(recipe)]
    wrong: dict[str, str] = {}
    for place, sentence in problems.items():
        wrong.setdefault(_SECTIONS.get(str(place[0]), "Refine"), sentence)
    found.append(_refine(recipe, view, stale, found))
    checks = [Check(c.step, "attention", wrong[c.step]) if c.step in wrong else c for c in found]
    return (*checks, _results(view, stale))


def blocks(checks: tuple[Check, ...]) -> str:
    """Return why a run cannot begin, or nothing."""
    for check in checks[:4]:
        if check.state in ("attention", "waiting"):
            return f"{check.step}: {check.reason}"
    return ""


def _system(recipe: Recipe, view: RunView) -> Check:
    structure = recipe.path(recipe.system.structure)
    if not structure.is_file():
        return Check("System", "attention", f"{recipe.system.structure} is not there")
    temperature = f"{recipe.sampling.temperature:g} K"
    if view.started is not None:
        return Check("System", "ready", f"{view.started.formula}, {temperature}")
    return Check("System", "ready", f"{structure.name}, {temperature}")


def _potential(recipe: Recipe) -> Check:
    parameters = [p for potential in recipe.potential for p in potential.parameter]
    free = sum(p.free for p in parameters)
    kinds = ", ".join(p.key.replace("_", " ") for p in recipe.potential)
    if parameters and not free:
        return Check("Potential", "attention", "No parameter is free to be refined")
    return Check("Potential", "ready", f"{kinds}, {free} of {len(parameters)} free")


def _experiment(recipe: Recipe) -> Check:
    if not recipe.target:
        return Check("Experiment", "attention", "No target: drop a data file here")
    measured = [t for t in recipe.target if t.data]
    for target in measured:
        if not recipe.path(target.data).is_file():
            return Check("Experiment", "attention", f"{target.data} is not there")
    if not measured:
        return Check("Experiment", "attention", "No target has a data file")
    names = ", ".join(t.key.replace("_", " ") for t in measured)
    return Check("Experiment", "ready", names)


def _refine(recipe: Recipe, view: RunView, stale: bool, before: list[Check]) -> Check:
    total = view.started.iterations if view.started else recipe.refinement.iterations
    done = len(view.steps)
    if view.running:
        word = "Paused at" if view.paused else "Iteration"
        return Check("Refine", "working", f"{word} {min(done + 1, total)} of {total}")
    if view.failed is not None and view.started is not None:
        return Check("Refine", "attention" if not stale else "ready", view.failed.message)
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


def difference(target: TargetReport) -> str:
    """Return how far a single number is from its experiment: ``'+2.1 %'``."""
    if not is_scalar(target) or not target.value or not target.experiment:
        return ""
    if target.experiment[0] == 0:
        return ""
    return f"{100 * (target.value[0] / target.experiment[0] - 1):+.1f}\u00a0%"


def number_with_error(value: float, error: float, unit: str) -> str:
    """Return ``'2.41 ± 0.05 10⁻⁹ m²/s'`` with the digits that the error allows."""
    printed = pretty(unit)
    joined = f" × {printed}" if printed.startswith("10") else f" {printed}" if printed else ""
    if not error > 0 or not math.isfinite(error):
        return f"{value:.4g}{joined}"
    digits = max(0, 1 - math.floor(math.log10(error)))
    return f"{value:.{digits}f} ± {error:.{digits}f}{joined}"


def status_of_targets(view: RunView) -> list[str]:
    """Return one sentence for each target: prediction, experiment and difference."""
    sentences = []
    for target in targets_of(view):
        if is_scalar(target) and target.value:
            error = target.error[0] if target.error else 0.0
            sentence = f"{target.label}: {number_with_error(target.value[0], error, target.unit)}"
            if target.experiment:
                sentence += f", experiment {target.experiment[0]:.4g}"
            sentences.append(sentence)
    return sentences


def relative_change(start: ParameterReport, now: ParameterReport) -> float | None:
    """Return the change of a parameter in percent; None where it began at zero."""
    return None if start.value == 0 else 100.0 * (now.value / start.value - 1.0)
