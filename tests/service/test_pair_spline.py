"""A spline on top of another potential: from zeros into a run, its file, and out again."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import msgspec
import numpy as np
import pytest

from dmdstudio.base.errors import FileError, RecipeError
from dmdstudio.engine.core import configuration
from dmdstudio.plan.events import Iterated
from dmdstudio.plan.recipe import PotentialPlan
from dmdstudio.plan.settings import with_settings
from dmdstudio.service import loop
from dmdstudio.service.arrays import refined_files
from dmdstudio.service.build import build
from dmdstudio.service.calculator import load_calculator
from dmdstudio.service.control import Control


@pytest.fixture
def recipe(tiny_recipe):
    """Argon by Lennard-Jones, corrected by a spline."""
    options = {"cutoff": 7.5, "start": 3.0, "knots": 8}
    correction = PotentialPlan(kind="pair_spline", name="correction", options=options)
    return msgspec.structs.replace(tiny_recipe, potential=(*tiny_recipe.potential, correction))


def test_a_correction_starts_from_zeros_and_goes_on_from_its_file(recipe):
    problem, complete = build(recipe)
    slot = problem.slots[-1]
    assert (slot.key, slot.size, slot.scale) == ("correction.Ar-Ar", 8, 0.01)
    _, (key, spline) = problem.field.terms
    where = configuration(problem.system, jnp.asarray(problem.start), problem.system.cell)
    theta = problem.theta(jnp.asarray(problem.initial))[key]
    slopes = jax.jit(jax.grad(spline.energy))(theta, where)["Ar-Ar"]
    assert np.count_nonzero(slopes) >= 4  # those with neighbours at their distance

    moved = problem.initial.copy()
    moved[problem.places[-1]] = 0.001 * np.arange(8)
    files = refined_files(problem, complete, moved)
    path = recipe.path("correction.npz")
    path.write_bytes(files["correction"])
    again, _ = build(with_settings(recipe, ["potential.correction.file=correction.npz"]))
    assert np.array_equal(again.initial, moved)
    with pytest.raises(RecipeError, match=r"knots = 9.*says 8"):
        build(with_settings(recipe, ["potential.correction.file=correction.npz",
                                     "potential.correction.knots=9"]))  # fmt: skip


def test_what_cannot_be_is_refused(recipe):
    with pytest.raises(RecipeError, match="start = 8, is not below the cutoff"):
        build(with_settings(recipe, ["potential.correction.start=8"]))
    with pytest.raises(RecipeError, match="fixed = true keeps them so"):
        build(with_settings(recipe, ["potential.correction.fixed=true"]))
    recipe.path("salt.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(FileError, match=r"salt\.npz"):
        build(with_settings(recipe, ["potential.correction.file=salt.npz"]))


@pytest.mark.slow
def test_a_run_moves_the_spline_reverses_exactly_and_gives_a_calculator(recipe, tmp_path):
    fixed = [f"potential.lennard_jones.parameter.{k}.free=false" for k in (0, 1)]
    events = list(loop.refine(with_settings(recipe, fixed), tmp_path / "run", Control()))
    reports = [event.report for event in events if isinstance(event, Iterated)]
    assert all(report.reversal_residual == 0.0 for report in reports)
    calculator = load_calculator(tmp_path / "run", "last")
    spline = next(t for t in calculator.terms if t["kind"] == "pair_spline")
    assert np.any(spline["arrays"]["Ar-Ar"])
