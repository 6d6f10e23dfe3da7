"""Flexible water (q-SPC/Fw) for tests: in OpenMM, along trajectories, and there and back."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import msgspec
import numpy as np
from jax import lax

from dmdstudio.base.units import ACCELERATION, AVOGADRO, COULOMB, ELEMENTARY_CHARGE
from dmdstudio.engine.core import Start, State
from dmdstudio.engine.ensemble import Ensemble
from dmdstudio.engine.pool import draw_pool, weigh
from dmdstudio.engine.program import Program
from dmdstudio.engine.refinement import differentiate
from dmdstudio.engine.sampling import maxwell

EXAMPLE = Path(__file__).parents[2] / "resources" / "examples" / "water-flexible"
KJ_PER_MOL = AVOGADRO * ELEMENTARY_CHARGE / 1e3
"""One eV in kJ/mol."""

DOUBLE = ["execution.precision=float64", "execution.lattice_bits=64"]
PRECISIONS = [("float32", 32), ("float64", 64)]


def with_ewald(recipe, tolerance: float = 1e-4):
    """Return the recipe with all periodic images of the charges; parameters keep their keys."""
    plans = []
    for plan in recipe.potential:
        if plan.kind == "coulomb":
            options = {name: plan.options[name] for name in ("cutoff", "balance")}
            options["tolerance"] = tolerance
            plan = msgspec.structs.replace(plan, kind="ewald", name="coulomb", options=options)
        plans.append(plan)
    return msgspec.structs.replace(recipe, potential=tuple(plans))


SUMS = {"shifted": lambda recipe: recipe, "ewald": with_ewald}
"""How charges are summed: a change of a recipe by name."""


def charges_of(problem) -> np.ndarray:
    """Return the charges that the potential has [atom], e."""
    key, term = next((k, t) for k, t in problem.field.terms if hasattr(t, "charges"))
    theta = problem.theta(jnp.asarray(problem.initial))
    return np.asarray(term.charges(theta[key]))[problem.system.types]


def damped_shifted_force(problem, shift: str):
    """Return a function that gives OpenMM's force of charges."""
    import openmm

    coulomb = dict(problem.field.terms)["coulomb"].options
    c, a = coulomb.cutoff / 10, coulomb.damping * 10
    bend = f"2*f/{c}^2+2*g/{c}^2+2*{a}^2*g" if shift == "curvature" else "0"
    energy = (
        f"{COULOMB * KJ_PER_MOL / 10}*q1*q2*(erfc({a}*r)/r-f+(f/{c}+g/{c})*d-0.5*({bend})*d^2);"
        f"d=r-{c};f=erfc({a}*{c})/{c};g=2*{a}/sqrt({np.pi})*exp(-({a}*{c})^2)"
    )

    def charged(charges):
        force = openmm.CustomNonbondedForce(energy)
        force.addPerParticleParameter("q")
        force.setNonbondedMethod(openmm.CustomNonbondedForce.CutoffPeriodic)
        force.setCutoffDistance(c)
        for i, j in problem.system.exclusions:
            force.addExclusion(int(i), int(j))
        for charge in charges:
            force.addParticle([charge])
        return force

    return charged


def openmm_system(problem, charged: Callable[[np.ndarray], Any]):
    """Return the same bonds, angles, Lennard-Jones and charges as a system of OpenMM.

    Args:
        problem: flexible water.
        charged: returns OpenMM's force of charges [atom], e.
    """
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
    lj = options["lennard_jones"]
    width = (lj.cutoff - lj.switch_start) / 10
    switch = f"1-10*x^3+15*x^4-6*x^5; x=max(0,(r-{lj.switch_start / 10})/{width})"
    pairs = openmm.CustomNonbondedForce(
        "4*sqrt(eps1*eps2)*(p^2-p)*s; p=((sig1+sig2)/2/r)^6; s=" + switch
    )
    for name in ("sig", "eps"):
        pairs.addPerParticleParameter(name)
    pairs.setNonbondedMethod(openmm.CustomNonbondedForce.CutoffPeriodic)
    for i, j in system.exclusions:
        pairs.addExclusion(int(i), int(j))
    pairs.setCutoffDistance(lj.cutoff / 10)
    for kind in system.types:
        sigma, epsilon = (float(theta["lennard_jones"][n][kind]) for n in ("sigma", "epsilon"))
        pairs.addParticle([sigma / 10, epsilon * KJ_PER_MOL])
    for force in (bonds, angles, pairs, charged(charges_of(problem))):
        other.addForce(force)
    return other


