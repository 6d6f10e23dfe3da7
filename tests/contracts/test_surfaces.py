"""What every registered surface must do."""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmdstudio.engine import surfaces as _registered  # noqa: F401  fills the registry
from dmdstudio.engine.core import Configuration, Phase, configuration
from dmdstudio.engine.potential import ForceField
from dmdstudio.engine.surface import Example, surfaces

CASES = [
    (name, example)
    for name, kind in surfaces.items()
    for example in kind.examples("float64", 64, "cpu")
]


@functools.cache
def _example(case: tuple[str, str], *settings) -> Example:
    name, example = case
    return surfaces.get(name).examples(*(settings or ("float64", 64, "cpu")))[example]


@pytest.fixture(params=CASES, ids=lambda c: "-".join(c))
def case(request):
    return request.param


@pytest.fixture
def example(case):
    return _example(case)


def _where(example: Example, positions=None) -> Configuration:
    system = example.system
    positions = example.positions if positions is None else positions
    lattice = system.to_lattice(jnp.asarray(positions))
    return configuration(system, lattice, jnp.asarray(system.cell))


@functools.cache
def _compiled(surface, name: str):
    return jax.jit(getattr(surface, name))


def _value(example: Example, where: Configuration):
    name = example.surface.gives
    return _compiled(example.surface, name)(example.parameters, example.theta, where)


def _velocity(example: Example, where: Configuration, velocities):
    phase, name = Phase(where, jnp.asarray(velocities)), f"{example.surface.gives}_velocity"
    return _compiled(example.surface, name)(example.parameters, example.theta, phase)


def _turned(value, axes: np.ndarray) -> np.ndarray:
    """Turn a vector, or a tensor, from the axes of the cell to others."""
    value = np.asarray(value) @ axes
    return value if value.ndim == 1 else axes.T @ value


def _velocities(example: Example, seed: int = 1) -> np.ndarray:
    return 0.01 * np.random.default_rng(seed).normal(size=example.positions.shape)


def _slope(function, step: float):
    """Return the derivative of a function of one number at 0."""
    ends = {k: np.asarray(function(k * step)) for k in (-2, -1, 1, 2)}
    return (ends[-2] - 8 * ends[-1] + 8 * ends[1] - ends[2]) / (12 * step)


def test_the_velocity_is_the_slope_of_the_value_along_the_motion(example):
    velocities = _velocities(example)
    found = _velocity(example, _where(example), velocities)

    def value(time):
        return _value(example, _where(example, example.positions + time * velocities))

    expected = _slope(value, 0.01)
    assert np.any(np.abs(expected) > 1e-4)
    assert np.allclose(found, expected, rtol=0, atol=1e-7 * np.abs(expected).max())


def test_the_velocity_can_be_pulled_back(example):
    """By positions, velocities and parameters, as the adjoint does at every frame."""
    where, velocities = _where(example), jnp.asarray(_velocities(example))
    cotangent = jnp.array([0.3, -1.1, 0.7])
    if example.surface.gives == "polarisability":
        cotangent = jnp.outer(cotangent, jnp.array([0.2, 1.3, -0.6]))

    @jax.jit
    def pulled(offset, velocities, parameters, theta):
        phase = Phase(where._replace(offset=offset), velocities)
        velocity = getattr(example.surface, f"{example.surface.gives}_velocity")
        return jnp.vdot(velocity(parameters, theta, phase), cotangent)

    at = (where.offset, velocities, example.parameters, example.theta)
    slopes = jax.grad(pulled, argnums=(0, 1, 2, 3))(*at)
    random = np.random.default_rng(2)
    for index, slope in enumerate(slopes):
        leaves, shape = jax.tree.flatten(at[index])
        if not leaves:
            continue
        along = [jnp.asarray(random.normal(size=leaf.shape)) for leaf in leaves]
        expected = _slope(
            lambda t, i=index, ls=leaves, along=along, shape=shape: pulled(
                *at[:i],
                shape.unflatten([x + t * d for x, d in zip(ls, along, strict=True)]),
                *at[i + 1 :],
            ),
            1e-4,
        )
        told = sum(jnp.vdot(s, d) for s, d in zip(jax.tree.leaves(slope), along, strict=True))
        scale = sum(float(jnp.sum(jnp.abs(s))) for s in jax.tree.leaves(slope))
        assert float(told) == pytest.approx(float(expected), abs=1e-8 * max(scale, 1e-3))


