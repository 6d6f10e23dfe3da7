"""What runs have cost on this machine, kept between sessions, and what another will. No widgets."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from dmdstudio.app.run_folders import settings
from dmdstudio.app.state import RunView
from dmdstudio.base.errors import RecipeError
from dmdstudio.plan.events import StepReport
from dmdstudio.plan.recipe import Recipe, parse_recipe

DERIVATIVE_COST, TANGENT_COST = 3.0, 6.0
"""Of a backward step, and of one parameter's tangent, in forward steps; as the engine plans."""

FAR = 3.0
"""Times as many atoms, or as few, from which a measured cost says nothing."""

Rates = Mapping[int, float]
"""Seconds of one step of one replica, by the number of atoms that were measured."""


@dataclass(frozen=True)
class Estimate:
    """What an iteration will take.

    Attributes:
        seconds: of one iteration.
        atoms: that were measured; another number than the recipe's where it is scaled.
    """

    seconds: float
    atoms: int


def kind_of(recipe: Recipe, device: str) -> str:
    """Return what runs must share for their costs to be alike: device, numbers, terms, method."""
    terms = "+".join(sorted(term.kind for term in (*recipe.potential, *recipe.surface)))
    pairs = recipe.execution.pairs
    return f"{device}|{recipe.execution.precision}|{pairs}|{recipe.gradient.method}|{terms}"


def work_of(recipe: Recipe, redrawn: float) -> float:
    """Return the work of an iteration in steps of one replica.

    Args:
        recipe: what is done.
        redrawn: share of the starts that are drawn afresh.
    """
    steps, sampling = recipe.dynamics.all_steps, recipe.sampling
    work = (1.0 + DERIVATIVE_COST) * steps + redrawn * sampling.decorrelation_steps
    if recipe.optimizer.by_differences:
        work -= DERIVATIVE_COST * steps  # most iterations need no differences
    elif recipe.optimizer.kind == "gauss_newton":
        free = sum(p.free for term in recipe.terms for p in term.parameter)
        work += TANGENT_COST * free * steps
    return work * sampling.replicas


def estimate(recipe: Recipe, atoms: int, rates: Rates) -> Estimate | None:
    """Return what an iteration takes by what was measured; None where nothing near it was.

    The cost of a step is taken to grow with the number of atoms.
    """
    near = {n: rate for n, rate in rates.items() if atoms / FAR <= n <= atoms * FAR}
    if not near:
        return None
    measured = min(near, key=lambda n: (abs(n - atoms), n))
    work = work_of(recipe, 1.0 / recipe.sampling.reuse_limit)
    return Estimate(near[measured] * work * atoms / measured, measured)


def measured_rate(view: RunView) -> tuple[str, int, float] | None:
    """Return kind, atoms and seconds of a step of a replica of a run; None before it is known.

    The first iteration waits for the compiler and equilibrates: it does not count.
    """
    started = view.started
    if started is None or len(view.steps) < 2:
        return None
    try:
        recipe = parse_recipe(started.recipe)
    except RecipeError:
        return None  # of a newer version: it says nothing of the cost of ours
    seconds = [_rate(step, recipe) for step in view.steps[1:]]
    return kind_of(recipe, started.device), started.atoms, median(seconds)


def _rate(step: StepReport, recipe: Recipe) -> float:
    return step.seconds / work_of(recipe, 1.0 if step.resampled else 0.0)


def remember_pace(view: RunView) -> None:
    """Keep what a run has cost."""
    if (measured := measured_rate(view)) is None:
        return
    kind, atoms, seconds = measured
    known = {**known_rates(kind), atoms: seconds}
    settings().setValue(f"pace/{_key(kind)}", json.dumps(known))


def known_rates(kind: str) -> dict[int, float]:
    """Return the costs of runs of a kind; none where none was measured, or it cannot be read."""
    try:
        stored = json.loads(str(settings().value(f"pace/{_key(kind)}", "{}")))
        return {int(atoms): float(seconds) for atoms, seconds in stored.items()}
    except (ValueError, AttributeError, TypeError):
        return {}


def _key(kind: str) -> str:
    """Return a name that a settings file can have."""
    return "".join(c if c.isalnum() or c in "+_-" else "." for c in kind)
