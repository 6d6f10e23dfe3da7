"""Ewald's sum: against Madelung's constant, OpenMM, itself made exact, and differences."""

from __future__ import annotations

import importlib.util
import shutil
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flexible import DOUBLE, EXAMPLE, in_openmm, with_ewald

from dmdstudio.base.errors import DmdError
from dmdstudio.base.units import COULOMB
from dmdstudio.engine.core import System, configuration
from dmdstudio.engine.potential import ForceField
from dmdstudio.engine.potentials.ewald import FINEST, MARGIN, Ewald
from dmdstudio.engine.water import water
from dmdstudio.files.structures import write_structure
from dmdstudio.plan.recipe import read_recipe
from dmdstudio.plan.settings import with_settings
from dmdstudio.plan.structure import Structure
from dmdstudio.service.build import build

SKEWED = np.array([[13.5, 0.0, 0.0], [2.5, 14.0, 0.0], [-2.0, 1.5, 14.2]])


@pytest.mark.parametrize("platform", ["cpu", "gpu"])
def test_rock_salt_has_its_madelung_constant(platform):
    """Source: OEIS A085469."""
    sites = np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), -1).reshape(-1, 3)
    distance = 2.82
    system = System(
        ("Cl", "Na"), sites.sum(axis=1) % 2, np.ones(64), np.eye(3) * 4 * distance,
        "float64", 64, platform,
    )  # fmt: skip
    term = Ewald.build(Ewald.Options(cutoff=5.6, tolerance=1e-10), system)
    field, theta = ForceField(system, (("it", term),)), {"it": {"charge": jnp.array([-1.0, 1.0])}}
    lattice = system.to_lattice(jnp.asarray(sites * distance))
    energy = float(jax.jit(field.energy)(theta, lattice, jnp.asarray(system.cell)))
    assert -energy / 32 * distance / COULOMB == pytest.approx(1.747564594633182, rel=1e-9)


def skewed_water(folder):
    """Return the recipe of flexible water in a skewed cell."""
    shutil.copytree(EXAMPLE, folder)
    system, positions = water(SKEWED, 4)
    symbols = tuple(system.type_names[t] for t in system.types)
    structure = Structure(symbols, positions, system.cell, system.masses)
    write_structure(structure, folder / "water-64.extxyz")
    return read_recipe(folder)


@pytest.mark.skipif(importlib.util.find_spec("openmm") is None, reason="needs OpenMM")
@pytest.mark.parametrize("cell", ["cube", "skewed"])
def test_energy_and_forces_are_those_of_openmm(cell, tmp_path):
    """Its Ewald sum for the cube, and for the skewed cell, where it has none, a fine mesh."""
    import openmm

    recipe = read_recipe(EXAMPLE) if cell == "cube" else skewed_water(tmp_path / "water")
    problem, _ = build(with_ewald(with_settings(recipe, DOUBLE), 1e-8))
    system = problem.system

    def charged(charges):
        force = openmm.NonbondedForce()
        force.setCutoffDistance(0.62)
        force.setExceptionsUsePeriodicBoundaryConditions(True)
        force.setUseDispersionCorrection(False)
        if cell == "cube":
            force.setNonbondedMethod(openmm.NonbondedForce.Ewald)
            force.setEwaldErrorTolerance(1e-9)
        else:
            force.setNonbondedMethod(openmm.NonbondedForce.PME)
            force.setPMEParameters(7.0, 144, 144, 144)
        for charge in charges:
            force.addParticle(charge, 0.1, 0.0)
        for i, j in system.exclusions:
            force.addException(int(i), int(j), 0.0, 0.1, 0.0)
        return force

    expected, forces = in_openmm(problem, charged)
    theta, cell = problem.theta(jnp.asarray(problem.initial)), jnp.asarray(system.cell)
    start = jnp.asarray(problem.start)
    energy = float(problem.field.energy(theta, start, cell))
    off = np.abs(np.asarray(problem.field.force(theta, start, cell)) - forces).max()
    print(f"energy {energy / expected - 1:.1e}, forces {off / np.abs(forces).max():.1e}")
    assert energy == pytest.approx(expected, rel=1e-6)
    assert off / np.abs(forces).max() < 1e-6


@pytest.fixture(scope="module")
def liquid():
    """System, lattice and parameters of the example's water."""
    problem, _ = build(with_settings(read_recipe(EXAMPLE), DOUBLE))
    return problem.system, jnp.asarray(problem.start), {"charge": jnp.array([0.42, -0.84])}