def test_lists_of_neighbours_give_what_all_pairs_give():
    """A list that is too short says so, and is made longer."""
    dense = _example(("eann_dipole", "water"))
    system = dataclasses.replace(dense.system, pairs="cells")
    term = type(dense.surface).build(dense.surface.options, system, ForceField(system, ()))
    listed = dense._replace(system=system, surface=term)
    where, velocities = _where(dense), _velocities(dense)
    assert listed.surface.capacity and not dense.surface.capacity
    expected = _value(dense, where), _velocity(dense, where, velocities)
    found = _value(listed, where), _velocity(listed, where, velocities)
    assert np.allclose(found, expected, rtol=0, atol=1e-12 * np.abs(expected).max())
    short = dataclasses.replace(listed.surface, capacity=8)
    assert np.all(np.isnan(short.dipole(listed.parameters, {}, where)))
    needed, room = short.crowding(where.lattice, where.cell)
    assert needed > room == 8
    mended = short.fitted(where.lattice, where.cell)
    assert mended.capacity > needed == mended.crowding(where.lattice, where.cell)[0]


def test_jit_equals_eager(example):
    where = _where(example)
    value = getattr(example.surface, example.surface.gives)
    eager = np.asarray(value(example.parameters, example.theta, where))
    assert np.allclose(_value(example, where), eager, rtol=0, atol=1e-12 * np.abs(eager).max())


def test_a_dipole_is_a_vector_and_a_polarisability_a_symmetric_tensor(example):
    value = np.asarray(_value(example, _where(example)))
    assert value.shape == {"dipole": (3,), "polarisability": (3, 3)}[example.surface.gives]
    assert np.allclose(value, value.T, rtol=0, atol=1e-12 * np.abs(value).max())


def test_it_does_not_depend_on_the_origin(example):
    """Molecules that a face of the cell cuts are whole for it, and neutral together."""
    expected = _value(example, _where(example))
    for shift in ([1.3, -7.1, 30.2], [6.2, 5.8, 0.1]):
        moved = _value(example, _where(example, example.positions + np.array(shift)))
        assert np.allclose(moved, expected, rtol=0, atol=1e-9)


def test_it_turns_with_everything(example):
    where, velocities = _where(example), _velocities(example)
    axes = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))[0]
    turned = where._replace(cell=where.cell @ axes)
    expected = _turned(_value(example, where), axes)
    assert np.allclose(_value(example, turned), expected, rtol=0, atol=1e-10)
    velocity = _turned(_velocity(example, where, velocities), axes)
    found = _velocity(example, turned, velocities @ axes)
    assert np.allclose(found, velocity, rtol=0, atol=1e-10)


def test_like_molecules_may_be_exchanged(example):
    molecules = example.system.molecules
    atoms = [np.flatnonzero(molecules == m) for m in np.unique(molecules)]
    order = np.concatenate([atoms[m] for m in np.random.default_rng(5).permutation(len(atoms))])
    assert np.array_equal(example.system.types[order], example.system.types)
    moved = _value(example, _where(example, example.positions[order]))
    assert np.allclose(moved, _value(example, _where(example)), rtol=0, atol=1e-9)


def test_single_precision_is_close(case):
    exact = _example(case)
    single = _example(case, "float32", 32, "cpu")
    velocities = _velocities(exact)
    numbers = [jax.tree.map(lambda a: a.astype("float32"), t) for t in single[2:4]]
    single = single._replace(parameters=numbers[0], theta=numbers[1])
    found = _velocity(single, _where(single), velocities.astype("float32"))
    assert found.dtype == np.float32
    expected = np.asarray(_velocity(exact, _where(exact), velocities))
    assert np.allclose(found, expected, rtol=0, atol=1e-5 * np.abs(velocities).sum())
    value = _value(single, _where(single))
    expected = np.asarray(_value(exact, _where(exact)))
    assert np.allclose(value, expected, rtol=0, atol=1e-5 * np.abs(expected).max() + 1e-4)
