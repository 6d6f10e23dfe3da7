"""Gradients of every observable by every parameter of every potential, by three methods.

Trajectories begin where the examples of the potentials are, so that no sampler is needed; of each
potential one program serves all observables. Electric properties are those of `PlaneWaves`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmdstudio.engine import observables as _observables  # noqa: F401  fills the registry
from dmdstudio.engine import potentials as _potentials  # noqa: F401  fills the registry
from dmdstudio.engine.core import Configuration
from dmdstudio.engine.ensemble import Ensemble
from dmdstudio.engine.gradients.backpropagation import Backpropagation, BackpropagationOptions
from dmdstudio.engine.gradients.reversible_adjoint import (
    ReversibleAdjoint,
    ReversibleAdjointOptions,
)
from dmdstudio.engine.observable import Clock, observables
from dmdstudio.engine.pool import Pool, potential_energy, weigh
from dmdstudio.engine.potential import Example, ForceField, potentials
from dmdstudio.engine.problem import ArraySlot, Problem, Slot
from dmdstudio.engine.program import Program
from dmdstudio.engine.refinement import Gradient, differentiate
from dmdstudio.engine.replicas import Replicas
from dmdstudio.engine.sampling import maxwell
from dmdstudio.engine.spectrum import highest_wavenumber
from dmdstudio.engine.surface import Surface
from dmdstudio.engine.target import Target
from dmdstudio.plan.catalog import ParameterField
from dmdstudio.plan.recipe import DynamicsPlan, OptimizerPlan, RefinementPlan, SamplingPlan
from dmdstudio.service import machine

REPLICAS = 2
STEP = 2e-5
"""Relative step of the central differences. Of parameters that matter little, a tenth of it loses
1e-5 to rounding; of stiff ones its curvature loses 1e-4, which `_difference` takes away."""
ROUNDING = 1e-13
"""Relative difference of two losses that is none: energies of atoms by themselves move nothing."""

LAST_BITS = 2e-15
"""Relative rounding of a loss, which differences are off by, over their step. A mean frequency of a
piece of 10 fs is mostly that of its window: 1e-5 of its derivatives is less than that."""

WHOLE = {"multiplicity"}
"""Numbers that no recipe may free: beside whole ones, the energy jumps at half a turn."""

SAMPLING = SamplingPlan(temperature=300.0, ensemble="npt", replicas=REPLICAS)
DYNAMICS = DynamicsPlan(timestep=0.5, steps=20, record_every=2)
CLOCK = Clock(DYNAMICS.timestep * DYNAMICS.record_every, DYNAMICS.steps // 2 + 1)


class PlaneWaves(Surface):
    """Electric properties of any atoms: d = s sum_i z_i sin(2 pi f_i) A, and its outer products.

    f_i are fractional coordinates, A the cell and z_i = +-1 in turn.
    """

    parameters = (ParameterField(name="strength", unit="1", per="none"),)

    def __init__(self, gives):
        self.gives = gives

    build = examples = classmethod(lambda cls, *_: pytest.fail("it is of no use elsewhere"))

    def _waves(self, where: Configuration):
        dtype, bits = where.offset.dtype, 8 * where.lattice.dtype.itemsize
        fraction = where.lattice.astype(dtype) * dtype.type(2.0**-bits)
        fraction += where.offset @ jnp.linalg.inv(where.cell)
        signs = jnp.asarray((-1.0) ** np.arange(len(fraction)), dtype)
        return jnp.sin(2.0 * np.pi * fraction) @ where.cell, signs[:, None]

    def dipole(self, parameters, theta, configuration):
        waves, signs = self._waves(configuration)
        return parameters["strength"][0] * jnp.sum(signs * waves, axis=0)

    def polarisability(self, parameters, theta, configuration):
        waves, signs = self._waves(configuration)
        return parameters["strength"][0] * (waves.T @ (signs * waves))


SURFACES = tuple((name, PlaneWaves(name)) for name in ("dipole", "polarisability"))


def finish(work):
    """Run a generator of work to its end and return what it returns."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def _slots(key, term, given):
    """Return every parameter of a term, each number by itself and arrays as a whole.

    Of numbers that differ by their owners alone, the first and the last are free.
    """
    slots, derived = [], term.derived()
    for field in term.parameters:
        owners = given.system.owners(field.per)
        for index, owner in enumerate(owners):
            if (field.name, owner) not in derived:
                value = float(given.parameters[field.name][index])
                name = f"{key}.{field.name}[{owner}]"
                bounds = (-np.inf, np.inf)
                free = field.name not in WHOLE and index in (0, len(owners) - 1)
                slot = Slot(name, key, field.name, (index,), field.unit, value, *bounds, free)
                slots.append(slot)
    arrays = {name: np.asarray(value) for name, value in given.parameters.items()}
    for field in term.arrays(arrays):
        name, value = f"{key}.{field.name}", arrays[field.name]
        slots.append(ArraySlot(name, key, field.name, field.unit, value, field.free))
    return slots


