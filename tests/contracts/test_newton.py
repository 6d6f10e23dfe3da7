"""Gauss-Newton: the normal equations, the step, and what it remembers."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import msgspec
import numpy as np
import optax
import pytest
from test_gradients import finish

from dmdstudio.engine.ensemble import Ensemble
from dmdstudio.engine.newton import Normal, gauss_newton, measure, solve
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
    normal = finish(measure(ensemble, problem.initial, 0))
    assert np.allclose(normal.slope, 0.5 * gradient.total * problem.relative, rtol=1e-8)
    assert np.all(np.linalg.eigvalsh(normal.curvature) > 0.0)
    assert np.all(np.linalg.eigvalsh(normal.noise) >= -1e-12 * normal.noise.max())


def _normal(minimum, at, curvature, noise=0.0):
    curvature = np.asarray(curvature, float)
    slope = curvature @ (np.asarray(at) - np.asarray(minimum))
    return Normal(slope, curvature, noise * np.eye(len(slope)))


def _walk(measured, begin, memory=0.5, iterations=10, largest=1.0):
    optimizer = gauss_newton(memory, iterations, largest)
    at = jnp.asarray(begin)
    state = optimizer.init(at)
    way = [np.asarray(at)]
    for normal in measured:
        step, state = optimizer.update(at, state, at, normal=normal(np.asarray(at)))
        at = optax.apply_updates(at, step)
        way.append(np.asarray(at))
    return np.array(way)


VALLEY = [[100.0, 30.0], [30.0, 9.5]]


def test_a_valley_is_crossed_in_one_step():
    way = _walk([lambda at: _normal([1.0, 2.0], at, VALLEY)], [1.1, 1.7])
    assert np.allclose(way[-1], [1.0, 2.0], atol=1e-9)


def test_no_step_is_longer_than_allowed():
    way = _walk([lambda at: _normal([1.0, 2.0], at, VALLEY)], [1.1, 1.7], largest=0.1)
    assert np.abs(way[1] - way[0]).max() == pytest.approx(0.1)


def test_noise_is_averaged_over_the_iterations():
    random = np.random.default_rng(3)
    ends, singles = [], []
    for _ in range(200):
        minima = random.normal([1.0, 2.0], 0.05, size=(10, 2))
        measured = [lambda at, m=m: _normal(m, at, np.eye(2)) for m in minima]
        ends.append(_walk(measured, [1.0, 2.0])[-1])
        singles.append(minima[-1])
    gain = np.std(singles, axis=0).mean() / np.std(ends, axis=0).mean()
    assert 2.0 < gain < np.sqrt(10.0) + 0.3
    assert np.allclose(np.mean(ends, axis=0), [1.0, 2.0], atol=0.01)


def test_a_direction_of_mere_noise_is_hardly_followed():
    certain = solve(np.diag([1.0, 0.01]), np.diag([0.0, 0.0]), np.array([0.1, 0.01]))
    feigned = solve(np.diag([1.0, 0.01]), np.diag([0.0, 0.01]), np.array([0.1, 0.01]))
    assert np.allclose(certain, [0.1, 1.0])
    assert feigned == pytest.approx([0.1, 0.2])


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
