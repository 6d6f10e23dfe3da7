"""What every test shares: engines to compare with, and a recipe that takes seconds."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent / "files"))  # `import engines`

settings.register_profile("house", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("house")  # a busy machine fails no test

EXAMPLES = Path(__file__).parent.parent / "resources" / "examples"

TINY = [
    "system.structure=argon-108.extxyz",
    "potential.cutoff=7.5",
    "potential.switch_start=6.5",
    "sampling.replicas=4",
    "sampling.equilibration_steps=200",
    "sampling.decorrelation_steps=50",
    "dynamics.steps=200",
    "target.window=0.1",
    "refinement.iterations=3",
]
"""Settings that make the argon recipe a matter of seconds."""


@pytest.fixture
def tiny_recipe(tmp_path, make_tiny_recipe):
    """The argon recipe on 108 atoms and 0.2 ps, in a folder of its own."""
    return make_tiny_recipe(tmp_path / "recipe")


@pytest.fixture(scope="session")
def make_tiny_recipe():
    """Write the tiny recipe into a new folder."""
    return _tiny_recipe


def _tiny_recipe(folder):
    from dmdstudio.files.structures import write_structure
    from dmdstudio.plan.recipe import read_recipe, recipe_to_toml
    from dmdstudio.plan.settings import with_settings
    from dmdstudio.plan.structure import Structure

    folder.mkdir()
    shutil.copy(EXAMPLES / "argon-diffusion" / "argon-self-diffusion.csv", folder)
    basis = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    cells = np.stack(np.meshgrid(*[np.arange(3)] * 3, indexing="ij"), -1).reshape(-1, 3)
    edge = 17.34
    sites = (cells[:, None] + basis).reshape(-1, 3) * edge / 3
    structure = Structure(("Ar",) * 108, sites, np.eye(3) * edge, np.full(108, 39.948))
    write_structure(structure, folder / "argon-108.extxyz")
    recipe = with_settings(read_recipe(EXAMPLES / "argon-diffusion" / "recipe.toml"), TINY)
    (folder / "recipe.toml").write_text(recipe_to_toml(recipe))
    return read_recipe(folder / "recipe.toml")


@pytest.fixture
def tiny_water(tmp_path):
    """27 flexible water molecules and 20 fs; every parameter is free but the zeros of hydrogen."""
    from dmdstudio.engine.water import water
    from dmdstudio.files.structures import write_structure
    from dmdstudio.plan.recipe import read_recipe
    from dmdstudio.plan.settings import with_settings
    from dmdstudio.plan.structure import Structure

    folder = tmp_path / "water"
    shutil.copytree(EXAMPLES / "water-flexible", folder)
    system, positions = water(np.eye(3) * 9.32, 3, stir=0.0)
    symbols = tuple(system.type_names[t] for t in system.types)
    write_structure(
        Structure(symbols, positions, system.cell, system.masses), folder / "water-64.extxyz"
    )
    free = ["harmonic_bond.parameter.length", "harmonic_bond.parameter.stiffness"]
    free += ["harmonic_angle.parameter.angle", "harmonic_angle.parameter.stiffness"]
    free += ["lennard_jones.parameter.0", "lennard_jones.parameter.1"]
    settings = [
        *(f"potential.{parameter}.free=true" for parameter in free),
        *(f"potential.{kind}.cutoff=4.6" for kind in ("lennard_jones", "coulomb")),
        "potential.lennard_jones.switch_start=3.8",
        "target.window=0.01",
        "gradient.truncation=none",
        "sampling.replicas=2",
        "sampling.timestep=0.5",
        "sampling.equilibration_steps=300",
        "dynamics.steps=40",
        "dynamics.record_every=5",
    ]
    return with_settings(read_recipe(folder), settings)