def _target(name, system):
    """Return a target whose loss is the mean square of the prediction."""
    kind = observables.get(name)
    window, highest = round(1e-3 * CLOCK.interval * 5, 6), highest_wavenumber(CLOCK.interval)
    farthest = min(4.5, 0.99 * system.largest_cutoff)
    settings = {"window": window, "high": 0.9 * highest, "largest_distance": farthest}
    if "laser" in kind.Options.__struct_fields__:  # below, a short window resolves nothing
        settings["low"] = highest / 5
    known = {n: v for n, v in settings.items() if n in kind.Options.__struct_fields__}
    observable = kind.build(kind.Options(**known), system, CLOCK, SAMPLING.temperature)
    points = np.zeros(1 if observable.axis is None else len(observable.axis))
    return Target(name, observable, 1.0, points, points + 1.0, axis=observable.axis,
                  kind="chi_squared")  # fmt: skip


def _problem(terms: dict[str, Example], names) -> Problem:
    """Return a problem of all terms, which are of one system, and of the named observables."""
    first = next(iter(terms.values()))
    system, field = first.system, ForceField(
        first.system, tuple((key, term.potential) for key, term in terms.items())
    )  # fmt: skip
    start = system.to_lattice(jnp.asarray(first.positions))
    slots = [slot for key, term in terms.items() for slot in _slots(key, term.potential, term)]
    surfaces = tuple(
        s for s in SURFACES if any(s[0] in " ".join(observables.get(n).needs) for n in names)
    )
    slots += [Slot(f"{key}.strength", key, "strength", (0,), "1", 0.7, 0.0, 2.0, True)
              for key, _ in surfaces]  # fmt: skip
    return Problem(
        system=system,
        field=field.fitted(start, jnp.asarray(system.cell)),
        start=np.asarray(start),
        targets=tuple(_target(name, system) for name in names),
        slots=tuple(slots),
        method=ReversibleAdjoint.build(ReversibleAdjointOptions()),
        sampling=SAMPLING,
        dynamics=DYNAMICS,
        optimizer=OptimizerPlan(),
        refinement=RefinementPlan(),
        seed=0,
        replicas=Replicas.plan(REPLICAS, 0, machine.devices("cpu")),
        static_interval=np.inf,
        surfaces=surfaces,
    )


def _pool(program: Program, positions) -> Pool:
    """Return starts about given positions, each in a cell of its own."""
    problem, random = program.problem, np.random.default_rng(3)
    system = problem.system
    cell = np.stack([(1.0 + 0.005 * k) * system.cell for k in range(REPLICAS)])
    moved = positions + random.normal(scale=0.02, size=(REPLICAS, *positions.shape))
    lattice = np.asarray(system.to_lattice(jnp.asarray(moved)))
    keys = jax.random.split(jax.random.key(5), REPLICAS)
    velocities = np.stack([np.asarray(maxwell(system, k, SAMPLING.temperature)) for k in keys])
    energy = potential_energy(program, problem.initial, lattice, cell)
    nothing = np.zeros(REPLICAS, np.int64)
    return Pool(lattice, velocities, cell, np.zeros(REPLICAS), problem.initial[None], nothing,
                energy[None], nothing)  # fmt: skip


