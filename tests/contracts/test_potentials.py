"""What every registered potential must do."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numba
import numpy as np
import pytest

from dmdstudio.engine import kernels, pair_sums
from dmdstudio.engine import potentials as _registered  # noqa: F401  fills the registry
from dmdstudio.engine.core import Configuration, configuration
from dmdstudio.engine.pair import PairPotential
from dmdstudio.engine.potential import Example, ForceField, Potential, potentials
from dmdstudio.engine.potentials.embedded_atom import Tables
from dmdstudio.engine.potentials.lennard_jones import LennardJones
from dmdstudio.engine.replicas import Replicas
from dmdstudio.engine.third_neighbours import ThirdCharges, ThirdLennardJones

LOOPED = ("lennard_jones", "coulomb", "ewald", "harmonic_bond", "harmonic_angle", "eann")
"""Those whose compiled loops always run; between them they take every loop there is. Compiling
takes most of the time: of the others, only the forms are tested, and the rest where all is."""

OF_ONE_TYPE = {("stillinger_weber", "silicon"), ("tersoff", "silicon")}
"""Examples beside which a mixture always runs, by the same lines."""

Case = tuple[str, str, str]


def _cases() -> list[Any]:
    """Return (potential, example, platform) of all; ``gpu`` stands for the sums of XLA."""
    found = []
    for name, kind in potentials.items():
        for example in kind.examples("float64", 64, "cpu"):
            if name in LOOPED:
                found.append(pytest.param((name, example, "cpu"), id=f"{name}-{example}"))
                continue
            marks = pytest.mark.slow if (name, example) in OF_ONE_TYPE else ()
            case = (name, example, "gpu")
            found.append(pytest.param(case, id=f"{name}-{example}-xla", marks=marks))
            if getattr(kind, "kernel", None) or getattr(kind, "form", None):
                case = (name, example, "cpu")
                found.append(pytest.param(case, id=f"{name}-{example}", marks=pytest.mark.slow))
    return found


@pytest.fixture(params=_cases())
def case(request) -> Case:
    return request.param


def _example(case: Case, precision: str = "float64", bits: int = 64, platform: str = "") -> Example:
    name, example, own = case
    return potentials.get(name).examples(precision, bits, platform or own)[example]


class Compiled:
    """An example with functions of positions, compiled once for all tests."""

    def __init__(self, case: Case) -> None:
        self.example = _example(case)
        self.field, self.theta = _field(self.example)
        self.cell = jnp.asarray(self.example.system.cell)
        self._pull = jax.jit(self.field.pull)
        self._energy = jax.jit(jax.value_and_grad(self._strained, argnums=(0, 1)))

    def _strained(self, parameters, strain, lattice, cell):
        where = configuration(self.example.system, lattice, cell @ (jnp.eye(3) + strain))
        return self.example.potential.energy(parameters, where)

    def slopes(self, positions, parameters=None, cell=None):
        """Return the energy, and its derivatives by parameters and strain."""
        lattice = self.example.system.to_lattice(jnp.asarray(positions))
        cell = self.cell if cell is None else cell
        return self._energy(parameters or self.example.parameters, jnp.zeros((3, 3)), lattice, cell)

    def energy(self, positions, parameters=None, cell=None) -> float:
        return float(self.slopes(positions, parameters, cell)[0])

    def pull(self, w, positions=None, parameters=None):
        given = self.example.positions if positions is None else positions
        lattice = self.example.system.to_lattice(jnp.asarray(given))
        theta = {"it": parameters or self.example.parameters}
        return self._pull(theta, lattice, self.cell, jnp.asarray(w))

    def force(self, positions=None, parameters=None) -> np.ndarray:
        w = np.zeros(self.example.positions.shape)
        return np.asarray(self.pull(w, positions, parameters).force)


@functools.cache
def _compiled(case: Case) -> Compiled:
    return Compiled(case)


@pytest.fixture
def compiled(case) -> Compiled:
    return _compiled(case)


def _lattice(example: Example):
    return example.system.to_lattice(jnp.asarray(example.positions))


def _field(example: Example) -> tuple[ForceField, dict]:
    return ForceField(example.system, (("it", example.potential),)), {"it": example.parameters}


def _slope(function, step: float = 1e-4):
    """Return the derivative at 0 by differences of fourth order."""
    a, b, c, d = (function(k * step) for k in (-2, -1, 1, 2))
    return (a - 8 * b + 8 * c - d) / (12 * step)


def test_the_guide_has_every_potential_and_parameter():
    page = (Path(__file__).parents[2] / "resources" / "guide" / "potentials.md").read_text()
    for name, kind in potentials.items():
        assert f"`{name}`" in page, name
        for field in kind.parameters:
            assert f"`{field.name}`" in page, (name, field.name)


def test_forces_are_the_slope_of_the_energy(compiled):
    example = compiled.example
    force = compiled.force()
    for atom, axis in [(0, 0), (3, 1), (17, 2), (40, 0)]:
        place = atom % len(force), axis

        def moved(by, place=place):
            x = example.positions.copy()
            x[place] += by
            return compiled.energy(x)

        assert force[place] == pytest.approx(-_slope(moved), abs=1e-7 * np.abs(force).max())


def test_the_virial_is_the_slope_by_the_strain(case, compiled):
    example = compiled.example
    strain = np.random.default_rng(13).normal(size=(3, 3))

    def strained(by):
        return compiled.energy(example.positions, cell=compiled.cell @ (np.eye(3) + by * strain))

    virial = -compiled.slopes(example.positions)[1][1]
    assert np.sum(virial * strain) == pytest.approx(-_slope(strained), rel=1e-6, abs=1e-7)
    if case[2] == "cpu":
        theta, lattice = compiled.theta, _lattice(example)
        own = jax.jit(compiled.field.virial)(theta, lattice, compiled.cell)
        assert np.allclose(own, virial, rtol=0, atol=1e-11 * np.abs(virial).max())


def test_pull_is_the_slope_of_the_force_along_a_direction_and_by_the_parameters(compiled):
    example = compiled.example
    w = np.random.default_rng(1).normal(size=example.positions.shape)
    pull = compiled.pull(w)
    along = _slope(lambda by: compiled.force(example.positions + by * w))  # F' is symmetric
    size = np.abs(along).max()
    assert np.allclose(pull.position, along, rtol=0, atol=1e-6 * size)
    for name, values in example.parameters.items():
        for direction in _directions(values):

            def moved(by, name=name, changed=values, direction=direction):
                parameters = {**example.parameters, name: changed + by * direction}
                return np.sum(w * compiled.force(None, parameters))

            found = float(jnp.sum(pull.parameters["it"][name] * direction))
            assert found == pytest.approx(_slope(moved), rel=1e-6, abs=1e-7 * size)


def test_a_fixed_parameter_is_not_differentiated_by_and_changes_no_other_slope(case, compiled):
    if case[2] != "cpu":
        pytest.skip("see the test below")
    example, w = compiled.example, np.random.default_rng(1).normal(size=(1, 3))
    w = jnp.asarray(w * np.ones((len(example.positions), 1)) * example.positions)
    kept, *moving = example.parameters
    theta, fixed = (
        {"it": {name: example.parameters[name] for name in names}} for names in (moving, [kept])
    )
    parted = jax.jit(compiled.field.pull)(theta, _lattice(example), compiled.cell, w, fixed)
    whole = compiled.pull(w)
    assert set(parted.parameters["it"]) == set(moving)
    for name in moving:
        assert np.array_equal(parted.parameters["it"][name], whole.parameters["it"][name])
    assert np.array_equal(parted.force, whole.force)


def test_what_is_fixed_is_not_differentiated_by():
    """Where JAX differentiates it would take time: the tables of metals, the weights of a layer."""
    given = potentials.get("embedded_atom").examples("float64", 64, "cpu")["alloy"]
    field, _ = _field(given)
    tables = {name for name, value in given.parameters.items() if value.size > 100}
    theta, fixed = (
        {"it": {n: v for n, v in given.parameters.items() if (n in tables) == known}}
        for known in (False, True)
    )
    w, cell = jnp.asarray(given.positions), jnp.asarray(given.system.cell)
    pull = jax.make_jaxpr(field.pull)
    sums = [
        str(pull(numbers, _lattice(given), cell, w, rest)).count("scatter-add")
        for numbers, rest in ((theta, fixed), (theta | {"it": given.parameters}, {}))
    ]
    assert sums[0] + len(tables) < sums[1]


def test_pull_is_force_hessian_and_mixed_derivative(case, compiled):
    if case[2] != "cpu":
        pytest.skip("it is differentiated by JAX, as here")
    example = compiled.example
    w = np.random.default_rng(1).normal(size=example.positions.shape)
    pull = compiled.pull(w)

    def contracted(offset, parameters):
        where = configuration(
            example.system, _lattice(example), jnp.asarray(example.system.cell)
        )._replace(offset=offset)
        return jnp.sum(Potential.force(example.potential, parameters, where) * w)

    zero = jnp.zeros(example.positions.shape)
    by_x, by_theta = jax.jit(jax.grad(contracted, argnums=(0, 1)))(zero, example.parameters)
    assert np.allclose(pull.position, by_x, rtol=0, atol=1e-12 * np.abs(by_x).max())
    for name, value in by_theta.items():
        assert np.allclose(pull.parameters["it"][name], value, rtol=1e-11, atol=1e-12)


def test_the_backward_force_is_the_forward_force_bit_for_bit(case):
    """Exact reversal stands on this: other programs, same bits."""
    if case[2] != "cpu":
        pytest.skip("XLA promises no bits")
    for precision, bits in (("float32", 32), ("float64", 64)):
        example = _example(case, precision, bits)
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
    if case[2] != "cpu":
        pytest.skip("it is XLA's")
    here, xla = _example(case), _example(case, "float64", 64, "gpu")
    w = jnp.asarray(np.random.default_rng(3).normal(size=here.positions.shape))
    (field, theta), (plain, _) = _field(here), _field(xla)
    a, b = (
        jax.jit(field.pull)(theta, _lattice(here), here.system.cell, w),
        jax.jit(plain.pull)(theta, _lattice(xla), xla.system.cell, w),
    )
    for one, other in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True):
        assert np.allclose(one, other, rtol=1e-11, atol=1e-12 * np.abs(np.asarray(other)).max())


def test_jit_equals_eager(compiled):
    example = compiled.example
    where = configuration(example.system, _lattice(example), compiled.cell)
    eager = float(example.potential.energy(example.parameters, where))
    assert compiled.energy(example.positions) == pytest.approx(eager, rel=1e-13)


def test_energy_does_not_change_when_everything_moves_or_turns(compiled):
    positions = compiled.example.positions
    energy = compiled.energy(positions)
    moved = compiled.energy(positions + np.array([1.3, -7.1, 30.2]))
    assert moved == pytest.approx(energy, rel=1e-12)
    axes = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))[0]
    turned = compiled.energy(positions, cell=compiled.cell @ axes)
    assert turned == pytest.approx(energy, rel=1e-12)


def test_like_atoms_may_be_exchanged(compiled):
    """Or like molecules, where atoms are bonded."""
    example = compiled.example
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
    assert compiled.energy(example.positions[order]) == pytest.approx(
        compiled.energy(example.positions), rel=1e-12
    )


def _directions(values):
    """Every number by itself; of whole arrays three directions at random."""
    size, shape = values.size, values.shape
    if size <= 8:
        return [d.reshape(shape) * float(np.ravel(values)[n]) for n, d in enumerate(np.eye(size))]
    drawn = np.random.default_rng(9).normal(size=(3, size))
    return [d.reshape(shape) * np.asarray(values) for d in drawn]


def test_parameter_gradients(compiled):
    example = compiled.example
    slope, _ = compiled.slopes(example.positions)[1]
    rounding = 4e-16 * abs(compiled.energy(example.positions))
    for name, values in example.parameters.items():
        for direction in _directions(values):
            step = 1e-6
            up, down = (
                {**example.parameters, name: values + s * step * direction} for s in (1, -1)
            )
            difference = compiled.energy(example.positions, up)
            difference = (difference - compiled.energy(example.positions, down)) / (2 * step)
            assert float(jnp.sum(slope[name] * direction)) == pytest.approx(
                difference, rel=1e-6, abs=rounding / step
            )


def test_it_ends_smoothly_at_the_cutoff(case):
    """Two atoms drawn apart: energy, force and curvature are continuous, zero beyond.

    Some published ones have a curvature that jumps (`smooth`).

    Of the sum over pairs, where there are other sums too.
    """
    example = _example(case)
    cutoff = getattr(example.potential, "cutoff", None)
    if cutoff is None:
        pytest.skip("it has no cutoff")
    if case[2] == "cpu" and case[0] not in LOOPED:
        pytest.skip("the sums of XLA show it")
    system = example.system
    kind = type(system)
    two = kind(system.type_names, system.types[:2], system.masses[:2], np.eye(3) * 40.0,
               "float64", 64, "gpu")  # fmt: skip
    term = type(example.potential).build(example.potential.options, two)
    energy = PairPotential.energy if isinstance(term, PairPotential) else type(term).energy

    def pair(r):
        lattice = jnp.zeros((2, 3), system.lattice_dtype)
        offset = jnp.zeros((2, 3)).at[1, 0].set(r)
        return energy(
            term, example.parameters, Configuration(lattice, offset, jnp.asarray(two.cell))
        )

    found = jax.jit(lambda r: jnp.stack([pair(r), jax.grad(pair)(r), jax.grad(jax.grad(pair))(r)]))
    apart = np.array([found(cutoff + 1.0)[0], 0.0, 0.0])  # some have an energy of lone atoms
    assert float(found(cutoff + 1e-6)[0]) == apart[0]
    smooth = getattr(term, "smooth", 2)
    continuous, near = slice(smooth + 1), 1e-7 if smooth == 2 else 1e-4
    assert np.all(np.abs(found(cutoff - 1e-7) - apart)[continuous] < near)
    at = getattr(example.potential.options, "switch_start", cutoff)
    below, above = found(at - 1e-8) - apart, found(at + 1e-8) - apart
    assert np.allclose(below[continuous], above[continuous], rtol=1e-5, atol=1e-9)


# ------------------------------------------------------------------------------- compiled pair sums

KERNELS = {name: kind for name, kind in potentials.items() if getattr(kind, "kernel", None)}
COMPILED = [
    pytest.param(name, marks=[] if name in LOOPED else pytest.mark.slow, id=name)
    for name in KERNELS
]
SEARCHED = [
    pytest.param("coulomb", marks=pytest.mark.slow) if param.id == "coulomb" else param
    for param in COMPILED
]
"""Charges alone find their pairs by the loops that Ewald's sum has."""


