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
from dataclasses import dataclass, replace

import numpy as np

from dmdstudio.base.errors import FileError
from dmdstudio.files.potentials.embedded_atom import setfl
from dmdstudio.files.potentials.lennard_jones import switch_of
from dmdstudio.files.potentials.numbers import (
    improper_wave,
    option,
    order_of,
    parameter,
    require_unswitched,
    scale_14,
)
from dmdstudio.files.potentials.pair_formulas import FORMULAS, type_pairs
from dmdstudio.files.potentials.pair_table import TABLE_POINTS, spline_tables
from dmdstudio.files.potentials.stillinger_weber import stillinger_weber_file
from dmdstudio.files.potentials.tersoff import tersoff_file
from dmdstudio.files.structures.topology import Topology
from dmdstudio.plan.recipe import chain
from dmdstudio.plan.terms import PotentialTerm

KSPACE_ACCURACY = 1e-8
"""Of forces, over that of two unit charges at one angstrom."""

MESH_ATOMS = 4000
"""From here on a mesh is faster than Ewald's sum."""


IMPROPER = "k*min(phi,turn-phi)^2"
"""Of one order, eV by the dihedral angle (0 to 2 pi). Within 0.001 rad of the plane, LAMMPS' style
of impropers (harmonic) divides by 0.001 in place of their sine.
"""

SORTS = ("bond", "angle", "dihedral", "improper")
"""Of what bonds make, in the order of the sections of a data file."""


@dataclass(frozen=True)
class PairStyle:
    """One pair style with its coefficients.

    Attributes:
        name: of the style.
        arguments: of ``pair_style``.
        about: a comment.
        coefficients: arguments of ``pair_coeff`` by types; ``("*", "*")`` for all.
        commands: what else it needs; ``{style}`` stands for the style where it is one of several.
        scale_14: factor of the energy of atoms three bonds apart.
        file: ending and text of the file that the coefficients name, as ``{file}``; none for no
            file.
    """

    name: str
    arguments: str
    about: str
    coefficients: dict[tuple[str, str], str]
    commands: tuple[str, ...] = ()
    scale_14: float = 1.0
    file: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class BondedStyle:
    """A style of bonds, angles, dihedrals or impropers.

    Attributes:
        sort: one of `SORTS`.
        name: of the style.
        about: a comment.
        coefficients: by the kind of bond, angle, ..., sorted, such as ``H-O``.
        order: of impropers' atoms, one of `ORDERS`; empty where it is of no impropers.
    """

    sort: str
    name: str
    about: str
    coefficients: dict[str, str]
    order: str = ""

    def members(self, topology: Topology) -> tuple[np.ndarray, list[str]]:
        """Return the atoms of every one [member, atom], and whose numbers they have."""
        if self.order:
            return topology.impropers_in(self.order)
        members = {
            "bond": topology.bonds,
            "angle": topology.angles,
            "dihedral": topology.torsions,
        }[self.sort]
        return members, topology.names(members)


def _lennard_jones(term: PotentialTerm, topology: Topology) -> PairStyle:
    formula, scale = FORMULAS[term.kind](term, topology.structure), scale_14(term)
    start, cutoff = switch_of(term)
    if scale not in (0.0, 1.0):
        require_unswitched(term, topology, start)
    return PairStyle(
        "lj/mdf",
        f"{start!r} {cutoff!r}",
        f"Lennard-Jones, switched to zero between {start!r} and {cutoff!r} angstrom: epsilon (eV), "
        f"sigma (angstrom). Mixing was {term.options.get('mixing', 'none')}.",
        {pair: f"{n['epsilon']!r} {n['sigma']!r}" for pair, n in formula.numbers.items()},
        ("pair_modify {style}shift no tail no",),
        scale_14=scale,
    )


def _formula(term: PotentialTerm, topology: Topology) -> PairStyle:
    known = FORMULAS[term.kind](term, topology.structure)
    scale = scale_14(term)
    if scale not in (0.0, 1.0):
        raise FileError(
            f"LAMMPS would screen and shift {term.kind} between atoms three bonds apart as well; "
            f"scale_14 = {scale:g} means the plain energy.",
            "Export to openmm or ase, or take ewald for the charges.",
        )

    def text(numbers: dict[str, float]) -> str:
        values = {**numbers, **known.constants}
        named = ";".join(f"{name}={value!r}" for name, value in values.items())
        return f'"{known.formula};{named}" {known.cutoff!r}'

    return PairStyle(
        "lepton",
        repr(known.cutoff),
        f"{known.label}: eV by the distance r in angstrom.",
        {pair: text(numbers) for pair, numbers in known.numbers.items()},
        scale_14=scale,
    )


