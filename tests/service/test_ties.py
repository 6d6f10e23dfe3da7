"""Parameters that follow others: in the ratio that both start with, or by their sum."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import msgspec
import numpy as np
import pytest

from dmdstudio.base.errors import RecipeError
from dmdstudio.engine import refinement
from dmdstudio.engine.constraints import Constraints
from dmdstudio.engine.core import configuration
from dmdstudio.engine.refinement import Taken
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
        ({"tie": f"2 {FIRST}"}, r"starts from 0\.51 nm, but .* comes to 0\.676"),
        ({"tie": f"{FIRST} {FIRST}"}, r"is not understood from 'lennard_jones.sigma' on"),
        ({"tie": "0.51"}, r"well\.distance\[Ar-Ar\]: the tie '0\.51' names no parameter"),
        ({"tie": f"1e999 {FIRST}"}, r"too large"),
    ],
)
def test_ties_that_cannot_be_are_refused(recipe, changes, words):
    with pytest.raises(RecipeError, match=words):
        build(recipe(**changes))


def stepped(problem, slope, **optimizer):
    """Return where a step of plain gradient descent ends, by a slope relative to the start."""
    plan = msgspec.structs.replace(problem.optimizer, kind="sgd", momentum=0.0, **optimizer)
    problem = replace(problem, optimizer=plan)
    state = refinement.init(problem)
    gradient = np.asarray(slope) / problem.scale
    return refinement.follow(problem, Taken(state.parameters, state.optimizer, gradient), 1.0)[0]


SUM = f"0.172 + 0.5 {FIRST} + 0.5 {FIRST}"  # nm


def test_a_tied_parameter_follows_a_sum_of_others(recipe):
    problem, _ = build(recipe(tie=SUM, value=0.51))
    other = [slot.key for slot in problem.slots].index(FIRST)
    assert problem.initial[other] == pytest.approx(3.38)
    moved = problem.initial.copy()
    moved[other] += 0.1
    theta = problem.theta(jnp.asarray(moved))
    assert float(theta["well"]["distance"][0]) == pytest.approx(5.1 + 0.1)


def test_a_sum_keeps_its_bounds_and_the_rest_of_the_step_is_taken():
    factors, before = np.array([[1.0, 2.0]]), np.array([1.0, 1.0, 3.0, 5.0])
    kept = Constraints(np.array([2]), np.array([0, 1]), factors, np.zeros(1)).kept
    bounds = np.full(4, -np.inf), np.array([np.inf, np.inf, 3.5, np.inf])
    size = np.array([1.0, 1.0, 0.0, 1.0])
    after = kept(before, np.array([2.0, 2.0, 3.0, 6.0]), size, bounds)
    assert after == pytest.approx([1.5, 1.0, 3.0, 6.0])  # the nearest of x + 2 y = 3.5
    bounds[1][0] = 1.2  # both bind: where they meet
    after = kept(before, np.array([2.0, 2.0, 3.0, 6.0]), size, bounds)
    assert after == pytest.approx([1.2, 1.15, 3.0, 6.0])
    at_bound = np.array([1.5, 1.0, 3.5, 5.0])  # what goes on along the bound is not held up
    after = kept(at_bound, np.array([2.0, 2.0, 3.5, 6.0]), size, bounds)
    assert after[3] == 6.0 and after[0] + 2.0 * after[1] == pytest.approx(3.5)


def test_rates_multiply_the_learning_rate(recipe):
    plan = recipe(tie="", value=0.5)
    base, well = plan.potential
    slow = msgspec.structs.replace(base.parameter[0], rate=0.25)
    base = msgspec.structs.replace(base, parameter=(slow, *base.parameter[1:]))
    well = msgspec.structs.replace(well, rate=3.0)
    plan = msgspec.structs.replace(plan, potential=(base, well))
    assert recipe_from_table(recipe_to_table(plan)).potential == plan.potential
    problem, _ = build(plan)
    rates = {"lennard_jones.sigma": 0.25, "lennard_jones.epsilon": 1.0}
    away = stepped(problem, np.full(5, 1.0), learning_rate=0.01) / problem.initial - 1.0
    for slot, change in zip(problem.slots, away, strict=True):
        assert change == pytest.approx(-0.01 * rates.get(slot.key, 3.0) * slot.free)

    newton = msgspec.structs.replace(plan.optimizer, kind="gauss_newton")
    with pytest.raises(RecipeError, match=r"sigma has a rate .*no learning rate.*Leave rate out"):
        build(msgspec.structs.replace(plan, optimizer=newton))


def test_a_step_in_the_logarithm_is_a_factor(recipe):
    plan = recipe(tie="", transform="log")
    problem, _ = build(plan)
    own = [slot.key for slot in problem.slots].index(TIED)
    slope = np.zeros(5)
    slope[own] = 3.0
    moved = stepped(problem, slope, learning_rate=1.0)
    assert moved[own] == pytest.approx(problem.initial[own] * np.exp(-3.0))
    plain, _ = build(recipe(tie="", lower=-10.0))
    assert stepped(plain, slope, learning_rate=1.0)[own] <= 0.0


def test_what_is_not_positive_has_no_logarithm(recipe):
    with pytest.raises(RecipeError, match=r"starts from 0.*only positive"):
        build(recipe(tie="", value=0.0, transform="log"))
