"""Tables of embedded atoms: eam/alloy files (setfl) in and out, and archives of our own.

A file has three lines of comment; the number of elements and their names; the number of densities
and their spacing, the number of distances and their spacing, the cutoff; for every element atomic
number, mass, lattice constant and lattice, F by the density (eV) and the density by the distance;
and for every pair r times its energy (eV angstrom).
Source: https://docs.lammps.org/pair_eam.html
"""

from __future__ import annotations

import numpy as np
from ase.data import atomic_numbers

from dmdstudio.base.errors import FileError
from dmdstudio.base.units import factor
from dmdstudio.files.potentials.array_file import archived, is_archive, own_arrays, parameter_files
from dmdstudio.files.potentials.lammps_units import said_energy
from dmdstudio.files.potentials.numbers import masses_of_types, option, parameter
from dmdstudio.files.structures.topology import Topology
from dmdstudio.files.text import decode
from dmdstudio.plan.arrays import ParameterArrays
from dmdstudio.plan.recipe import chain
from dmdstudio.plan.terms import PotentialTerm

KIND = "embedded_atom"

MOST_POINTS = 1_000_000
"""Of all tables of a file."""


def read_embedded_atom(content: bytes, name: str) -> ParameterArrays:
    """Return the tables of a parameter file; see `array_file.read_parameters`."""
    if is_archive(content):
        return own_arrays(archived(content, name), KIND, name)
    return read_setfl(content, name)


def is_setfl(content: bytes) -> bool:
    """Tell whether the fourth and the fifth line are those of an eam/alloy file."""
    try:
        lines = decode(content[: 2**14], "head").split("\n")
    except FileError:
        return False
    words = [line.split() for line in lines[3:5]]
    if len(words) < 2 or not words[0] or not words[0][0].isdecimal() or len(words[1]) != 5:
        return False
    return len(words[0]) == int(words[0][0][:6]) + 1 and words[1][0].isdecimal()


def read_setfl(content: bytes, name: str) -> ParameterArrays:
    """Return the tables of an eam/alloy file.

    Args:
        content: of the file.
        name: of it, for errors.

    Raises:
        FileError: a number is missing, is none, or makes no sense.
    """
    text = decode(content, name)
    lines = text.split("\n", 5)
    if not is_setfl(content):
        raise FileError(
            f"{name}, line 4: the number of elements and their names are expected, then a line of "
            "five numbers."
        )
    known, sizes = lines[3].split()[1:], lines[4].split()
    strange = [element for element in known if element not in atomic_numbers]
    if strange or len(set(known)) < len(known):
        raise FileError(
            f"{name}, line 4: {', '.join(known)} are expected to be elements, each once."
        )
    try:
        densities, distances = int(sizes[0]), int(sizes[2])
        steps = [float(sizes[n]) for n in (1, 3, 4)]
    except ValueError:
        densities, distances, steps = 0, 0, [0.0]
    count = len(known) * (densities + distances) + len(known) * (len(known) + 1) // 2 * distances
    if min(densities, distances) < 6 or not all(0 < s < 1e6 for s in steps) or count > MOST_POINTS:
        raise FileError(
            f"{name}, line 5: the number of densities and their spacing, the number of distances "
            f"and their spacing, and the cutoff are expected; up to {MOST_POINTS:,} numbers in all."
        )
    energy = factor(said_energy(lines[0], name) or "eV", "eV")
    words, place, arrays = (lines[5] if len(lines) > 5 else "").split(), 0, {}

    def table(size: int, what: str, scale: float) -> np.ndarray:
        nonlocal place
        part, place = words[place : place + size], place + size
        try:
            values = np.array([float(word.replace("D", "E")) for word in part])
        except ValueError:
            values = np.array([np.nan])
        if len(part) < size or not np.all(np.abs(values) < 1e12):
            raise FileError(
                f"{name} has {len(part)} of the {size} numbers of {what}, or one is no number."
            )
        return values * scale

    for element in known:
        place += 4  # atomic number, mass, lattice constant and its name
        arrays[f"embedding_{element}"] = table(densities, f"F of {element}", energy)
        arrays[f"density_{element}"] = table(distances, f"the density of {element}", 1.0)
    for n, element in enumerate(known):
        for other in known[: n + 1]:
            pair = chain((element, other))
            arrays[f"pair_{pair}"] = table(distances, f"the energy of {pair}", energy)
    if len(words) > place:
        raise FileError(f"{name} has {len(words) - place} words more than its sizes ask for.")
    settings = {"density_spacing": steps[0], "spacing": steps[1], "cutoff": steps[2]}
    about = tuple(line.strip() for line in lines[:3])
    return ParameterArrays(KIND, arrays, settings, about)


def setfl(term: PotentialTerm, topology: Topology) -> str:
    """Return the text of an eam/alloy file, the factors multiplied into the tables.

    Args:
        term: an ``embedded_atom``.
        topology: of the structure, whose elements are written.

    Raises:
        FileError: a table or a number is missing.
    """
    types, masses = topology.types, masses_of_types(topology.structure)

    def scaled(table: str, name: str, owner: str) -> list[str]:
        if table not in term.arrays:
            raise FileError(f"{term.kind} has no table {table}.")
        return [repr(x) for x in (term.arrays[table] * parameter(term, name, owner)).tolist()]

    tables = []
    for type_ in types:
        number = atomic_numbers[topology.structure.element_of(type_)]
        tables.append(f"{number} {masses[type_]!r} 1.0 none")
        tables += scaled(f"embedding_{type_}", "embedding_factor", type_)
        tables += scaled(f"density_{type_}", "density_factor", type_)
    for n, type_ in enumerate(types):
        for other in types[: n + 1]:
            pair = chain((type_, other))
            tables += scaled(f"pair_{pair}", "pair_factor", pair)
    sizes = [len(term.arrays[f"{sort}_{types[0]}"]) for sort in ("embedding", "density")]
    spacings = [option(term, name) for name in ("density_spacing", "spacing", "cutoff")]
    return "\n".join(
        [
            "# UNITS: metal",
            f"{len(types)} {' '.join(types)}",
            f"{sizes[0]} {spacings[0]!r} {sizes[1]} {spacings[1]!r} {spacings[2]!r}",
            *tables,
            "",
        ]
    )


parameter_files.add(KIND, read_embedded_atom)
