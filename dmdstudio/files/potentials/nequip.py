"""NequIP networks: archives of our own, in and out."""

from __future__ import annotations

from dmdstudio.files.potentials.array_file import parameter_files
from dmdstudio.files.potentials.format import export_formats
from dmdstudio.files.potentials.network_archive import NetworkArchive, read_archive
from dmdstudio.plan.arrays import ParameterArrays

KIND = "nequip"


def read_nequip(content: bytes, name: str) -> ParameterArrays:
    """Return the network of a parameter file; see `array_file.read_parameters`."""
    return read_archive(content, name, KIND, "NequIP")


class NequIPArchive(NetworkArchive):
    """The network as a NumPy archive, with its settings and origin."""

    name = "nequip"
    label = "NequIP parameters (NumPy)"
    doc = (
        "NAME.npz holds all arrays with cutoff, elements and origin: name it as `file` of a nequip "
        "potential, or read it with NumPy."
    )
    kinds = (KIND,)


parameter_files.add(KIND, read_nequip)
export_formats.add(NequIPArchive.name, NequIPArchive())
