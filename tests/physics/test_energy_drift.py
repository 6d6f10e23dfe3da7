"""The total energy along trajectories of every potential, at the step that it is meant for."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from dmdstudio.base.units import ACCELERATION, BOLTZMANN
from dmdstudio.engine import potentials as _registered  # noqa: F401  fills the registry
from dmdstudio.engine.core import Start
from dmdstudio.engine.dynamics import Leapfrog
from dmdstudio.engine.potential import ForceField, potentials
from dmdstudio.engine.sampling import maxwell
from dmdstudio.plan.recipe import read_recipe
from dmdstudio.plan.settings import with_settings
from dmdstudio.service.build import build

LARGEST = 1e-5
"""Drift in kT per atom and ps."""

LEARNED = ("eann", "nequip", "behler_parrinello")
"""Networks, whose numbers are random in the examples: small corrections of what holds atoms."""

HELD = {
    "harmonic_angle": (), "cosine_angle": (), "urey_bradley": (), "improper": ("harmonic_angle",),
    "periodic_torsion": ("harmonic_angle",), "periodic_improper": ("harmonic_angle",),
    **dict.fromkeys(LEARNED, ("harmonic_angle",)),
}  # fmt: skip
"""Terms of molecules that fall apart without bonds, and what else must hold them."""

ORDERED = ("stillinger_weber", "tersoff")
"""Crystals of two elements that grow hot while they find an order; here they begin with one."""

STEPS = {"tersoff": 0.5, "harmonic_bond": 0.25, "morse_bond": 0.25, **dict.fromkeys(HELD, 0.25)}
"""In fs; 1 for others."""

CHARGED = ("coulomb", "ewald")
KINDS = [name for name, _ in potentials.items() if name not in CHARGED]


def of_example(name: str) -> tuple[ForceField, dict, np.ndarray]:
    """Return the last example of a potential, held together where it must be."""
    *_, example = potentials.get(name).examples("float64", 64, "cpu").values()
    system, potential = example.system, example.potential
    if name in ORDERED:
        types = np.arange(system.atoms) // 4 % 2
        masses = np.array([system.masses[list(system.types).index(n)] for n in (0, 1)])
        system = replace(system, types=types, masses=masses[types])
        potential = potentials.get(name).build(potential.options, system)
    terms, theta = [(name, potential)], {name: dict(example.parameters)}
    if name in LEARNED:
        theta[name]["output_weight"] = 0.1 * theta[name]["output_weight"]
        kind = potentials.get("lennard_jones")
        terms.append(("apart", kind.build(kind.Options(cutoff=3.9, switch_start=3.0), system)))
        size, depth = jnp.array([1.6, 2.8]), jnp.array([0.01, 0.02])  # of H and O
        theta["apart"] = {"sigma": size, "epsilon": depth}
    for other in ("harmonic_bond", *HELD[name]) if name in HELD else ():
        kind = potentials.get(other)
        owners = system.bond_names if other == "harmonic_bond" else system.angle_names
        ones = jnp.ones(len(owners))
        at_rest = {"length": 1.1 * ones} if other == "harmonic_bond" else {"angle": 1.8 * ones}
        terms.append((other, kind.build(kind.Options(), system)))
        theta[other] = {**at_rest, "stiffness": (20.0 if other == "harmonic_bond" else 4.0) * ones}
    return ForceField(system, tuple(terms)), theta, example.positions


def drift(field, theta, lattice, temperature: float, timestep: float, ps: float) -> float:
    """Return the slope of the shadow energy, in kT per atom and ps.

    From where atoms come to rest, for the examples are disturbed, and after a first ps. The energy
    itself goes up and down by the squared step as heat goes from fast vibrations to slow motion,
    which over 10 ps looks like a drift; to that order, what velocity Verlet keeps is

        H + dt^2 (v.H v / 12 - F.F/m / 24),   H v: that of the second derivatives.

    Source: R. D. Engle, R. D. Skeel and M. Drees, J. Comput. Phys. 206, 432 (2005).
    """
    system = field.system
    integrator = Leapfrog(field, timestep, 1, 1, 1, 1, lambda *_: None, lambda x: x)
    cell, masses = jnp.asarray(system.cell), jnp.asarray(system.masses)[:, None]
    velocities = maxwell(system, jax.random.key(1), temperature)
    box, stride = integrator.box(cell), round(10.0 / timestep)

    @jax.jit
    def advance(state, count):
        state = lax.fori_loop(0, count, lambda _, s: integrator.step(theta, box, s)[0], state)
        phase = integrator.step(theta, box, state)[1]
        kinetic, v = integrator._kinetic(phase), phase.velocities
        pull = field.pull({key: {} for key in theta}, state.lattice, cell, v, theta)
        shadow = -jnp.sum(v * pull.position) / 12.0
        shadow -= jnp.sum(pull.force**2 / masses) * ACCELERATION / 24.0
        energy = kinetic + field.energy(theta, state.lattice, cell)
        return state, kinetic, energy + timestep**2 * shadow

    for _ in range(50):
        lattice = advance(integrator.start(theta, Start(lattice, 0.0 * velocities, cell)), 20)[0][0]
    state = integrator.start(theta, Start(lattice, velocities, cell))
    state, *_ = advance(state, round(1000.0 / timestep))
    kinetic, total = [], []
    for _ in range(round(ps * 100)):
        state, one, other = advance(state, stride)
        kinetic.append(float(one))
        total.append(float(other))
    thermal = np.mean(kinetic) / 1.5  # of all atoms
    times = 0.01 * np.arange(len(total))
    slope = np.polyfit(times, total, 1)[0] / thermal
    print(f"{thermal / system.atoms / BOLTZMANN:.0f} K, drift {slope:.1e}, ", end="")
    print(f"spread {np.std(total) / thermal:.1e} kT per atom")
    return abs(slope)


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow) for n in KINDS])
def test_no_potential_loses_energy(name: str):
    field, theta, positions = of_example(name)
    lattice = field.system.to_lattice(jnp.asarray(positions))
    assert drift(field, theta, lattice, 300.0, STEPS.get(name, 1.0), 10.0) < LARGEST


@pytest.mark.slow
@pytest.mark.parametrize("sum_", CHARGED)
def test_charges_lose_no_energy(sum_: str):
    from flexible import DOUBLE, EXAMPLE, SUMS

    settings = [*DOUBLE, "potential.coulomb.shift=curvature"]
    recipe = SUMS["shifted" if sum_ == "coulomb" else "ewald"](
        with_settings(read_recipe(EXAMPLE), settings)
    )
    problem, _ = build(recipe)
    theta = problem.theta(jnp.asarray(problem.initial))
    assert drift(problem.field, theta, jnp.asarray(problem.start), 298.15, 0.25, 10.0) < LARGEST


def test_argon_loses_no_energy():
    """A short look that always runs."""
    field, theta, positions = of_example("lennard_jones")
    lattice = field.system.to_lattice(jnp.asarray(positions))
    assert drift(field, theta, lattice, 100.0, 1.0, 2.0) < 1e-3