def _pair_spline(term: PotentialTerm, topology: Topology) -> PairStyle:
    pairs = type_pairs(topology.structure)
    return PairStyle(
        "table",
        f"spline {TABLE_POINTS}",
        "Splines, as tables of energies and forces; the knots are among their points.",
        {pair: f"{{file}} {chain(pair)} {option(term, 'cutoff')!r}" for pair in pairs},
        file=(".table", spline_tables(term, [chain(pair) for pair in pairs])),
    )


def _stillinger_weber(term: PotentialTerm, topology: Topology) -> PairStyle:
    return PairStyle(
        "sw",
        "",
        "Stillinger-Weber.",
        {("*", "*"): f"{{file}} {' '.join(topology.types)}"},
        file=(".sw", stillinger_weber_file(term, topology.types)),
    )


def _tersoff(term: PotentialTerm, topology: Topology) -> PairStyle:
    return PairStyle(
        "tersoff",
        "",
        "Tersoff.",
        {("*", "*"): f"{{file}} {' '.join(topology.types)}"},
        file=(".tersoff", tersoff_file(term, topology.types)),
    )


def _embedded_atom(term: PotentialTerm, topology: Topology) -> PairStyle:
    return PairStyle(
        "eam/alloy",
        "",
        "Embedded atoms; the refined factors are in the tables.",
        {("*", "*"): f"{{file}} {' '.join(topology.types)}"},
        file=(".alloy", setfl(term, topology)),
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
        scale_14=scale_14(term),
    )


def _half(term: PotentialTerm, owner: str) -> str:
    return repr(parameter(term, "stiffness", owner) / 2)


def _degrees(term: PotentialTerm, name: str, owner: str) -> str:
    return repr(math.degrees(parameter(term, name, owner)))


def _harmonic_bond(term: PotentialTerm, owner: str) -> str:
    return f"{_half(term, owner)} {parameter(term, 'length', owner)!r}"


def _morse_bond(term: PotentialTerm, owner: str) -> str:
    return " ".join(repr(parameter(term, name, owner)) for name in ("depth", "decay", "length"))


def _bent(term: PotentialTerm, owner: str) -> str:
    return f"{_half(term, owner)} {_degrees(term, 'angle', owner)}"


def _urey_bradley(term: PotentialTerm, owner: str) -> str:
    return f"0.0 180.0 {_half(term, owner)} {parameter(term, 'distance', owner)!r}"


def _periodic_torsion(term: PotentialTerm, owner: str) -> str:
    waves = round(parameter(term, "multiplicity", owner))
    return f"1 {parameter(term, 'barrier', owner)!r} {waves} {_degrees(term, 'phase', owner)}"


def _periodic_improper(term: PotentialTerm, owner: str) -> str:
    barrier, phase, waves = improper_wave(term, owner)
    return f"{barrier!r} {-1 if phase else 1} {waves}"


def _improper(term: PotentialTerm, owner: str) -> str:
    return f'"{IMPROPER};k={parameter(term, "stiffness", owner) / 6!r};turn={2 * math.pi!r}"'


