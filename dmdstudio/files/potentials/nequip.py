"""NequIP networks: archives of our own, in and out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dmdstudio.base.errors import FileError
from dmdstudio.files.potentials.array_file import (
    ABOUT,
    archived,
    is_archive,
    own_arrays,
    parameter_files,
    term_file,
    write_bytes,
)
from dmdstudio.files.potentials.format import ExportFormat, export_formats
from dmdstudio.files.potentials.provenance import Provenance
from dmdstudio.files.whole import write_whole
from dmdstudio.plan.arrays import ParameterArrays
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm

KIND = "nequip"


def read_nequip(content: bytes, name: str) -> ParameterArrays:
    """Return the network of a parameter file; see `array_file.read_parameters`."""
    found = archived(content, name) if is_archive(content) else {}
    if ABOUT not in found:
        raise FileError(
            f"{name} is no NequIP network of DMD Studio.",
            "Name the nequip.npz that `dmdstudio fit-forces --kind nequip` wrote.",
        )
    return own_arrays(found, KIND, name)


class NequIPArchive(ExportFormat):
    """The network as a NumPy archive, with its settings and origin."""

    name = "nequip"
    label = "NequIP parameters (NumPy)"
    doc = (
        "NAME.npz holds all arrays with cutoff, elements and origin: name it as `file` of a nequip "
        "potential, or read it with NumPy."
    )
    kinds = (KIND,)
    suffix = ".npz"
    reader = "networks"

    def write(
        self,
        terms: Sequence[PotentialTerm],
        structure: Structure,
        path: Path,
        provenance: Provenance,
    ) -> list[Path]:
        """Write the file; see `ExportFormat.write`."""
        if len(terms) != 1:
            raise FileError(
                f"Format 'nequip' writes a single nequip term; the potential has {len(terms)}: "
                f"{', '.join(term.kind for term in terms)}."
            )
        content = term_file(terms[0], provenance)
        write_whole(path, lambda aside: write_bytes(aside, content))
        return [path]


parameter_files.add(KIND, read_nequip)
export_formats.add(NequIPArchive.name, NequIPArchive())
