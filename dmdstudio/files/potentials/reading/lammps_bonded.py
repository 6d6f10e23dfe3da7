"""Bond, angle, dihedral and improper styles of LAMMPS, as far as we have their forms.

LAMMPS' K is half of our stiffness. Source: https://docs.lammps.org/Commands_bond.html and the pages
of the styles named here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from dmdstudio.files.potentials.lammps_styles import IMPROPER
from dmdstudio.files.potentials.reading.force_field import Number, Numbers
from dmdstudio.files.potentials.reading.own_formulas import numbers_of
from dmdstudio.files.potentials.reading.places import Place
from dmdstudio.files.potentials.reading.waves import fourier
from dmdstudio.files.potentials.reading.waves import wave as one_wave
from dmdstudio.plan.catalog import shown

KNOWN = {
    "bond": ("harmonic", "morse"),
    "angle": ("harmonic", "cosine/squared", "charmm"),
    "improper": ("harmonic", "cvff"),
}
"""Styles that are read."""


def bonded_numbers(
    sort: str, style: str, words: tuple[str, ...], place: Place, energy: str
) -> Mapping[str, Numbers]:
    """Return the parameters of a type of bonds, angles or impropers by our kind of term.

    Args:
        sort: ``bond``, ``angle`` or ``improper``.
        style: of the type.
        words: its coefficients.
        place: of them.
        energy: unit of energies.

    Raises:
        FileError: the style is one that we do not have.
    """
    if style in ("zero", "none"):
        return {}
    if style not in KNOWN[sort]:
        raise place.error(
            f"{sort}_style {shown(style)} is a form of energy that we do not have.",
            f"We have: {', '.join(KNOWN[sort])}.",
        )

    def number(index: int, what: str, upper: float = math.inf) -> float:
        return place.number(words[index] if index < len(words) else None, what, 0.0, upper)

    stretching, bending = f"{energy}/angstrom2", f"{energy}/rad2"
    if style == "morse":
        return {
            "morse_bond": {
                "length": Number(number(2, "the length at rest"), "angstrom"),
                "depth": Number(number(0, "D"), energy),
                "decay": Number(number(1, "alpha"), "1/angstrom"),
            }
        }
    stiffness = 2.0 * number(0, "K")
    if sort == "bond":
        length = Number(number(1, "the length at rest"), "angstrom")
        return {"harmonic_bond": {"length": length, "stiffness": Number(stiffness, stretching)}}
    if sort == "improper":
        if number(1, "the angle at rest") != 0.0:
            raise place.error("an improper with an angle at rest other than 0 is nothing we have.")
        return {"improper": {"stiffness": Number(stiffness, bending)}} if stiffness else {}
    angle = Number(number(1, "the angle at rest", 180.0), "degree")
    if style == "cosine/squared":
        return {"cosine_angle": {"angle": angle, "stiffness": Number(stiffness, energy)}}
    found: dict[str, Numbers] = {}
    springs = 2.0 * number(2, "K_ub") if style == "charmm" else 0.0
    if stiffness or not springs:
        found["harmonic_angle"] = {"angle": angle, "stiffness": Number(stiffness, bending)}
    if springs:
        distance = Number(number(3, "r_ub"), "angstrom")
        found["urey_bradley"] = {"distance": distance, "stiffness": Number(springs, stretching)}
    return found


def improper_formula(words: tuple[str, ...], place: Place, energy: str) -> Mapping[str, Numbers]:
    """Return the parameters of one order of an improper, by the formula that we write for it.

    Raises:
        FileError: it is another formula.
    """
    text = words[0] if words else ""
    formula, numbers = numbers_of(text, place)
    turn = numbers.get("turn", 0.0)
    if formula != IMPROPER or "k" not in numbers or not math.isclose(turn, 2.0 * math.pi):
        raise place.error(
            f"the formula {shown(text)} is a form of energy that we do not have.",
            "Of dihedral_style lepton, only impropers that DMD Studio writes are read.",
        )
    return {"improper": {"stiffness": Number(2.0 * numbers["k"], f"{energy}/rad2")}}


def improper_waves(words: tuple[str, ...], place: Place, energy: str) -> tuple[Numbers, ...]:
    """Return the wave of an improper type of style cvff, none where it is flat.

    Raises:
        FileError: a number is missing, or none that it can be.
    """
    barrier = place.number(words[0] if words else None, "K")
    sign = place.number(words[1] if len(words) > 1 else None, "d")
    count = place.whole(words[2] if len(words) > 2 else None, "n", 0, 6)
    if sign not in (1.0, -1.0):
        raise place.error(f"d = {sign:g}: 1 or -1 is expected.")
    flat = barrier == 0.0 or count == 0
    return () if flat else (one_wave(barrier, energy, count, 0.0 if sign > 0 else 180.0),)


def waves(style: str, words: tuple[str, ...], place: Place, energy: str) -> tuple[Numbers, ...]:
    """Return the waves of a dihedral type.

    Args:
        style: charmm, harmonic, fourier or opls.
        words: its coefficients.
        place: of them.
        energy: unit of energies.

    Raises:
        FileError: the style is one that we do not have.
    """
    if style in ("zero", "none"):
        return ()

    def number(index: int, what: str) -> float:
        return place.number(words[index] if index < len(words) else None, what)

    def wave(barrier: float, count: float, phase: float) -> Numbers:
        if barrier and (count != round(count) or not 1 <= count <= 6):
            raise place.error(f"{count:g} waves per turn; a whole number from 1 to 6 is expected.")
        return one_wave(barrier, energy, round(count), phase)

    found = []
    if style == "opls":
        return fourier([number(n, f"K{n + 1}") / 2.0 for n in range(4)], energy)
    if style == "harmonic":
        sign = number(1, "d")
        if sign not in (1.0, -1.0):
            raise place.error(f"d = {sign:g}: 1 or -1 is expected.")
        found = [wave(number(0, "K"), number(2, "n"), 0.0 if sign > 0 else 180.0)]
    elif style == "charmm":
        if number(3, "the weight") != 0.0:
            raise place.error("a weight for atoms three bonds apart is nothing that we have.")
        found = [wave(number(0, "K"), number(1, "n"), number(2, "d"))]
    elif style == "fourier":
        count = place.whole(words[0] if words else None, "the number of waves", 1, 10)
        found = [
            wave(number(n, "K"), number(n + 1, "n"), number(n + 2, "d"))
            for n in range(1, 3 * count, 3)
        ]
    else:
        raise place.error(
            f"dihedral_style {shown(style)} is a form of energy that we do not have.",
            "We have: harmonic, charmm, fourier, opls.",
        )
    return tuple(one for one in found if one["barrier"].value)
