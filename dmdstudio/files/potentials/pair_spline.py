"""The energies of a pair spline: an archive of our own, one array for every pair of types."""

from __future__ import annotations

from dmdstudio.base.errors import FileError
from dmdstudio.files.potentials.array_file import (
    ABOUT,
    archived,
    is_archive,
    own_arrays,
    parameter_files,
)
from dmdstudio.plan.arrays import ParameterArrays

KIND = "pair_spline"


def read_pair_spline(content: bytes, name: str) -> ParameterArrays:
    """Return the energies of a parameter file; see `array_file.read_parameters`."""
    found = archived(content, name) if is_archive(content) else {}
    if ABOUT not in found:
        raise FileError(
            f"{name} is no archive (.npz) of energies that DMD Studio wrote.",
            "Name one from a run's folder, or from an export.",
        )
    return own_arrays(found, KIND, name)


parameter_files.add(KIND, read_pair_spline)
