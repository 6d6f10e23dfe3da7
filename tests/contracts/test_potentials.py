"""What every registered potential must do."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmdstudio.engine import kernels, pair_sums
from dmdstudio.engine import potentials as _registered  # noqa: F401  fills the registry
from dmdstudio.engine.core import Configuration, configuration
from dmdstudio.engine.pair import PairPotential
from dmdstudio.engine.potential import Example, ForceField, Potential, potentials
from dmdstudio.engine.potentials.lennard_jones import LennardJones
from dmdstudio.engine.replicas import Replicas

CASES = [
    (name, example)
    for name, kind in potentials.items()
    for example in kind.examples("float64", 64, "cpu")
]


def _example(case: tuple[str, str], *settings) -> Example:
    name, example = case
    return potentials.get(name).examples(*(settings or ("float64", 64, "cpu")))[example]


@pytest.fixture(params=CASES, ids=lambda c: "-".join(c))
def case(request):
    return request.param


@pytest.fixture
def example(case):
    return _example(case)


def _energy(example: Example, positions, parameters=None, cell=None):
    system = example.system
    where = configuration(
        system, system.to_lattice(jnp.asarray(positions)), jnp.asarray(system.cell)
    )
    if cell is not None:
        where = where._replace(cell=jnp.asarray(cell))
    return example.potential.energy(parameters or example.parameters, where)


def _lattice(example: Example):
    return example.system.to_lattice(jnp.asarray(example.positions))


def _field(example: Example) -> tuple[ForceField, dict]:
    return ForceField(example.system, (("it", example.potential),)), {"it": example.parameters}


def test_forces_are_the_slope_of_the_energy(example):
    field, theta = _field(example)
    force = np.asarray(jax.jit(field.force)(theta, _lattice(example), example.system.cell))
    energy = jax.jit(lambda x: _energy(example, x))
    step = 1e-4
    for atom, axis in [(0, 0), (3, 1), (17, 2), (40, 0)]:
        moved = []
        for k in (-2, -1, 1, 2):
            x = example.positions.copy()
            x[atom, axis] += k * step
            moved.append(float(energy(x)))
        slope = (moved[0] - 8 * moved[1] + 8 * moved[2] - moved[3]) / (12 * step)
        assert force[atom, axis] == pytest.approx(-slope, abs=1e-7 * np.abs(force).max())


def test_pull_is_force_hessian_and_mixed_derivative(example):
    field, theta = _field(example)
    w = np.random.default_rng(1).normal(size=example.positions.shape)
    pull = jax.jit(field.pull)(theta, _lattice(example), example.system.cell, jnp.asarray(w))

    def contracted(offset, parameters):
        where = configuration(
            example.system, _lattice(example), jnp.asarray(example.system.cell)
        )._replace(offset=offset)
        return jnp.sum(Potential.force(example.potential, parameters, where) * w)

    zero = jnp.zeros(example.positions.shape)
    by_x, by_theta = jax.grad(contracted, argnums=(0, 1))(zero, example.parameters)
    assert np.allclose(pull.position, by_x, rtol=0, atol=1e-12 * np.abs(by_x).max())
    for name, value in by_theta.items():
        assert np.allclose(pull.parameters["it"][name], value, rtol=1e-11, atol=1e-12)


def test_the_backward_force_is_the_forward_force_bit_for_bit(case):
    """Exact reversal stands on this: other programs, same bits."""
    for precision, bits in (("float32", 32), ("float64", 64)):
        example = _example(case, precision, bits, "cpu")
        field, theta = _field(example)
        lattice = _lattice(example)
        w = jnp.asarray(np.random.default_rng(2).normal(size=lattice.shape), precision)
        force = np.asarray(jax.jit(field.force)(theta, lattice, example.system.cell))
        pulled = np.asarray(jax.jit(field.pull)(theta, lattice, example.system.cell, w).force)
        if getattr(example.potential, "compiled", False):
            assert np.array_equal(force, pulled)
        else:
            assert np.allclose(force, pulled, rtol=0, atol=1e-6 * np.abs(force).max())


def test_compiled_kernels_give_what_xla_gives(case):
    here, xla = _example(case), _example(case, "float64", 64, "gpu")
    w = jnp.asarray(np.random.default_rng(3).normal(size=here.positions.shape))
    (field, theta), (plain, _) = _field(here), _field(xla)
    a, b = (
        field.pull(theta, _lattice(here), here.system.cell, w),
        plain.pull(theta, _lattice(xla), xla.system.cell, w),
    )
    for one, other in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert np.allclose(one, other, rtol=1e-11, atol=1e-12 * np.abs(np.asarray(other)).max())


def test_jit_equals_eager(example):
    field, theta = _field(example)
    eager = field.energy(theta, _lattice(example), example.system.cell)
    assert float(
        jax.jit(field.energy)(theta, _lattice(example), example.system.cell)
    ) == pytest.approx(float(eager), rel=1e-14)


def test_energy_does_not_change_when_everything_moves_or_turns(example):
    energy = float(_energy(example, example.positions))
    assert float(
        _energy(example, example.positions + np.array([1.3, -7.1, 30.2]))
    ) == pytest.approx(energy, rel=1e-12)
    axes = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))[0]
    lattice = _lattice(example)
    turned = Configuration(
        lattice, jnp.zeros(lattice.shape), jnp.asarray(example.system.cell @ axes)
    )
    assert float(example.potential.energy(example.parameters, turned)) == pytest.approx(
        energy, rel=1e-12
    )


def test_like_atoms_may_be_exchanged(example):
    """Or like molecules, where atoms are bonded."""
    order = np.arange(len(example.positions))
    random = np.random.default_rng(5)
    if len(example.system.bonds):
        molecules = example.system.molecules
        atoms = [np.flatnonzero(molecules == m) for m in np.unique(molecules)]
        order = np.concatenate([atoms[m] for m in random.permutation(len(atoms))])
        assert np.array_equal(example.system.types[order], example.system.types)
    else:
        same = np.flatnonzero(example.system.types == example.system.types[0])
        order[same] = random.permutation(same)
    assert float(_energy(example, example.positions[order])) == pytest.approx(
        float(_energy(example, example.positions)), rel=1e-13
    )


def _directions(values):
    """Every number by itself; of whole arrays three directions at random."""
    size, shape = values.size, values.shape
    if size <= 8:
        return [d.reshape(shape) * float(np.ravel(values)[n]) for n, d in enumerate(np.eye(size))]
    drawn = np.random.default_rng(9).normal(size=(3, size))
    return [d.reshape(shape) * np.asarray(values) for d in drawn]


def test_parameter_gradients(example):
    energy = jax.jit(lambda p: _energy(example, example.positions, p))
    slope = jax.grad(energy)(example.parameters)
    rounding = 4e-16 * abs(float(energy(example.parameters)))
    for name, values in example.parameters.items():
        for direction in _directions(values):
            step = 1e-6
            up, down = (
                {**example.parameters, name: values + s * step * direction} for s in (1, -1)
            )
            difference = (float(energy(up)) - float(energy(down))) / (2 * step)
            assert float(jnp.sum(slope[name] * direction)) == pytest.approx(
                difference, rel=1e-6, abs=rounding / step
            )


def test_it_ends_smoothly_at_the_cutoff(example):
    """Two atoms drawn apart: energy, force and curvature are continuous, zero beyond.

    Of the sum over pairs, where there are other sums too.
    """
    cutoff = getattr(example.potential, "cutoff", None)
    if cutoff is None:
        pytest.skip("it has no cutoff")
    system = example.system

    def pair(r):
        lattice = jnp.zeros((2, 3), system.lattice_dtype)
        kind = type(system)
        two = kind(system.type_names, system.types[:2], system.masses[:2], np.eye(3) * 40.0,
                   "float64", 64, "gpu")  # fmt: skip
        term = type(example.potential).build(example.potential.options, two)
        offset = jnp.zeros((2, 3)).at[1, 0].set(r)
        energy = PairPotential.energy if isinstance(term, PairPotential) else type(term).energy
        return energy(
            term, example.parameters, Configuration(lattice, offset, jnp.asarray(two.cell))
        )

    apart = float(pair(cutoff + 1.0))  # in some potentials atoms by themselves have an energy
    slope, curvature = jax.grad(pair), jax.grad(jax.grad(pair))
    assert float(pair(cutoff + 1e-6)) == apart
    for function in (lambda r: pair(r) - apart, slope, curvature):
        assert abs(float(function(cutoff - 1e-7))) < 1e-7
        at = getattr(example.potential.options, "switch_start", cutoff)
        assert float(function(at - 1e-8)) == pytest.approx(
            float(function(at + 1e-8)), rel=1e-5, abs=1e-9
        )


# ------------------------------------------------------------------------------- compiled pair sums

KERNELS = {name: kind for name, kind in potentials.items() if getattr(kind, "kernel", None)}


def _bonded(example: Example) -> Example:
    """The same with bonds in it, so that some pairs are left out, here and in the potential."""
    system = example.system
    bonds = np.array([[1, 0], [1, 2], [9, 10], [20, 63]])
    system = dataclasses.replace(system, bonds=bonds)
    term = type(example.potential).build(example.potential.options, system)
    return example._replace(system=system, potential=term)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_form_is_zero_where_excluded_pairs_are_put(name, precision):
    radial = KERNELS[name].kernel
    form = kernels.load(radial.template, REAL=np.dtype(precision).type)
    numbers = tuple(np.dtype(precision).type(t) for t in radial.trial)
    for function in (form.energy, form.first, form.second):
        assert not np.any(function(np.dtype(precision).type(1e12), numbers))
        assert np.any(function(np.dtype(precision).type(15.0), numbers))


@pytest.mark.parametrize("name", KERNELS)
def test_pairs_that_bonds_leave_out_do_not_count(name):
    for precision, bits, close in (("float32", 32, 1e-5), ("float64", 64, 1e-12)):
        examples = KERNELS[name].examples(precision, bits, "cpu")
        for example in map(_bonded, examples.values()):
            field, theta = _field(example)
            lattice, cell = _lattice(example), example.system.cell
            w = jnp.asarray(np.random.default_rng(6).normal(size=lattice.shape), precision)
            force = np.asarray(jax.jit(field.force)(theta, lattice, cell))
            pull = jax.jit(field.pull)(theta, lattice, cell, w)
            assert np.array_equal(force, pull.force)

            plain = Potential.pull(
                example.potential,
                jax.tree.map(lambda a, p=precision: a.astype(p), example.parameters),
                configuration(example.system, lattice, jnp.asarray(cell)),
                w,
            )
            assert np.allclose(force, plain.force, rtol=0, atol=close * np.abs(force).max())
            for one, other in zip(jax.tree.leaves(pull), jax.tree.leaves(plain), strict=True):
                scale = np.abs(np.asarray(other)).max()
                assert np.allclose(one, other, rtol=0, atol=5 * close * scale)


@pytest.mark.parametrize("name", KERNELS)
def test_a_type_without_the_interaction_feels_nothing(name):
    """Numbers of zero are allowed: hydrogens have no Lennard-Jones sites in many water models."""
    examples = KERNELS[name].examples("float64", 64, "cpu")
    example = next(e for e in examples.values() if len(e.system.type_names) > 1)
    parameters = {k: v.at[1].set(0.0) for k, v in example.parameters.items()}
    field, theta = _field(example._replace(parameters=parameters))
    w = jnp.asarray(np.random.default_rng(8).normal(size=example.positions.shape))
    pull = field.pull(theta, _lattice(example), example.system.cell, w)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(pull))
    assert not np.any(np.asarray(pull.force)[example.system.types == 1])
    assert np.any(np.asarray(pull.force)[example.system.types == 0])


def _with(example: Example, **changes) -> Example:
    """The same potential over another system, whose positions are as fractions of the cell."""
    system = dataclasses.replace(example.system, **changes)
    term = type(example.potential).build(example.potential.options, system)
    positions = example.positions @ np.linalg.inv(example.system.cell) @ system.cell
    return example._replace(system=system, potential=term, positions=positions)


def _large(example: Example, copies: int) -> Example:
    """The example repeated along every vector, a little disturbed and in another order."""
    system, cell = example.system, example.system.cell
    steps = np.stack(np.meshgrid(*[np.arange(copies)] * 3, indexing="ij"), -1).reshape(-1, 3)
    random = np.random.default_rng(11)
    positions = (steps[:, None] @ cell + example.positions).reshape(-1, 3)
    order = random.permutation(len(positions))
    atoms = len(steps)
    system = dataclasses.replace(
        system,
        types=np.tile(system.types, atoms)[order],
        masses=np.tile(system.masses, atoms)[order],
        cell=cell * copies,
        bonds=np.array([[0, 1], [1, 2], [5, 7]]),
    )
    positions = (positions + random.normal(scale=0.05, size=positions.shape))[order]
    return example._replace(system=system, positions=positions)


def _everything(example: Example, w) -> dict:
    """Force, pull, energy and virial with their derivatives by parameters and cell."""
    field, theta = _field(example)
    lattice, cell = _lattice(example), jnp.asarray(example.system.cell)

    def all_of(theta, cell):
        return {
            "force": field.force(theta, lattice, cell),
            "pull": field.pull(theta, lattice, cell, w),
            "energy": jax.value_and_grad(lambda t: field.energy(t, lattice, cell))(theta),
            "by cell": jax.grad(lambda c: field.energy(theta, lattice, c))(cell),
            "virial": field.virial(theta, lattice, cell),
            "virial by theta": jax.jacfwd(lambda t: field.virial(t, lattice, cell))(theta),
        }

    return jax.jit(all_of)(theta, cell)


def _require_close(found: dict, expected: dict, tolerance: float) -> None:
    for key in expected:
        for one, other in zip(
            jax.tree.leaves(found[key]), jax.tree.leaves(expected[key]), strict=True
        ):
            scale = np.abs(np.asarray(other)).max()
            assert np.allclose(one, other, rtol=0, atol=tolerance * scale), key


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("copies", [1, 2])
@pytest.mark.parametrize("which", [0, -1])
def test_all_pairs_cells_and_xla_agree(name, copies, which):
    """Few cells, where the neighbourhood is everything, and many, where it wraps around."""
    examples = KERNELS[name].examples("float64", 64, "cpu")
    example = _large(list(examples.values())[which], copies)
    w = jnp.asarray(np.random.default_rng(12).normal(size=example.positions.shape))
    expected = _everything(_with(example, platform="gpu"), w)
    for pairs in ("dense", "cells"):
        found = _everything(_with(example, pairs=pairs), w)
        _require_close(found, expected, 1e-12)
        assert np.array_equal(found["force"], found["pull"].force)


@pytest.mark.parametrize("name", KERNELS)
def test_samples_are_compiled_and_exact_inside_the_mapping_over_replicas(name):
    """The kernels are tried by whoever asks first, even while XLA traces replicas."""
    pair_sums._sound.cache_clear()
    example = next(iter(KERNELS[name].examples("float32", 32, "cpu").values()))
    field, theta = _field(example)
    plain, _ = _field(_with(example, platform="gpu"))
    lattice, cell = np.asarray(_lattice(example)), np.asarray(example.system.cell)

    def one(theta, lattice, cell, field=field):
        energy = jax.value_and_grad(lambda t: field.energy(t, lattice, cell))(theta)
        return energy, jax.jacfwd(lambda t: field.virial(t, lattice, cell))(theta)

    replicas = Replicas.plan(2, 0, tuple(jax.devices()))
    found = replicas.compile(one)(theta, np.stack([lattice] * 2), np.stack([cell] * 2))
    assert example.potential.compiled
    expected = one(theta, jnp.asarray(lattice), jnp.asarray(cell), plain)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        scale = np.abs(np.asarray(b)).max()
        assert np.allclose(a, np.stack([b, b]), rtol=0, atol=1e-12 * scale)


def test_cells_are_taken_where_they_pay():
    """Few atoms, or a cutoff that spans the box, are quicker all against all."""
    example = LennardJones.examples("float32", 32, "cpu")["argon"]

    def walk(atoms, edge, **changes):
        types = np.zeros(atoms, int)
        system = dataclasses.replace(
            example.system, types=types, masses=types + 1.0, cell=np.eye(3) * edge, **changes
        )
        return kernels.Variant.of(LennardJones.kernel, system, 10.0).walk

    assert walk(346, 25.3) == "dense"
    assert walk(1500, 25.0) == "dense"  # as dense as water
    assert walk(2000, 45.5) == "cells"
    assert walk(100, 200.0) == "dense"
    assert walk(346, 25.3, pairs="cells") == "cells"
    assert walk(2000, 45.5, pairs="dense") == "dense"