_PAIRS: dict[str, Callable[[PotentialTerm, Topology], PairStyle]] = {
    **dict.fromkeys(FORMULAS, _formula),
    "lennard_jones": _lennard_jones,
    "lennard_jones_pairs": _lennard_jones,
    "embedded_atom": _embedded_atom,
    "ewald": _ewald,
    "pair_spline": _pair_spline,
    "stillinger_weber": _stillinger_weber,
    "tersoff": _tersoff,
}
_BONDED: dict[str, tuple[str, str, str, Callable[[PotentialTerm, str], str]]] = {
    "cosine_angle": ("angle", "cosine/squared", "k/2 (eV), angle at rest (degrees)", _bent),
    "harmonic_angle": ("angle", "harmonic", "k/2 (eV/rad^2), angle at rest (degrees)", _bent),
    "harmonic_bond": (
        "bond", "harmonic", "k/2 (eV/angstrom^2), length at rest (angstrom)", _harmonic_bond,
    ),
    "improper": (
        "dihedral", "lepton", "k/6 (eV/rad^2) of every improper in each of three orders",
        _improper,
    ),
    "morse_bond": (
        "bond", "morse", "depth (eV), decay (1/angstrom), length at rest (angstrom)", _morse_bond,
    ),
    "periodic_improper": (
        "improper", "cvff", "k (eV) of every dihedral angle, cosine of the phase, waves",
        _periodic_improper,
    ),
    "periodic_torsion": (
        "dihedral", "fourier", "terms, k (eV), waves, phase (degrees)", _periodic_torsion,
    ),
    "urey_bradley": (
        "angle", "charmm", "for their ends: k/2 (eV/angstrom^2), distance at rest (angstrom)",
        _urey_bradley,
    ),
}  # fmt: skip
"""Sort and name of the style, what its coefficients are, and how they follow from a term."""

KINDS = tuple(sorted((*_PAIRS, *_BONDED)))
"""Kinds of terms that have a style."""


def pair_styles(terms: Sequence[PotentialTerm], topology: Topology) -> list[PairStyle]:
    """Return the pair styles of a potential, in the order of its terms."""
    return [_PAIRS[term.kind](term, topology) for term in terms if term.kind in _PAIRS]


def bonded_styles(terms: Sequence[PotentialTerm], topology: Topology) -> list[BondedStyle]:
    """Return the styles of bonds, angles, dihedrals and impropers, in the order of their terms.

    Where there are bonds without energy, they have a style that says so: bonds tell near pairs
    from others.
    """
    found = []
    for term in terms:
        if term.kind not in _BONDED:
            continue
        sort, name, about, values = _BONDED[term.kind]
        order = order_of(term) if term.kind in ("improper", "periodic_improper") else ""
        style = BondedStyle(sort, name, about, {}, order)
        owners = sorted(set(style.members(topology)[1]))
        if not owners:
            raise FileError(
                f"{term.kind} needs {'improper' if order else sort}s, but the structure has none.",
                "Check that its coordinates are in angstrom.",
            )
        found.append(replace(style, coefficients={o: values(term, o) for o in owners}))
    if len(topology.bonds) and all(style.sort != "bond" for style in found):
        owners = sorted(set(topology.names(topology.bonds)))
        found.insert(0, BondedStyle("bond", "zero", "no energy", dict.fromkeys(owners, "")))
    return found


def bonded_commands(styles: Sequence[BondedStyle]) -> tuple[list[str], list[str]]:
    """Return the lines that choose styles, before the data are read, and those with coefficients.

    The kinds of several terms of one sort are numbered on, and every bond or angle is listed in
    the data once for each.
    """
    chosen, coefficients = [], []
    for sort in dict.fromkeys(style.sort for style in styles):
        alike = [style for style in styles if style.sort == sort]
        names = list(dict.fromkeys(style.name for style in alike))
        several = len(names) > 1
        chosen.append(f"{sort}_style {'hybrid ' if several else ''}{' '.join(names)}")
        number = 0
        for style in alike:
            coefficients.append(f"# {sort.capitalize()}s: {style.about}.")
            for owner, values in style.coefficients.items():
                number += 1
                words = f"{style.name} {values}" if several else values
                coefficients.append(f"{sort}_coeff {number} {words} # {owner}")
    return chosen, coefficients


def special_factors(styles: Sequence[PairStyle]) -> tuple[float, float]:
    """Return the factors of pairs and of charges for atoms three bonds apart.

    Styles with another factor are told so by themselves.
    """
    charges = [style.scale_14 for style in styles if style.name == "coul/long"]
    others = [style.scale_14 for style in styles if style.name != "coul/long"]
    return (others or [1.0])[0], (charges or [1.0])[0]


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
        if several and style.scale_14 != special_factors(styles)[style.name == "coul/long"]:
            lines.append(f"pair_modify {modified}special lj 0.0 0.0 {style.scale_14!r}")
        lines += [command.replace("{style}", modified) for command in style.commands]
    return lines
