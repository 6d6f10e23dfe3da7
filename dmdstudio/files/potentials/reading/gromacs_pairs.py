"""Lennard-Jones of a topology of GROMACS: of types, of pairs of them, and three bonds apart.

Source: GROMACS manual, "Non-bonded parameters" and "Intramolecular pair interactions".
"""

from __future__ import annotations

import math
from collections.abc import Sequence, Set

from dmdstudio.files.potentials.lennard_jones import mixed
from dmdstudio.files.potentials.reading.force_field import Number, Numbers
from dmdstudio.files.potentials.reading.gromacs_text import Line, word_of
from dmdstudio.files.potentials.reading.mixing import ROUNDED
from dmdstudio.files.potentials.reading.places import Place
from dmdstudio.plan.catalog import shown

_MIXING = {1: "geometric", 2: "lorentz_berthelot", 3: "geometric"}


class PairNumbers:
    """The numbers of pairs.

    Attributes:
        rule: the comb-rule; 0 before [ defaults ].
        scales: factors of Lennard-Jones and of charges for atoms three bonds apart.
        generated: whether pairs without numbers of their own have them by these.
    """

    def __init__(self) -> None:
        self.rule, self.scales, self.generated = 0, (1.0, 1.0), False
        self._types: dict[str, tuple[str, str, Place]] = {}
        self._pairs: dict[tuple[str, str], Numbers] = {}
        self._pair_types: Sequence[Line] = ()

    @property
    def mixing(self) -> str:
        """The mixing rule, as ``lennard_jones`` calls it."""
        return _MIXING[self.rule]

    @property
    def unlike(self) -> dict[tuple[str, str], Numbers]:
        """The numbers that two unlike types have besides their own, sorted."""
        return {pair: own for pair, own in self._pairs.items() if pair[0] != pair[1]}

    def defaults(self, line: Line) -> None:
        """Take in the line of [ defaults ]."""
        if line.place.whole(word_of(line, 0), "nbfunc", 1, 2) != 1:
            raise line.place.error("nbfunc 2, Buckingham, is nothing that we read.")
        self.rule = line.place.whole(word_of(line, 1), "comb-rule", 1, 3)
        self.generated = len(line.words) > 2 and line.words[2].lower() == "yes"
        given = [line.place.number(word, "a fudge factor") for word in line.words[3:5]]
        self.scales = (given[0] if given else 1.0, given[1] if len(given) > 1 else 1.0)

    def take_type(self, name: str, first: str, second: str, place: Place) -> None:
        """Take in V and W of a type."""
        self._types[name] = first, second, place

    def take_pairs(self, lines: Sequence[Line], pair_types: Sequence[Line], used: Set[str]) -> None:
        """Take in [ nonbond_params ] and [ pairtypes ], as far as atoms have their types."""
        self._pair_types = pair_types
        for line in lines:
            first, second = (word_of(line, n) or "" for n in range(2))
            if not {first, second} <= used:
                continue
            if word_of(line, 2) != "1":
                raise line.place.error(
                    f"function {shown(word_of(line, 2) or 'missing')} of [ nonbond_params ]: 1, "
                    "Lennard-Jones, is expected."
                )
            v, w = (word_of(line, n) for n in (3, 4))
            self._pairs[min(first, second), max(first, second)] = self._numbers(v, w, line.place)

    def _numbers(self, first: str | None, second: str | None, place: Place) -> Numbers:
        """Return sigma and epsilon of V and W, which are C6 and C12 by comb-rule 1."""
        names = ("C6", "C12") if self.rule == 1 else ("sigma", "epsilon")
        v, w = (place.number(x, n, 0.0) for x, n in zip((first, second), names, strict=True))
        if self.rule == 1:
            if bool(v) != bool(w):
                raise place.error(
                    f"C6 = {v:g} and C12 = {w:g}: attraction or repulsion alone is no "
                    "Lennard-Jones; both or none are expected."
                )
            v, w = ((w / v) ** (1.0 / 6.0), v * v / (4.0 * w)) if v and w else (0.1, 0.0)
        return {"sigma": Number(v, "nm"), "epsilon": Number(w, "kJ/mol")}

    def of_type(self, name: str) -> Numbers:
        """Return sigma and epsilon of a type."""
        return self._pairs.get((name, name)) or self._numbers(*self._types[name])

    def factor(self, line: Line, first: str, second: str) -> float | None:
        """Return by what the Lennard-Jones energy of a line of [ pairs ] is multiplied.

        None where there is no energy. The pair has numbers of its own, or those of [ pairtypes ],
        or the factor of [ defaults ].
        """
        alike = (self.of_type(name) for name in (first, second))
        sigma, epsilon = mixed(
            self.mixing, *((n["sigma"].value, n["epsilon"].value) for n in alike)
        )
        if unlike := self._pairs.get((min(first, second), max(first, second))):
            sigma, epsilon = unlike["sigma"].value, unlike["epsilon"].value
        known = [x for x in self._pair_types if set(x.words[:2]) == {first, second}]
        own = next((x for x in (line, *known[-1:]) if len(x.words) > 3), None)
        if own is None:
            if not self.generated:
                raise line.place.error(
                    "the pair has no numbers: none of its own, none among the [ pairtypes ], and "
                    "gen-pairs is not yes."
                )
            return self.scales[0] if epsilon else None
        given = self._numbers(word_of(own, 3), word_of(own, 4), own.place)
        depth = given["epsilon"].value
        if not depth:
            return 0.0 if epsilon else None
        if not epsilon or not math.isclose(given["sigma"].value, sigma, rel_tol=ROUNDED):
            raise own.place.error(
                f"types {first} and {second} have other numbers three bonds apart than else; here "
                "all such energies are multiplied by one number."
            )
        same = math.isclose(depth / epsilon, self.scales[0], rel_tol=ROUNDED)
        return self.scales[0] if same else depth / epsilon
