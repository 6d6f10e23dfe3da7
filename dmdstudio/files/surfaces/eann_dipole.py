"""Networks of the dipole, in archives of our own."""

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

KIND = "eann_dipole"


def read_eann_dipole(content: bytes, file: str) -> ParameterArrays:
    """Return a network of the dipole; see `array_file.read_parameters`."""
    found = archived(content, file) if is_archive(content) else {}
    if ABOUT not in found:
        raise FileError(
            f"{file} is no network of the dipole.",
            "Name the dipole.npz that `dmdstudio fit-forces` wrote.",
        )
    return own_arrays(found, KIND, file)


parameter_files.add(KIND, read_eann_dipole)
