"""Silicon by Stillinger and Weber's potential, of any size: many bodies for the benchmarks."""

from __future__ import annotations

from pathlib import Path

from ase.build import bulk

from dmdstudio.engine.potentials.stillinger_weber import StillingerWeber
from dmdstudio.files.structures import write_structure
from dmdstudio.plan.recipe import Recipe, recipe_from_table
from dmdstudio.plan.structure import Structure

EDGE = 5.431
"""Of the cubic cell of eight atoms, angstrom."""

_OWNERS = {"pair": "Si-Si", "triplet": "Si-Si-Si"}


def silicon(folder: Path, copies: tuple[int, int, int]) -> Recipe:
    """Write a crystal into a folder and return a recipe for it, with the published numbers.

    What it is refined against, a diffusion coefficient, takes no time and has no meaning here.

    Args:
        folder: that is there.
        copies: of the cubic cell along x, y and z.
    """
    cell = bulk("Si", "diamond", a=EDGE, cubic=True)
    structure = Structure(
        tuple(cell.get_chemical_symbols()), cell.positions, cell.cell.array, cell.get_masses()
    )
    write_structure(structure, folder / "silicon.extxyz")
    (folder / "diffusion.csv").write_text("self_diffusion [1e-9 m2/s]\n1.0\n")
    published = [
        {"name": field.name, "of": _OWNERS[field.per], "value": field.typical, "unit": field.unit}
        for field in StillingerWeber.parameters
    ]
    table = {
        "system": {"structure": "silicon.extxyz", "replicate": list(copies)},
        "potential": [{"kind": StillingerWeber.name, "parameter": published}],
        "sampling": {"temperature": 600.0, "timestep": 1.0},
        "dynamics": {"timestep": 1.0},
        "target": [{"observable": "self_diffusion", "data": "diffusion.csv"}],
    }
    return recipe_from_table(table, folder, "silicon")
