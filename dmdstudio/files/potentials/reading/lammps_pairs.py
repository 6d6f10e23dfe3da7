"""Pair styles of LAMMPS other than Lennard-Jones and charges, in the forms that we have.

Source: https://docs.lammps.org/pair_born.html, pair_buck.html, pair_morse.html, pair_mie.html
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import combinations_with_replacement

from dmdstudio.files.potentials.reading.force_field import PairTerm
from dmdstudio.files.potentials.reading.lammps_styles import PairStyle, pair_of
from dmdstudio.files.potentials.reading.own_formulas import kind_of, numbers_of
from dmdstudio.files.potentials.reading.pair_terms import (
    STRENGTHS,
    Pair,
    formula_options,
    from_formula,
    pair_term,
)
from dmdstudio.files.potentials.reading.places import Place

_STYLES = {
    "born": ("born_mayer_huggins",
             ("amplitude", "range", "sigma", "dispersion", "second_dispersion")),
    "buck": ("buckingham", ("amplitude", "range", "dispersion")),
    "mie/cut": ("mie", ("epsilon", "sigma", "repulsive_exponent", "attractive_exponent")),
    "morse": ("morse", ("depth", "decay", "distance")),
}  # fmt: skip
"""Kind of term, and its coefficients in their order."""


def other_pairs(style: PairStyle, energy: str, used: Collection[int], alone: bool) -> PairTerm:
    """Return what a style other than Lennard-Jones and charges says.

    Args:
        style: one of `is_other`.
        energy: unit of energies.
        used: types that atoms have.
        alone: whether there is no other style, so that every pair must have coefficients.

    Raises:
        FileError: coefficients are missing or contradict each other.
    """
    if not style.coefficients:
        raise style.place.error(f"there is no pair_coeff for {style.name}.")
    found: dict[Pair, dict[str, float]] = {}
    options: dict[str, object] = {}
    if style.name == "lepton":
        kind = style.formula
        for pair, (words, place) in style.coefficients.items():
            text = words[0] if words else ""
            if kind_of(text, place) != kind:
                raise place.error(
                    f"the formula is that of {kind_of(text, place)}, those before of {kind}; a "
                    "style has one form for all pairs.",
                    "Give every form its own lepton style in a hybrid/overlay.",
                )
            _, numbers = numbers_of(text, place)
            own = formula_options(kind, numbers)
            if options and own != options:
                raise place.error("the pair has a cutoff of its own; we have one for all pairs.")
            options = own
            found[pair_of(*pair)] = dict(from_formula(kind, numbers, place))
    else:
        kind, names = _STYLES[_plain(style.name)]
        keys = [key for key in ("switch_start", "cutoff") if key in style.arguments]
        options = {key: style.arguments[key] for key in keys}
        for pair, (words, place) in style.coefficients.items():
            found[pair_of(*pair)] = _numbers(words, names, place)
            for key, word in zip(keys, words[len(names) :], strict=False):
                if place.number(word, f"the {key} of the pair") != style.arguments[key]:
                    raise place.error(
                        f"the pair has a {key} of its own, {word}, besides "
                        f"{style.arguments[key]:g} of pair_style; we have one for all pairs.",
                        "Give all pairs the same.",
                    )
    if kind == "mie":
        _require_all(style, used)
    elif not alone:  # pairs that are not named do not interact
        pattern = next(iter(found.values()))
        nothing = {k: 0.0 if k in STRENGTHS else v for k, v in pattern.items()}
        for i in used:
            for j in used:
                found.setdefault(pair_of(i, j), nothing)
    return pair_term(kind, options, found, energy, style.place)


def _require_all(style: PairStyle, used: Collection[int]) -> None:
    """Refuse a style that leaves pairs to LAMMPS, whose mean of exponents is not ours."""
    for pair in combinations_with_replacement(sorted(used), 2):
        if pair not in style.coefficients:
            i, j = pair
            raise style.place.error(
                f"there is no pair_coeff {i} {j} for {style.name}, whose exponents LAMMPS mixes "
                "otherwise than we do.",
                "Give all pairs by pair_coeff.",
            )


def is_other(style: PairStyle) -> bool:
    """Tell whether a style has a pair potential that is neither Lennard-Jones nor charges."""
    if style.name == "lepton":
        return bool(style.coefficients) and style.formula != "coulomb"
    return _plain(style.name) in _STYLES


def _plain(name: str) -> str:
    """Return the name of a style without its charges and its switch."""
    return name.removesuffix("/coul/long").removesuffix("/mdf")


def _numbers(words: tuple[str, ...], names: tuple[str, ...], place: Place) -> dict[str, float]:
    found = {}
    for n, name in enumerate(names):
        word = words[n] if n < len(words) else None
        if name == "second_dispersion":  # LAMMPS writes + D/r^8
            found[name] = -place.number(word, "D", upper=0.0)
        else:
            found[name] = place.number(word, name.replace("_", " "), 0.0)
    return found
