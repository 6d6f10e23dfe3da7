"""Networks: parameter files of EANN, by DMFF or our own, and of others, as terms that name them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dmdstudio.base.errors import FileError
from dmdstudio.files.potentials import behler_parrinello, eann, nequip
from dmdstudio.files.potentials.array_file import (
    LIMIT_BYTES,
    is_archive,
    kind_told,
    parameter_files,
)
from dmdstudio.files.potentials.reading.force_field import ReadPotential
from dmdstudio.files.potentials.reading.format import potential_formats
from dmdstudio.files.potentials.reading.parameters import term_at
from dmdstudio.plan.recipe import PotentialPlan
from dmdstudio.plan.structure import Structure

_SAID = {
    "cutoff": "cutoff: set it as the network was trained, such as 6.0 angstrom",
    "elements": "elements: set them in the order of its arrays, such as 'H O'",
}
"""Options that a parameter file may leave open, and what to do then."""


_OWN = (nequip.KIND, behler_parrinello.KIND)
"""Kinds that have no files but ours."""


class Networks:
    """Reads parameter files."""

    label = "EANN, NequIP or Behler-Parrinello network"
    doc = (
        "Parameter files of EANN: those of DMFF (a pickle, of which nothing is run), and our own; "
        "of NequIP and Behler-Parrinello, our own."
    )
    suffixes: tuple[str, ...] = (".pickle", ".npz")
    limit_bytes: int = LIMIT_BYTES

    def sniff(self, content: bytes) -> bool:
        """Tell whether the bytes begin as an archive of arrays or a pickle does."""
        return is_archive(content) or content[:1] == b"\x80"

    def read(
        self, path: Path, content: bytes, structure: Structure, before: Sequence[PotentialPlan]
    ) -> ReadPotential:
        """Read a file; see `PotentialFormat.read`."""
        told = kind_told(content, path.name)
        kind = told if told in _OWN else eann.KIND
        found = parameter_files.get(kind)(content, path.name)
        old = next((plan for plan in before if plan.kind == kind), None)
        options: dict[str, object] = {"file": str(path.resolve())}
        notes = []
        for name, advice in _SAID.items():
            said, had = found.settings.get(name), old.options.get(name) if old else None
            if said:
                options[name] = said
            elif had:
                options[name] = had
                notes.append(f"{path.name} does not say its {name}: {had}, as the recipe had it.")
            else:
                notes.append(f"{path.name} does not say its {advice}.")
        known = str(options.get("elements", "")).replace(",", " ").split()
        missing = sorted(set(structure.symbols) - set(known)) if known else []
        if missing:
            raise FileError(
                f"{path.name} is a network for {', '.join(known)}, but the structure holds "
                f"{missing[0]} as well.",
                "Take a network for all elements of the structure.",
            )
        return ReadPotential(self.label, (term_at(kind, options, before),), tuple(notes))


potential_formats.add("networks", Networks())
