"""Every gradient method against plain backpropagation and the finite difference of the loss."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import msgspec
import numpy as np
import pytest

from dmdstudio.engine.core import State
from dmdstudio.engine.ensemble import Ensemble
from dmdstudio.engine.gradients.backpropagation import Backpropagation, BackpropagationOptions
from dmdstudio.engine.pool import draw_pool, weigh
from dmdstudio.engine.program import Program
from dmdstudio.engine.refinement import differentiate
from dmdstudio.files.spectra import write_measurement
from dmdstudio.plan.events import GradientChecked
from dmdstudio.plan.recipe import TargetPlan
from dmdstudio.plan.settings import with_settings
from dmdstudio.plan.structure import Measurement
from dmdstudio.service import loop
from dmdstudio.service.build import build
from dmdstudio.service.control import Control


def finish(work):
    """Run a generator of work to its end and return what it returns."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def gradient(recipe, *settings):
    """Return problem, gradient and ensemble of a recipe at its initial parameters."""
    problem, _ = build(with_settings(recipe, list(settings)))
    program = Program(problem)
    steps = problem.sampling.equilibration_steps
    pool = finish(draw_pool(program, problem.initial, None, steps, 0))
    ensemble = Ensemble(program, pool, weigh(program, pool, problem.initial))
    finish(ensemble.propagate(problem.initial, keep=True))
    cotangent = jax.grad(problem.loss)(jax.tree.map(jnp.asarray, ensemble.means))
    return problem, finish(differentiate(ensemble, problem.initial, cotangent)), ensemble


def test_adjoint_backpropagation_and_differences_agree(tiny_recipe):
    """Through a term, too, of which one number follows a free one and the other is fixed."""
    (first,) = tiny_recipe.potential
    follows = {"sigma": "lennard_jones.sigma", "epsilon": ""}
    numbers = tuple(
        msgspec.structs.replace(p, free=False, tie=follows[p.name]) for p in first.parameter
    )
    second = msgspec.structs.replace(first, name="second", parameter=numbers)
    recipe = msgspec.structs.replace(tiny_recipe, potential=(first, second))
    *_, checked = loop.check_gradient(recipe, Control())
    assert isinstance(checked, GradientChecked)
    assert checked.reversal_residual == 0.0
    assert len(checked.rows) == 2
    for row in checked.rows:
        assert row.errors["reversible_adjoint"] < 1e-10
        assert row.errors["finite_difference"] < 1e-5


def test_the_check_is_of_the_whole_gradient(tiny_recipe):
    """A truncated adjoint is no derivative of the loss: it stands beside that, with its bias."""
    cut = with_settings(tiny_recipe, ["gradient.truncation=damping", "gradient.horizon=0.02"])
    *_, checked = loop.check_gradient(cut, Control())
    assert isinstance(checked, GradientChecked)
    assert "'damping'" in checked.note
    for row in checked.rows:
        assert row.errors["reversible_adjoint"] < 1e-10
        assert row.errors["truncated_adjoint"] > 1e-3


