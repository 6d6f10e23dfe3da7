"""Function types of GROMACS' bonds, angles and dihedrals, as far as we have their forms.

Units nm, kJ/mol, degrees. Source: GROMACS manual, "Topology file formats", table of function types.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from dmdstudio.files.potentials.reading.force_field import Number, Numbers
from dmdstudio.files.potentials.reading.places import Place
from dmdstudio.files.potentials.reading.waves import fourier, ryckaert_bellemans, wave

_ENERGY = "kJ/mol"
_STRETCHING, _BENDING = "kJ/mol/nm2", "kJ/mol/rad2"


def numbers(
    words: Sequence[str], place: Place, names: Sequence[str], lower: float = 0.0
) -> list[float]:
    """Return the numbers that stand in a line, by what they are called in an error."""
    return [
        place.number(
            words[n] if n < len(words) else None,
            name,
            lower,
            180.0 if "angle" in name else math.inf,
        )
        for n, name in enumerate(names)
    ]


def _harmonic_bond(words: Sequence[str], place: Place) -> Mapping[str, Numbers]:
    length, stiffness = numbers(words, place, ("the length at rest", "k"))
    given = {"length": Number(length, "nm"), "stiffness": Number(stiffness, _STRETCHING)}
    return {"harmonic_bond": given}


def _morse_bond(words: Sequence[str], place: Place) -> Mapping[str, Numbers]:
    length, depth, decay = numbers(words, place, ("the length at rest", "D", "beta"))
    given = {
        "length": Number(length, "nm"),
        "depth": Number(depth, _ENERGY),
        "decay": Number(decay, "1/nm"),
    }
    return {"morse_bond": given}


def _bent(words: Sequence[str], place: Place) -> tuple[Number, float]:
    angle, stiffness = numbers(words, place, ("the angle at rest", "k"))
    return Number(angle, "degree"), stiffness


def _harmonic_angle(words: Sequence[str], place: Place) -> Mapping[str, Numbers]:
    angle, stiffness = _bent(words, place)
    return {"harmonic_angle": {"angle": angle, "stiffness": Number(stiffness, _BENDING)}}


def _cosine_angle(words: Sequence[str], place: Place) -> Mapping[str, Numbers]:
    angle, stiffness = _bent(words, place)
    return {"cosine_angle": {"angle": angle, "stiffness": Number(stiffness, _ENERGY)}}


def _urey_bradley(words: Sequence[str], place: Place) -> Mapping[str, Numbers]:
    angle, stiffness = _bent(words, place)
    distance, springs = numbers(words[2:], place, ("r13", "kUB"))
    found: dict[str, Numbers] = {}
    if stiffness or not springs:
        found["harmonic_angle"] = {"angle": angle, "stiffness": Number(stiffness, _BENDING)}
    if springs:
        found["urey_bradley"] = {
            "distance": Number(distance, "nm"), "stiffness": Number(springs, _STRETCHING),
        }  # fmt: skip
    return found


BONDED = {
    ("bonds", "1"): _harmonic_bond,
    ("bonds", "3"): _morse_bond,
    ("angles", "1"): _harmonic_angle,
    ("angles", "2"): _cosine_angle,
    ("angles", "5"): _urey_bradley,
}
"""Section and function, and how the numbers of a line are read by our kinds of terms."""


def _periodic(words: Sequence[str], place: Place) -> tuple[tuple[Numbers, ...], float]:
    if len(words) < 3:
        raise place.error("the dihedral's phase, k and multiplicity are expected.")
    phase = place.number(words[0], "the phase", -360.0, 360.0)
    barrier = place.number(words[1], "k")
    count = place.whole(words[2], "the multiplicity", 0, 6)
    if not count:  # as AMBER's types of no barrier have it
        return (), barrier * (1.0 + math.cos(math.radians(phase)))
    return ((wave(barrier, _ENERGY, count, phase),) if barrier else ()), 0.0


def _powers(words: Sequence[str], place: Place) -> tuple[tuple[Numbers, ...], float]:
    c = numbers(words, place, [f"C{n}" for n in range(6)], -math.inf)
    return ryckaert_bellemans(c, _ENERGY)


def _fourier(words: Sequence[str], place: Place) -> tuple[tuple[Numbers, ...], float]:
    c = numbers(words, place, [f"C{n}" for n in range(1, 5)], -math.inf)
    return fourier([0.5 * one for one in c], _ENERGY), 0.0


TORSIONS = {"1": _periodic, "3": _powers, "4": _periodic, "5": _fourier, "9": _periodic}
"""By function: the waves of a line, and a constant that is left out."""

STARS = ("1", "4", "9")
"""Functions of waves about an atom with three bonds, which is not the end of a chain."""