def _ensemble(program: Program, pool: Pool, parameters) -> Ensemble:
    ensemble = Ensemble(program, pool, weigh(program, pool, parameters))
    finish(ensemble.propagate(parameters, keep=True))
    return ensemble


def _losses(problem: Problem, means) -> dict[str, Any]:
    return {t.key: t.loss(means.whole[t.key]) for t in problem.targets}


def _gradients(ensemble: Ensemble) -> dict[str, Gradient]:
    """Return the gradient of every target's own loss, by the ensemble's method."""
    problem, found = ensemble.problem, {}
    means = jax.tree.map(jnp.asarray, ensemble.means)
    for target in problem.targets:
        cotangent = jax.grad(lambda m, key=target.key: _losses(problem, m)[key])(means)
        found[target.key] = finish(differentiate(ensemble, problem.initial, cotangent))
    return found


class Row(NamedTuple):
    """How far derivatives of one observable's loss by one parameter are off, relatively."""

    observable: str
    parameter: str
    adjoint: float
    difference: float


def _compared(problem: Problem, positions) -> tuple[list[Row], float]:
    """Compare adjoint and differences with backpropagation; return the reversal's residual too."""
    program = Program(problem)
    pool = _pool(program, positions)
    ensemble = _ensemble(program, pool, problem.initial)
    adjoint = _gradients(ensemble)
    plain = Backpropagation.build(BackpropagationOptions())
    ensemble.program = Program(replace(problem, method=plain))
    oracle = _gradients(ensemble)
    random, rows = np.random.default_rng(1), []
    for slot, place in zip(problem.slots, problem.places, strict=True):
        if not slot.free:
            continue
        along = np.zeros(len(problem.initial))
        along[place] = random.normal(size=slot.size) if slot.size > 1 else 1.0
        along /= np.linalg.norm(along)
        step = STEP * slot.scale * np.sqrt(slot.size)
        losses = {
            share: _losses(problem, _ensemble(program, pool, problem.initial + share * step * along)
                           .means) for share in (-2, -1, 1, 2)
        }  # fmt: skip
        for key, exact in oracle.items():
            values = {share: float(losses[share][key]) for share in losses}
            difference = _difference(values, step)
            known_to = abs(values[1]) / step
            off = _off(adjoint[key].total[place], exact.total[place])
            apart = _off(difference, exact.total @ along, ROUNDING * known_to, LAST_BITS * known_to)
            rows.append(Row(key, slot.key, off, apart))
    return rows, max(g.residual for g in adjoint.values() if np.isfinite(g.residual))


def _difference(values: dict[int, float], step: float) -> float:
    """Return the central difference, by Richardson's extrapolation from one and two steps."""
    one, two = ((values[k] - values[-k]) / (2.0 * k * step) for k in (1, 2))
    return (4.0 * one - two) / 3.0


def _off(value, exact, nothing=0.0, rounding=0.0) -> float:
    """Return the relative difference beyond rounding; 0 where both are nothing."""
    size = np.linalg.norm(exact)
    if max(size, np.linalg.norm(value)) <= nothing:
        return 0.0
    apart = max(0.0, np.linalg.norm(np.subtract(value, exact)) - rounding)
    return float(apart / size) if size else float(np.any(value))


def _require_exact(rows, residual):
    assert residual == 0.0
    for row in rows:
        assert row.adjoint < 1e-9, row
        assert row.difference < 1e-5, row


# ----------------------------------------------------------------------------- each potential once