def _bonded(example: Example) -> Example:
    """The same with bonds in it, so that some pairs are left out, here and in the potential."""
    system = example.system
    bonds = np.array([[1, 0], [1, 2], [9, 10], [20, 63]])
    system = dataclasses.replace(system, bonds=bonds)
    term = type(example.potential).build(example.potential.options, system)
    return example._replace(system=system, potential=term)


@pytest.fixture
def plain_python(monkeypatch):
    """Forms that are loaded meanwhile are not compiled."""
    monkeypatch.setattr(numba, "njit", lambda **_: lambda function: function)
    monkeypatch.setattr(kernels, "load", kernels.load.__wrapped__)
    dihedrals = kernels.load("dihedrals", REAL=np.float64)
    names = ("dihedral", "turning", "torques", "turned_torques")
    functions = {name: getattr(dihedrals, name) for name in names}
    functions |= {"exponential": np.exp, "logarithm": np.log}
    monkeypatch.setattr(kernels, "functions", lambda _: functions)


@pytest.mark.parametrize("name", KERNELS)
def test_a_form_is_the_energy_of_a_pair_with_its_derivatives(name, plain_python):
    """And zero where excluded pairs are put."""
    example = list(KERNELS[name].examples("float64", 64, "gpu").values())[-1]
    term, radial = example.potential, example.potential.kernel
    form, count = radial.form(np.float64), radial.count
    pair = term.pair_parameters(example.parameters)
    numbers = np.array([pair[name][0, -1] for name in radial.parameters])
    constants = term.kernel_constants()

    def all_of(s, q):
        return *form.energy(s, (*q, *constants)), *form.second(s, (*q, *constants))

    start = getattr(term.options, "switch_start", 0.8 * term.cutoff)
    inner = getattr(term.options, "inner", 3.0)
    for r in (0.9 * inner, 1.1 * inner, 0.5 * (start + term.cutoff)):
        s, found = r * r, np.array(all_of(r * r, numbers))
        named = dict(zip(radial.parameters, numbers, strict=True))
        assert found[0] == pytest.approx(float(term.pair_energy(jnp.asarray(r), named)), rel=1e-11)
        assert form.first(s, (*numbers, *constants)) == found[1] == found[2 + count]
        by_s = _slope(lambda by, s=s: np.array(all_of(s + by, numbers)))
        assert found[1] == pytest.approx(by_s[0], rel=1e-7, abs=1e-11)
        assert found[3 + count] == pytest.approx(by_s[1], rel=1e-7, abs=1e-11)
        for k, step in enumerate(np.diag(numbers)):
            by_q = _slope(lambda by, s=s, q=step: np.array(all_of(s, numbers + by * q)))
            close = {"rel": 1e-7, "abs": 1e-11}
            assert found[2 + k] * numbers[k] == pytest.approx(by_q[0], **close)
            assert found[4 + count + k] * numbers[k] == pytest.approx(by_q[1], **close)
    assert not np.any(all_of(1e12, numbers))


