"""Flexible water (q-SPC/Fw): against OpenMM, against itself backwards, against differences."""

from __future__ import annotations

import importlib.util
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flexible import (
    DOUBLE,
    EXAMPLE,
    PRECISIONS,
    SUMS,
    costs,
    damped_shifted_force,
    energies,
    in_openmm,
    there_and_back,
)

from dmdstudio.base.units import BOLTZMANN, COULOMB
from dmdstudio.engine.core import Phase, System, configuration
from dmdstudio.engine.potential import ForceField
from dmdstudio.engine.potentials.harmonic_angle import HarmonicAngle
from dmdstudio.plan.events import GradientChecked
from dmdstudio.plan.recipe import read_recipe
from dmdstudio.plan.settings import with_settings
from dmdstudio.service import loop
from dmdstudio.service.build import build
from dmdstudio.service.control import Control


@pytest.mark.skipif(importlib.util.find_spec("openmm") is None, reason="needs OpenMM")
@pytest.mark.parametrize("shift", ["force", "curvature"])
def test_energy_and_forces_are_those_of_openmm(shift):
    recipe = with_settings(read_recipe(EXAMPLE), [*DOUBLE, f"potential.coulomb.shift={shift}"])
    problem, _ = build(recipe)
    assert problem.system.atoms == 192
    expected, forces = in_openmm(problem, damped_shifted_force(problem, shift))
    theta, cell = problem.theta(jnp.asarray(problem.initial)), jnp.asarray(problem.system.cell)
    start = jnp.asarray(problem.start)
    assert float(problem.field.energy(theta, start, cell)) == pytest.approx(expected, rel=1e-9)
    off = np.abs(np.asarray(problem.field.force(theta, start, cell)) - forces).max()
    assert off / np.abs(forces).max() < 1e-9


@pytest.mark.parametrize("sums", SUMS)
def test_the_energy_is_conserved(sums):
    """At 0.5 fs and in single precision; the error falls with the square of the time step."""
    spread = {}
    for timestep, steps in ((0.5, 2000), (0.25, 4000)):
        settings = [f"dynamics.timestep={timestep}", "potential.coulomb.shift=curvature"]
        problem, _ = build(SUMS[sums](with_settings(read_recipe(EXAMPLE), settings)))
        total = energies(problem, steps) / (BOLTZMANN * 298.15 * problem.system.atoms)
        drift = np.polyfit(np.linspace(0, 1, len(total)), total, 1)[0]
        assert abs(drift) < 3e-3  # kT per atom in 1 ps
        spread[timestep] = np.std(total)
    assert spread[0.5] < 5e-3
    assert spread[0.5] / spread[0.25] == pytest.approx(4.0, rel=0.3)


@pytest.mark.parametrize("sums", SUMS)
@pytest.mark.parametrize(
    ("precision", "bits", "steps"),
    [
        (*PRECISIONS[0], 2000),
        *(pytest.param(*p, 2000, marks=pytest.mark.slow) for p in PRECISIONS[1:]),
        *(pytest.param(*p, 100_000, marks=pytest.mark.slow) for p in PRECISIONS),
    ],
)
def test_the_lattice_returns_to_the_same_bits(precision, bits, steps, sums):
    settings = [f"execution.precision={precision}", f"execution.lattice_bits={bits}"]
    recipe = SUMS[sums](with_settings(read_recipe(EXAMPLE), settings))
    first, last, back = there_and_back(build(recipe)[0], steps)
    assert np.any(np.asarray(first.lattice) != np.asarray(last.lattice))
    assert np.array_equal(first.lattice, back.lattice)
    assert np.array_equal(first.displacement, back.displacement)


@pytest.mark.parametrize("sums", SUMS)
def test_adjoint_backpropagation_and_differences_agree(tiny_water, sums):
    """For bonds, angles, Lennard-Jones and charges at once."""
    *_, checked = loop.check_gradient(SUMS[sums](tiny_water), Control())
    assert isinstance(checked, GradientChecked)
    assert checked.reversal_residual == 0.0
    keys = {row.key for row in checked.rows}
    assert keys >= {
        "harmonic_bond.length[H-O]",
        "harmonic_bond.stiffness[H-O]",
        "harmonic_angle.angle[H-O-H]",
        "harmonic_angle.stiffness[H-O-H]",
        "lennard_jones.sigma[O]",
        "lennard_jones.epsilon[O]",
        "coulomb.charge[O]",
    }
    for row in checked.rows:
        assert row.errors["reversible_adjoint"] < 1e-9, row
        assert row.errors["finite_difference"] < 1e-5, row


