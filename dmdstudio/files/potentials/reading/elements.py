"""Which element an atom type of a file is."""

from __future__ import annotations

import numpy as np
from ase.data import atomic_masses, atomic_numbers, chemical_symbols

from dmdstudio.files.potentials.reading.places import Place

MASS_TOLERANCE = 0.01
"""Relative; the nearest element must be as near."""


def is_element(word: str) -> bool:
    """Tell whether a word is the symbol of an element."""
    return word in atomic_numbers and word != "X"


def element_of(mass: float, note: str, what: str, place: Place) -> str:
    """Return the element that a note names, or the one whose mass is nearest.

    Args:
        mass: amu.
        note: a remark on the type; its first word may be a symbol.
        what: the type, for errors.
        place: where it stands.

    Raises:
        FileError: no element has such a mass.
    """
    word = note.split()[0] if note.split() else ""
    if is_element(word):
        return word
    nearest = int(np.argmin(np.abs(atomic_masses - mass)))
    if nearest == 0 or abs(atomic_masses[nearest] / mass - 1.0) > MASS_TOLERANCE:
        raise place.error(
            f"{what} has the mass {mass:g} amu, which is that of no element.",
            "Only models with all their atoms are read.",
        )
    return chemical_symbols[nearest]
