"""Pair, bond and angle styles of LAMMPS with their coefficients, as far as we have their forms.

LAMMPS' K is half of our stiffness. Source: https://docs.lammps.org/Commands_pair.html and the pages
of the styles named here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from itertools import combinations

from dmdstudio.files.potentials.reading.force_field import Number, Numbers
from dmdstudio.files.potentials.reading.lammps_script import Command
from dmdstudio.files.potentials.reading.own_formulas import (
    charges_options,
    kind_of,
    require_strength,
)
from dmdstudio.files.potentials.reading.places import Place
from dmdstudio.plan.catalog import shown

_ARGUMENTS = {
    "lj/cut": ("cutoff",),
    "lj/cut/coul/long": ("cutoff", "coul"),
    "lj/cut/coul/dsf": ("damping", "cutoff", "coul"),
    "lj/charmm/coul/long": ("switch_start", "cutoff", "coul"),
    "lj/mdf": ("switch_start", "cutoff"),
    "coul/long": ("coul",),
    "coul/dsf": ("damping", "coul"),
    "lepton": ("formula",),
    "morse": ("cutoff",),
    "buck": ("cutoff",),
    "buck/coul/long": ("cutoff", "coul"),
    "buck/mdf": ("switch_start", "cutoff"),
    "born": ("cutoff",),
    "born/coul/long": ("cutoff", "coul"),
    "mie/cut": ("cutoff",),
    "table": ("interpolation", "points"),
    "sw": (),
    "tersoff": (),
    "eam/alloy": (),
    "zero": ("nothing",),
    "none": (),
}
"""Pair styles that we read, and what their arguments are."""

_MIXING = {"arithmetic": "lorentz_berthelot", "geometric": "geometric"}

_WORDS = ("formula", "interpolation")
"""Arguments that are no numbers."""

_ACCELERATED = ("/omp", "/opt", "/gpu", "/kk", "/intel")


@dataclass
class PairStyle:
    """One pair style of an input.

    Attributes:
        name: without what says where it is computed.
        arguments: by name.
        place: of the command.
        coefficients: by pair of types, i <= j, with their places.
        scales_14: factors for atoms three bonds apart that are its own, of ``lj`` and of ``coul``.
    """

    name: str
    arguments: dict[str, float]
    place: Place
    coefficients: dict[tuple[int, int], tuple[tuple[str, ...], Place]] = field(default_factory=dict)
    scales_14: dict[str, float] = field(default_factory=dict)

    @property
    def charged(self) -> bool:
        """Whether it sums over charges."""
        return "coul/" in self.name or self.formula == "coulomb"

    @property
    def formula(self) -> str:
        """The kind of term whose formula we write as it; empty for none."""
        if self.name != "lepton":
            return ""
        words, place = next(iter(self.coefficients.values()), ((), self.place))
        return kind_of(words[0] if words else "", place)


def pair_styles(command: Command) -> list[PairStyle]:
    """Return the styles of a ``pair_style`` command.

    Raises:
        FileError: a style is one that we do not have.
    """
    command.require_known()
    words = list(command.words)
    if words[:1] in (["hybrid/overlay"], ["hybrid"]):
        words.pop(0)
    found: list[PairStyle] = []
    while words:
        name = plain_name(words.pop(0))
        if name not in _ARGUMENTS:
            raise command.place.error(
                f"pair_style {shown(name)} is a form of energy that we do not have.",
                f"We have: {', '.join(_ARGUMENTS)}.",
            )
        given = []
        while words and plain_name(words[0]) not in _ARGUMENTS:
            given.append(words.pop(0))
        wanted = _ARGUMENTS[name]
        values = {
            what: command.place.number(word, f"{what} of {name}", 0.0)
            for what, word in zip(wanted, given, strict=False)
            if what not in _WORDS
        }
        if "coul" in wanted and "coul" not in values and "cutoff" in values:
            values["coul"] = values["cutoff"]
        for what in wanted:
            if what not in values and what not in (*_WORDS, "nothing"):
                raise command.place.error(f"pair_style {name} lacks its {what}.")
        found.append(PairStyle(name, values, command.place))
    return found


def plain_name(word: str) -> str:
    """Return the name of a style without its accelerated variant."""
    for ending in _ACCELERATED:
        word = word.removesuffix(ending)
    return word


def types_of(word: str, count: int, place: Place) -> range:
    """Return the types that a word such as ``2``, ``*`` or ``1*3`` stands for."""
    low, star, high = word.partition("*")
    if not star:
        type_ = place.whole(word, "a type", 1, max(count, 1))
        return range(type_, type_ + 1)
    first = place.whole(low, "a type", 1, count) if low else 1
    last = place.whole(high, "a type", 1, count) if high else count
    return range(first, last + 1)


def take_pair_coefficients(
    styles: Sequence[PairStyle], command: Command, count: int, used: Set[int]
) -> None:
    """Give the coefficients of a ``pair_coeff`` command to their style.

    Args:
        styles: of the ``pair_style`` before it.
        command: the command.
        count: of types.
        used: types that atoms have; others are left out.
    """
    place = command.place
    words = [command.word(n, "a type") for n in range(2)]
    first, second = (types_of(word, count, place) for word in words)
    rest = list(command.words[2:])
    style = styles[0] if len(styles) == 1 else None
    if rest and plain_name(rest[0]) in _ARGUMENTS:
        name = plain_name(rest.pop(0))
        same = [s for s in styles if s.name == name]
        number = 1
        if len(same) > 1 and rest:
            number = place.whole(rest.pop(0), "the number of the style", 1, len(same))
        style = same[number - 1] if same else None
    if style is None:
        raise place.error("pair_coeff names no style of the pair_style before it.")
    single = len(first) == len(second) == 1
    for i in sorted(used & set(first)):
        for j in sorted(used & set(second)):
            if i <= j or single:
                style.coefficients[min(i, j), max(i, j)] = (tuple(rest), place)


# ----------------------------------------------------------------------------- Lennard-Jones


@dataclass(frozen=True)
class Pairs:
    """Lennard-Jones of an input.

    Attributes:
        numbers: sigma and epsilon by type.
        unlike: alike, by two types, sorted, as far as they are not left to the mixing rule.
        mixing: it, as ``lennard_jones`` calls it.
        options: ``cutoff`` and, where the style has it, ``switch_start``.
        notes: sentences on what is approximated.
    """

    numbers: dict[int, Numbers]
    unlike: dict[tuple[str, str], Numbers]
    mixing: str
    options: dict[str, object]
    notes: tuple[str, ...]


def lennard_jones(
    style: PairStyle,
    others: Sequence[PairStyle],
    declared: str,
    energy: str,
    used: Iterable[int],
) -> Pairs:
    """Return what a style says of Lennard-Jones.

    Args:
        style: one that has it.
        others: the other styles of a hybrid; what one of them names, LAMMPS does not mix.
        declared: the mixing rule of ``pair_modify``; empty for the style's own.
        energy: unit of energies.
        used: types that atoms have.

    Raises:
        FileError: a type has no coefficients, a pair no rule, or a cutoff of its own.
    """
    given = {
        pair: _sigma_epsilon(style, words, place)
        for pair, (words, place) in style.coefficients.items()
    }
    used = sorted(set(used))
    for type_ in used:
        if (type_, type_) not in given:
            raise style.place.error(
                f"there is no pair_coeff {type_} {type_} for {style.name}.",
                "Add it, with epsilon and sigma.",
            )
    rule = declared or ("arithmetic" if "charmm" in style.name else "geometric")
    for i, j in combinations(used, 2):
        acting = given[i, i][1] and given[j, j][1]
        if (i, j) in given or not acting:
            continue
        if any((i, j) in other.coefficients for other in others):
            given[i, j] = given[i, i][0], 0.0
        elif rule not in _MIXING:
            raise style.place.error(
                f"there is no pair_coeff {i} {j}, and pair_modify mix {rule} is a rule that we do "
                "not have.",
                "Give all pairs by pair_coeff.",
            )
    notes = []
    arguments = style.arguments
    options: dict[str, object] = {"cutoff": arguments["cutoff"]}
    if "switch_start" in arguments:
        options["switch_start"] = arguments["switch_start"]
    if "charmm" in style.name:
        notes.append(
            f"{style.name} switches by a polynomial of r^2; here Lennard-Jones is switched by a "
            "quintic of r between the same distances."
        )
    numbers: dict[tuple[int, int], Numbers] = {
        pair: {"sigma": Number(sigma, "angstrom"), "epsilon": Number(epsilon, energy)}
        for pair, (sigma, epsilon) in given.items()
    }
    return Pairs(
        {i: own for (i, j), own in numbers.items() if i == j},
        {pair_of(i, j): own for (i, j), own in numbers.items() if i != j},
        _MIXING.get(rule, "geometric"),
        options,
        tuple(notes),
    )


def pair_of(i: int, j: int) -> tuple[str, str]:
    """Return two types as other formats name them, sorted."""
    first, second = sorted((str(i), str(j)))
    return first, second


def _sigma_epsilon(style: PairStyle, words: tuple[str, ...], place: Place) -> tuple[float, float]:
    epsilon = place.number(words[0] if words else None, "epsilon", 0.0)
    sigma = place.number(words[1] if len(words) > 1 else None, "sigma", 0.0)
    if "charmm" in style.name:
        return sigma, epsilon  # what follows is for atoms three bonds apart
    own = [key for key in ("switch_start", "cutoff") if key in style.arguments]
    for key, word in zip(own, words[2:4], strict=False):
        if place.number(word, f"the {key} of the pair") != style.arguments[key]:
            raise place.error(
                f"the pair has a cutoff of its own, {word}, besides {style.arguments[key]:g} of "
                "pair_style; we have one for all pairs.",
                "Give all pairs the same.",
            )
    return sigma, epsilon


# ------------------------------------------------------------------------------- charges


def shifted_charges(style: PairStyle, charges: dict[int, float]) -> dict[str, object]:
    """Return the options of ``coulomb`` that formulas of ours stand for, the same for all pairs.

    Args:
        style: a ``lepton`` style with them.
        charges: of the types, e.

    Raises:
        FileError: formulas and charges contradict each other.
    """
    options: dict[str, object] = {}
    for (i, j), (words, place) in style.coefficients.items():
        own, numbers = charges_options(words[0] if words else "", place)
        if options and own != options:
            raise place.error(
                "the charges of the pair are summed otherwise than those before.",
                "Give all pairs the same cutoff, alpha and bend.",
            )
        options = own
        require_strength(
            numbers.get("strength", 0.0), charges.get(i, 0.0), charges.get(j, 0.0), place
        )
    return options
