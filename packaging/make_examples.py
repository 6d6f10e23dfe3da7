"""Make the structures that the examples ship: ``python packaging/make_examples.py``.

Liquid argon at 94.4 K and 1.374 g/cm3, from sites of a lattice, melted at 300 K and cooled by the
project's own sampler with the literature's Lennard-Jones parameters (Rahman, Phys. Rev. 136, A405
(1964): sigma 3.4 angstrom, epsilon/k_B 120 K).
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

EXAMPLES = Path(__file__).parent.parent / "resources" / "examples"
DENSITY = 1.374  # g/cm3
MASS = 39.948  # amu
SIGMA, EPSILON = 3.4, 120.0  # angstrom, K


def liquid_argon(atoms: int, sites: tuple[int, int, int], seed: int) -> None:
    import jax
    import jax.numpy as jnp

    from dmdstudio.base.units import BOLTZMANN, to_internal
    from dmdstudio.engine.core import System
    from dmdstudio.engine.potential import ForceField
    from dmdstudio.engine.potentials.lennard_jones import LennardJones, LennardJonesOptions
    from dmdstudio.engine.sampling import langevin
    from dmdstudio.files.structures import write_structure
    from dmdstudio.plan.structure import Structure

    edge = (atoms * MASS / to_internal(DENSITY, "g/cm3")) ** (1 / 3)
    grid = np.array(list(itertools.product(*(range(n) for n in sites)))) / np.array(sites)
    chosen = np.random.default_rng(seed).permutation(len(grid))[:atoms]
    system = System(
        ("Ar",), np.zeros(atoms, int), np.full(atoms, MASS), np.eye(3) * edge, "float64", 64
    )
    term = LennardJones.build(LennardJonesOptions(), system)
    field = ForceField(system, (("lj", term),))
    theta = {"lj": {"sigma": jnp.array([SIGMA]), "epsilon": jnp.array([EPSILON * BOLTZMANN])}}
    lattice = system.to_lattice(jnp.asarray(grid[chosen] * edge))
    for stage, (temperature, timestep, steps) in enumerate(
        [(300.0, 1.0, 2000), (300.0, 4.0, 3000), (94.4, 4.0, 10000)]
    ):
        key = jax.random.fold_in(jax.random.key(seed), stage)
        lattice = jax.jit(
            lambda s, k, t=temperature, d=timestep, n=steps: langevin(
                field, theta, s, k, n, t, d, 1e-3
            )
        )(lattice, key)
    positions = np.asarray(system.to_positions(lattice)) % edge
    structure = Structure(
        symbols=("Ar",) * atoms,
        positions=np.round(positions, 6),
        cell=np.eye(3) * edge,
        masses=np.full(atoms, MASS),
        title=f"liquid argon, 94.4 K, {DENSITY} g/cm3",
    )
    path = EXAMPLES / "argon-diffusion" / f"argon-{atoms}.extxyz"
    write_structure(structure, path)
    print(path.name, f"{structure.density / to_internal(1.0, 'g/cm3'):.4f} g/cm3")


if __name__ == "__main__":
    liquid_argon(256, (7, 7, 6), seed=1)
    liquid_argon(346, (7, 7, 8), seed=2)
