"""Types of atoms by what they are bonded to, for elements that have more than one.

A rule gives atoms with certain surroundings a name, by which a recipe then knows them:
``HO = H(O)`` is a hydrogen whose only neighbour is an oxygen, ``CM = C(H,H,H,O)`` the carbon of
methanol, ``HA = H(C(H,H,O))`` a hydrogen of its methyl group: in brackets stand all neighbours,
without the atom that one comes from; an element without brackets may have any. Between bars stand
several surroundings of one name: ``H1 = H(C(H,H,O)) | H(C(C,H,O))``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dmdstudio.base.errors import RecipeError

DEEPEST = 6
"""Bonds that surroundings reach."""

MOST_RULES = 200
"""Of a recipe."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_*']{0,15}")
_ELEMENT = re.compile(r"[A-Z][a-z]?")


@dataclass(frozen=True)
class Surroundings:
    """An element and its neighbours, None where any will do."""

    element: str
    around: tuple[Surroundings, ...] | None = None

    def __str__(self) -> str:
        if self.around is None:
            return self.element
        return f"{self.element}({','.join(map(str, self.around))})"

    def fits(
        self, atom: int, before: int, symbols: Sequence[str], bonded: Sequence[Sequence[int]]
    ) -> bool:
        """Tell whether an atom has these surroundings.

        Args:
            atom: its number.
            before: the neighbour that one comes from; -1 for none.
            symbols: chemical symbols [atom].
            bonded: neighbours of every atom [atom].
        """
        if symbols[atom] != self.element:
            return False
        if self.around is None:
            return True
        others = [other for other in bonded[atom] if other != before]
        if len(others) != len(self.around):
            return False
        return _assigned(list(self.around), others, atom, symbols, bonded)


def _assigned(
    wanted: list[Surroundings],
    others: list[int],
    atom: int,
    symbols: Sequence[str],
    bonded: Sequence[Sequence[int]],
) -> bool:
    """Tell whether neighbours can be shared out among what is wanted, each to one."""
    if not wanted:
        return True
    first, *rest = wanted
    return any(
        first.fits(other, atom, symbols, bonded)
        and _assigned(rest, [o for o in others if o != other], atom, symbols, bonded)
        for other in others
    )


def parse_rules(text: str) -> dict[str, tuple[Surroundings, ...]]:
    """Return the surroundings that have a name, by the names.

    Args:
        text: such as ``'HO = H(O); HA = H(C)'``.

    Raises:
        RecipeError: a rule is not of that form.
    """
    found: dict[str, tuple[Surroundings, ...]] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        name, equals, rule = (word.strip() for word in part.partition("="))
        if not equals or _NAME.fullmatch(name) is None or name in found:
            raise RecipeError(
                f"system.types: {part!r} is no rule with a name of its own.",
                "Write name = surroundings, such as HO = H(O); HA = H(C).",
            )
        for one in rule.replace(" ", "").split("|"):
            read, rest = _surroundings(one, part, 0)
            if rest:
                raise RecipeError(f"system.types: {rest[:20]!r} of {part!r} is too much.")
            found[name] = (*found.get(name, ()), read)
    if len(found) > MOST_RULES:
        raise RecipeError(f"system.types has {len(found)} rules; {MOST_RULES} are the most.")
    return found


def _surroundings(text: str, rule: str, depth: int) -> tuple[Surroundings, str]:
    """Return what a text begins with, and the rest of it."""
    element = _ELEMENT.match(text)
    if element is None or depth > DEEPEST:
        raise RecipeError(
            f"system.types: {rule!r}: an element is expected at {text[:20]!r}"
            + (f", no more than {DEEPEST} bonds deep." if depth > DEEPEST else "."),
            "Write such as HO = H(O), HA = H(C(H,H,O)).",
        )
    rest, around = text[element.end() :], []
    if not rest.startswith("("):
        return Surroundings(element[0]), rest
    while rest[:1] in ("(", ","):
        if rest[:2] == "()":
            rest = rest[1:]
            break
        neighbour, rest = _surroundings(rest[1:], rule, depth + 1)
        around.append(neighbour)
    if not rest.startswith(")"):
        raise RecipeError(f"system.types: {rule!r} lacks a closing bracket.")
    return Surroundings(element[0], tuple(around)), rest[1:]


def neighbours_of(count: int, bonds: np.ndarray) -> list[list[int]]:
    """Return the atoms that every atom is bonded to [atom], sorted."""
    bonded: list[list[int]] = [[] for _ in range(count)]
    for i, j in np.asarray(bonds, np.int64).reshape(-1, 2).tolist():
        bonded[i].append(j)
        bonded[j].append(i)
    return [sorted(atoms) for atoms in bonded]


def names_by_rules(text: str, symbols: Sequence[str], bonds: np.ndarray) -> tuple[str, ...]:
    """Return the type of every atom [atom]: the name that a rule gives it, or its element.

    Args:
        text: the rules.
        symbols: chemical symbols [atom].
        bonds: pairs of bonded atoms [bond, 2].

    Raises:
        RecipeError: a rule is of no form, fits no atom, or several fit one atom.
    """
    rules = parse_rules(text)
    taken = set(symbols)
    for name in rules:
        if name in taken:
            raise RecipeError(
                f"system.types: {name} is the name of an element of the structure.",
                "Choose another one.",
            )
    bonded = neighbours_of(len(symbols), bonds)
    found, fitting = [], set()
    for atom, symbol in enumerate(symbols):
        names = [
            name
            for name, known in rules.items()
            if any(one.fits(atom, -1, symbols, bonded) for one in known)
        ]
        if len(names) > 1:
            raise RecipeError(
                f"system.types: atom {atom + 1} ({symbol}) fits {names[0]} and {names[1]}.",
                "Say more of their neighbours.",
            )
        fitting.update(names)
        found.append(names[0] if names else symbol)
    if lost := [name for name in rules if name not in fitting]:
        raise RecipeError(
            f"system.types: no atom fits {lost[0]} = {' | '.join(map(str, rules[lost[0]]))}.",
            "All neighbours stand in the brackets, but the one that one comes from.",
        )
    return tuple(found)


def surroundings_of(
    atom: int, before: int, symbols: Sequence[str], bonded: Sequence[Sequence[int]], depth: int
) -> Surroundings:
    """Return the surroundings of an atom up to some bonds away; arguments as of `fits`."""
    if depth == 0:
        return Surroundings(symbols[atom])
    around = [
        surroundings_of(other, atom, symbols, bonded, depth - 1)
        for other in bonded[atom]
        if other != before
    ]
    return Surroundings(symbols[atom], tuple(sorted(around, key=str)))


def rules_for(
    classes: Mapping[int, str], symbols: Sequence[str], bonded: Sequence[Sequence[int]]
) -> dict[str, tuple[str, ...]] | None:
    """Return rules that tell classes of atoms apart, None where surroundings cannot.

    Args:
        classes: the class of every atom that matters, by its number.
        symbols: chemical symbols [atom].
        bonded: neighbours of every atom [atom].

    Returns:
        By class, the surroundings of its atoms as rules have them, as shallow as will do.
    """
    for depth in range(1, DEEPEST + 1):
        seen: dict[str, str] = {}
        for atom, own in classes.items():
            text = str(surroundings_of(atom, -1, symbols, bonded, depth))
            if seen.setdefault(text, own) != own:
                break
        else:
            found: dict[str, tuple[str, ...]] = {}
            for text, own in seen.items():
                found[own] = (*found.get(own, ()), text)
            return found
    return None
