"""Networks written as NumPy archives, with their settings and origin."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dmdstudio.base.errors import FileError
from dmdstudio.files.potentials.array_file import (
    ABOUT,
    archived,
    is_archive,
    own_arrays,
    term_file,
    write_bytes,
)
from dmdstudio.files.potentials.format import ExportFormat
from dmdstudio.files.potentials.provenance import Provenance
from dmdstudio.files.whole import write_whole
from dmdstudio.plan.arrays import ParameterArrays
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm


def read_archive(content: bytes, name: str, kind: str, label: str) -> ParameterArrays:
    """Return the network of a file of our own, of which there is no other format.

    Args:
        content: of the file.
        name: of the file, for errors.
        kind: of the potential.
        label: what it is called.

    Raises:
        FileError: it is damaged, or something else.
    """
    found = archived(content, name) if is_archive(content) else {}
    if ABOUT not in found:
        raise FileError(
            f"{name} is no {label} network of DMD Studio.",
            f"Name the {kind}.npz that `dmdstudio fit-forces --kind {kind}` wrote.",
        )
    return own_arrays(found, kind, name)


class NetworkFormat(ExportFormat):
    """A format of a single network; no text, so that nothing can be written into its first line."""

    comment = None
    reader = "networks"

    def single(self, terms: Sequence[PotentialTerm]) -> PotentialTerm:
        """Return the one term; raise `FileError` where there are others."""
        if len(terms) != 1:
            raise FileError(
                f"Format {self.name!r} writes a single {self.kinds[0]} term; the potential has "
                f"{len(terms)}: {', '.join(term.kind for term in terms)}."
            )
        return terms[0]


class NetworkArchive(NetworkFormat):
    """NAME.npz, of which `array_file.read_parameters` gives the same arrays back."""

    suffix = ".npz"

    def write(
        self,
        terms: Sequence[PotentialTerm],
        structure: Structure,
        path: Path,
        provenance: Provenance,
    ) -> list[Path]:
        """Write the file; see `ExportFormat.write`."""
        content = term_file(self.single(terms), provenance)
        write_whole(path, lambda aside: write_bytes(aside, content))
        return [path]
