"""The flexible water of a problem as OpenMM has it, term by term: shared by tests."""

from __future__ import annotations

import importlib.util

import jax.numpy as jnp
import numpy as np

from dmdstudio.base.units import AVOGADRO, COULOMB, ELEMENTARY_CHARGE

KJ_PER_MOL = AVOGADRO * ELEMENTARY_CHARGE / 1e3
"""One eV in kJ/mol."""

WITHOUT_OPENMM = importlib.util.find_spec("openmm") is None


def openmm_system(problem, shift: str):
    """Return the same bonds, angles, Lennard-Jones and damped charges as an OpenMM system."""
    import openmm

    system = problem.system
    theta = problem.theta(problem.initial)
    other = openmm.System()
    other.setDefaultPeriodicBoxVectors(*(system.cell * 0.1))
    for mass in system.masses:
        other.addParticle(mass)
    bonds, angles = openmm.HarmonicBondForce(), openmm.HarmonicAngleForce()
    for force in (bonds, angles):
        force.setUsesPeriodicBoundaryConditions(True)
    length, stiffness = (float(theta["harmonic_bond"][n][0]) for n in ("length", "stiffness"))
    for i, j in system.bonds:
        bonds.addBond(int(i), int(j), length * 0.1, stiffness * KJ_PER_MOL * 100.0)
    angle, stiffness = (float(theta["harmonic_angle"][n][0]) for n in ("angle", "stiffness"))
    for i, j, k in system.angles:
        angles.addAngle(int(i), int(j), int(k), angle, stiffness * KJ_PER_MOL)
    options = {key: term.options for key, term in problem.field.terms}
    lj, coulomb = options["lennard_jones"], options["coulomb"]
    width = (lj.cutoff - lj.switch_start) / 10
    switch = f"1-10*x^3+15*x^4-6*x^5; x=max(0,(r-{lj.switch_start / 10})/{width})"
    pairs = openmm.CustomNonbondedForce(
        "4*sqrt(eps1*eps2)*(p^2-p)*s; p=((sig1+sig2)/2/r)^6; s=" + switch
    )
    c, a = coulomb.cutoff / 10, coulomb.damping * 10
    bend = f"2*f/{c}^2+2*g/{c}^2+2*{a}^2*g" if shift == "curvature" else "0"
    charges = openmm.CustomNonbondedForce(
        f"{COULOMB * KJ_PER_MOL / 10}*q1*q2*(erfc({a}*r)/r-f+(f/{c}+g/{c})*d-0.5*({bend})*d^2);"
        f"d=r-{c};f=erfc({a}*{c})/{c};g=2*{a}/sqrt({np.pi})*exp(-({a}*{c})^2)"
    )
    for force, names in ((pairs, ("sig", "eps")), (charges, ("q",))):
        for name in names:
            force.addPerParticleParameter(name)
        force.setNonbondedMethod(openmm.CustomNonbondedForce.CutoffPeriodic)
        for i, j in system.exclusions:
            force.addExclusion(int(i), int(j))
    pairs.setCutoffDistance(lj.cutoff / 10)
    charges.setCutoffDistance(c)
    oxygen = float(theta["coulomb"]["charge"][1])
    for kind in system.types:
        sigma, epsilon = (float(theta["lennard_jones"][n][kind]) for n in ("sigma", "epsilon"))
        pairs.addParticle([sigma / 10, epsilon * KJ_PER_MOL])
        charges.addParticle([oxygen if system.type_names[kind] == "O" else -oxygen / 2])
    for force in (bonds, angles, pairs, charges):
        other.addForce(force)
    return other


def positions(problem) -> np.ndarray:
    """Return where the problem starts [atom, xyz], nm."""
    return np.asarray(problem.system.to_positions(jnp.asarray(problem.start))) / 10


def energy_and_forces(problem, shift: str) -> tuple[float, np.ndarray]:
    """Return energy (eV) and forces [atom, xyz] (eV/angstrom) of the same potential in OpenMM."""
    import openmm
    from openmm import unit

    platform = openmm.Platform.getPlatformByName("Reference")
    integrator = openmm.VerletIntegrator(0.001)
    context = openmm.Context(openmm_system(problem, shift), integrator, platform)
    context.setPositions(positions(problem))
    found = context.getState(getEnergy=True, getForces=True)
    kilojoules = unit.kilojoule_per_mole
    energy = found.getPotentialEnergy().value_in_unit(kilojoules)
    forces = found.getForces(asNumpy=True).value_in_unit(kilojoules / unit.angstrom)
    return energy / KJ_PER_MOL, forces / KJ_PER_MOL
