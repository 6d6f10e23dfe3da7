"""Types of atoms that a force field tells apart and elements do not, as rules of a recipe."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dmdstudio.files.potentials.reading.elements import is_element
from dmdstudio.files.potentials.reading.graphs import neighbours
from dmdstudio.files.potentials.reading.matching import Kind
from dmdstudio.plan.atom_types import rules_for

Class = tuple[str, str, float]
"""Element, the file's type and charge of atoms that are alike."""


def type_rules(kinds: Sequence[Kind]) -> str:
    """Return rules that tell atoms of one element with other types or charges apart.

    Empty where their surroundings are the same, so that no rule can.

    Args:
        kinds: of molecules of a structure.
    """
    symbols: list[str] = []
    bonded: list[list[int]] = []
    classes: dict[int, Class] = {}
    for kind in kinds:
        first, molecule = len(symbols), kind.molecule
        for atom, element in enumerate(molecule.template.elements):
            classes[first + atom] = (element, molecule.types[atom], molecule.charges[atom])
            symbols.append(element)
        around = neighbours(len(kind.symbols), molecule.template.bonds)
        bonded += [[first + other for other in near] for near in around]
    several = {
        element
        for element in set(symbols)
        if len({own for own in classes.values() if own[0] == element}) > 1
    }
    order = sorted({own for own in classes.values() if own[0] in several})
    names = dict(zip(order, _names(order), strict=True))
    known = {atom: names[own] for atom, own in classes.items() if own[0] in several}
    found = rules_for(known, symbols, bonded)
    if found is None:
        return ""
    return "; ".join(f"{name} = {' | '.join(rules)}" for name, rules in sorted(found.items()))


def _names(order: Sequence[Class]) -> list[str]:
    """Return names for classes: the file's types where they can be names, each once."""
    found: list[str] = []
    for element, type_, _ in order:
        name = re.sub(r"[^A-Za-z0-9_*']", "_", type_)[:12]
        if not re.match(r"[A-Za-z]", name) or is_element(name):
            name = f"{element}_{name}" if name.isdigit() else f"{element}1"
        number, chosen = 1, name
        while chosen in found:
            number += 1
            chosen = f"{name}_{number}"
        found.append(chosen)
    return found
