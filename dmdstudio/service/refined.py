"""The arrays that a run has refined, read back from its folder. No JAX."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np

from dmdstudio.files import surfaces as _surfaces  # noqa: F401  registers its files
from dmdstudio.files.iterations import iteration_values
from dmdstudio.files.potentials import parameter_files, read_parameters
from dmdstudio.files.run_store import RunStore
from dmdstudio.plan.recipe import PotentialPlan, Recipe
from dmdstudio.plan.terms import with_values


def recipe_at(run_dir: str | Path, which: str | int) -> tuple[Recipe, int]:
    """Return a run's recipe with the parameters of an iteration, and its number.

    Args:
        run_dir: the run.
        which: ``'best'``, ``'last'`` or a number.
    """
    store = RunStore.open(run_dir)
    iteration, values = iteration_values(store.events(), which)
    return with_refined(with_values(store.recipe(), values), store, iteration), iteration


def with_refined(recipe: Recipe, store: RunStore, iteration: int) -> Recipe:
    """Return a run's recipe whose terms read the arrays of one iteration.

    Raises:
        RunError: they are not there.
    """
    found = store.refined(iteration)

    def moved(plan: PotentialPlan) -> PotentialPlan:
        if plan.key not in found:
            return plan
        options = {**plan.options, "file": found[plan.key]}
        return msgspec.structs.replace(plan, options=options)

    return msgspec.structs.replace(
        recipe,
        potential=tuple(moved(plan) for plan in recipe.potential),
        surface=tuple(moved(plan) for plan in recipe.surface),
    )


def arrays_of_terms(recipe: Recipe) -> Mapping[str, Mapping[str, np.ndarray]]:
    """Return the arrays of all terms that have a parameter file, by the key of the term."""
    return {
        plan.key: read_parameters(plan.kind, recipe.path(str(plan.options["file"]))).arrays
        for plan in recipe.terms
        if plan.kind in parameter_files and plan.options["file"]
    }
