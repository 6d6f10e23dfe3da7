"""Terms of a potential as LAMMPS styles: pairs, bonds, angles and charges, with their coefficients.

Units metal: angstrom, eV, e, degrees. Where LAMMPS has a style with our very formula, it is that
style; other pairs are written out as formulas (package LEPTON). Its coul/dsf is not ours: it adds a
self-energy and screens what bonds leave out, and its erfc has seven digits. In coul/long charges
differ by 3e-8, for its constant is rounded.
Source: https://docs.lammps.org/pair_mdf.html, pair_lepton.html, pair_coul.html, bond_harmonic.html
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dmdstudio.base.errors import FileError
from dmdstudio.files.potentials.lennard_jones import lennard_jones_numbers
from dmdstudio.files.potentials.numbers import option, owners_of, parameter
from dmdstudio.files.potentials.pair_formulas import FORMULAS, type_pairs
from dmdstudio.files.structures.topology import Topology
from dmdstudio.plan.terms import PotentialTerm

KSPACE_ACCURACY = 1e-8
"""Of forces, over that of two unit charges at one angstrom."""

MESH_ATOMS = 4000
"""From here on a mesh is faster than Ewald's sum."""


@dataclass(frozen=True)
class PairStyle:
    """One pair style with its coefficients.

    Attributes:
        name: of the style.
        arguments: of ``pair_style``.
        about: a comment.
        coefficients: arguments of ``pair_coeff`` by types; ``("*", "*")`` for all.
        commands: what else it needs; ``{style}`` stands for the style where it is one of several.
    """

    name: str
    arguments: str
    about: str
    coefficients: dict[tuple[str, str], str]
    commands: tuple[str, ...] = ()


@dataclass(frozen=True)
class BondedStyle:
    """A style of bonds or angles.

    Attributes:
        sort: ``bond`` or ``angle``.
        name: of the style.
        about: a comment.
        coefficients: by the kind of bond or angle, sorted, such as ``H-O``.
    """

    sort: str
    name: str
    about: str
    coefficients: dict[str, str]


def _lennard_jones(term: PotentialTerm, topology: Topology) -> PairStyle:
    known = lennard_jones_numbers(term, topology.structure)
    coefficients = {}
    for pair in type_pairs(topology.structure):
        sigma, epsilon = known.pair(*pair)
        coefficients[pair] = f"{epsilon!r} {sigma!r}"
    return PairStyle(
        "lj/mdf",
        f"{known.switch_start!r} {known.cutoff!r}",
        f"Lennard-Jones, switched to zero between {known.switch_start!r} and {known.cutoff!r} "
        f"angstrom: epsilon (eV), sigma (angstrom). Mixing was {known.mixing}.",
        coefficients,
        ("pair_modify {style}shift no tail no",),
    )


def _formula(term: PotentialTerm, topology: Topology) -> PairStyle:
    known = FORMULAS[term.kind](term, topology.structure)

    def text(numbers: dict[str, float]) -> str:
        values = {**numbers, **known.constants}
        named = ";".join(f"{name}={value!r}" for name, value in values.items())
        return f'"{known.formula};{named}" {known.cutoff!r}'

    return PairStyle(
        "lepton",
        repr(known.cutoff),
        f"{known.label}: eV by the distance r in angstrom.",
        {pair: text(numbers) for pair, numbers in known.numbers.items()},
    )


def _ewald(term: PotentialTerm, topology: Topology) -> PairStyle:
    mesh = len(topology.structure.symbols) >= MESH_ATOMS
    method = "pppm" if mesh else "ewald"
    return PairStyle(
        "coul/long",
        repr(option(term, "cutoff")),
        "Charges with all their images, as exact as kspace_accuracy asks (1e-5 is usual, faster).",
        {("*", "*"): ""},
        (
            # its erfc alone has seven digits, its table is made of the C library's
            "pair_modify {style}table 16 tabinner 0.5",
            f"variable kspace_accuracy index {KSPACE_ACCURACY!r}",
            f"kspace_style {method} ${{kspace_accuracy}}",
            *(("kspace_modify order 7",) if mesh else ()),
        ),
    )


def _harmonic_bond(term: PotentialTerm, topology: Topology) -> BondedStyle:
    coefficients = {
        owner: f"{parameter(term, 'stiffness', owner) / 2!r} {parameter(term, 'length', owner)!r}"
        for owner in owners_of(topology.bonds, topology, term)
    }
    about = "k/2 (eV/angstrom^2), length at rest (angstrom)"
    return BondedStyle("bond", "harmonic", about, coefficients)


def _harmonic_angle(term: PotentialTerm, topology: Topology) -> BondedStyle:
    coefficients = {
        owner: f"{parameter(term, 'stiffness', owner) / 2!r} "
        f"{math.degrees(parameter(term, 'angle', owner))!r}"
        for owner in owners_of(topology.angles, topology, term)
    }
    about = "k/2 (eV/rad^2), angle at rest (degrees)"
    return BondedStyle("angle", "harmonic", about, coefficients)


_PAIRS: dict[str, Callable[[PotentialTerm, Topology], PairStyle]] = {
    **dict.fromkeys(FORMULAS, _formula),
    "lennard_jones": _lennard_jones,
    "ewald": _ewald,
}
_BONDED: dict[str, Callable[[PotentialTerm, Topology], BondedStyle]] = {
    "harmonic_bond": _harmonic_bond,
    "harmonic_angle": _harmonic_angle,
}
KINDS = tuple(sorted((*_PAIRS, *_BONDED)))
"""Kinds of terms that have a style."""


def pair_styles(terms: Sequence[PotentialTerm], topology: Topology) -> list[PairStyle]:
    """Return the pair styles of a potential, in the order of its terms."""
    return [_PAIRS[term.kind](term, topology) for term in terms if term.kind in _PAIRS]


def bonded_styles(terms: Sequence[PotentialTerm], topology: Topology) -> list[BondedStyle]:
    """Return the styles of bonds and of angles.

    Raises:
        FileError: there are two terms for the same bonds or angles.
    """
    found = [_BONDED[term.kind](term, topology) for term in terms if term.kind in _BONDED]
    for sort in ("bond", "angle"):
        if sum(style.sort == sort for style in found) > 1:
            raise FileError(
                f"Format 'lammps' writes a single term for {sort}s; there are several.",
                "Export to ase, which adds any number of terms.",
            )
    return found


def pair_commands(styles: Sequence[PairStyle], topology: Topology) -> list[str]:
    """Return the lines that set up the pair styles, one alone or several on top of each other."""
    if not styles:
        return ["pair_style zero 6.0", "pair_coeff * *"]
    several = len(styles) > 1
    names = [style.name for style in styles]
    chosen = " ".join(f"{style.name} {style.arguments}" for style in styles)
    lines = [f"# {style.about}" for style in styles]
    lines.append(f"pair_style {'hybrid/overlay ' if several else ''}{chosen}")
    for index, style in enumerate(styles):
        number = f" {names[:index].count(style.name) + 1}" if names.count(style.name) > 1 else ""
        prefix = f"{style.name}{number} " if several else ""
        for pair, values in style.coefficients.items():
            places = [t if t == "*" else str(topology.types.index(t) + 1) for t in pair]
            line = f"pair_coeff {' '.join(places)} {prefix}{values}".rstrip()
            lines.append(line if "*" in pair else f"{line} # {pair[0]} {pair[1]}")
        modified = f"pair {prefix}" if several else ""
        lines += [command.replace("{style}", modified) for command in style.commands]
    return lines
