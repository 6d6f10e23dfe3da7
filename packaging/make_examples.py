"""Make the structures that the examples ship: ``python packaging/make_examples.py``.

Each is made by the project's own sampler with the parameters of the literature. Liquid argon at
94.4 K and 1.374 g/cm3, from sites of a lattice, melted at 300 K and cooled (Rahman, Phys. Rev. 136,
A405 (1964): sigma 3.4 angstrom, epsilon/k_B 120 K). Liquid water at 298.15 K and 0.997 g/cm3, from
molecules turned at random on a lattice, with the recipe's own potential (q-SPC/Fw: Paesani et al.,
J. Chem. Phys. 125, 184507 (2006)). Molten sodium chloride at 1148.15 K and 1.516 g/cm3, from its
crystal, with the recipe's own potential, melted at 4000 K and cooled. Silicon is the very crystal.
Liquid methanol at 298.15 K and 0.78637 g/cm3, from molecules turned at random on a lattice, with
the recipe's own potential.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

EXAMPLES = Path(__file__).parent.parent / "resources" / "examples"
DENSITY = 1.374  # g/cm3
MASS = 39.948  # amu
SIGMA, EPSILON = 3.4, 120.0  # angstrom, K
WATER_DENSITY = 0.997  # g/cm3, at 298.15 K
SALT_DENSITY = 1.516  # g/cm3, at 1148.15 K
SILICON_EDGE = 5.4310  # angstrom, at 298 K
METHANOL_DENSITY = 0.78637  # g/cm3, at 298.15 K
METHANOL = np.array(  # C, O, H of the hydroxyl, three H; angstrom
    [
        [0.0, 0.0, 0.0],
        [1.41, 0.0, 0.0],
        [1.71, 0.896, 0.0],
        [-0.364, -1.027, 0.0],
        [-0.364, 0.514, 0.89],
        [-0.364, 0.514, -0.89],
    ]
)


def sampled(
    field: Any, theta: Any, lattice: Any, seed: int, stages: list[tuple[float, float, int]]
) -> np.ndarray:
    """Return positions inside the cell after stages of (temperature, timestep in fs, steps)."""
    import jax
    import jax.numpy as jnp

    from dmdstudio.engine.sampling import Chain, Sampler
    from dmdstudio.plan.recipe import SamplingPlan

    system = field.system
    chain = Chain(lattice, jnp.asarray(system.cell), jnp.zeros(()), jnp.zeros(()))
    for stage, (temperature, timestep, steps) in enumerate(stages):
        plan = SamplingPlan(temperature=temperature, timestep=timestep, friction=1.0)
        key = jax.random.fold_in(jax.random.key(seed), stage)
        advance = jax.jit(Sampler(field, plan).advance)
        chain = advance(theta, chain, key, steps, False)
    positions = np.asarray(system.to_positions(chain.lattice))
    return positions - np.floor(positions @ np.linalg.inv(system.cell)) @ system.cell


def sampled_from(
    path: Path, example: str, seed: int, stages: list[tuple[float, float, int]]
) -> np.ndarray:
    """Return positions after stages that begin with a written structure, as an example's recipe."""
    import jax.numpy as jnp

    from dmdstudio.plan.recipe import read_recipe
    from dmdstudio.plan.settings import with_settings
    from dmdstudio.service.build import build

    recipe = with_settings(read_recipe(EXAMPLES / example), [f"system.structure={path}"])
    problem, _ = build(recipe)  # finds the bonds of what was just written
    theta, lattice = problem.theta(jnp.asarray(problem.initial)), jnp.asarray(problem.start)
    return sampled(problem.field, theta, lattice, seed, stages)


def write(path: Path, symbols: tuple[str, ...], positions: Any, system: Any, title: str) -> None:
    """Write a structure and say its density."""
    from dmdstudio.base.units import to_internal
    from dmdstudio.files.structures import write_structure
    from dmdstudio.plan.structure import Structure

    structure = Structure(symbols, np.round(positions, 6), system.cell, system.masses, title)
    write_structure(structure, path)
    print(path.name, f"{structure.density / to_internal(1.0, 'g/cm3'):.4f} g/cm3")


def liquid_argon(atoms: int, sites: tuple[int, int, int], seed: int) -> None:
    import jax.numpy as jnp

    from dmdstudio.base.units import BOLTZMANN, to_internal
    from dmdstudio.engine.core import System
    from dmdstudio.engine.potential import ForceField
    from dmdstudio.engine.potentials.lennard_jones import LennardJones, LennardJonesOptions

    edge = (atoms * MASS / to_internal(DENSITY, "g/cm3")) ** (1 / 3)
    grid = np.array(list(itertools.product(*(range(n) for n in sites)))) / np.array(sites)
    chosen = np.random.default_rng(seed).permutation(len(grid))[:atoms]
    system = System(
        ("Ar",), np.zeros(atoms, int), np.full(atoms, MASS), np.eye(3) * edge, "float64", 64
    )
    field = ForceField(system, (("lj", LennardJones.build(LennardJonesOptions(), system)),))
    theta = {"lj": {"sigma": jnp.array([SIGMA]), "epsilon": jnp.array([EPSILON * BOLTZMANN])}}
    lattice = system.to_lattice(jnp.asarray(grid[chosen] * edge))
    stages = [(300.0, 1.0, 2000), (300.0, 4.0, 3000), (94.4, 4.0, 10000)]
    positions = sampled(field, theta, lattice, seed, stages)
    path = EXAMPLES / "argon-diffusion" / f"argon-{atoms}.extxyz"
    write(path, ("Ar",) * atoms, positions, system, f"liquid argon, 94.4 K, {DENSITY} g/cm3")


