"""The energies of a pair spline: an archive of our own, or a table, for every pair of types."""

from __future__ import annotations

from dmdstudio.base.errors import FileError
from dmdstudio.files.potentials.array_file import (
    ABOUT,
    archived,
    is_archive,
    own_arrays,
    parameter_files,
)
from dmdstudio.files.potentials.pair_table import KIND, read_tables
from dmdstudio.plan.arrays import ParameterArrays


def read_pair_spline(content: bytes, name: str) -> ParameterArrays:
    """Return the energies of a parameter file; see `array_file.read_parameters`."""
    if content[:64].lstrip()[:1] == b"<":
        return _of_force_field(content, name)
    if not is_archive(content):
        tables = read_tables(content, name)
        return ParameterArrays(KIND, tables.energies, tables.settings)
    found = archived(content, name)
    if ABOUT not in found:
        raise FileError(
            f"{name} is no archive (.npz) of energies that DMD Studio wrote.",
            "Name one from a run's folder, or from an export.",
        )
    return own_arrays(found, KIND, name)


def _of_force_field(content: bytes, name: str) -> ParameterArrays:
    # readers of force fields know this package, so that it cannot know them when it is imported
    from dmdstudio.files.potentials.reading.openmm_spline import read_splines

    found = read_splines(content, name)
    if found is None:
        raise FileError(f"{name} is a force field without splines of DMD Studio's.")
    return found


parameter_files.add(KIND, read_pair_spline)
