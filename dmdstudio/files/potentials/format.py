"""What an export format is, and the one function that writes them all."""

from __future__ import annotations

import abc
import re
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from dmdstudio.base.errors import FileError
from dmdstudio.base.registry import Registry
from dmdstudio.files.potentials.provenance import Provenance
from dmdstudio.plan.catalog import Entry
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm


class ExportFormat(abc.ABC):
    """One format of a potential for another engine.

    Attributes:
        name: by which it is asked for.
        label: as a form shows it.
        doc: one or two sentences on what is written and how it is used.
        kinds: kinds of terms that it can write.
        suffix: usual ending of its main file.
        taken: endings of the files beside it, which the main file cannot have.
        comment: what stands before and after a comment on the main file's first line; None where
            it is no text.
        reader: name of the potential format that reads its main file back; empty for none.
        unsaid: options of terms that its files cannot hold, so that who reads them must say them.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    doc: ClassVar[str]
    kinds: ClassVar[tuple[str, ...]]
    suffix: ClassVar[str]
    taken: ClassVar[tuple[str, ...]] = ()
    comment: ClassVar[tuple[str, str] | None] = ("# ", "")
    reader: ClassVar[str] = ""
    unsaid: ClassVar[tuple[str, ...]] = ()

    @abc.abstractmethod
    def write(
        self,
        terms: Sequence[PotentialTerm],
        structure: Structure,
        path: Path,
        provenance: Provenance,
    ) -> list[Path]:
        """Write the potential and what is needed to use it.

        Args:
            terms: each of a kind that this format knows.
            structure: the atoms that it was refined on.
            path: the main file; its siblings share its stem.
            provenance: goes into every file as a comment.

        Returns:
            The files written, the main one first.

        Raises:
            FileError: the terms or the structure cannot be expressed in this format.
        """

    def write_structure(
        self,
        terms: Sequence[PotentialTerm],
        structure: Structure,
        path: Path,
        provenance: Provenance,
    ) -> list[Path]:
        """Write another structure for a potential that was written, and nothing else.

        Args:
            terms: those of the potential.
            structure: atoms of the same types.
            path: names the files as that of a main file would; none is written there.
            provenance: goes into every file as a comment.

        Returns:
            The files written.

        Raises:
            FileError: the structure cannot be expressed, or the format holds no structure.
        """
        raise FileError(f"Format {self.name!r} keeps no structure beside the potential.")

    def order(self, structure: Structure) -> np.ndarray:
        """Return the numbers of the atoms in the order in which they are written [atom]."""
        return np.arange(len(structure.symbols))


export_formats: Registry[ExportFormat] = Registry("export format")


def export(
    name: str,
    terms: Sequence[PotentialTerm],
    structure: Structure,
    path: str | Path,
    provenance: Provenance,
) -> list[Path]:
    """Write a potential for another engine.

    Args:
        name: a registered format.
        terms: the potential, its numbers in internal units.
        structure: the atoms that it was refined on.
        path: the main file, or a folder (one that exists, or a name without a dot), which then
            gets files called ``potential`` with the format's endings.
        provenance: goes into every file as a comment.

    Returns:
        The files written, the main one first.

    Raises:
        RecipeError: there is no such format.
        FileError: the potential has a term that the format cannot express, or the disk refuses.
    """
    chosen = export_formats.get(name)
    if not terms:
        raise FileError("There is no term of a potential to write.")
    for term in terms:
        if term.kind not in chosen.kinds:
            able = [n for n, f in export_formats.items() if term.kind in f.kinds]
            raise FileError(
                f"Format {name!r} cannot write a term of kind {term.kind!r} "
                f"(it writes: {', '.join(chosen.kinds)}).",
                f"Formats that can: {', '.join(able) or 'none'}.",
            )
    path = Path(path)
    if path.is_dir() or not path.suffix:
        path = path / f"potential{chosen.suffix}"
    if re.fullmatch(r"[\w+-][\w+. -]*", path.name, re.ASCII) is None:
        raise FileError(
            f"{path.name!r} cannot be the name of an export: other engines read it too.",
            "Use letters, digits, blanks and any of . _ + -",
        )
    if path.suffix.lower() in chosen.taken:
        raise FileError(
            f"{path.name!r} is the name of a file that format {name!r} puts beside the main one.",
            f"Call the main one {path.stem}{chosen.suffix}.",
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return chosen.write(terms, structure, path, provenance)
    except OSError as error:
        raise FileError(f"The export to {path} cannot be written: {error}.") from None


def formats() -> tuple[Entry, ...]:
    """Return what is registered, for the catalog."""
    return tuple(
        Entry(section="export", name=name, label=item.label, doc=item.doc)
        for name, item in export_formats.items()
    )
