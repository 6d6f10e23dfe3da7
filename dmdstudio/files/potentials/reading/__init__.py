"""Potential files in: force fields of other engines, and our own, as terms of a recipe.

A further format is one file: an object with the attributes of `PotentialFormat`, registered with
`potential_formats.add`, and its import below. Formats are asked in this order.
"""

from dmdstudio.files.potentials.reading import (  # isort: skip
    openmm,
    gromacs,
    lammps,
    stillinger_weber,
    tersoff,
    embedded_atom,
    pair_table,
    networks,
)
from dmdstudio.files.potentials.reading.force_field import ReadPotential
from dmdstudio.files.potentials.reading.format import (
    PotentialFormat,
    formats,
    potential_formats,
    read_potential,
)
from dmdstudio.files.potentials.reading.recipe_part import recipe_part

__all__ = [
    "PotentialFormat",
    "ReadPotential",
    "embedded_atom",
    "formats",
    "gromacs",
    "lammps",
    "networks",
    "openmm",
    "pair_table",
    "potential_formats",
    "read_potential",
    "recipe_part",
    "stillinger_weber",
    "tersoff",
]
