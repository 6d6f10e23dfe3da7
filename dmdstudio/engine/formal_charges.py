"""Whole charges of elements: what a dipole moment may have at the atoms in any cell.

A whole charge that leaves a cell and comes back on the other side moves the dipole by a lattice
vector times e, and by that much no dipole of a crystal is known anyway.
"""

from __future__ import annotations

import re

from dmdstudio.base.errors import RecipeError


def formal_charges(text: str) -> dict[str, int]:
    """Return ``{'Na': 1, 'Cl': -1}`` from ``'Na 1, Cl -1'``; raise `RecipeError` where it is none
    or has an element twice.

    Args:
        text: elements and whole numbers, with commas between; empty for none.
    """
    found = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        match = re.fullmatch(r"([A-Z][a-z]?)\s+([+-]?\d{1,2})", part)
        if match is None:
            raise RecipeError(
                f"formal_charges is {text!r}; {part!r} is no element and whole number.",
                "Write 'Na 1, Cl -1', for example.",
            )
        if match[1] in found:
            raise RecipeError(
                f"formal_charges is {text!r}; it has {match[1]} twice.",
                "Write one charge for every element.",
            )
        found[match[1]] = int(match[2])
    return found
