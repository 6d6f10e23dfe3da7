"""Gauss-Newton: the normal equations, the step, and what it remembers."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import msgspec
import numpy as np
import optax
import pytest
from gaussian import Model
from test_gradients import finish

from dmdstudio.engine.ensemble import Ensemble
from dmdstudio.engine.newton import Line, gauss_newton, line, measure
from dmdstudio.engine.pool import draw_pool, weigh
from dmdstudio.engine.program import Program
from dmdstudio.engine.refinement import differentiate
from dmdstudio.files.spectra import write_measurement
from dmdstudio.plan.events import Iterated
from dmdstudio.plan.recipe import TargetPlan
from dmdstudio.plan.settings import with_settings
from dmdstudio.plan.structure import Measurement
from dmdstudio.service import loop
from dmdstudio.service.build import build
from dmdstudio.service.control import Control

WIDE = ["execution.precision=float64", "execution.lattice_bits=64"]


@pytest.fixture
def both(tiny_recipe):
    """Diffusion and pressure together, with a prior on sigma."""
    write_measurement(
        Measurement("pressure", np.array([200.0]), "bar"), tiny_recipe.path("pressure.csv")
    )
    targets = (*tiny_recipe.target, TargetPlan(observable="pressure", data="pressure.csv"))
    recipe = msgspec.structs.replace(tiny_recipe, target=targets)
    sigma, *rest = recipe.potential[0].parameter
    sigma = msgspec.structs.replace(sigma, prior=0.05, prior_mean=3.4)
    potential = msgspec.structs.replace(recipe.potential[0], parameter=(sigma, *rest))
    return msgspec.structs.replace(recipe, potential=(potential,))


def test_the_slope_is_half_the_gradient(both):
    problem, _ = build(with_settings(both, WIDE))
    program = Program(problem)
    pool = finish(draw_pool(program, problem.initial, None, 200, 0))
    ensemble = Ensemble(program, pool, weigh(program, pool, problem.initial))
    finish(ensemble.propagate(problem.initial, keep=True))
    cotangent = jax.grad(problem.loss)(jax.tree.map(jnp.asarray, ensemble.means))
    gradient = finish(differentiate(ensemble, problem.initial, cotangent))
    measured = finish(measure(ensemble, problem.initial, 0))
    slope = measured.jacobian.T @ measured.residual
    assert np.allclose(slope, 0.5 * gradient.total * problem.relative, rtol=1e-8)
    total = gradient_loss(problem, ensemble)
    assert np.sum(measured.residual**2) == pytest.approx(total, rel=1e-12)
    assert np.all(np.linalg.eigvalsh(measured.noise) >= -1e-12 * measured.noise.max())


def test_the_squares_add_up_to_the_loss_whatever_the_points_weigh():
    model = Model(noise=0.1)
    weight = np.linspace(0.3, 3.0, len(model.jacobian))
    target = dataclasses.replace(model.measure(), point_weight=weight)
    made, found = model.simulate(target, model.truth * 1.02)
    measured = line(made, model.truth * 1.02, found)
    loss = float(target.loss(jnp.asarray(made.means.whole["line"])))
    assert np.sum(measured.residual**2) == pytest.approx(loss, rel=1e-12)
    assert loss != pytest.approx(
        float(dataclasses.replace(target, point_weight=None).loss(made.means.whole["line"]))
    )


def gradient_loss(problem, ensemble):
    data = float(problem.loss(jax.tree.map(jnp.asarray, ensemble.means)))
    return data + float(problem.prior(jnp.asarray(problem.initial)))


VALLEY = np.array([[10.0, 3.0], [0.0, 0.3]])


def _line(optimum, at, jacobian, noise=0.0):
    jacobian = np.asarray(jacobian, float)
    return Line(jacobian @ (np.asarray(at) - optimum), jacobian, noise * np.eye(jacobian.shape[1]))


def _walk(measured, begin, largest=1.0):
    optimizer = gauss_newton(2, largest)
    at = jnp.asarray(begin)
    state = optimizer.init(at)
    way = [np.asarray(at)]
    for made in measured:
        step, state = optimizer.update(at, state, at, line=made(np.asarray(at)))
        at = optax.apply_updates(at, step)
        way.append(np.asarray(at))
    return np.array(way)


def test_a_valley_is_crossed_in_one_step():
    way = _walk([lambda at: _line([1.0, 2.0], at, VALLEY)], [1.1, 1.7])
    assert np.allclose(way[-1], [1.0, 2.0], atol=1e-9)


def test_no_step_is_longer_than_allowed_and_the_others_do_their_best_beside_it():
    way = _walk([lambda at: _line([1.0, 2.0], at, VALLEY)], [1.1, 1.7], largest=0.1)
    assert way[1] == pytest.approx([1.06, 1.8])  # down the valley's side, then along it


def test_without_sensitivities_nothing_moves():
    way = _walk([lambda at: _line([1.0, 2.0], at, np.zeros((2, 2)))], [1.1, 1.7])
    assert np.array_equal(way[1], way[0])


def test_what_is_far_is_forgotten():
    """The first line points elsewhere; a large step later it must not count."""
    measured = [lambda at: _line([1.5, 1.5], at, VALLEY), lambda at: _line([1.0, 2.0], at, VALLEY)]
    assert np.allclose(_walk(measured, [1.1, 1.7])[-1], [1.0, 2.0], atol=1e-9)


def test_noise_is_averaged_over_the_iterations():
    random = np.random.default_rng(3)
    ends, singles = [], []
    for _ in range(200):
        optima = random.normal([1.0, 2.0], 0.003, size=(10, 2))
        measured = [lambda at, m=m: _line(m, at, np.eye(2)) for m in optima]
        ends.append(_walk(measured, [1.0, 2.0])[-1])
        singles.append(optima[-1])
    gain = np.std(singles, axis=0).mean() / np.std(ends, axis=0).mean()
    assert 2.2 < gain < np.sqrt(10.0)  # weights that grow with n: sqrt(7.9)
    assert np.allclose(np.mean(ends, axis=0), [1.0, 2.0], atol=0.001)


def test_a_direction_of_mere_noise_is_hardly_followed():
    begin, optimum, jacobian = np.array([1.0, 1.0]), [1.1, 2.0], np.diag([1.0, 0.1])
    certain = _walk([lambda at: _line(optimum, at, jacobian)], begin)[-1]
    feigned = _walk([lambda at: _line(optimum, at, jacobian, noise=0.04)], begin)[-1]
    assert certain == pytest.approx([1.1, 2.0])
    assert feigned == pytest.approx([1.0 + 0.1 / 1.04, 1.2])


def test_fixed_parameters_stay(both, tmp_path):
    recipe = with_settings(both, ["optimizer.kind=gauss_newton", "refinement.iterations=3"])
    sigma, epsilon = recipe.potential[0].parameter
    fixed = msgspec.structs.replace(epsilon, free=False)
    potential = msgspec.structs.replace(recipe.potential[0], parameter=(sigma, fixed))
    recipe = msgspec.structs.replace(recipe, potential=(potential,))
    reports = [
        e.report
        for e in loop.refine(recipe, tmp_path / "run", Control())
        if isinstance(e, Iterated)
    ]
    values = np.array([[p.value for p in r.parameters] for r in reports])
    assert np.all(values[:, 1] == values[0, 1])
    assert np.any(values[:, 0] != values[0, 0])


def test_it_resumes_to_the_same_bits(both, tmp_path):
    recipe = with_settings(both, ["optimizer.kind=gauss_newton", "refinement.iterations=3"])
    whole = [
        e.report.parameters
        for e in loop.refine(recipe, tmp_path / "whole", Control())
        if isinstance(e, Iterated)
    ]
    control = Control()
    for event in loop.refine(recipe, tmp_path / "cut", control):
        if isinstance(event, Iterated):
            control.stop()
    rest = [
        e.report.parameters
        for e in loop.resume(tmp_path / "cut", None, Control())
        if isinstance(e, Iterated)
    ]
    assert [p.value for p in rest[-1]] == [p.value for p in whole[-1]]