@pytest.mark.slow
@pytest.mark.parametrize("sums", SUMS)
def test_the_gradient_costs_little_more_than_the_trajectory(sums):
    """Value and gradient of 8 replicas against the trajectories alone; the best of five turns."""
    settings = ["sampling.replicas=8", "dynamics.steps=1000", "target.window=0.25"]
    settings += ["gradient.truncation=none"]
    problem, _ = build(SUMS[sums](with_settings(read_recipe(EXAMPLE), settings)))
    forward, both = costs(problem)
    print(f"{forward:.3f} and {both:.3f} ms, ratio {both / forward:.2f}")
    assert both / forward < 3.5


def test_the_cell_stays_neutral_while_the_charge_is_refined(tiny_water):
    """Whatever the charge of oxygen, that of hydrogen makes up for it."""
    problem, _ = build(with_settings(tiny_water, DOUBLE))
    index = [slot.key for slot in problem.slots].index("coulomb.charge[O]")
    term = dict(problem.field.terms)["coulomb"]
    counts = np.bincount(problem.system.types)
    for charge in (-0.84, -0.42):
        moved = problem.initial.copy()
        moved[index] = charge
        theta = problem.theta(jnp.asarray(moved))["coulomb"]
        strength = np.asarray(term.pair_parameters(theta)["strength"]) / COULOMB
        assert strength[1, 1] == pytest.approx(charge**2)
        assert counts @ strength @ counts == pytest.approx(0.0, abs=1e-12)


def test_the_centres_of_molecules_move_as_their_momentum_says(tiny_water):
    problem, _ = build(tiny_water)
    (target,) = problem.dynamic
    system = problem.system
    velocities = np.random.default_rng(1).normal(size=(system.atoms, 3))
    where = configuration(system, jnp.asarray(problem.start), jnp.asarray(system.cell))
    found = target.observable.frame(Phase(where, jnp.asarray(velocities)))
    masses = system.masses.reshape(-1, 3, 1)
    expected = np.sum(masses * velocities.reshape(-1, 3, 3), axis=1) / masses.sum(axis=1)
    assert np.allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("platform", ["cpu", "gpu"])
def test_three_atoms_in_a_row_have_finite_forces(platform):
    """An angle has no slope there; nothing may become infinite or no number."""
    bonds = np.array([[0, 1], [1, 2]])
    system = System(
        ("C", "O"), np.array([1, 0, 1]), np.ones(3), np.eye(3) * 16.0, "float64", 64,
        platform=platform, bonds=bonds,
    )  # fmt: skip
    term = HarmonicAngle.build(HarmonicAngle.Options(), system)
    theta = {"it": {"angle": jnp.array([np.pi]), "stiffness": jnp.array([3.0])}}
    lattice = system.to_lattice(jnp.array([[-1.0, 0, 0], [0, 0, 0], [1.0, 0, 0]]))
    pull = ForceField(system, (("it", term),)).pull(
        theta, lattice, jnp.asarray(system.cell), jnp.ones((3, 3))
    )
    assert np.allclose(pull.force, 0.0)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(pull))


def test_molecules_keep_their_shape_at_another_density():
    recipe = read_recipe(EXAMPLE)
    before, _ = build(recipe)
    after, _ = build(with_settings(recipe, ["system.density=0.9"]))
    assert after.system.cell[0, 0] / before.system.cell[0, 0] == pytest.approx(
        (0.997 / 0.9) ** (1 / 3), rel=1e-6
    )

    def lengths(problem):
        positions = np.asarray(problem.system.to_positions(jnp.asarray(problem.start)))
        found = []
        for i, j in itertools.chain(problem.system.bonds, problem.system.angles[:, [0, 2]]):
            apart = positions[j] - positions[i]
            edge = problem.system.cell[0, 0]
            found.append(np.linalg.norm(apart - edge * np.round(apart / edge)))
        return np.array(found)

    assert np.allclose(lengths(before), lengths(after), rtol=0, atol=1e-7)
    assert lengths(before).max() < 1.8
