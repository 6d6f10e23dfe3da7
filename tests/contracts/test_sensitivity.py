"""Sensitivities, contracted with the derivative of the loss, are the gradient."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import msgspec
import numpy as np
import pytest
from test_gradients import finish

from dmdstudio.engine.ensemble import Ensemble
from dmdstudio.engine.pool import draw_pool, weigh
from dmdstudio.engine.program import Program
from dmdstudio.engine.refinement import differentiate
from dmdstudio.engine.sensitivity import sensitivities
from dmdstudio.files.spectra import write_measurement
from dmdstudio.plan.recipe import TargetPlan
from dmdstudio.plan.settings import with_settings
from dmdstudio.plan.structure import Measurement
from dmdstudio.service.build import build

EXACT = ("execution.precision=float64", "execution.lattice_bits=64")


@pytest.fixture
def several(tiny_recipe):
    """The tiny recipe with a dynamic number, a dynamic curve, and static targets."""
    time = np.linspace(0.0, 0.1, 11)
    made = {
        "velocity_autocorrelation": Measurement(
            "velocity_autocorrelation",
            5e4 * np.exp(-9.0 * time),
            "m2/s2",
            axis=time,
            axis_unit="ps",
        ),
        "pressure": Measurement("pressure", np.array([300.0]), "bar"),
    }
    targets = [*tiny_recipe.target]
    for name, measurement in made.items():
        path = tiny_recipe.path(f"{name}.csv")
        write_measurement(measurement, path)
        options = {"window": 0.1} if name.startswith("velocity") else {}
        targets.append(TargetPlan(observable=name, data=path.name, weight=0.3, options=options))
    return msgspec.structs.replace(tiny_recipe, target=tuple(targets))


def measured(recipe, *settings):
    """Return trajectories of a recipe at its initial parameters, from a reweighted pool."""
    problem, _ = build(with_settings(recipe, list(settings)))
    program = Program(problem)
    drawn = problem.initial * np.array([1.002, 0.99])
    steps = problem.sampling.equilibration_steps
    pool = finish(draw_pool(program, drawn, None, steps, 0))
    ensemble = Ensemble(program, pool, weigh(program, pool, problem.initial))
    finish(ensemble.propagate(problem.initial, keep=True))
    return ensemble


@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("dynamics.segments=2", "dynamics.both_ways=true"),
        ("dynamics.segments=2", "gradient.truncation=window", "gradient.horizon=0.04"),
        ("gradient.truncation=damping", "gradient.horizon=0.03"),
        ("potential.parameter.sigma.free=false",),
    ],
    ids=["whole", "segments both ways", "window", "damping", "one parameter"],
)
def test_contracted_with_the_loss_it_is_the_gradient(several, settings):
    ensemble = measured(several, *EXACT, *settings)
    problem = ensemble.problem
    found = finish(sensitivities(ensemble, problem.initial, problem.method.truncation(problem)))
    means = jax.tree.map(jnp.asarray, ensemble.means)
    gradient = finish(differentiate(ensemble, problem.initial, jax.grad(problem.loss)(means)))
    of_replicas = 0.0
    for target in problem.targets:
        sensitivity = found[target.key]
        assert sensitivity.derivative.shape == (len(target.experiment), problem.free.sum())
        z = np.asarray(target.residual(means.whole[target.key]))
        by_point = 2.0 * target.weight * z / target.scale / len(z)
        of_replicas += np.einsum("p,rpk->rk", by_point, sensitivity.of_replicas)
    total = ensemble.weights.weight @ of_replicas
    assert np.allclose(total, gradient.total[problem.free], rtol=1e-9)
    error = ensemble.standard_error(of_replicas - total)
    assert np.allclose(error, gradient.error[problem.free], rtol=1e-8)


def test_adjoint_and_tangents_agree_and_single_precision_with_them(tiny_recipe):
    """Same lattice starts, so only the method or the arithmetic differs."""
    wide = measured(tiny_recipe, "execution.precision=float64")
    parameters = wide.problem.initial
    (adjoint,) = finish(sensitivities(wide, parameters)).values()
    assert wide.kept
    wide.kept = []
    (tangent,) = finish(sensitivities(wide, parameters)).values()
    for one, other in zip(adjoint, tangent, strict=True):
        assert np.allclose(one, other, rtol=1e-8)
    program = Program(build(with_settings(tiny_recipe, ["execution.precision=float32"]))[0])
    narrow = Ensemble(program, wide.pool, weigh(program, wide.pool, parameters))
    finish(narrow.propagate(parameters, keep=False))
    (single,) = finish(sensitivities(narrow, parameters)).values()
    assert np.allclose(single.derivative, tangent.derivative, rtol=1e-3)
    assert not np.array_equal(single.derivative, tangent.derivative)
