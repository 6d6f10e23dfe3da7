"""Tables of embedded atoms (eam/alloy), as a term that names the file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dmdstudio.base.errors import FileError
from dmdstudio.files.potentials.array_file import LIMIT_BYTES
from dmdstudio.files.potentials.embedded_atom import KIND, is_setfl, read_setfl
from dmdstudio.files.potentials.reading.force_field import Number, ReadPotential
from dmdstudio.files.potentials.reading.format import potential_formats
from dmdstudio.files.potentials.reading.parameters import term_at
from dmdstudio.plan.recipe import PotentialPlan, chain
from dmdstudio.plan.structure import Structure


class EmbeddedAtomFile:
    """Reads eam/alloy files."""

    label = "Embedded atoms (eam/alloy)"
    doc = "Tables of metals and alloys (setfl, eam/alloy), for all elements of the structure."
    suffixes: tuple[str, ...] = (".alloy", ".setfl")
    limit_bytes: int = LIMIT_BYTES

    def sniff(self, content: bytes) -> bool:
        """Tell whether the fourth and the fifth line are those of such a file."""
        return is_setfl(content)

    def read(
        self, path: Path, content: bytes, structure: Structure, before: Sequence[PotentialPlan]
    ) -> ReadPotential:
        """Read a file; see `PotentialFormat.read`."""
        found = read_setfl(content, path.name)
        types = sorted(set(structure.types))
        if missing := [t for t in types if f"embedding_{t}" not in found.arrays]:
            known = [n.removeprefix("embedding_") for n in found.arrays if n.startswith("emb")]
            raise FileError(
                f"{path.name} has tables of {', '.join(known)}, but the structure holds "
                f"{missing[0]} as well.",
                "Take a file for all its elements.",
            )
        pairs = [chain((a, b)) for n, a in enumerate(types) for b in types[n:]]
        owners = {"embedding_factor": types, "density_factor": types, "pair_factor": pairs}
        one = Number(1.0, "1")
        factors = ((name, owner, one) for name, known in owners.items() for owner in known)
        options = {"file": str(path.resolve()), **found.settings}
        return ReadPotential(self.label, (term_at(KIND, options, before, factors),))


potential_formats.add(KIND, EmbeddedAtomFile())
