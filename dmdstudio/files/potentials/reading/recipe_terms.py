"""A force field in the terms of a recipe: one number for every type, bond and angle that it has."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations_with_replacement, product
from types import MappingProxyType

import msgspec
import numpy as np

from dmdstudio.base.errors import FileError
from dmdstudio.base.units import factor
from dmdstudio.files.potentials.reading.force_field import (
    BONDED,
    ForceFieldFile,
    Number,
    Numbers,
    PairTerm,
    ReadPotential,
    Template,
    Torsion,
)
from dmdstudio.files.potentials.reading.graphs import (
    angles,
    impropers,
    neighbours,
    three_bonds_apart,
    torsions,
)
from dmdstudio.files.potentials.reading.impropers import TREFOIL
from dmdstudio.files.potentials.reading.matching import Kind, kinds_of, with_bonds_of
from dmdstudio.files.potentials.reading.mixing import EXACT, ROUNDED, explicit_pairs, rule_of
from dmdstudio.files.potentials.reading.parameters import term_at
from dmdstudio.files.potentials.reading.places import Place
from dmdstudio.files.potentials.reading.types import type_rules
from dmdstudio.files.structures.cell import perpendicular_widths
from dmdstudio.plan.atom_types import names_by_rules
from dmdstudio.plan.impropers import ORDERS
from dmdstudio.plan.recipe import PotentialPlan, chain
from dmdstudio.plan.structure import Structure

CUTOFF = 10.0
"""Of a potential whose file says none, in angstrom, where the cell is wide enough."""

SWITCH_WIDTH = 1.0
"""Between the start of the switch and the cutoff, alike."""

CHARGED = ("ewald", "coulomb")
"""Kinds of terms for charges; the first where nothing says which."""

SAME = 1e-9
"""Relative difference of numbers that are the same but for their rounding."""

NEUTRAL = 1e-6
"""Largest charge of a neutral cell, e."""


def recipe_terms(
    file: ForceFieldFile,
    label: str,
    structure: Structure,
    before: Sequence[PotentialPlan] = (),
) -> ReadPotential:
    """Return the terms that a force field makes of a structure; see `format.read_potential`.

    Where atoms of one element have different numbers, types are found by which they are told apart.
    """
    structure = with_bonds_of(file, structure)
    kinds = kinds_of(file, structure)
    try:
        return _terms(file, label, structure, before, kinds)
    except _DifferError:
        rules = type_rules(kinds) if not structure.names else ""
        if not rules:
            raise
    names = names_by_rules(rules, structure.symbols, structure.bonds)
    named = replace(structure, names=names, type_rules=rules)
    found = _terms(file, label, named, before, kinds_of(file, named))
    return replace(found, type_rules=rules)


class _DifferError(FileError):
    """Atoms that a recipe does not tell apart have different numbers."""


def _terms(
    file: ForceFieldFile,
    label: str,
    structure: Structure,
    before: Sequence[PotentialPlan],
    kinds: Sequence[Kind],
) -> ReadPotential:
    scales = _scales(file, kinds)
    collected = _Collected(file)
    for kind in kinds:
        collected.take(kind)
    writer = _Writer(file, structure, before)
    writer.notes += collected.notes
    terms = [
        *(writer.bonded(name, numbers) for name, numbers in collected.bonded.items()),
        *writer.waves(collected.torsions),
        *(plan for order in ORDERS for plan in writer.impropers(collected.impropers, order)),
        *(writer.pair_term(term, collected.types) for term in file.pair_terms),
        writer.pairs(collected, scales[0]),
        writer.charges(collected.charges, scales[1]),
    ]
    others = file.others(structure, before)
    given = tuple(term for term in terms if term is not None)
    given += tuple(term for other in others for term in other.terms)
    writer.notes += [note for other in others for note in other.notes]
    if not given:
        raise Place(file.name, 1).error(
            "holds no energy for the atoms of the structure: all its numbers for them are zero."
        )
    charges = {owner: n["charge"].value for owner, n in collected.charges.items()}
    told = [note for kind in kinds for note in file.notes_of(kind.molecule.template)]
    masses = _masses(kinds, structure, file.name)
    notes = tuple(dict.fromkeys([*file.notes, *told, *writer.notes, *masses]))
    return ReadPotential(
        label,
        given,
        notes,
        charges if any(charges.values()) else {},
        {owner: tuple(sorted(types)) for owner, types in collected.types.items()},
        tuple(dict.fromkeys(kind.molecule.template.name for kind in kinds)),
    )


def _scales(file: ForceFieldFile, kinds: Sequence[Kind]) -> tuple[float, float]:
    """Return the factors of Lennard-Jones and of charges for atoms three bonds apart.

    Raises:
        FileError: molecules of the structure have different ones.
    """
    found: list[dict[float, Template]] = [{}, {}]
    for kind in kinds:
        molecule, template = kind.molecule, kind.molecule.template
        for i, j in three_bonds_apart(neighbours(len(template.elements), template.bonds)):
            acting = (
                file.depth_of(molecule, i, j) != 0.0,
                molecule.charges[i] * molecule.charges[j] != 0.0,
            )
            for acts, scale, known in zip(acting, molecule.at_3_bonds, found, strict=True):
                if acts:
                    known.setdefault(scale, template)
    for what, known in zip(("Lennard-Jones", "charges"), found, strict=True):
        for scale, template in known.items():
            if len(known) > 1 or not 0.0 <= scale <= 1.0:
                told = " and ".join(f"{one:g}" for one in known)
                raise template.place.error(
                    f"the energy of {what} between atoms three bonds apart is multiplied by "
                    f"{told}; one number from 0 to 1 for all molecules is expected."
                )
    pairs, charges = (next(iter(known), 1.0) for known in found)
    return pairs, charges


@dataclass
class _Collected:
    """The numbers of all kinds of molecules by their owner in a recipe."""

    file: ForceFieldFile
    pairs: dict[str, Numbers] = field(default_factory=dict)
    charges: dict[str, Numbers] = field(default_factory=dict)
    bonded: dict[str, dict[str, Numbers | None]] = field(
        default_factory=lambda: {name: {} for name in BONDED}
    )
    torsions: dict[str, tuple[Numbers, ...]] = field(default_factory=dict)
    impropers: dict[str, tuple[tuple[str, Numbers], ...]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    types: dict[str, set[str]] = field(default_factory=dict)
    _told: dict[tuple[str, str], str] = field(default_factory=dict)

    def take(self, kind: Kind) -> None:
        """Take in one kind of molecules."""
        molecule, template = kind.molecule, kind.molecule.template
        where = f"of {template.name!r} (line {template.place.line})"
        for atom, owner in enumerate(kind.owners):
            told = f"type {molecule.types[atom]!r} {where}"
            charge = {"charge": Number(molecule.charges[atom], "e")}
            self._same("pairs", self.pairs, owner, molecule.pairs[atom], told)
            self._same("charges", self.charges, owner, charge, told)
            self.types.setdefault(owner, set()).add(molecule.types[atom])
        around = neighbours(len(template.elements), template.bonds)
        chains = {"bond": template.bonds, "angle": angles(around), "improper": impropers(around)}
        for name, sort in BONDED.items():
            numbers = molecule.bonded.get(name, {})
            for atoms in chains[sort]:
                owner = _owner(sort, [kind.owners[atom] for atom in atoms])
                types = "-".join(molecule.types[atom] for atom in atoms)
                told = f"{types} {where}"
                self._same(name, self.bonded[name], owner, numbers.get(atoms), told)
                held = [n for n, s in BONDED.items() if s == "bond"]
                if sort == "bond" and not any(
                    atoms in molecule.bonded.get(other, {}) for other in held
                ):
                    raise template.place.error(
                        f"there is no term that holds the bond {told} together.",
                        "Molecules are flexible here: add a harmonic bond for it.",
                    )
        for atoms in torsions(around):
            owner = chain([kind.owners[atom] for atom in atoms])
            types = "-".join(molecule.types[atom] for atom in atoms)
            waves = molecule.torsions.get(atoms, ())
            told = f"{types} {where}"
            first = self._told.setdefault(("torsions", owner), told)
            if self.torsions.setdefault(owner, waves) != waves:
                raise self._differ(first, told, owner, "its torsions", "its own")
        for atoms in impropers(around):
            self._take_improper(kind, atoms, where)

    def _take_improper(self, kind: Kind, atoms: Torsion, where: str) -> None:
        """Take in the waves about a centre, with the place of the atom on the axis for its number.

        Neighbours of one type are told apart by their order in the structure.
        """
        ours = {theirs: n for n, theirs in enumerate(kind.order)}
        others = sorted(atoms[1:], key=lambda atom: (kind.owners[atom], ours[atom]))
        names = dict(zip(others, ("first", "second", "third"), strict=True)) | {TREFOIL: "trefoil"}
        given = kind.molecule.impropers.get(atoms, ())
        waves = tuple(sorted(((names[axis], n) for axis, n in given), key=lambda w: _said(w[1])))
        owner = _owner("improper", [kind.owners[atom] for atom in atoms])
        told = f"{'-'.join(kind.molecule.types[atom] for atom in atoms)} {where}"
        first = self._told.setdefault(("impropers", owner), told)
        known = self.impropers.setdefault(owner, waves)
        if [numbers for _, numbers in known] != [numbers for _, numbers in waves]:
            raise self._differ(first, told, owner, "its impropers", "its own")
        if known != waves:
            self.notes.append(
                f"Impropers {owner} have not the same neighbour on the axis everywhere in "
                f"{self.file.name}; here it is the {known[0][0]} one, the same near the plane."
            )

    def _differ(self, first: str, told: str, owner: str, one: str, other: str) -> FileError:
        return _DifferError(
            f"{self.file.name}: {first} and {told} are both {owner} in the recipe, but differ: "
            f"{one} and {other}.",
            "Tell them apart by system.types, or take a model in which they have the same numbers.",
        )

    def _same(
        self,
        what: str,
        into: dict,
        owner: str,
        numbers: Numbers | None,
        told: str,
    ) -> None:
        """Take in numbers of an owner, which must be those it has."""
        first = self._told.setdefault((what, owner), told)
        if first == told or owner not in into:
            into.setdefault(owner, numbers)
            return
        if not _alike(into[owner], numbers):
            raise self._differ(first, told, owner, _said(into[owner]), _said(numbers))


def _owner(sort: str, elements: Sequence[str]) -> str:
    """Return the name of a bond, an angle or an improper."""
    if sort == "improper":
        return f"{elements[0]}({','.join(sorted(elements[1:]))})"
    return chain(elements)


def _alike(one: Numbers | None, other: Numbers | None) -> bool:
    """Tell whether numbers mean the same; sigma does not matter where there is no depth."""
    if one is None or other is None:
        return one is other
    if "epsilon" in one and not one["epsilon"].value and not other["epsilon"].value:
        return True
    return all(
        math.isclose(n.value * factor(n.unit, one[key].unit), one[key].value, rel_tol=SAME)
        for key, n in other.items()
    )


def _said(numbers: Numbers | None) -> str:
    if numbers is None:
        return "nothing"
    return ", ".join(f"{key} {n.value:g} {n.unit}" for key, n in numbers.items())


class _Writer:
    """Makes terms of numbers, with what a recipe had before where the file does not say."""

    def __init__(
        self, file: ForceFieldFile, structure: Structure, before: Sequence[PotentialPlan]
    ) -> None:
        self.file, self.structure = file, structure
        self.before = {plan.kind: plan for plan in reversed(before)}
        self.notes: list[str] = []
        self.widest = float(perpendicular_widths(structure.cell).min()) / 2

    def bonded(self, kind: str, numbers: Mapping[str, Numbers | None]) -> PotentialPlan | None:
        """Return a term for bonds, angles or impropers, None where the file has none of it."""
        given = {owner: n for owner, n in numbers.items() if n is not None}
        if not given:
            return None
        missing = sorted(set(numbers) - set(given))
        if missing:
            self.notes.append(
                f"{self.file.name} has no {kind} for {', '.join(missing)}: strength 0 stands for "
                "that."
            )
        pattern = next(iter(given.values()))
        zero = {
            key: Number(n.value if key not in ("stiffness", "depth") else 0.0, n.unit)
            for key, n in pattern.items()
        }
        return self._plan(kind, {owner: n or zero for owner, n in numbers.items()}, {})

    def impropers(
        self, waves: Mapping[str, tuple[tuple[str, Numbers], ...]], order: str
    ) -> list[PotentialPlan]:
        """Return a term for every number of waves of one order of the atoms, as `waves` does."""
        chosen = {
            owner: tuple(numbers for one, numbers in given if one == order)
            for owner, given in waves.items()
        }
        plans = self.waves(chosen, "periodic_improper", {"order": order})
        several = len({one for given in waves.values() for one, _ in given}) > 1
        if not several:
            return plans
        return [
            msgspec.structs.replace(
                plan, name=(plan.name or "improper").replace("improper", f"improper_{order}")
            )
            for plan in plans
        ]

    def waves(
        self,
        waves: Mapping[str, tuple[Numbers, ...]],
        kind: str = "periodic_torsion",
        options: Mapping[str, object] = MappingProxyType({}),
    ) -> list[PotentialPlan]:
        """Return a term for every number of waves per turn; torsions without one have 0 of it.

        Several terms where a torsion has several waves of one number.
        """
        given: dict[tuple[float, int], dict[str, Numbers]] = {}
        for owner, numbers in waves.items():
            for one in numbers:
                count, place = one["multiplicity"].value, 1
                while owner in given.setdefault((count, place), {}):
                    place += 1
                given[count, place][owner] = one
        plans = []
        for (count, place), known in sorted(given.items()):
            pattern = next(iter(known.values()))
            none = {**pattern, "barrier": Number(0.0, pattern["barrier"].unit)}
            if kind == "periodic_torsion":
                none["phase"] = Number(0.0, pattern["phase"].unit)
            full = {owner: known.get(owner, none) for owner in waves}
            plan = self._plan(kind, full, dict(options))
            name = f"{kind.split('_')[1]}_{count:g}" if len(given) > 1 else plan.name
            name += f"_{place}" if place > 1 else ""
            plans.append(msgspec.structs.replace(plan, name=name))
        return plans

    def pairs(self, collected: _Collected, scale: float) -> PotentialPlan | None:
        """Return the Lennard-Jones term, None where all depths are zero.

        By types where their mean is what the file has for unlike ones, else by pairs of types.
        """
        kind, file, numbers = "lennard_jones", self.file, collected.pairs
        like = {
            type_: (numbers[owner]["sigma"], numbers[owner]["epsilon"])
            for owner, types in collected.types.items()
            for type_ in types
        }
        unlike = {pair: own for pair, own in file.unlike.items() if set(pair) <= set(like)}
        if not any(n["epsilon"].value for n in (*numbers.values(), *unlike.values())):
            return None
        said = {**file.settings.get(kind, {}), **_scaled(scale)}
        rule, off = rule_of(
            {type_: (s.value, e.value) for type_, (s, e) in like.items()},
            {pair: (n["sigma"].value, n["epsilon"].value) for pair, n in unlike.items()},
            file.mixing,
        )
        if off > ROUNDED:
            first, *_ = file.templates
            given = explicit_pairs(like, unlike, file.mixing)
            return self.pair_term(
                PairTerm(f"{kind}_pairs", said, given, first.place), collected.types
            )
        if off > EXACT:
            self.notes.append(
                f"Numbers of unlike types differ by up to {off:.1g} (relative) from the means that "
                "are taken."
            )
        options = self._switched(kind, "Lennard-Jones", said)
        options["mixing"] = rule
        return self._plan(kind, numbers, options)

    def _switched(self, kind: str, what: str, said: Mapping[str, object]) -> dict[str, object]:
        """Return the cutoff of a term and where its switch begins."""
        cutoff = self._cutoff(kind, said)
        old = self.before.get(kind)
        start = said.get("switch_start", old.options.get("switch_start") if old else None)
        if not isinstance(start, (int, float)) or not start < cutoff:
            start = max(round(cutoff - SWITCH_WIDTH, 6), 0.5 * cutoff)
        if "switch_start" not in said:
            self.notes.append(
                f"{what} is switched to zero between {start:g} and {cutoff:g} angstrom, without a "
                "correction for what is beyond."
            )
        return {**said, "cutoff": cutoff, "switch_start": start}

    def pair_term(self, term: PairTerm, types: Mapping[str, set[str]]) -> PotentialPlan:
        """Return the plan of another pair potential.

        Args:
            term: of the file.
            types: the file's names for the types of every owner.
        """
        single = all(len(key) == 1 for key in term.numbers)
        owners = [(a,) for a in sorted(types)]
        if not single:
            owners = list(combinations_with_replacement(sorted(types), 2))
        numbers = {}
        for pair in owners:
            keys = [tuple(sorted(key)) for key in product(*(sorted(types[o]) for o in pair))]
            for key in keys:
                if key not in term.numbers:
                    raise term.place.error(f"there are no numbers for types {' and '.join(key)}.")
            first = term.numbers[keys[0]]
            if other := next((k for k in keys if not _alike(first, term.numbers[k])), None):
                raise term.place.error(
                    f"types {' '.join(keys[0])} and types {' '.join(other)} are both "
                    f"{chain(pair)} in a recipe, but have other numbers."
                )
            numbers[chain(pair)] = first
        options = self._switched(term.kind, term.kind.replace("_", " ").capitalize(), term.options)
        old = self.before.get(term.kind)
        if "inner" not in options and old is not None and "inner" in old.options:
            options["inner"] = old.options["inner"]
        return self._plan(term.kind, numbers, options)

    def charges(self, numbers: Mapping[str, Numbers], scale: float) -> PotentialPlan | None:
        """Return the term for charges, None where there are none."""
        if not any(n["charge"].value for n in numbers.values()):
            return None
        old = next((self.before[kind] for kind in CHARGED if kind in self.before), None)
        kind = self.file.charges or (old.kind if old else CHARGED[0])
        options: dict[str, object] = dict(self.file.settings.get(kind, {}))
        if not self.file.charges:
            whose = "as the recipe had it" if old else "the usual choice"
            self.notes.append(
                f"{self.file.name} does not say how charges are summed: {kind}, {whose}."
            )
        options["cutoff"] = self._cutoff(kind, options)
        if old is not None and old.kind == kind:
            kept = ("damping", "shift", "tolerance")
            options = {**{k: v for k, v in old.options.items() if k in kept}, **options}
        counts = {owner: self.structure.types.count(owner) for owner in numbers}
        total = math.fsum(counts[owner] * n["charge"].value for owner, n in numbers.items())
        if abs(total) > NEUTRAL:
            self.notes.append(
                f"With the charges of {self.file.name} the cell has {total:g} e in all, but must "
                "be neutral: add the ions that make up for it, or set `balance` to a type whose "
                "charge may follow from the others'."
            )
        balance = old.options.get("balance") if old else None
        if balance in numbers and abs(total) <= NEUTRAL:
            options["balance"] = balance
            numbers = {owner: n for owner, n in numbers.items() if owner != balance}
        return self._plan(kind, numbers, options | _scaled(scale))

    def _cutoff(self, kind: str, said: Mapping[str, object]) -> float:
        """Return a term's cutoff: the file's, the recipe's before, or one that fits the cell."""
        given = said.get("cutoff")
        if isinstance(given, (int, float)):
            if given > self.widest:
                self.notes.append(
                    f"The cutoff, {given:g} angstrom, needs a cell twice as wide; it is "
                    f"{2 * self.widest:.3f} wide: replicate it."
                )
            return float(given)
        olds = [self.before[k] for k in (kind, "lennard_jones", *CHARGED) if k in self.before]
        before = next((o.options["cutoff"] for o in olds if "cutoff" in o.options), None)
        whose = "as the recipe had it"
        if not isinstance(before, (int, float)) or before > self.widest:
            before = min(CUTOFF, math.floor(self.widest * 10.0) / 10.0 or self.widest)
            whose = "which suits the cell"
        self.notes.append(f"{self.file.name} says no cutoff: {before:g} angstrom, {whose}.")
        return float(before)

    def _plan(
        self, kind: str, numbers: Mapping[str, Numbers], options: dict[str, object]
    ) -> PotentialPlan:
        given = ((k, owner, n) for owner in sorted(numbers) for k, n in numbers[owner].items())
        return term_at(kind, options, self.before.values(), given)


def _scaled(scale: float) -> dict[str, object]:
    """Return the option for atoms three bonds apart, where they differ from others."""
    return {} if scale == 1.0 else {"scale_14": scale}


def _masses(kinds: Iterable[Kind], structure: Structure, name: str) -> list[str]:
    """Say where the file's masses are others than the structure's, which count."""
    told = {}
    types = np.array(structure.types)
    for kind in kinds:
        for element, mass in zip(kind.owners, kind.molecule.masses, strict=True):
            own = float(structure.masses[types == element].mean())
            if mass and abs(mass / own - 1.0) > 0.005:
                told[element] = f"{element} {mass:g} amu (here {own:g})"
    if not told:
        return []
    return [f"The masses of {name} are not taken over: {', '.join(told.values())}."]