def _systems() -> list[dict[str, Example]]:
    """Return an example of every potential, those that fit on one system together.

    But for networks, whose plain backpropagation takes long to compile: they are all below.
    """
    groups: dict[Any, dict[str, Example]] = {}
    for name, kind in potentials.items():
        example = next(iter(kind.examples("float64", 64, "cpu").values()))
        if example.potential.arrays(example.parameters):
            continue
        system = example.system
        arrays = (system.types, system.bonds, system.cell)
        alike = (system.type_names, *(a.tobytes() for a in arrays))
        group = groups.setdefault(alike, {})
        shared = next(iter(group.values()), example)
        term = type(example.potential).build(example.potential.options, shared.system)
        group[name] = Example(shared.system, term, example.parameters, shared.positions)
    return list(groups.values())


EVERY_TIME = {"lennard_jones"}
"""The others differ in their energies alone, whose derivatives are tested with every potential, and
are slow to compile; bonds, angles and charges are among the tests of flexible water."""


def _cases():
    for terms in _systems():
        marks = () if EVERY_TIME & terms.keys() else pytest.mark.slow
        yield pytest.param(terms, id="+".join(terms), marks=marks)


@pytest.mark.parametrize("terms", _cases())
def test_every_potential(terms):
    problem = _problem(terms, ["velocity_autocorrelation"])
    _require_exact(*_compared(problem, next(iter(terms.values())).positions))


# ------------------------------------------------------------------------------ without own loops


def _by_xla():
    """Return examples for other devices than a CPU, whose forces XLA does, in both precisions."""
    for name, kind in potentials.items():
        for precision, bits in (("float64", 64), ("float32", 32)):
            *_, example = kind.examples(precision, bits, "gpu").values()
            marks = () if name == "stillinger_weber" and bits == 64 else pytest.mark.slow
            yield pytest.param(name, example, id=f"{name}-{precision}", marks=marks)


@pytest.mark.parametrize(("name", "example"), _by_xla())
def test_forces_by_xla_are_undone_to_the_same_bits(name, example):
    """Forth and back are two programs, and what they fuse with the force must not round it."""
    problem = _problem({name: example}, ["velocity_autocorrelation"])
    program = Program(problem)
    ensemble = _ensemble(program, _pool(program, example.positions), problem.initial)
    (gradient,) = _gradients(ensemble).values()
    assert gradient.residual == 0.0


# --------------------------------------------------------------------------------- all with all

CASES = [
    (name, example)
    for name, kind in potentials.items()
    for example in kind.examples("float64", 64, "cpu")
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "example"), CASES)
def test_every_observable_of_every_potential(name, example):
    """Every number and array of the potential by itself; in single precision the whole gradient."""
    given = potentials.get(name).examples("float64", 64, "cpu")[example]
    problem = _problem({name: given}, list(observables))
    rows, residual = _compared(problem, given.positions)
    assert {row.observable for row in rows} == set(observables)
    print(f"{max(r.adjoint for r in rows):.1e} {max(r.difference for r in rows):.1e}", end=" ")
    _require_exact(rows, residual)

    narrow = potentials.get(name).examples("float32", 64, "cpu")[example]
    single = _problem({name: narrow._replace(parameters=given.parameters)}, list(observables))
    wide, found = (_adjoint(p, given.positions) for p in (problem, single))
    for key, exact in wide.items():
        size = np.linalg.norm(exact * problem.relative)
        off = np.linalg.norm((found[key] - exact) * problem.relative)
        print(key, f"{off / size:.1e}", end=" ")
        assert off < 1e-3 * size, key


def _adjoint(problem: Problem, positions) -> dict[str, np.ndarray]:
    """Return the gradients of all observables by the adjoint."""
    program = Program(problem)
    ensemble = _ensemble(program, _pool(program, positions), problem.initial)
    return {key: gradient.total for key, gradient in _gradients(ensemble).items()}
