"""Force fields of OpenMM (XML), and DMFF's variants of them.

Lengths are in nm, energies in kJ/mol, angles in radians. Cutoffs are not in the file: they are said
where a system is made from it.

Source: OpenMM User Guide, "Creating Force Fields"; DMFF's user guide, "XML format force field".
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path

from dmdstudio.base.errors import FileError
from dmdstudio.files.potentials.reading.force_field import ForceFieldFile, ReadPotential
from dmdstudio.files.potentials.reading.format import LIMIT_BYTES, potential_formats
from dmdstudio.files.potentials.reading.openmm_forces import Forces
from dmdstudio.files.potentials.reading.openmm_own import lennard_jones_options
from dmdstudio.files.potentials.reading.openmm_spline import read_splines
from dmdstudio.files.potentials.reading.openmm_types import Document
from dmdstudio.files.potentials.reading.parameters import term_at
from dmdstudio.files.potentials.reading.places import Place
from dmdstudio.files.potentials.reading.recipe_terms import recipe_terms
from dmdstudio.plan.recipe import PotentialPlan, chain
from dmdstudio.plan.structure import Structure


class OpenMMForceField:
    """Reads ``<ForceField>`` files."""

    label = "OpenMM XML"
    doc = (
        "<ForceField> files of OpenMM and DMFF: harmonic bonds and angles, Urey-Bradley, torsions "
        "(periodic and Ryckaert-Bellemans), Lennard-Jones and charges of molecules that are one "
        "residue each; and all that DMD Studio writes."
    )
    suffixes: tuple[str, ...] = (".xml",)
    limit_bytes: int = LIMIT_BYTES

    def sniff(self, content: bytes) -> bool:
        """Tell whether the bytes begin as XML does, in any of its encodings."""
        return content[:64].lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n")[:1] == b"<"

    def read(
        self, path: Path, content: bytes, structure: Structure, before: Sequence[PotentialPlan]
    ) -> ReadPotential:
        """Read a file; see `PotentialFormat.read`."""
        return recipe_terms(self.force_field(path, content), self.label, structure, before)

    @staticmethod
    def _splines(
        path: Path, content: bytes, structure: Structure, before: Sequence[PotentialPlan]
    ) -> tuple[ReadPotential, ...]:
        """Return the term of splines whose coefficients stand in the file."""
        found = read_splines(content, path.name)
        if found is None:
            return ()
        pairs = {chain(pair) for pair in product(set(structure.types), repeat=2)}
        if pairs != set(found.arrays):
            raise FileError(
                f"{path.name} has splines of {', '.join(sorted(found.arrays))}; the structure has "
                f"the pairs {', '.join(sorted(pairs))}."
            )
        options = {"file": str(path.resolve()), **found.settings}
        return (ReadPotential(OpenMMForceField.label, (term_at(found.kind, options, before),)),)

    def force_field(self, path: Path, content: bytes) -> ForceFieldFile:
        """Return what a file says of all its molecules."""
        document = Document(path)
        document.read(path, content)
        forces = Forces(document)
        settings = {"lennard_jones": lennard_jones_options(forces.comments, Place(path.name, 1))}
        if forces.shifted is not None:
            settings["coulomb"] = forces.shifted[0]
        return ForceFieldFile(
            name=path.name,
            templates=tuple(residue.template for residue in forces.types.residues),
            molecule=forces.molecule,
            mixing="lorentz_berthelot",
            settings=settings,
            charges="coulomb" if forces.shifted is not None else "",
            notes_of=forces.notes_of,
            pair_terms=forces.pair_terms,
            others=lambda structure, before: self._splines(path, content, structure, before),
        )


potential_formats.add("openmm", OpenMMForceField())
