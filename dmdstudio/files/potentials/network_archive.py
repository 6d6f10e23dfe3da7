"""Networks written as NumPy archives, with their settings and origin."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dmdstudio.base.errors import FileError
from dmdstudio.files.potentials.array_file import term_file, write_bytes
from dmdstudio.files.potentials.format import ExportFormat
from dmdstudio.files.potentials.provenance import Provenance
from dmdstudio.files.whole import write_whole
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm


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
