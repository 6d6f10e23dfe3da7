"""Losses: what they cost, what noise does to them, and that every gradient is exact."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import msgspec
import numpy as np
import pytest
from gaussian import Line, ensemble, loss_and_error
from test_gradients import finish
from test_sensitivity import EXACT, measured, several  # noqa: F401  a fixture

from dmdstudio.base.errors import RecipeError
from dmdstudio.engine.ensemble import Ensemble
from dmdstudio.engine.pool import weigh
from dmdstudio.engine.refinement import differentiate
from dmdstudio.engine.target import Target
from dmdstudio.plan.events import GradientChecked, Iterated
from dmdstudio.plan.recipe import parse_recipe, recipe_to_toml
from dmdstudio.plan.regions import RegionPlan
from dmdstudio.plan.settings import with_settings
from dmdstudio.plan.terms import with_values
from dmdstudio.service import loop
from dmdstudio.service.build import build
from dmdstudio.service.control import Control

KINDS = ["relative", "chi_squared", "unbiased", "huber"]


def target(kind, value=(1.0, -2.0, 4.0), error=0.5, weight=3.0, threshold=1.345):
    value = np.asarray(value)
    return Target(
        "line", Line(), weight, value, np.full(value.shape, error), kind=kind,
        huber_threshold=threshold,
    )  # fmt: skip


# ------------------------------------------------------------------------------------- formulas


def test_each_loss_is_its_formula():
    predicted = jnp.array([1.25, -2.5, 6.0])  # 0.5, 1 and 4 errors away
    squared = np.array([0.25, 1.0, 16.0])
    assert target("chi_squared").loss(predicted) == pytest.approx(3.0 * squared.mean())
    relative = 3.0 * np.mean([0.25**2, 0.5**2, 2.0**2]) / 7.0  # mean square of 1, 2, 4
    assert target("relative").loss(predicted) == pytest.approx(relative)
    linear = np.array([0.25, 1.0, 1.345 * (8.0 - 1.345)])
    assert target("huber").loss(predicted) == pytest.approx(3.0 * linear.mean())
    halves = jnp.stack([predicted, jnp.array([0.75, -1.5, 4.5])])
    product = np.array([0.5 * -0.5, -1.0 * 1.0, 4.0 * 1.0])
    assert target("unbiased").loss(predicted, halves) == pytest.approx(3.0 * product.mean())


@pytest.mark.parametrize("kind", KINDS)
def test_a_point_that_weighs_two_is_a_point_that_was_measured_twice(kind):
    weighted = target(kind)
    weighted = dataclasses.replace(weighted, point_weight=np.array([1.0, 2.0, 1.0]))
    twice = target(kind, value=(1.0, -2.0, -2.0, 4.0))
    predicted = jnp.array([1.25, -2.5, 6.0])
    halves = jnp.stack([predicted, jnp.array([0.75, -1.5, 4.5])])
    again = jnp.array([0, 1, 1, 2])
    for fit_scale in (False, True):
        one, other = (dataclasses.replace(t, fit_scale=fit_scale) for t in (weighted, twice))
        loss = float(one.loss(predicted, halves))
        assert loss == pytest.approx(float(other.loss(predicted[again], halves[:, again])))
        assert loss != pytest.approx(
            float(dataclasses.replace(one, point_weight=None).loss(predicted, halves))
        )


def test_huber_bends_without_a_kink():
    function = jax.grad(lambda y: target("huber", value=[0.0], error=1.0).loss(y))
    below, above = function(jnp.array([1.345 - 1e-9])), function(jnp.array([1.345 + 1e-9]))
    assert float(below[0]) == pytest.approx(float(above[0]), rel=1e-6)
    far = function(jnp.array([100.0]))
    assert float(far[0]) == pytest.approx(2 * 3.0 * 1.345)


# ------------------------------------------------------------------------------------ statistics


def _many(kind, offset, uneven, trials=1500, replicas=16):
    """Return losses and their reported standard errors over many simulations."""
    random = np.random.default_rng(5)
    points = 8
    mixing = np.linalg.cholesky(0.5 * np.eye(points) + 0.5)  # points of a curve go together
    weight = np.exp(0.5 * random.normal(size=replicas)) if uneven else None
    tested = target(kind, value=np.ones(points), error=0.2, weight=1.0, threshold=1.345)
    found = []
    for _ in range(trials):
        noise = random.normal(size=(replicas, points)) @ mixing.T
        found.append(loss_and_error(tested, ensemble(tested, 1.0 + offset + noise, weight)))
    effective = replicas if weight is None else weight.sum() ** 2 / np.sum(weight**2)
    return np.array(found).T, 1.0 / (effective * 0.2**2)


@pytest.mark.parametrize("uneven", [False, True])
def test_noise_biases_chi_squared_by_its_variance_and_the_unbiased_form_not(uneven):
    for offset in (0.0, 0.3):
        (biased, _), variance = _many("chi_squared", offset, uneven, 500)
        (free, _), _ = _many("unbiased", offset, uneven, 500)
        truth = (offset / 0.2) ** 2
        error = free.std() / np.sqrt(len(free))
        assert abs(free.mean() - truth) < 4.0 * error
        error = biased.std() / np.sqrt(len(biased))
        assert abs(biased.mean() - truth - variance) < 4.0 * error
        assert variance > 10.0 * error  # so that the two are told apart
        if offset == 0.0:
            assert free.min() < 0.0


@pytest.mark.parametrize("kind", KINDS)
def test_the_reported_error_of_a_loss_is_its_scatter(kind):
    """Away from the optimum, where the response to noise is linear."""
    (losses, errors), _ = _many(kind, 2.0, uneven=True, trials=300)
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(losses.std(), rel=0.15)


# ------------------------------------------------------------------------------------- gradients


def _losses(recipe, kind):
    plans = [
        msgspec.structs.replace(plan, loss=kind, relative_error=error)
        for plan, error in zip(recipe.target, (0.05, 0.1, 2.0), strict=True)
    ]
    regions = (
        RegionPlan(low=0.015, high=0.035, weight=3.0),
        RegionPlan(low=0.075, high=0.095, weight=0.0),
    )
    plans = [
        msgspec.structs.replace(p, regions=regions if "velocity" in p.key else ()) for p in plans
    ]
    recipe = msgspec.structs.replace(recipe, target=tuple(plans))
    return with_settings(recipe, ["potential.parameter.sigma.prior=0.01"])


@pytest.mark.parametrize("kind", ["unbiased", "huber"])
def test_the_gradient_is_the_difference_of_the_whole_loss(several, kind):  # noqa: F811
    """With uneven weights of samples and points, halves, static targets with explicit derivatives,
    and a prior.
    """
    recipe = _losses(several, kind)
    made = measured(recipe, *EXACT)
    curve = next(t for t in made.problem.targets if t.key == "velocity_autocorrelation")
    assert curve.axis == pytest.approx([0, 0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.1])
    assert curve.point_weight.tolist() == [1, 1, 3, 3, 1, 1, 1, 1, 1]
    # only the start of a trajectory is a configuration that does not move with the parameters
    assert made.problem.stretches == 2
    program, pool = made.program, made.pool
    object.__setattr__(program.problem, "static_interval", np.inf)
    problem = made.problem
    problem.__dict__.pop("stretches")
    program.__dict__.clear()
    program.problem, program.replicas = problem, problem.replicas
    moved = problem.initial * np.array([1.004, 1.0])  # so that the prior pulls

    def at(parameters, keep=False):
        found = Ensemble(program, pool, weigh(program, pool, parameters))
        finish(found.propagate(parameters, keep=keep))
        return found, jax.tree.map(jnp.asarray, found.means)

    def whole(parameters):
        return float(problem.loss(at(parameters)[1]) + problem.prior(jnp.asarray(parameters)))

    found, means = at(moved, keep=True)
    assert found.weights.fraction < 0.999
    gradient = finish(differentiate(found, moved, jax.grad(problem.loss)(means)))
    for index in range(2):
        step = 2e-6 * moved[index] * np.eye(2)[index]
        difference = (whole(moved + step) - whole(moved - step)) / (2 * step[index])
        assert gradient.total[index] == pytest.approx(difference, rel=1e-5)


@pytest.mark.parametrize("kind", ["unbiased", "chi_squared"])
def test_check_gradient_covers_losses_and_priors(several, kind):  # noqa: F811
    recipe = with_settings(_losses(several, kind), ["potential.parameter.sigma.prior_mean=3.37"])
    *_, checked = loop.check_gradient(recipe, Control())
    assert isinstance(checked, GradientChecked)
    for row in checked.rows:
        assert row.errors["reversible_adjoint"] < 1e-9
        assert row.errors["finite_difference"] < 1e-5


# ---------------------------------------------------------------------------- recipes and priors


@pytest.mark.parametrize("kind", KINDS[1:])
def test_losses_by_errors_refuse_data_without_them(tiny_recipe, kind):
    path = tiny_recipe.path("bare.csv")
    path.write_text("# quantity: self_diffusion\nself_diffusion [1e-9 m2/s]\n2.4\n")
    settings = [f"target.loss={kind}", "target.data=bare.csv"]
    with pytest.raises(RecipeError, match=r"bare\.csv has no errors.*relative_error"):
        build(with_settings(tiny_recipe, settings))
    problem, _ = build(with_settings(tiny_recipe, [*settings, "target.relative_error=0.05"]))
    assert problem.targets[0].scale == pytest.approx([0.05 * 2.4])


def test_an_error_of_zero_is_refused(tiny_recipe):
    path = tiny_recipe.path("zero.csv")
    path.write_text("# quantity: self_diffusion\nself_diffusion [1e-9 m2/s], error\n2.4, 0\n")
    with pytest.raises(RecipeError, match=r"zero\.csv has an error of 0"):
        build(with_settings(tiny_recipe, ["target.loss=huber", "target.data=zero.csv"]))


def test_a_prior_is_relative_to_its_mean_and_stays_where_it_was(tiny_recipe):
    recipe = with_settings(
        tiny_recipe,
        ["potential.parameter.sigma.prior=0.02", "refinement.prior_weight=0.5"],
    )
    moved = with_values(recipe, {"lennard_jones.sigma": 3.5})
    assert moved == parse_recipe(recipe_to_toml(moved), folder=moved.folder)
    again = with_values(moved, {"lennard_jones.sigma": 3.4})
    problem, _ = build(again)
    z = (3.4 - 3.38) / (0.02 * 3.38)
    assert float(problem.prior(jnp.asarray(problem.initial))) == pytest.approx(0.5 * z**2)
    assert with_values(tiny_recipe, {"lennard_jones.sigma": 3.5}) == with_settings(
        tiny_recipe, ["potential.parameter.sigma.value=3.5"]
    )


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("potential.parameter.sigma.prior=0", "prior"),
        ("potential.parameter.sigma.prior_mean=3", "prior_mean but no prior"),
        ("target.loss=squared", "loss"),
        ("target.relative_error=-1", "relative_error"),
        ("refinement.prior_weight=-1", "prior_weight"),
    ],
)
def test_what_makes_no_sense_is_refused(tiny_recipe, setting, words):
    with pytest.raises(RecipeError, match=words):
        build(with_settings(tiny_recipe, [setting]))


def test_a_prior_is_reported_and_holds_a_parameter(tiny_recipe, tmp_path):
    settings = ["refinement.uncertainty=false", "refinement.iterations=3"]
    held = ["potential.parameter.sigma.prior=1e-4", "refinement.prior_weight=1"]

    def reports(more, folder):
        events = loop.refine(with_settings(tiny_recipe, [*settings, *more]), folder, Control())
        return [e.report for e in events if isinstance(e, Iterated)]

    free, kept = reports([], tmp_path / "free"), reports(held, tmp_path / "kept")
    assert free[-1].prior == 0.0
    for report in kept:
        away = (report.parameters[0].value - 3.38) / (1e-4 * 3.38)
        assert report.prior == pytest.approx(away**2, rel=1e-6)
        data = sum(t.loss for t in report.targets)
        assert report.loss == pytest.approx(data + report.prior)
    start = [abs(r[-1].parameters[0].value - 3.38) for r in (kept, free)]
    assert start[0] < start[1]
