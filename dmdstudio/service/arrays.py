"""Potentials whose parameters are whole arrays: from their files, into a problem, and out again."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from dmdstudio.base.errors import RecipeError
from dmdstudio.engine.potential import Potential
from dmdstudio.engine.problem import ArraySlot, Problem
from dmdstudio.engine.surface import Surface
from dmdstudio.files import surfaces as _surfaces  # noqa: F401  registers its files
from dmdstudio.files.potentials import parameter_files, read_parameters
from dmdstudio.files.potentials.array_file import write_arrays
from dmdstudio.plan.arrays import ParameterArrays
from dmdstudio.plan.recipe import PotentialPlan, Recipe

NO_GAUSS_NEWTON = (
    "optimizer.kind = 'gauss_newton' measures the sensitivity of every prediction to every "
    "parameter"
)
NO_DIFFERENCES = (
    "gradient.method = 'finite_difference' runs all trajectories twice for every parameter"
)
NO_UNCERTAINTY = "standard errors need the sensitivity of every prediction to every parameter"


def given_arrays(
    recipe: Recipe, plan: PotentialPlan, options: Any
) -> tuple[ParameterArrays | None, Any]:
    """Return the arrays of a term's parameter file, and its options with what the file says.

    Args:
        recipe: says where its files lie.
        plan: of the term.
        options: of the term, as given.

    Raises:
        FileError: the file cannot be read.
        RecipeError: file and recipe contradict each other.
    """
    if plan.kind not in parameter_files or not options.file:
        return None, options
    found = read_parameters(plan.kind, recipe.path(options.file))
    told = {}
    for name, value in found.settings.items():
        own = getattr(options, name, value)
        if own not in (None, "", value):
            raise RecipeError(
                f"{plan.key}: the recipe says {name} = {own!r}, but {options.file!r} says "
                f"{value!r}.",
                f"Leave {name} out of the recipe, or give the file's value; it was made for that.",
            )
        told[name] = value
    completed = {**msgspec.structs.asdict(options), **told}
    try:
        return found, msgspec.convert(completed, type(options))
    except msgspec.ValidationError as error:
        raise RecipeError(f"{plan.key}: {options.file!r} says something else: {error}.") from None


def array_slots(
    plan: PotentialPlan, term: Potential | Surface, given: ParameterArrays | None
) -> list[ArraySlot]:
    """Return what the arrays of a term are in the problem; see `Potential.arrays`."""
    arrays = term.initial_arrays() if given is None else given.arrays
    if not arrays:
        return []
    return [
        ArraySlot(
            f"{plan.key}.{field.name}",
            plan.key,
            field.name,
            field.unit,
            np.asarray(arrays[field.name], np.float64),
            field.free,
            field.scale,
            rate=plan.rate,
        )
        for field in term.arrays(arrays)
    ]


def require_affordable(problem: Problem) -> None:
    """Raise `RecipeError` where thousands of parameters meet a method for few."""
    if not problem.arrays:
        return
    if problem.optimizer.kind == "gauss_newton":
        raise too_many(problem, NO_GAUSS_NEWTON, "Set optimizer.kind = 'adam'.")
    if problem.method.name == "finite_difference":
        raise too_many(
            problem, NO_DIFFERENCES, "Set gradient.method = 'reversible_adjoint', which takes one."
        )


def too_many(problem: Problem, what: str, advice: str) -> RecipeError:
    """Return the error that says why something is not done for whole arrays."""
    count, (first, *_) = int(problem.free.sum()), problem.arrays
    return RecipeError(f"{what}; here {count:,} are free, such as those of {first.key}.", advice)


def refined_files(
    problem: Problem, recipe: Recipe, parameters: np.ndarray, about: tuple[str, ...] = ()
) -> dict[str, bytes]:
    """Return the parameter files of an iteration by the key of their term.

    Args:
        problem: has the arrays.
        recipe: complete, so that the options of a term say all that its file does.
        parameters: [parameter], internal units.
        about: lines for the files.
    """
    if not problem.arrays:
        return {}
    values, refined = problem.array_values(parameters), {slot.term for slot in problem.arrays}
    units = {slot.key: slot.unit for slot in problem.slots}
    files = {}
    for plan in recipe.terms:
        if plan.key in refined:
            own = values[plan.key]
            settings = {k: v for k, v in plan.options.items() if k not in ("file", "fixed")}
            files[plan.key] = write_arrays(
                ParameterArrays(plan.kind, own, settings, about),
                {name: units[f"{plan.key}.{name}"] for name in own},
            )
    return files