@pytest.mark.parametrize("steps", [1000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_the_lattice_returns_to_the_same_bits_in_both_precisions(tiny_recipe, steps):
    for bits in (32, 64):
        for precision in ("float32", "float64"):
            _, found, _ = gradient(
                tiny_recipe,
                f"execution.precision={precision}",
                f"execution.lattice_bits={bits}",
                f"dynamics.steps={steps}",
                f"dynamics.record_every={steps // 200}",
                f"target.window={steps * 1e-4}",
                "gradient.truncation=window",  # over 100 ps the whole adjoint is no number
                f"gradient.horizon={steps * 1e-5}",
            )
            assert found.residual == 0.0


def test_float32_gradient_is_close_to_float64(tiny_recipe):
    """Same lattice starts, so only the arithmetic differs."""
    problem, wide, ensemble = gradient(tiny_recipe, "execution.precision=float64")
    narrow_problem, _ = build(with_settings(tiny_recipe, ["execution.precision=float32"]))
    program = Program(narrow_problem)
    narrow = Ensemble(program, ensemble.pool, weigh(program, ensemble.pool, problem.initial))
    finish(narrow.propagate(problem.initial, keep=True))
    cotangent = jax.grad(problem.loss)(jax.tree.map(jnp.asarray, narrow.means))
    found = finish(differentiate(narrow, problem.initial, cotangent))
    path, other = found.total - found.thermodynamic, wide.total - wide.thermodynamic
    assert np.allclose(path, other, rtol=1e-3)
    assert np.allclose(found.thermodynamic, wide.thermodynamic, rtol=1e-3)


def test_the_gradient_does_not_depend_on_the_batch(tiny_recipe):
    _, one, _ = gradient(tiny_recipe, "execution.batch=2")
    _, other, _ = gradient(tiny_recipe, "execution.batch=4")
    assert np.allclose(one.total, other.total, rtol=1e-5)


def test_methods_chosen_by_name_agree(tiny_recipe):
    settings = ("execution.precision=float64", "execution.lattice_bits=64")
    _, adjoint, _ = gradient(tiny_recipe, *settings)
    for method in ("backpropagation", "finite_difference"):
        _, other, _ = gradient(tiny_recipe, *settings, f"gradient.method={method}")
        assert np.allclose(other.total, adjoint.total, rtol=1e-5)


def test_damping_shortens_the_adjoint(tiny_recipe):
    """A short damping time must change the pathwise part and leave the thermodynamic one."""
    _, plain, _ = gradient(tiny_recipe)
    _, damped, _ = gradient(tiny_recipe, "gradient.truncation=damping", "gradient.horizon=0.01")
    assert np.allclose(plain.thermodynamic, damped.thermodynamic, rtol=1e-6)
    path, short = plain.total - plain.thermodynamic, damped.total - damped.thermodynamic
    assert np.all(np.abs(short) < 0.5 * np.abs(path))


def test_the_score_is_the_derivative_of_a_reweighted_mean(tiny_recipe):
    """The thermodynamic part for a static observable, against differences of the weights."""
    problem, found, ensemble = gradient(tiny_recipe)
    program, pool = ensemble.program, ensemble.pool
    cotangent = jax.grad(problem.loss)(jax.tree.map(jnp.asarray, ensemble.means))
    response = ensemble.influence(cotangent)
    for index in range(len(problem.initial)):
        step = 1e-5 * problem.initial[index]
        means = []
        for sign in (1, -1):
            moved = problem.initial.copy()
            moved[index] += sign * step
            means.append(weigh(program, pool, moved).weight @ response)
        difference = (means[0] - means[1]) / (2 * step)
        assert found.thermodynamic[index] == pytest.approx(difference, rel=1e-5)


def _segmented(recipe, segments, *settings):
    steps = 200 * segments
    wide = ("execution.precision=float64", "execution.lattice_bits=64")
    cut = (f"dynamics.steps={steps}", f"dynamics.segments={segments}")
    return gradient(recipe, *wide, *cut, *settings)


@pytest.fixture
def several(tiny_recipe):
    """The tiny recipe with a dynamic target and three static ones."""
    targets = [
        TargetPlan(observable="self_diffusion", data="argon-self-diffusion.csv",
                   options={"window": 0.1}),
    ]  # fmt: skip
    for name, value, unit in (("potential_energy", -4.5, "kJ/mol"), ("pressure", 300.0, "bar")):
        path = tiny_recipe.path(f"{name}.csv")
        write_measurement(Measurement(name, np.array([value]), unit), path)
        targets.append(TargetPlan(observable=name, data=path.name, weight=0.1))
    return msgspec.structs.replace(tiny_recipe, target=tuple(targets))


def test_segments_are_starts_of_their_own(several):
    """Three segments give what their starts give as replicas of one segment each."""
    problem, whole, ensemble = _segmented(several, 3)
    trajectories = ensemble.program.replicas.join(ensemble.kept)
    program = Program(replace(problem, dynamics=msgspec.structs.replace(
        problem.dynamics, steps=200, segments=1)))  # fmt: skip
    pool = ensemble.pool
    leapfrog = problem.leapfrog()
    theta = problem.theta(jnp.asarray(problem.initial))
    found, scores = [], []
    cotangent = jax.grad(problem.loss)(jax.tree.map(jnp.asarray, ensemble.means))
    for k in range(3):
        lattice = trajectories.marks.lattice[:, k, 0]
        displacement = trajectories.marks.displacement[:, k, 0]

        def velocity(s, p):
            box = leapfrog.box(jnp.asarray(problem.system.cell))
            return leapfrog.step(theta, box, State(s, p))[1].velocities

        velocities = np.asarray(jax.vmap(velocity)(jnp.asarray(lattice), jnp.asarray(displacement)))
        part = pool._replace(lattice=lattice, velocities=velocities)
        one = Ensemble(program, part, ensemble.weights)
        finish(one.propagate(problem.initial, keep=True))
        found.append(finish(problem.method.pathwise(one, problem.initial, cotangent)).gradient)
        scores.append(one.samples.slope)
        assert np.allclose(one.summaries["self_diffusion"][:, 0],
                           ensemble.summaries["self_diffusion"][:, k], rtol=1e-9)  # fmt: skip
    path = whole.total - whole.thermodynamic
    assert np.allclose(np.mean(found, axis=(0, 1)), path, rtol=1e-9)
    assert np.allclose(np.concatenate(scores, axis=1)[:, :, 0], ensemble.samples.slope[:, :, 0])


def test_backpropagation_agrees_on_segments(several):
    """On those of starts that are run both ways, too."""
    both = ("dynamics.both_ways=true", "dynamics.steps=200")
    _, adjoint, _ = _segmented(several, 2, *both)
    _, other, _ = _segmented(several, 2, *both, "gradient.method=backpropagation")
    assert np.allclose(other.total, adjoint.total, rtol=1e-9)


@pytest.mark.parametrize("settings", [("gradient.frames=retrace",), ("gradient.anchor_every=50",)])
def test_retracing_and_anchors_change_nothing(several, settings):
    _, plain, _ = _segmented(several, 2)
    _, other, ensemble = _segmented(several, 2, *settings)
    assert other.residual == 0.0
    path, same = plain.total - plain.thermodynamic, other.total - other.thermodynamic
    assert np.allclose(same, path, rtol=1e-12)
    kept = ensemble.kept[0]
    assert (kept.features is None) == (settings[0] == "gradient.frames=retrace")
    assert kept.marks.lattice.shape[2] == (4 if "anchor" in settings[0] else 1)


def test_a_window_that_holds_all_changes_nothing_and_a_short_one_does(several):
    _, plain, _ = _segmented(several, 1)
    _, wide, _ = _segmented(several, 1, "gradient.truncation=window", "gradient.horizon=0.2")
    _, short, _ = _segmented(several, 1, "gradient.truncation=window", "gradient.horizon=0.05")
    assert np.allclose(wide.total, plain.total, rtol=1e-12)
    path, cut = plain.total - plain.thermodynamic, short.total - short.thermodynamic
    assert np.all(np.abs(cut) < 0.7 * np.abs(path))


def test_a_small_norm_holds_the_adjoint_down(several):
    _, plain, _ = _segmented(several, 1)
    _, high, _ = _segmented(several, 1, "gradient.truncation=norm", "gradient.largest_norm=1e9")
    _, low, _ = _segmented(several, 1, "gradient.truncation=norm", "gradient.largest_norm=0.1")
    assert np.allclose(high.total, plain.total, rtol=1e-12)
    path, held = plain.total - plain.thermodynamic, low.total - low.thermodynamic
    assert np.all(np.abs(held) < 0.9 * np.abs(path))


def test_checkpoints_save_memory_and_change_nothing(tiny_recipe):
    """The fewer states are kept, the less room backpropagation needs."""
    problem, _, ensemble = gradient(tiny_recipe, "execution.precision=float64")
    cotangent = jax.grad(problem.loss)(jax.tree.map(jnp.asarray, ensemble.means))
    found, room = {}, {}
    for kind in ("none", "frames"):  # by default every step, as all other tests have it
        method = Backpropagation.build(BackpropagationOptions(checkpoint=kind))
        ensemble.program = program = Program(replace(problem, method=method))
        work = method.pathwise(ensemble, jnp.asarray(problem.initial), cotangent)
        found[kind] = finish(work).gradient
        start, half = next(program.replicas.split(ensemble.pool.starts, ensemble.half))
        shared = (jnp.asarray(problem.initial), ensemble.cotangents(cotangent))
        compiled = vars(program)[method.name].lower(shared, start, half).compile()
        room[kind] = compiled.memory_analysis().temp_size_in_bytes
    assert room["frames"] < 0.2 * room["none"]
    assert np.allclose(found["frames"], found["none"], rtol=1e-12)
