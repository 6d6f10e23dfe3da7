"""Behler-Parrinello networks: archives of our own, in and out."""

from __future__ import annotations

from dmdstudio.files.potentials.array_file import parameter_files
from dmdstudio.files.potentials.format import export_formats
from dmdstudio.files.potentials.network_archive import NetworkArchive, read_archive
from dmdstudio.plan.arrays import ParameterArrays

KIND = "behler_parrinello"


def read_behler_parrinello(content: bytes, name: str) -> ParameterArrays:
    """Return the network of a parameter file; see `array_file.read_parameters`."""
    return read_archive(content, name, KIND, "Behler-Parrinello")


class BehlerParrinelloArchive(NetworkArchive):
    """The network as a NumPy archive, with its symmetry functions and origin."""

    name = "behler_parrinello"
    label = "Behler-Parrinello parameters (NumPy)"
    doc = (
        "NAME.npz holds all arrays with symmetry functions, elements and origin: name it as `file` "
        "of a behler_parrinello potential, or read it with NumPy."
    )
    kinds = (KIND,)


parameter_files.add(KIND, read_behler_parrinello)
export_formats.add(BehlerParrinelloArchive.name, BehlerParrinelloArchive())