def nanometres(problem) -> np.ndarray:
    """Return where the problem starts [atom, xyz]."""
    return np.asarray(problem.system.to_positions(jnp.asarray(problem.start))) / 10


def in_openmm(problem, charged: Callable[[np.ndarray], Any]) -> tuple[float, np.ndarray]:
    """Return energy (eV) and forces [atom, xyz] (eV/angstrom) of `openmm_system`."""
    import openmm
    from openmm import unit

    platform = openmm.Platform.getPlatformByName("Reference")
    integrator = openmm.VerletIntegrator(0.001)
    context = openmm.Context(openmm_system(problem, charged), integrator, platform)
    context.setPositions(nanometres(problem))
    found = context.getState(getEnergy=True, getForces=True)
    kilojoules = unit.kilojoule_per_mole
    energy = found.getPotentialEnergy().value_in_unit(kilojoules)
    forces = found.getForces(asNumpy=True).value_in_unit(kilojoules / unit.angstrom)
    return energy / KJ_PER_MOL, forces / KJ_PER_MOL


def trajectory(problem, seed: int = 0):
    """Return leapfrog, parameters, box and first state of one replica."""
    leapfrog = problem.leapfrog()
    cell = jnp.asarray(problem.system.cell)
    theta = problem.theta(jnp.asarray(problem.initial))
    velocities = maxwell(problem.system, jax.random.key(seed), 298.15)
    state = leapfrog.start(theta, Start(jnp.asarray(problem.start), velocities, cell))
    return leapfrog, theta, leapfrog.box(cell), state


def energies(problem, steps: int) -> np.ndarray:
    """Return the total energy of every second femtosecond, eV."""
    leapfrog, theta, box, state = trajectory(problem)
    stride = round(2.0 / problem.dynamics.timestep)

    def block(state, _):
        after, phase = leapfrog.step(theta, box, state)
        kinetic = jnp.sum(
            phase.velocities.astype(jnp.float64) ** 2 * problem.system.masses[:, None]
        )
        potential = problem.field.energy(theta, state.lattice, box.cell)
        after = lax.fori_loop(1, stride, lambda _, s: leapfrog.step(theta, box, s)[0], after)
        return after, potential + kinetic / (2.0 * ACCELERATION)

    return np.asarray(jax.jit(lambda s: lax.scan(block, s, None, steps // stride)[1])(state))


def there_and_back(problem, steps: int) -> tuple[State, State, State]:
    """Return the first state, the last, and where undoing all steps leads.

    The way back uses the force of the adjoint's own sweep, which is another program.
    """
    leapfrog, theta, box, first = trajectory(problem)
    w = jnp.ones(first.lattice.shape, problem.system.dtype)

    def undo(_, state):
        lattice = state.lattice - state.displacement
        force = leapfrog.field.pull(theta, lattice, box.cell, w).force
        kick = box.to_lattice(force * leapfrog.per_force)
        return State(lattice, state.displacement - kick)

    forth = jax.jit(
        lambda s: lax.fori_loop(0, steps, lambda _, s: leapfrog.step(theta, box, s)[0], s)
    )
    last = forth(first)
    return first, last, jax.jit(lambda s: lax.fori_loop(0, steps, undo, s))(last)


def costs(problem, turns: int = 5) -> tuple[float, float]:
    """Return the time of trajectories, and of value and gradient (ms per step and replica).

    The best of several turns.
    """
    program, values = Program(problem), problem.initial
    pool = finish(draw_pool(program, values, None, 200, 0))
    ensemble = Ensemble(program, pool, weigh(program, pool, values))

    def value() -> None:
        finish(ensemble.propagate(values, keep=False))

    def value_and_gradient() -> None:
        finish(ensemble.propagate(values, keep=True))
        cotangent = jax.grad(problem.loss)(jax.tree.map(jnp.asarray, ensemble.means))
        assert finish(differentiate(ensemble, values, cotangent)).residual == 0.0

    seconds = {value: [], value_and_gradient: []}
    for turn in range(turns + 1):
        for work, found in seconds.items():
            began = time.perf_counter()
            work()
            if turn:  # the first compiles
                found.append(time.perf_counter() - began)
    per_step = 1e3 / (problem.sampling.replicas * problem.dynamics.steps)
    return min(seconds[value]) * per_step, min(seconds[value_and_gradient]) * per_step


def finish(work):
    """Run a generator of work to its end and return what it returns."""
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value
