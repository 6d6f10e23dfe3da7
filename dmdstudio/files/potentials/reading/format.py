"""What a format of potentials is, and the one function that reads them all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from dmdstudio.base.errors import FileError
from dmdstudio.base.registry import Registry
from dmdstudio.files.potentials.reading.force_field import ForceFieldFile, ReadPotential
from dmdstudio.files.potentials.reading.recipe_terms import recipe_terms
from dmdstudio.files.text import decode, read_content
from dmdstudio.plan.catalog import Entry
from dmdstudio.plan.recipe import PotentialPlan
from dmdstudio.plan.structure import Structure

LIMIT_BYTES = 8 * 2**20
"""Larger potential files are refused: they would take more than a few seconds to read."""


class PotentialFormat(Protocol):
    """One format of potential files.

    Attributes:
        label: how it is called in an error and in a file dialog.
        doc: what of its files is read.
        suffixes: usual endings of its files; content decides, not these.
    """

    label: str
    doc: str
    suffixes: tuple[str, ...]

    def sniff(self, content: bytes) -> bool:
        """Tell whether the bytes of a file are of this format."""
        ...

    def read(self, path: Path, content: bytes) -> ForceFieldFile | ReadPotential:
        """Read a file of this format.

        Args:
            path: of the file; files that it names are looked for beside it.
            content: its bytes.

        Returns:
            A force field of types, still to be matched to a structure; or terms that are complete.

        Raises:
            FileError: with file, line and what was expected.
        """
        ...


potential_formats: Registry[PotentialFormat] = Registry("potential format")


def read_potential(
    path: str | Path, structure: Structure, before: Sequence[PotentialPlan] = ()
) -> ReadPotential:
    """Read a potential from a file, whose format is told by its content, for a structure.

    Args:
        path: the file, up to 8 MB.
        structure: whose atoms it is for; bonds are found where the potential needs them.
        before: the terms that it takes the place of. What the file does not say, such as a cutoff,
            is taken from them, and so is which parameters are free and within which bounds.

    Raises:
        FileError: missing, damaged, too large, of an unknown format, with a term that we do not
            have, or without one that the structure needs; names the place.
    """
    path = Path(path)
    content = read_content(path, "potential file", LIMIT_BYTES)
    for _, candidate in potential_formats.items():
        if candidate.sniff(content):
            found = candidate.read(path, content)
            if isinstance(found, ForceFieldFile):
                return recipe_terms(found, candidate.label, structure, before)
            return found
    known = ", ".join(candidate.label for _, candidate in potential_formats.items())
    raise FileError(f"Potential file {path.name} is of an unknown format.", f"Known: {known}.")


def text_of(content: bytes, path: Path) -> str:
    """Return the text of a potential file."""
    return decode(content, f"Potential file {path.name}")


def formats() -> tuple[Entry, ...]:
    """Return what is registered, for the catalog."""
    return tuple(
        Entry(section="import", name=name, label=item.label, doc=item.doc)
        for name, item in potential_formats.items()
    )
