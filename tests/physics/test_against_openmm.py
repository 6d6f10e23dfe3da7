"""Potentials against OpenMM's custom forces: the same expression by someone else's derivatives."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmdstudio.base.units import from_internal
from dmdstudio.engine import potentials as _registered  # noqa: F401  fills the registry
from dmdstudio.engine.core import configuration
from dmdstudio.engine.crystal import CUBE
from dmdstudio.engine.potential import Example, potentials

openmm = pytest.importorskip("openmm")

PER_EV = from_internal(1.0, "kJ/mol")


def ours(example: Example) -> tuple[float, np.ndarray]:
    """Return energy (eV) and forces (eV/angstrom) where the lattice has the atoms."""
    system = example.system
    lattice = system.to_lattice(jnp.asarray(example.positions))
    where = configuration(system, lattice, jnp.asarray(system.cell))

    def energy(offset):
        return example.potential.energy(example.parameters, where._replace(offset=offset))

    value, slope = jax.jit(jax.value_and_grad(energy))(where.offset)
    return float(value), -np.asarray(slope)


def theirs(example: Example, *forces) -> tuple[float, np.ndarray]:
    """Return the same of OpenMM's reference platform, whose lengths are in nm."""
    system = openmm.System()
    system.setDefaultPeriodicBoxVectors(*(openmm.Vec3(*row) for row in example.system.cell / 10.0))
    for mass in example.system.masses:
        system.addParticle(float(mass))
    for force in forces:
        system.addForce(force)
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    context.setPositions([openmm.Vec3(*x) for x in example.positions / 10.0])
    state = context.getState(getEnergy=True, getForces=True)
    energy = state.getPotentialEnergy()._value / PER_EV
    return energy, np.array(state.getForces(asNumpy=True)._value) / PER_EV / 10.0


def require_same(example: Example, *forces) -> None:
    (energy, force), (expected, wanted) = ours(example), theirs(example, *forces)
    assert energy == pytest.approx(expected, rel=1e-9)
    assert np.abs(force - wanted).max() < 1e-9 * np.abs(wanted).max()


PAIRS = {
    "morse": "depth*((1 - exp(-decay*(x - distance)))^2 - 1)",
    "buckingham": "amplitude*exp(-x/range) - dispersion/x^6",
    "born_mayer_huggins": (
        "amplitude*exp((sigma - x)/range) - dispersion/x^6 - second_dispersion/x^8"
    ),
}
"""Energies (eV) of a pair at a distance x (angstrom)."""


@pytest.mark.parametrize("name", PAIRS)
def test_pairs_with_numbers_of_their_own(name):
    for example in potentials.get(name).examples("float64", 64, "gpu").values():
        system, options = example.system, example.potential.options
        force = openmm.CustomNonbondedForce(f"{PER_EV}*({PAIRS[name]}); x = 10*r")
        for parameter, values in example.parameters.items():
            table = np.asarray(values)[system.pair_kinds].ravel().tolist()
            size = len(system.type_names)
            force.addTabulatedFunction(
                f"{parameter}_of", openmm.Discrete2DFunction(size, size, table)
            )
            expression = f"{force.getEnergyFunction()}; {parameter} = {parameter}_of(type1, type2)"
            force.setEnergyFunction(expression)
        force.addPerParticleParameter("type")
        for type_ in system.types:
            force.addParticle([float(type_)])
        require_same(example, switched(force, options))


def switched(force, options):
    force.setNonbondedMethod(openmm.CustomNonbondedForce.CutoffPeriodic)
    force.setCutoffDistance(options.cutoff / 10.0)
    force.setUseSwitchingFunction(True)
    force.setSwitchingDistance(options.switch_start / 10.0)
    return force


def test_mie_with_its_mixing_rules():
    (example,) = potentials.get("mie").examples("float64", 64, "gpu").values()
    force = openmm.CustomNonbondedForce(
        f"{PER_EV}*c*sqrt(epsilon1*epsilon2)*((sigma/x)^n - (sigma/x)^m); x = 10*r;"
        "c = n/(n - m)*(n/m)^(m/(n - m)); sigma = (sigma1 + sigma2)/2;"
        "n = 3 + sqrt((n1 - 3)*(n2 - 3)); m = 3 + sqrt((m1 - 3)*(m2 - 3))"
    )
    for name in ("sigma", "epsilon", "n", "m"):
        force.addPerParticleParameter(name)
    numbers = np.stack([np.asarray(v) for v in example.parameters.values()], axis=1)
    for type_ in example.system.types:
        force.addParticle(numbers[type_].tolist())
    require_same(example, switched(force, example.potential.options))