THIRD = (ThirdLennardJones, ThirdCharges)


@pytest.mark.parametrize("kind", THIRD)
def test_third_neighbours_are_the_slope_of_their_energy(kind, plain_python):
    loops, form = kind.form.load(np.float64), kind.form
    d, e, numbers = np.array([1.2, -2.0, 1.9]), np.array([0.3, 1.0, -0.4]), np.array(form.trial)

    def energy(v):
        named = {name: jnp.asarray([x]) for name, x in zip(form.parameters, numbers, strict=True)}
        return float(kind.term_energy(None, (jnp.asarray(v)[None],), named)[0])

    def force(v, q=numbers):
        return np.array(loops.first(v, tuple(q)))

    found, moved, by = loops.second(d, e, tuple(numbers))
    assert np.array_equal(found, force(d))
    assert -np.dot(found, e) == pytest.approx(_slope(lambda x: energy(d + x * e)), rel=1e-8)
    assert np.allclose(moved, _slope(lambda x: force(d + x * e)), rtol=1e-8)
    for k, unit in enumerate(np.eye(len(numbers))):
        by_q = _slope(lambda x, unit=unit: np.dot(e, force(d, numbers + x * unit)), 1e-5)
        assert by[k] == pytest.approx(by_q, rel=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lennard_jones", "coulomb", "ewald"])
def test_scaled_third_neighbours_are_compiled_too(name):
    (peroxide,) = potentials.get("periodic_torsion").examples("float32", 32, "cpu").values()
    kind = potentials.get(name)
    given = {"charge": jnp.array([0.4, -0.4])}
    if name == "lennard_jones":
        given = {"sigma": jnp.array([2.4, 3.1]), "epsilon": jnp.array([0.002, 0.007])}
    short = {"cutoff": 6.5} | ({"switch_start": 5.5} if name == "lennard_jones" else {})
    for platform in ("cpu", "gpu"):
        system = dataclasses.replace(peroxide.system, platform=platform)
        term = kind.build(kind.Options(scale_14=0.5, **short), system)
        example = Example(system, term, given, peroxide.positions)
        field, theta = _field(example)
        w = jnp.asarray(np.random.default_rng(2).normal(size=example.positions.shape), "float32")
        lattice, cell = _lattice(example), jnp.asarray(system.cell)
        pull = jax.jit(field.pull)(theta, lattice, cell, w)
        level = jax.jit(jax.value_and_grad(field.energy))(theta, lattice, cell)
        if platform == "cpu":
            assert term.compiled
            assert np.array_equal(jax.jit(field.force)(theta, lattice, cell), pull.force)
            found = {"pull": pull, "level": level}
        else:
            _require_close({"pull": pull, "level": level}, found, 3e-5)


FORMS = {name: kind for name, kind in potentials.items() if getattr(kind, "form", None)}


@pytest.mark.parametrize("name", FORMS)
def test_a_bonded_form_is_the_slope_of_its_energy_with_its_derivatives(name, plain_python):
    (example,) = FORMS[name].examples("float64", 64, "gpu").values()
    form, count = FORMS[name].form, {"bond": 1, "angle": 2}.get(FORMS[name].form.sort, 3)
    loops = form.load(np.float64)
    first, second = loops.first, loops.second
    random = np.random.default_rng(14)
    shape = np.array([[1.0, 0.1, 0.2], [-0.3, 0.9, 0.4], [0.2, -0.5, 1.1]])[:count]
    vectors = shape + random.normal(scale=0.05, size=shape.shape)
    along = random.normal(size=shape.shape)
    numbers = np.array([example.parameters[name][0] for name in form.parameters])

    def energy(v, q):
        named = {name: jnp.asarray([x]) for name, x in zip(form.parameters, q, strict=True)}
        found = example.potential.term_energy(tuple(jnp.asarray(v)[:, None]), named)
        return float(found[0])

    def force(v, q):
        return np.reshape(first(*v, tuple(q)), (count, 3))

    *found, by = second(*vectors, *along, tuple(numbers))
    found = np.reshape(found, (2, count, 3))
    assert np.array_equal(found[0], force(vectors, numbers))
    slope = _slope(lambda by: energy(vectors + by * along, numbers))
    assert -np.sum(found[0] * along) == pytest.approx(slope, rel=1e-8, abs=1e-11)
    turned = _slope(lambda by: force(vectors + by * along, numbers))
    assert np.allclose(found[1], turned, rtol=0, atol=1e-8 * np.abs(turned).max())
    for k, unit in enumerate(np.eye(len(numbers))):
        by_q = _slope(lambda by, q=unit: np.sum(along * force(vectors, numbers + by * q)))
        assert by[k] == pytest.approx(by_q, rel=1e-8, abs=1e-11)


@pytest.mark.parametrize("real", [np.float32, np.float64])
def test_exponential_and_logarithm_of_forms_are_accurate(real):
    given = kernels.functions(real)
    exponential, logarithm = given["exponential"], given["logarithm"]
    digits = np.finfo(real).eps
    for x in np.linspace(-80.0, 80.0, 1001).astype(real):
        expected = np.exp(np.longdouble(x))
        assert abs(exponential(x) / expected - 1.0) < 2 * digits
        found, expected = logarithm(real(expected)), np.log(np.longdouble(real(expected)))
        assert abs(found - expected) < 2 * digits * max(1.0, abs(expected))
    assert exponential(real(-1e9)) < 1e-37
    assert np.isfinite(logarithm(real(0.0)))


@pytest.mark.parametrize("name", COMPILED)
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

            plain = jax.jit(functools.partial(Potential.pull, example.potential))(
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
    platform = "cpu" if name in LOOPED else "gpu"
    examples = KERNELS[name].examples("float64", 64, platform)
    example = next(e for e in examples.values() if len(e.system.type_names) > 1)
    if not KERNELS[name].parameters:
        pytest.skip("its numbers have no bounds; zeros are where it starts")
    least = {f.name: f.lower or 0.0 for f in KERNELS[name].parameters}
    parameters = dict(example.parameters)
    for field in KERNELS[name].parameters:
        owners = example.system.owners(field.per)
        second = [k for k, of in enumerate(owners) if example.system.type_names[1] in of.split("-")]
        changed = parameters[field.name].at[np.array(second)].set(least[field.name])
        parameters[field.name] = changed
    field, theta = _field(example._replace(parameters=parameters))
    w = jnp.asarray(np.random.default_rng(8).normal(size=example.positions.shape))
    pull = jax.jit(field.pull)(theta, _lattice(example), example.system.cell, w)
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


@pytest.mark.parametrize("name", SEARCHED)
@pytest.mark.parametrize(
    ("copies", "which"),
    [(1, 0), (2, -1), *(pytest.param(*rest, marks=pytest.mark.slow) for rest in ((1, -1), (2, 0)))],
)
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


@pytest.mark.parametrize("name", COMPILED)
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
    expected = jax.jit(functools.partial(one, field=plain))(theta, lattice, cell)
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


def test_tables_have_their_slope_at_their_points_and_their_curvature_in_single_precision():
    """At a point, single precision is often exactly; there no bound may halve the slope."""
    spacing = 1e-3
    distance = spacing * np.arange(4000)
    tables = Tables.through(jnp.asarray(np.exp(-distance))[None])
    for places in (np.arange(2.0, 3997.0), np.arange(2.3, 3997.0)):
        places = jnp.asarray(places, jnp.float32)
        value = lambda place: tables.at(jnp.zeros((), int), place)  # noqa: E731
        slope, curve = jax.grad(value), jax.grad(jax.grad(value))
        exact = np.exp(-spacing * np.asarray(places, np.float64))
        assert np.asarray(jax.vmap(slope)(places)) == pytest.approx(-spacing * exact, rel=1e-6)
        assert np.asarray(jax.vmap(curve)(places)) == pytest.approx(spacing**2 * exact, rel=1e-4)
