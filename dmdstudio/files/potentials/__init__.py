"""Refined potentials out, for other engines.

A further format is one file: a subclass of `ExportFormat` registered with `export_formats.add`, and
its import below.
"""

from __future__ import annotations

from dmdstudio.files.potentials import (
    ase_calculator,
    behler_parrinello,
    eann,
    embedded_atom,
    gromacs,
    lammps,
    nequip,
    openmm,
    pair_spline,
    portable,
)
from dmdstudio.files.potentials.array_file import parameter_files, read_parameters
from dmdstudio.files.potentials.format import ExportFormat, export, export_formats, formats
from dmdstudio.files.potentials.provenance import ParameterChange, Provenance

__all__ = [
    "ExportFormat",
    "ParameterChange",
    "Provenance",
    "ase_calculator",
    "behler_parrinello",
    "eann",
    "embedded_atom",
    "export",
    "export_formats",
    "formats",
    "gromacs",
    "lammps",
    "nequip",
    "openmm",
    "pair_spline",
    "parameter_files",
    "portable",
    "read_parameters",
]