def forces(system, lattice, parameters, cell, **options):
    """Return the forces [atom, xyz]; the waves are those of the system's own cell."""
    field = ForceField(system, (("it", Ewald.build(Ewald.Options(**options), system)),))
    return np.asarray(jax.jit(field.force)({"it": parameters}, lattice, jnp.asarray(cell)))


@pytest.mark.parametrize("growth", [1.0, MARGIN])
@pytest.mark.parametrize("cutoff", [4.5, 6.2])
def test_forces_are_as_exact_as_asked(liquid, cutoff, growth):
    """In a cell that has grown since the waves were chosen, too."""
    system, lattice, parameters = liquid
    cell = system.cell * growth
    exact = forces(replace(system, cell=cell), lattice, parameters, cell, cutoff=6.2,
                   tolerance=FINEST["float64"])  # fmt: skip
    size = np.sqrt(np.mean(exact**2))
    for tolerance in (1e-3, 1e-4, 1e-5, 1e-6):
        found = forces(system, lattice, parameters, cell, cutoff=cutoff, tolerance=tolerance)
        error = np.sqrt(np.mean((found - exact) ** 2)) / size
        print(f"{cutoff} {growth} {tolerance:g}: {error:.1e}")
        assert 0.01 * tolerance < error < tolerance


@pytest.mark.parametrize("tolerance", [1e-3, 1e-4, FINEST["float32"]])
def test_single_precision_keeps_the_tolerances_that_it_allows(liquid, tolerance):
    system, lattice, parameters = liquid
    exact = forces(system, lattice, parameters, system.cell, cutoff=6.2, tolerance=1e-10)
    single = replace(system, precision="float32")
    found = forces(single, lattice, parameters, system.cell, cutoff=6.2, tolerance=tolerance)
    error = np.sqrt(np.mean((found - exact) ** 2) / np.mean(exact**2))
    print(f"{tolerance:g}: {error:.1e}")
    assert error < tolerance
    with pytest.raises(DmdError, match=r"ewald.*1e-06 is finer.*float64"):
        Ewald.build(Ewald.Options(cutoff=6.2, tolerance=1e-6), single)


@pytest.mark.parametrize("name", ["water", "balanced"])
def test_the_virial_is_the_slope_by_the_strain(name):
    """And so is the energy's own derivative by the cell; the energy comes from other loops."""
    example = Ewald.examples("float64", 64, "cpu")[name]
    system, field = example.system, ForceField(example.system, (("it", example.potential),))
    theta, lattice = {"it": example.parameters}, example.system.to_lattice(example.positions)
    energy = jax.jit(lambda cell: field.energy(theta, lattice, cell))
    virial = np.asarray(jax.jit(field.virial)(theta, lattice, jnp.asarray(system.cell)))
    by_cell = np.asarray(jax.jit(jax.grad(energy))(jnp.asarray(system.cell)))
    assert np.allclose(-system.cell.T @ by_cell, virial, rtol=0, atol=1e-11 * np.abs(virial).max())
    step = 1e-4
    for a, b in np.ndindex(3, 3):
        if system.orthorhombic and a != b:  # its loops know no other cells
            continue
        moved = []
        for k in (-2, -1, 1, 2):
            strain = np.eye(3)
            strain[a, b] += k * step
            moved.append(float(energy(jnp.asarray(system.cell @ strain))))
        slope = (moved[0] - 8 * moved[1] + 8 * moved[2] - moved[3]) / (12 * step)
        assert virial[a, b] == pytest.approx(-slope, abs=1e-8 * np.abs(virial).max())


def test_pairs_and_waves_share_the_sum_as_they_like(liquid):
    """Another cutoff shifts work from one to the other; the energy stays."""
    system, lattice, parameters = liquid
    energies = []
    for cutoff in (4.0, 5.0, 6.2):
        term = Ewald.build(Ewald.Options(cutoff=cutoff, tolerance=1e-9), system)
        where = configuration(system, lattice, jnp.asarray(system.cell))
        energies.append(float(term.level(parameters, where)))
    assert energies == pytest.approx([energies[-1]] * 3, rel=1e-8)


def test_a_charged_cell_is_refused():
    recipe = with_settings(read_recipe(EXAMPLE), ["potential.coulomb.balance=H"])
    plan = with_ewald(recipe)
    assert build(plan)[0].system.atoms == 192
    with pytest.raises(DmdError, match=r"ewald: the cell has a charge of 53.76 e"):
        Ewald.build(Ewald.Options(cutoff=6.2), build(plan)[0].system).check(
            {"charge": np.array([0.84, -0.84])}, {"charge": np.array([False, False])}
        )
