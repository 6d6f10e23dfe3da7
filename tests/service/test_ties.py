"""Parameters that follow others in the ratio that both start with."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import msgspec
import numpy as np
import pytest

from dmdstudio.base.errors import RecipeError
from dmdstudio.engine.core import configuration
from dmdstudio.plan.recipe import ParameterPlan, PotentialPlan, recipe_from_table, recipe_to_table
from dmdstudio.service.build import build

FIRST, TIED = "lennard_jones.sigma", "well.distance[Ar-Ar]"


@pytest.fixture
def recipe(tiny_recipe):
    """Lennard-Jones argon and a shallow well, whose distance keeps its ratio to sigma."""

    def with_well(**changes):
        distance = {"name": "distance", "of": "Ar-Ar", "value": 0.51, "unit": "nm", "tie": FIRST}
        numbers = (
            ParameterPlan(name="depth", of="Ar-Ar", value=0.002),
            ParameterPlan(name="decay", of="Ar-Ar", value=1.5, free=False),
            ParameterPlan(**{**distance, **changes}),
        )
        options = {"cutoff": 7.5, "switch_start": 6.5}
        well = PotentialPlan(kind="morse", name="well", parameter=numbers, options=options)
        (base,) = tiny_recipe.potential
        base = msgspec.structs.replace(
            base, parameter=tuple(msgspec.structs.replace(p, of="") for p in base.parameter)
        )
        return msgspec.structs.replace(tiny_recipe, potential=(base, well))

    return with_well


def test_a_tied_parameter_follows_and_its_slope_goes_to_the_other(recipe):
    problem, complete = build(recipe())
    assert recipe_from_table(recipe_to_table(complete)) is not None
    keys = [slot.key for slot in problem.slots]
    own, other = keys.index(TIED), keys.index(FIRST)
    assert problem.free.tolist() == [True, True, True, False, False]
    ratio = 5.1 / problem.initial[other]

    moved = problem.initial.copy()
    moved[other] *= 1.1
    theta = problem.theta(jnp.asarray(moved))
    assert float(theta["well"]["distance"][0]) == pytest.approx(ratio * moved[other])
    reports = problem.parameter_reports(moved)
    assert reports[own].value == pytest.approx(1.1 * 0.51) and not reports[own].free

    exact = replace(problem.system, precision="float64")
    where = configuration(exact, jnp.asarray(problem.start), jnp.asarray(exact.cell))

    @jax.jit
    def energy(p):
        theta = problem.theta(p)
        return sum(term.energy(theta[key], where) for key, term in problem.field.terms)

    slope = np.asarray(jax.jit(jax.grad(energy))(jnp.asarray(problem.initial)))
    step = np.zeros(5)
    step[other] = 1e-5
    up, down = (float(energy(jnp.asarray(problem.initial + s * step))) for s in (1, -1))
    assert slope[other] == pytest.approx((up - down) / 2e-5, rel=1e-6)
    assert slope[own] == 0.0


def test_bounds_of_a_tied_parameter_hold_for_the_other(recipe):
    problem, _ = build(recipe(upper=0.52))
    leader = next(slot for slot in problem.slots if slot.key == FIRST)
    assert leader.upper == pytest.approx(0.52 / 0.51 * leader.value)
    assert leader.lower == 3.2  # its own


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tie": "lennard_jones.sigmo"}, r"no number of the recipe.*lennard_jones\.sigma"),
        ({"tie": "lennard_jones.epsilon"}, r"is a length; lennard_jones\.epsilon.*is a energy"),
        ({"tie": TIED}, r"is tied to well\.distance\[Ar-Ar\] itself.*Leave out"),
        ({"prior": 0.1}, r"has a prior of its own"),
    ],
)
def test_ties_that_cannot_be_are_refused(recipe, changes, words):
    with pytest.raises(RecipeError, match=words):
        build(recipe(**changes))