def test_bonds_angles_torsions_and_impropers():
    bonded = {
        "morse_bond": (
            openmm.CustomBondForce,
            "depth*(1 - exp(-decay*(10*r - length)))^2",
            "addBond",
        ),
        "cosine_angle": (
            openmm.CustomAngleForce,
            "0.5*stiffness*(cos(theta) - cos(angle))^2",
            "addAngle",
        ),
        "urey_bradley": (
            openmm.CustomCompoundBondForce,
            "0.5*stiffness*(10*distance(p1, p3) - rest)^2",
            "addBond",
        ),
        "periodic_torsion": (
            openmm.CustomTorsionForce,
            "barrier*(1 + cos(multiplicity*theta - phase))",
            "addTorsion",
        ),
        "periodic_improper": (
            openmm.CustomTorsionForce,
            "barrier*(1 + cos(multiplicity*theta - phase))",
            "addTorsion",
        ),
        "improper": (openmm.CustomTorsionForce, "stiffness/6*theta^2", "addTorsion"),
    }
    for name, (kind, expression, add) in bonded.items():
        (example,) = potentials.get(name).examples("float64", 64, "gpu").values()
        compound = kind is openmm.CustomCompoundBondForce
        force = kind(*([3] if compound else []), f"{PER_EV}*({expression})")
        for parameter in example.parameters:
            own = "rest" if parameter == "distance" else parameter
            getattr(force, f"addPer{add[3:]}Parameter")(own)
        force.setUsesPeriodicBoundaryConditions(True)
        for *atoms, owner in example.potential.members.tolist():
            numbers = [float(v[owner]) for v in example.parameters.values()]
            getattr(force, add)(*([atoms] if compound else atoms), numbers)
        require_same(example, force)


def test_torsions_and_impropers_are_found():
    (example,) = potentials.get("periodic_torsion").examples("float64", 64, "gpu").values()
    system = example.system
    assert system.torsion_names == ("H-O-O-H",)
    assert system.torsions[:2].tolist() == [[2, 0, 1, 3], [6, 4, 5, 7]]
    assert system.third_neighbours[0].tolist() == [2, 3]
    (example,) = potentials.get("improper").examples("float64", 64, "gpu").values()
    assert example.system.improper_names == ("C(H,H,O)",)
    assert example.system.impropers[1].tolist() == [4, 6, 7, 5]
    assert len(example.system.torsions) == 0


@pytest.mark.parametrize("name", ["lennard_jones", "ewald"])
def test_pairs_three_bonds_apart_are_scaled(name):
    """As OpenMM's exceptions are."""
    (peroxide,) = potentials.get("periodic_torsion").examples("float64", 64, "gpu").values()
    system = dataclasses.replace(peroxide.system, cell=CUBE)
    if name == "ewald":
        options = {"cutoff": 6.5, "tolerance": 1e-6}
        numbers = {"charge": jnp.array([0.4, -0.4])}
    else:
        options = {"cutoff": 6.5, "switch_start": 5.5}
        numbers = {"sigma": jnp.array([2.4, 3.1]), "epsilon": jnp.array([0.002, 0.007])}
    kind = potentials.get(name)
    term = kind.build(kind.Options(scale_14=0.5, **options), system)
    force = openmm.NonbondedForce()
    for type_ in system.types:
        own = {k: float(v[type_]) for k, v in numbers.items()}
        force.addParticle(
            own.get("charge", 0.0), own.get("sigma", 1.0) / 10, own.get("epsilon", 0.0) * PER_EV
        )
    force.createExceptionsFromBonds(system.bonds.tolist(), 0.5, 0.5)
    force.setCutoffDistance(0.65)
    if name == "ewald":
        force.setNonbondedMethod(openmm.NonbondedForce.Ewald)
        force.setEwaldErrorTolerance(1e-7)
    else:
        force.setNonbondedMethod(openmm.NonbondedForce.CutoffPeriodic)
        force.setUseSwitchingFunction(True)
        force.setSwitchingDistance(0.55)
        force.setUseDispersionCorrection(False)
    example = Example(system, term, numbers, peroxide.positions)
    (energy, found), (expected, wanted) = ours(example), theirs(example, force)
    close = 1e-5 if name == "ewald" else 1e-9
    assert energy == pytest.approx(expected, rel=close)
    assert np.abs(found - wanted).max() < close * np.abs(wanted).max()
