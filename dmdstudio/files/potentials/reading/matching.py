"""The molecules of a structure, each found among those of a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from dmdstudio.base.errors import FileError
from dmdstudio.files.potentials.reading.force_field import (
    BONDED,
    ForceFieldFile,
    Molecule,
    Template,
)
from dmdstudio.files.potentials.reading.graphs import same_order
from dmdstudio.files.structures.bonds import molecules, with_bonds
from dmdstudio.plan.structure import Structure

MOST_KINDS = 1000
"""Of molecules in one structure."""

Graph = tuple[tuple[str, ...], tuple[tuple[int, int], ...]]
"""Chemical symbols [atom], and pairs of bonded atoms."""


@dataclass(frozen=True)
class Kind:
    """All molecules of one kind in a structure.

    Attributes:
        symbols: chemical symbols [atom].
        bonds: pairs of bonded atoms, indices into ``symbols``.
        count: how many there are.
        molecule: the file's numbers for it.
        order: the atom of ``molecule`` that an atom is [atom].
        owners: what a recipe calls the types of the atoms of ``molecule`` [atom].
    """

    symbols: tuple[str, ...]
    bonds: tuple[tuple[int, int], ...]
    count: int
    molecule: Molecule
    order: tuple[int, ...]
    owners: tuple[str, ...]


def with_bonds_of(file: ForceFieldFile, structure: Structure) -> Structure:
    """Return a structure with its bonds, found by distances where it has none, or with none.

    It has none where the molecules of the file have none.
    """
    if any(template.bonds for template in file.templates):
        return structure if len(structure.bonds) else with_bonds(structure)
    return replace(structure, bonds=np.zeros((0, 2), np.int64))


def kinds_of(file: ForceFieldFile, structure: Structure) -> list[Kind]:
    """Return the kinds of molecules of a structure, as it is bonded, with the numbers of a file.

    Raises:
        FileError: the file has no such molecule, or several that differ.
    """
    counts: dict[tuple[Graph, tuple[str, ...]], int] = {}
    for graph, names in _graphs(structure):
        counts[graph, names] = counts.get((graph, names), 0) + 1
    if len(counts) > MOST_KINDS:
        raise FileError(
            f"The structure has more than {MOST_KINDS} kinds of molecules.",
            "Check that its coordinates are in angstrom and belong to its cell.",
        )
    return [_matched(file, graph, names, n) for (graph, names), n in counts.items()]


def _graphs(structure: Structure) -> Iterator[tuple[Graph, tuple[str, ...]]]:
    """Iterate over the molecules: symbols [atom] and bonds between them; and types [atom]."""
    belongs = molecules(structure)
    order = np.argsort(belongs, kind="stable")
    starts = np.flatnonzero(np.diff(belongs[order], prepend=-1))
    inside = np.empty(len(order), int)  # place of an atom in its molecule
    inside[order] = np.arange(len(order)) - starts[belongs[order]]
    bonds: Mapping[int, list[tuple[int, int]]] = {n: [] for n in range(len(starts))}
    for i, j in structure.bonds:
        ends = int(inside[i]), int(inside[j])
        bonds[int(belongs[i])].append((min(ends), max(ends)))
    for n, atoms in enumerate(np.split(order, starts[1:])):
        graph = tuple(structure.symbols[atom] for atom in atoms), tuple(sorted(bonds[n]))
        yield graph, tuple(structure.types[atom] for atom in atoms)


def _matched(file: ForceFieldFile, graph: Graph, names: tuple[str, ...], count: int) -> Kind:
    (symbols, bonds), found = graph, list[Kind]()
    for template in file.templates:
        try:
            order = same_order((symbols, bonds), (template.elements, template.bonds))
        except ValueError:
            raise template.place.error(
                f"{template.name or formula(symbols)} is so symmetric that its atoms cannot be "
                "told apart in the structure."
            ) from None
        if order is not None:
            owners = dict(zip(order, names, strict=True))
            kind = Kind(symbols, bonds, count, file.molecule(template), tuple(order),
                        tuple(owners[atom] for atom in range(len(order))))  # fmt: skip
            found.append(kind)
    if not found:
        raise _missing(file, symbols, bonds)
    for other in found[1:]:
        if _numbers(other) != _numbers(found[0]):
            both = [kind.molecule.template for kind in (found[0], other)]
            raise both[1].place.error(
                f"{formula(symbols)} in the structure could be {both[0].name!r} (line "
                f"{both[0].place.line}) or {both[1].name!r}, which differ.",
                "Take the other one out of the file.",
            )
    return found[0]


def _numbers(kind: Kind) -> object:
    """Return all that the numbers of a kind say of its atoms, in the structure's order."""
    molecule, place = kind.molecule, {theirs: ours for ours, theirs in enumerate(kind.order)}

    def moved(chain: tuple[int, ...], name: str = "") -> tuple[int, ...]:
        atoms = [place[atom] for atom in chain]
        if BONDED.get(name) == "improper":
            return (atoms[0], *sorted(atoms[1:]))
        return tuple(min(atoms, atoms[::-1]))

    return (
        [(molecule.charges[atom], molecule.pairs[atom]) for atom in kind.order],
        {
            name: {moved(chain, name): numbers for chain, numbers in found.items()}
            for name, found in molecule.bonded.items()
        },
        {moved(chain): numbers for chain, numbers in molecule.torsions.items()},
        {
            moved(star, "improper"): sorted(
                ((place.get(axis, axis), sorted(numbers.items())) for axis, numbers in waves),
                key=str,
            )
            for star, waves in molecule.impropers.items()
        },
        molecule.at_3_bonds,
    )


def _missing(
    file: ForceFieldFile, symbols: tuple[str, ...], bonds: tuple[tuple[int, int], ...]
) -> FileError:
    """Return the error that says which molecule the file lacks."""
    alike: list[Template] = [t for t in file.templates if sorted(t.elements) == sorted(symbols)]
    what = formula(symbols)
    if alike:
        return alike[0].place.error(
            f"{alike[0].name!r} is {what} as well, but bonded otherwise: it has "
            f"{len(alike[0].bonds)} bonds, the molecule in the structure {len(bonds)}.",
            "Bonds of the structure are found by its distances: check that its coordinates are in "
            "angstrom and that no two molecules touch.",
        )
    names = sorted({f"{t.name} ({formula(t.elements)})" for t in file.templates})
    told = ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
    return file.templates[0].place.error(
        f"no molecule of the file is {what}, which the structure has. It has: {told}.",
        "Take a potential for this structure; molecules of several residues have to be in one.",
    )


def formula(symbols: tuple[str, ...]) -> str:
    """Return a composition such as ``'CH4O'``, carbon and hydrogen first."""
    kinds = sorted(set(symbols), key=lambda s: (s != "C", s != "H", s))
    return "".join(f"{s}{n if (n := symbols.count(s)) > 1 else ''}" for s in kinds)