def liquid_water(sites: int, seed: int, folder: str, steps: int) -> None:
    from dmdstudio.base.units import to_internal
    from dmdstudio.engine.water import water

    mass = sites**3 * water(np.eye(3), 1)[0].masses.sum()
    edge = (mass / to_internal(WATER_DENSITY, "g/cm3")) ** (1 / 3)
    system, positions = water(np.eye(3) * edge, sites)
    path = EXAMPLES / folder / f"water-{sites**3}.extxyz"
    symbols = tuple(system.type_names[t] for t in system.types)
    title = f"liquid water, 298.15 K, {WATER_DENSITY} g/cm3"
    write(path, symbols, positions, system, title)
    stages = [(298.15, 0.2, 5000), (298.15, 1.0, steps)]
    liquid = sampled_from(path, "water-flexible", seed, stages)
    write(path, symbols, liquid, system, title)


def molten_salt(sites: int, seed: int) -> None:
    from dmdstudio.base.units import to_internal

    grid = np.array(list(itertools.product(range(sites), repeat=3)))
    symbols = tuple("Na" if n % 2 else "Cl" for n in grid.sum(axis=1))
    masses = np.array([22.98977 if s == "Na" else 35.453 for s in symbols])
    edge = (masses.sum() / to_internal(SALT_DENSITY, "g/cm3")) ** (1 / 3)
    title = f"molten sodium chloride, 1148.15 K, {SALT_DENSITY} g/cm3"
    path = EXAMPLES / "molten-salt" / f"sodium-chloride-{len(grid)}.extxyz"
    crystal = SimpleNamespace(cell=np.eye(3) * edge, masses=masses)
    write(path, symbols, grid * edge / sites, crystal, title)
    stages = [(4000.0, 0.5, 4000), (2500.0, 1.0, 4000), (1148.15, 2.0, 10000)]
    melt = sampled_from(path, "molten-salt", seed, stages)
    write(path, symbols, melt, crystal, title)


def silicon(cells: int) -> None:
    basis = np.array(list(itertools.product((0, 2), repeat=3)))
    basis = basis[basis.sum(axis=1) % 4 == 0] / 4.0
    grid = np.array(list(itertools.product(range(cells), repeat=3)))
    sites = (grid[:, None] + np.concatenate([basis, basis + 0.25])).reshape(-1, 3)
    crystal = SimpleNamespace(
        cell=np.eye(3) * cells * SILICON_EDGE, masses=np.full(len(sites), 28.0855)
    )
    path = EXAMPLES / "silicon" / f"silicon-{len(sites)}.extxyz"
    title = f"silicon, {SILICON_EDGE} angstrom along the unit cell"
    write(path, ("Si",) * len(sites), sites * SILICON_EDGE, crystal, title)


def methanol(sites: int, seed: int) -> None:
    from dmdstudio.base.units import to_internal

    random = np.random.default_rng(seed)
    grid = np.array(list(itertools.product(range(sites), repeat=3)))
    masses = np.tile([12.011, 15.999, 1.008, 1.008, 1.008, 1.008], len(grid))
    edge = (masses.sum() / to_internal(METHANOL_DENSITY, "g/cm3")) ** (1 / 3)
    turned = [METHANOL @ np.linalg.qr(random.normal(size=(3, 3)))[0] for _ in grid]
    positions = (grid * edge / sites)[:, None] + np.array(turned)
    symbols = ("C", "O", "H", "H", "H", "H") * len(grid)
    title = f"liquid methanol, 298.15 K, {METHANOL_DENSITY} g/cm3"
    path = EXAMPLES / "methanol" / f"methanol-{len(grid)}.extxyz"
    cube = SimpleNamespace(cell=np.eye(3) * edge, masses=masses)
    write(path, symbols, positions.reshape(-1, 3) % edge, cube, title)
    stages = [(298.15, 0.2, 5000), (298.15, 1.0, 30000)]
    liquid = sampled_from(path, "methanol", seed, stages)
    write(path, symbols, liquid, cube, title)


if __name__ == "__main__":
    liquid_argon(256, (7, 7, 6), seed=1)
    liquid_argon(346, (7, 7, 8), seed=2)
    liquid_water(4, seed=3, folder="water-flexible", steps=50000)
    liquid_water(6, seed=4, folder="water-infrared-eann", steps=20000)
    molten_salt(6, seed=5)
    silicon(2)
    methanol(4, seed=6)
