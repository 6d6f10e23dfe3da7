"""Pair potentials of a file, other than Lennard-Jones and charges, in the forms that we have."""

from __future__ import annotations

import math
from collections.abc import Mapping

from dmdstudio.base.errors import FileError
from dmdstudio.files.potentials.lennard_jones import mixed
from dmdstudio.files.potentials.reading.force_field import Number, Numbers, PairTerm
from dmdstudio.files.potentials.reading.mixing import EXACT
from dmdstudio.files.potentials.reading.places import Place

UNITS = {
    "amplitude": "{energy}",
    "depth": "{energy}",
    "epsilon": "{energy}",
    "dispersion": "{energy} angstrom6",
    "second_dispersion": "{energy} angstrom8",
    "decay": "1/angstrom",
    "repulsive_exponent": "1",
    "attractive_exponent": "1",
}
"""Of the numbers of pairs; lengths are in angstrom."""

STRENGTHS = ("amplitude", "depth", "epsilon", "dispersion", "second_dispersion")
"""What is zero where there is no interaction."""

Pair = tuple[str, str]


def pair_term(
    kind: str,
    options: Mapping[str, object],
    given: Mapping[Pair, Mapping[str, float]],
    energy: str,
    place: Place,
) -> PairTerm:
    """Return a term.

    Args:
        kind: of the term.
        options: as far as the file says them.
        given: numbers by two of the file's types, sorted; of ``mie`` its sigma, epsilon and
            exponents, also of unlike types.
        energy: unit of energies.
        place: where it stands.

    Raises:
        FileError: unlike types have numbers that do not follow from those of like ones, where ours
            do.
    """
    if kind == "mie":
        return PairTerm(kind, options, _by_type(given, energy, place, "lorentz_berthelot"), place)
    if kind == "lennard_jones":
        try:
            numbers = _by_type(given, energy, place, "geometric")
            return PairTerm(kind, {**options, "mixing": "geometric"}, numbers, place)
        except FileError:
            pass
        try:
            numbers = _by_type(given, energy, place, "lorentz_berthelot")
            return PairTerm(kind, {**options, "mixing": "lorentz_berthelot"}, numbers, place)
        except FileError:  # no rule gives the numbers of unlike types
            kind = "lennard_jones_pairs"
    return PairTerm(kind, options, {k: _with_units(n, energy) for k, n in given.items()}, place)


def _with_units(numbers: Mapping[str, float], energy: str) -> Numbers:
    return {
        name: Number(value, UNITS.get(name, "angstrom").format(energy=energy))
        for name, value in numbers.items()
    }


def _by_type(
    given: Mapping[Pair, Mapping[str, float]], energy: str, place: Place, mixing: str
) -> dict[tuple[str, ...], Numbers]:
    """Return the numbers of like types, after a look at those of unlike ones."""
    own = {i: numbers for (i, j), numbers in given.items() if i == j}
    for (i, j), numbers in given.items():
        if i not in own or j not in own:
            raise place.error(f"there are no numbers for types {i} and {j} among themselves.")
        one, other = own[i], own[j]
        means = mixed(mixing, *((n["sigma"], n["epsilon"]) for n in (one, other)))
        wanted: dict[str, float] = {"sigma": means[0], "epsilon": means[1]}
        for name in {"repulsive_exponent", "attractive_exponent"} & set(one):
            wanted[name] = 3.0 + math.sqrt(max((one[name] - 3.0) * (other[name] - 3.0), 0.0))
        for name, value in wanted.items():
            if i != j and not math.isclose(numbers[name], value, rel_tol=EXACT):
                raise place.error(
                    f"types {i} and {j} have {name} = {numbers[name]:g} together; the mean of "
                    f"their own is {value:g}, and we have no other."
                )
    return {(i,): _with_units(numbers, energy) for i, numbers in own.items()}


def from_formula(kind: str, numbers: Mapping[str, float], place: Place) -> Mapping[str, float]:
    """Return the numbers of a pair from those that our formula for it holds.

    Raises:
        FileError: one is missing.
    """
    names = {
        "born_mayer_huggins": ("amplitude", "sigma", "range", "dispersion", "second_dispersion"),
        "buckingham": ("amplitude", "range", "dispersion"),
        "lennard_jones": ("sigma", "epsilon"),
        "mie": ("strength", "sigma", "n", "m"),
        "morse": ("depth", "decay", "distance"),
    }[kind]
    for name in names:
        if name not in numbers:
            raise place.error(f"the formula has no number {name!r}.")
    found = {name: numbers[name] for name in names}
    if kind != "mie":
        return found
    n, m = found["n"], found["m"]
    if not n > m > 0.0:
        raise place.error(f"n = {n:g} and m = {m:g}: n above m is expected.")
    return {
        "sigma": found["sigma"],
        "epsilon": found["strength"] / (n / (n - m) * (n / m) ** (m / (n - m))),
        "repulsive_exponent": n,
        "attractive_exponent": m,
    }


def formula_options(kind: str, numbers: Mapping[str, float]) -> dict[str, object]:
    """Return the options that our formula for a kind of term holds."""
    names = {"cutoff": "cutoff", "switch_start": "start"}
    if kind in ("buckingham", "born_mayer_huggins"):
        names["inner"] = "inner"
    return {option: numbers[name] for option, name in names.items() if name in numbers}
