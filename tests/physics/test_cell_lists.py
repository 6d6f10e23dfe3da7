"""What cells find is what all distances find, whatever the cell, its changes and the numbers."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmdstudio.engine.adjoint import Backward, Truncation
from dmdstudio.engine.cell_lists import CellLists
from dmdstudio.engine.core import Configuration, Start, System, configuration
from dmdstudio.engine.dynamics import Leapfrog
from dmdstudio.engine.nearest import NearestPotential
from dmdstudio.engine.potential import ForceField
from dmdstudio.engine.potentials.stillinger_weber import StillingerWeber
from dmdstudio.engine.potentials.tersoff import Tersoff, TersoffOptions

CUBE = np.eye(3) * 21.0
SKEWED = np.array([[31.0, 0.0, 0.0], [9.0, 22.0, 0.0], [-8.0, 7.0, 16.0]])
SMALL = np.array([[9.0, 0.0, 0.0], [1.5, 9.0, 0.0], [-1.0, 0.5, 9.0]])
"""A cell that no more than two cells would fit in."""


class Plain(NearestPotential):
    """Neighbours without an energy."""

    build = examples = energy = None


Plain.__abstractmethods__ = frozenset()


def _gas(cell, precision, bits, pairs="cells"):
    """Return atoms at random, without any order in their numbers, and the lists for 4 angstrom."""
    random, atoms = np.random.default_rng(3), int(np.linalg.det(cell) / 18.0)
    types = np.zeros(atoms, int)
    system = System(("X",), types, types + 1.0, cell, precision, bits, pairs=pairs)
    term = Plain(SimpleNamespace(cutoff=4.0), system).sized()
    return term, system.wrap(jnp.asarray(random.uniform(size=(atoms, 3))))


@pytest.mark.parametrize(
    ("cell", "precision", "bits"),
    [(CUBE, "float32", 32), (SKEWED, "float64", 64), (SMALL, "float32", 32)],
    ids=["cube", "skewed", "small"],
)
def test_cells_find_every_pair_once(cell, precision, bits):
    """Also in a cell that has grown or shrunk since the lists were laid out."""
    term, lattice = _gas(cell, precision, bits)
    scales = (1.0, 0.93, 1.31)
    needed, room = term.crowding(lattice, min(scales) * cell)
    term = term.with_capacity(max(needed, room))
    listed = jax.jit(lambda s, c: term.nearest(configuration(term.system, s, c)))
    steps = np.asarray(lattice)[None] - np.asarray(lattice)[:, None]  # wraps
    for now in (scale * cell for scale in scales):
        near = listed(lattice, jnp.asarray(now))
        assert not near.short
        vectors = (steps / term.system.lattice_size) @ now
        distances = np.linalg.norm(vectors, axis=-1) + 9.0 * np.eye(len(lattice))
        atoms, places = np.nonzero(np.asarray(near.inside))
        others = np.asarray(near.index)[atoms, places]
        found = np.zeros(distances.shape, int)
        np.add.at(found, (atoms, others), 1)
        assert np.array_equal(found, distances < 4.0)
        found = np.asarray(near.vectors)[atoms, places]
        assert np.allclose(found, vectors[atoms, others], atol=1e-5 if bits == 32 else 1e-12)


def _silicon(copies, precision="float64", bits=64, pairs="cells", name="silicon"):
    """Return silicon and its positions: the disturbed example, as many times along each vector."""
    example = StillingerWeber.examples(precision, bits, "cpu")[name]
    small = example.system
    shifts = np.stack(np.meshgrid(*[np.arange(copies)] * 3, indexing="ij"), -1).reshape(-1, 1, 3)
    positions = (example.positions + shifts @ small.cell).reshape(-1, 3)
    number = copies**3
    system = replace(
        small,
        types=np.tile(small.types, number),
        masses=np.tile(small.masses, number),
        cell=small.cell * copies,
        pairs=pairs,
    )
    term = StillingerWeber.build(example.potential.options, system)
    theta = {"silicon": example.parameters}
    return ForceField(system, (("silicon", term),)), theta, system.to_lattice(positions)


def test_thousands_of_atoms_feel_what_their_copies_in_a_small_cell_feel():
    """4,096 atoms of two elements, by cells without being told; all distances take minutes."""
    field, theta, lattice = _silicon(4, pairs="auto", name="nitride")
    small, _, few = _silicon(1, pairs="dense", name="nitride")
    cell, w = field.system.cell, np.random.default_rng(5).normal(size=few.shape)
    assert field.terms[0][1].cells is not None
    assert small.terms[0][1].cells is None
    assert field.fitted(lattice, cell) is field
    found = jax.jit(field.pull)(theta, lattice, jnp.asarray(cell), jnp.tile(w, (64, 1)))
    expected = jax.jit(small.pull)(theta, few, jnp.asarray(small.system.cell), jnp.asarray(w))
    for one, other in zip(found[:2], expected[:2], strict=True):
        assert np.allclose(one, np.tile(other, (64, 1)), rtol=0, atol=1e-10)
    for name, slope in expected.parameters["silicon"].items():
        assert np.allclose(found.parameters["silicon"][name], 64 * slope, rtol=1e-9)


def test_lists_that_are_too_short_are_seen_and_mended():
    field, theta, lattice = _silicon(1)
    cell, term = jnp.asarray(field.system.cell), field.terms[0][1]
    energy = jax.jit(field.energy)(theta, lattice, cell)
    for short in (replace(term, capacity=3), replace(term, cells=term.cells.with_length(2))):
        bad = ForceField(field.system, (("silicon", short),))
        assert np.all(np.isnan(jax.jit(bad.force)(theta, lattice, cell)))
        needed, room = bad.crowding(lattice, cell)
        assert needed > room == short.capacity
        mended = bad.fitted(lattice, cell)
        assert np.isclose(jax.jit(mended.energy)(theta, lattice, cell), energy, rtol=1e-12)


def test_all_distances_need_no_room():
    """What the error about short lists recommends cannot end in it."""
    system = replace(Tersoff.examples("float64", 64, "cpu")["silicon"].system, pairs="dense")
    term = Tersoff.build(TersoffOptions(), system)
    assert term.capacity == system.atoms - 1
    assert term.crowding(jnp.zeros((system.atoms, 3), jnp.int64), system.cell) == (0, 0)


def test_atoms_in_another_order_feel_the_same():
    field, theta, lattice = _silicon(2)
    cell, order = jnp.asarray(field.system.cell), np.random.default_rng(2).permutation(512)
    force = jax.jit(field.force)
    found, mixed = force(theta, lattice, cell), force(theta, lattice[order], cell)
    assert np.allclose(mixed, found[order], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("precision", "bits"),
    [("float32", 32), pytest.param("float64", 64, marks=pytest.mark.slow)],
)
def test_trajectories_by_cells_come_back_to_the_same_bits(precision, bits):
    """Atoms change cells on the way, and the lists of the way back are those of the way there."""
    field, theta, lattice = _silicon(2, precision, bits)
    system, cell = field.system, jnp.asarray(field.system.cell)
    leapfrog = Leapfrog(
        field, 2.0, 1, 1, 4, 5, lambda _, phase: phase.velocities, lambda v: jnp.mean(v**2, (1, 2))
    )
    speeds = np.random.default_rng(1).normal(scale=0.008, size=(2, *lattice.shape))
    velocities = jnp.asarray(speeds, system.dtype)

    @jax.jit
    def there(velocities):
        def one(v):
            return leapfrog.forward(theta, Start(lattice, v, cell), lambda phase: None, keep=True)

        return jax.vmap(one)(velocities)

    @jax.jit
    def back(trajectories):
        def one(trajectory):
            ones = jnp.ones(leapfrog.blocks + 1, system.dtype)
            truncation = Truncation.window(leapfrog.blocks, 0)
            return Backward(leapfrog, {})(theta, cell, trajectory, ones, truncation).residual

        return jax.vmap(one)(trajectories)

    trajectories = there(velocities)
    assert np.all(np.isfinite(trajectories.energies.potential_last))
    before, after = (_cells(field, s) for s in (lattice, trajectories.last.lattice[0]))
    assert np.any(before != after)
    assert float(jnp.max(back(trajectories))) == 0.0


def _cells(field: ForceField, lattice) -> np.ndarray:
    """Return the candidates of all atoms."""
    lists: CellLists = field.terms[0][1].cells
    where = Configuration(lattice, jnp.zeros(lattice.shape), jnp.asarray(field.system.cell))
    return np.asarray(lists.candidates(where.lattice, where.cell).index)
