"""Pair sums that XLA does by cells are those over all pairs, with all their derivatives."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmdstudio.engine import listed_pairs
from dmdstudio.engine import potentials as _registered  # noqa: F401  fills the registry
from dmdstudio.engine.adjoint import Backward, Truncation
from dmdstudio.engine.core import Phase, Start, configuration
from dmdstudio.engine.dynamics import Leapfrog
from dmdstudio.engine.potential import ForceField, potentials

EXAMPLES = {
    "lennard_jones": "mixture",
    "pair_spline": "mixture",
    "coulomb": "balanced",
    "ewald": "balanced",
}
"""All in a skewed cell, of two types; the last two leave out bonded pairs."""


def _field(kind, pairs, copies=1):
    """Return the sums of XLA over an example, as many times along each vector, and its lattice."""
    example = potentials.get(kind).examples("float64", 64, "gpu")[EXAMPLES[kind]]
    small, number = example.system, copies**3
    shifts = np.stack(np.meshgrid(*[np.arange(copies)] * 3, indexing="ij"), -1).reshape(-1, 1, 3)
    positions = (example.positions + shifts @ small.cell).reshape(-1, 3)
    bonds = small.bonds + small.atoms * np.arange(number)[:, None, None]
    system = replace(
        small,
        types=np.tile(small.types, number),
        masses=np.tile(small.masses, number),
        cell=small.cell * copies,
        bonds=bonds.reshape(-1, 2),
        pairs=pairs,
    )
    term = type(example.potential).build(example.potential.options, system)
    theta = {"it": example.parameters}
    return ForceField(system, (("it", term),)), theta, system.to_lattice(jnp.asarray(positions))


def _alike(found, expected, size=1.0):
    for one, other in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        other = size * np.asarray(other)
        assert np.allclose(one, other, rtol=0, atol=1e-11 * np.abs(other).max())


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=() if kind in ("lennard_jones", "coulomb") else pytest.mark.slow)
        for kind in EXAMPLES
    ],
)
def test_cells_give_what_all_pairs_give(kind, monkeypatch):
    """In several pieces, the last of them not full."""
    monkeypatch.setattr(listed_pairs, "LARGEST_PIECE", 2**13)
    (field, theta, lattice), (plain, _, _) = _field(kind, "cells"), _field(kind, "dense")
    cell, listed = jnp.asarray(field.system.cell), field.terms[0][1].listed
    assert listed.cells.size * len(lattice) > 2**13
    assert plain.terms[0][1].listed is None
    w = jnp.asarray(np.random.default_rng(5).normal(size=lattice.shape))
    found, expected = (jax.jit(f.pull)(theta, lattice, cell, w) for f in (field, plain))
    _alike(found, expected)

    def level(which):
        def of(theta, strain):
            return which.energy(theta, lattice, cell @ (jnp.eye(3) + strain))

        return jax.jit(jax.value_and_grad(of, argnums=(0, 1)))(theta, jnp.zeros((3, 3)))

    _alike(level(field), level(plain))


@pytest.mark.slow
def test_the_moving_virial_by_cells_has_the_slopes_of_that_over_all_pairs(monkeypatch):
    """By positions and parameters at once, forward and in reverse."""
    monkeypatch.setattr(listed_pairs, "LARGEST_PIECE", 2**13)
    found, weights = {}, jnp.arange(9.0).reshape(3, 3)
    for pairs in ("cells", "dense"):
        field, theta, lattice = _field("lennard_jones", pairs)
        where = configuration(field.system, lattice, jnp.asarray(field.system.cell))
        along = jnp.asarray(np.random.default_rng(3).normal(size=lattice.shape))

        def moving(step, field=field, theta=theta, where=where, along=along):
            changed = jax.tree.map(lambda a: a * (1.0 + 0.1 * step), theta)
            return field.moving_virial(changed, where._replace(offset=step * along))

        forward = jax.jit(lambda moving=moving: jax.jvp(moving, (0.0,), (1.0,)))()
        reverse = jax.jit(jax.grad(lambda s, of=moving: jnp.sum(weights * of(s))))(0.0)
        found[pairs] = forward, reverse
    _alike(found["cells"], found["dense"])


def test_large_systems_take_cells_without_being_told():
    """1,728 atoms, where cells are many along every vector."""
    field, theta, lattice = _field("lennard_jones", "auto", 3)
    small, _, few = _field("lennard_jones", "auto")
    assert small.terms[0][1].listed is None
    cell, w = field.system.cell, np.random.default_rng(5).normal(size=few.shape)
    assert field.fitted(lattice, cell) is field
    found = jax.jit(field.pull)(theta, lattice, cell, jnp.tile(w, (27, 1)))
    expected = jax.jit(small.pull)(theta, few, small.system.cell, w)
    _alike(found[:2], jax.tree.map(lambda a: np.tile(a, (27, 1)), expected[:2]))
    _alike(found.parameters, expected.parameters, 27.0)


def test_runs_that_are_too_short_are_seen_and_mended():
    field, theta, lattice = _field("lennard_jones", "cells")
    cell, w = jnp.asarray(field.system.cell), jnp.ones(lattice.shape)
    short = ForceField(field.system, (("it", replace(field.terms[0][1], run=2)),))
    pull, energy = jax.jit(short.pull)(theta, lattice, cell, w), jax.jit(short.energy)
    assert all(np.all(np.isnan(a)) for a in jax.tree.leaves(pull))
    assert np.isnan(energy(theta, lattice, cell))
    needed, room = short.crowding(lattice, cell)
    assert needed > room == 2
    mended = short.fitted(lattice, cell)
    assert mended.crowding(lattice, cell)[1] > needed
    exact = jax.jit(field.energy)(theta, lattice, cell)
    assert np.isclose(jax.jit(mended.energy)(theta, lattice, cell), exact, rtol=1e-12)


def test_the_adjoint_by_cells_is_that_by_all_pairs():
    """And the way back ends at the bits that the way there began with."""
    found = {}
    for pairs in ("cells", "dense"):
        field, theta, lattice = _field("lennard_jones", pairs)
        cell = jnp.asarray(field.system.cell)
        speeds = np.random.default_rng(1).normal(scale=0.004, size=lattice.shape)
        found[pairs] = _walked(field, theta, Start(lattice, jnp.asarray(speeds), cell))
        assert float(found[pairs].residual) == 0.0
    _alike(found["cells"].theta, found["dense"].theta)


def _walked(field, theta, start):
    """Return what the adjoint gives along a short trajectory."""

    def frame(_, phase: Phase):
        return phase.velocities

    leapfrog = Leapfrog(field, 2.0, 1, 1, 4, 5, frame, lambda v: jnp.mean(v**2, (1, 2)))

    @jax.jit
    def walk(theta):
        trajectory = leapfrog.forward(theta, start, lambda phase: None, keep=True)
        ones = jnp.ones(leapfrog.blocks + 1)
        truncation = Truncation.window(leapfrog.blocks, 0)
        return Backward(leapfrog, {})(theta, start.cell, trajectory, ones, truncation)

    return walk(theta)
