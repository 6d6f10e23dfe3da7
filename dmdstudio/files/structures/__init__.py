"""Structure files in, extended XYZ out; and pure functions on periodic cells."""

from dmdstudio.files.structures.bonds import with_bonds
from dmdstudio.files.structures.cell import lower_triangular, replicate, with_density
from dmdstudio.files.structures.reading import read_molecule, read_structure, structure_formats
from dmdstudio.files.structures.writing import write_frames, write_structure

__all__ = [
    "lower_triangular",
    "read_molecule",
    "read_structure",
    "replicate",
    "structure_formats",
    "with_bonds",
    "with_density",
    "write_frames",
    "write_structure",
]
