"""What types of atoms make together, by name: pairs of them, and triplets about a centre.

Pairs (``Cl-Na``) and triplets (``C-Si-Ge``, the centre in the middle) read the same from both ends.
Directed ones do not: ``Si(C)`` is the bond to carbon as silicon has it, and ``Si(C,Ge)`` what
germanium does to it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations_with_replacement, product

from dmdstudio.base.errors import RecipeError, nearest
from dmdstudio.plan.recipe import chain


def pair_names(types: Iterable[str]) -> tuple[str, ...]:
    """Return pairs of types, like ones too, such as ``Na-Na`` and ``Cl-Na``."""
    return tuple(chain(pair) for pair in combinations_with_replacement(types, 2))


def triplet_names(types: Iterable[str]) -> tuple[str, ...]:
    """Return centres between two neighbours, such as ``Si-Si-Si`` and ``C-Si-Ge``."""
    known = tuple(types)
    ends = tuple(combinations_with_replacement(known, 2))
    return tuple(chain((one, centre, other)) for centre in known for one, other in ends)


def directed(centre: str, *others: str) -> str:
    """Return the name of what a centre sees, in order, such as ``Si(C)`` and ``Si(C,Ge)``."""
    return f"{centre}({','.join(others)})"


def directed_names(types: Iterable[str], others: int) -> tuple[str, ...]:
    """Return all that centres see of so many others."""
    return tuple(directed(*names) for names in product(tuple(types), repeat=others + 1))


def mixed_triplets(types: Iterable[str]) -> tuple[str, ...]:
    """Return the directed triplets whose neighbours are unlike, such as ``Si(C,Ge)``."""
    known = product(tuple(types), repeat=3)
    return tuple(directed(i, j, k) for i, j, k in known if j != k)


def ranges_of(
    text: str, known: Sequence[str], count: int, where: str
) -> dict[str, tuple[float, ...]]:
    """Return distances by name, angstrom.

    Args:
        text: such as ``'Ga-N 3.051; N-N 2.34'``; empty for none.
        known: names that may stand there.
        count: distances of each, not falling, the last above 0.
        where: the setting, for errors.

    Raises:
        RecipeError: a name is unknown or twice there, a distance no number, or there are others.
    """
    found: dict[str, tuple[float, ...]] = {}
    for part in text.split(";") if text.strip() else []:
        name, *words = part.split() or [""]
        name = chain(name.split("-"))
        if name not in known or name in found:
            twice = "is named twice" if name in found else "is nothing that the structure has"
            raise RecipeError(f"{where}: {name!r} {twice}.", nearest(name, list(known)))
        try:
            distances = [float(word) for word in words]
        except ValueError:
            distances = []
        steps = zip((0.0, *distances), distances, strict=False)
        rising = all(a <= b < math.inf for a, b in steps)
        if len(distances) != count or not rising or distances[-1] == 0.0:
            wanted = "a distance" if count == 1 else f"{count} distances, none below the one before"
            raise RecipeError(f"{where}: {part.strip()!r}: {name} and {wanted} are expected.")
        found[name] = tuple(distances)
    return found


def ranges_text(ranges: Mapping[str, Sequence[float]]) -> str:
    """Return distances by name as `ranges_of` reads them, to the last digit."""
    return "; ".join(f"{name} {' '.join(map(repr, values))}" for name, values in ranges.items())
