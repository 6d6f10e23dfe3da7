"""What a format of potentials is, and the one function that reads them all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from dmdstudio.base.errors import FileError
from dmdstudio.base.registry import Registry
from dmdstudio.files.potentials.reading.force_field import ReadPotential
from dmdstudio.files.text import read_content
from dmdstudio.plan.catalog import Entry
from dmdstudio.plan.recipe import PotentialPlan
from dmdstudio.plan.structure import Structure

LIMIT_BYTES = 8 * 2**20
"""Larger files of text are refused: they would take more than a few seconds to read."""

LARGEST_BYTES = 64 * 2**20
"""Larger files of arrays are refused."""


class PotentialFormat(Protocol):
    """One format of potential files.

    Attributes:
        label: how it is called in an error and in a file dialog.
        doc: what of its files is read.
        suffixes: usual endings of its files; content decides, not these.
        limit_bytes: larger files are refused.
    """

    label: str
    doc: str
    suffixes: tuple[str, ...]
    limit_bytes: int

    def sniff(self, content: bytes) -> bool:
        """Tell whether the bytes of a file are of this format."""
        ...

    def read(
        self, path: Path, content: bytes, structure: Structure, before: Sequence[PotentialPlan]
    ) -> ReadPotential:
        """Read a file of this format.

        Args:
            path: of the file; files that it names are looked for beside it.
            content: its bytes.
            structure: whose atoms it is for.
            before: as of `read_potential`.

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
        path: the file, up to 8 MB of text or 64 MB of arrays.
        structure: whose atoms it is for; bonds are found where the potential needs them.
        before: the terms that it takes the place of. What the file does not say, such as a cutoff,
            is taken from them, and so is which parameters are free and within which bounds.

    Raises:
        FileError: missing, damaged, too large, of an unknown format, with a term that we do not
            have, or without one that the structure needs; names the place.
    """
    path = Path(path)
    content = read_content(path, "potential file", LARGEST_BYTES)
    for _, candidate in potential_formats.items():
        if candidate.sniff(content):
            if len(content) > candidate.limit_bytes:
                raise FileError(
                    f"{path.name} ({candidate.label}) has {len(content) / 2**20:.0f} MB; up to "
                    f"{candidate.limit_bytes / 2**20:.0f} MB are read.",
                    "Cut it down to what your molecules need.",
                )
            return candidate.read(path, content, structure, before)
    known = ", ".join(candidate.label for _, candidate in potential_formats.items())
    raise FileError(f"Potential file {path.name} is of an unknown format.", f"Known: {known}.")


def formats() -> tuple[Entry, ...]:
    """Return what is registered, for the catalog."""
    return tuple(
        Entry(section="import", name=name, label=item.label, doc=item.doc)
        for name, item in potential_formats.items()
    )
