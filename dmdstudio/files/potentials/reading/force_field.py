"""What a file of a force field says, in one form for all formats: molecules with their numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from dmdstudio.files.potentials.reading.places import Place
from dmdstudio.plan.recipe import PotentialPlan


@dataclass(frozen=True)
class Number:
    """A number of a file in the file's own unit, one of `dmdstudio.base.units`."""

    value: float
    unit: str


Numbers = Mapping[str, Number]
"""Parameters of one term by the names that its kind has, such as ``length`` and ``stiffness``."""


Torsion = tuple[int, int, int, int]
"""Atoms of a chain of three bonds."""


StarWave = tuple[int, Numbers]
"""The neighbour of a centre that is on the axis with it, or -1 where all three angles with the
centre at the end count by a third; and one wave of the dihedral angle."""


BONDED = {
    "harmonic_bond": "bond",
    "morse_bond": "bond",
    "harmonic_angle": "angle",
    "cosine_angle": "angle",
    "urey_bradley": "angle",
    "improper": "improper",
}
"""Kinds of terms by what they are over: bonds (i, j), i < j; angles (i, centre, k), i < k; or
impropers (centre, i, j, k), the last three sorted."""


@dataclass(frozen=True)
class Template:
    """A molecule of a file as a graph, to find it in a structure.

    Attributes:
        name: what the file calls it.
        elements: chemical symbols [atom].
        bonds: pairs of bonded atoms, indices into ``elements``.
        place: where it stands.
    """

    name: str
    elements: tuple[str, ...]
    bonds: tuple[tuple[int, int], ...]
    place: Place


@dataclass(frozen=True)
class Molecule:
    """A template with all its numbers.

    Attributes:
        template: its graph.
        types: the file's name for the type of every atom [atom].
        charges: [atom], e.
        pairs: ``sigma`` and ``epsilon`` of every atom [atom].
        masses: [atom], amu; 0 where the file says none.
        bonded: parameters by kind of term and atoms, see `BONDED`; what the file has no term for
            is missing.
        at_3_bonds: factors of the Lennard-Jones energy and of the charges' energy of atoms three
            bonds apart.
        torsions: waves (``barrier``, ``phase``, ``multiplicity``) by (i, j, k, l), i < l.
        impropers: waves by (centre, i, j, k), i < j < k.
    """

    template: Template
    types: tuple[str, ...]
    charges: tuple[float, ...]
    pairs: tuple[Numbers, ...]
    masses: tuple[float, ...]
    bonded: Mapping[str, Mapping[tuple[int, ...], Numbers]]
    at_3_bonds: tuple[float, float] = (1.0, 1.0)
    torsions: Mapping[Torsion, tuple[Numbers, ...]] = field(default_factory=dict)
    impropers: Mapping[Torsion, tuple[StarWave, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class PairTerm:
    """A pair potential other than Lennard-Jones and charges.

    Attributes:
        kind: of the term.
        options: as far as the file says them.
        numbers: by one of the file's types of atoms, or by two of them, sorted.
        place: where it stands.
    """

    kind: str
    options: Mapping[str, object]
    numbers: Mapping[tuple[str, ...], Numbers]
    place: Place


@dataclass(frozen=True)
class ForceFieldFile:
    """A force field as a file has it.

    Attributes:
        name: of the file, for errors and notes.
        templates: the molecules that it knows.
        molecule: returns the numbers of a template; raises `FileError` where a term of it has a
            form that we do not have.
        mixing: of sigma of unlike types, as ``lennard_jones`` calls it.
        unlike: ``sigma`` and ``epsilon`` of two unlike types, sorted, that the file gives itself.
        settings: options by kind of term, as far as the file says them.
        charges: kind of the term for charges; empty where the file does not say.
        notes: sentences on what was left out or approximated.
        notes_of: alike, for a template that the structure has.
        pair_terms: other pair potentials.
        others: terms that stand in files of their own, for a structure, and notes.
    """

    name: str
    templates: tuple[Template, ...]
    molecule: Callable[[Template], Molecule]
    mixing: str
    unlike: Mapping[tuple[str, str], Numbers] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    charges: str = ""
    notes: tuple[str, ...] = ()
    notes_of: Callable[[Template], tuple[str, ...]] = lambda _: ()
    pair_terms: tuple[PairTerm, ...] = ()
    others: Callable[..., Sequence[ReadPotential]] = lambda _structure, _before: ()

    def depth_of(self, molecule: Molecule, i: int, j: int) -> float:
        """Return a number that is zero where Lennard-Jones of two atoms is."""
        one, other = sorted((molecule.types[i], molecule.types[j]))
        if given := self.unlike.get((one, other)):
            return given["epsilon"].value
        return molecule.pairs[i]["epsilon"].value * molecule.pairs[j]["epsilon"].value


@dataclass(frozen=True)
class ReadPotential:
    """A potential file in the terms of a recipe.

    Attributes:
        label: of its format.
        terms: what the recipe's ``[[potential]]`` tables hold.
        notes: sentences on what was left out, approximated or taken from elsewhere.
        charges: of every type of atoms, e; empty where the potential has none.
        types: the file's names for the atoms of every type.
        molecules: what the file calls the molecules of the structure.
        type_rules: what ``system.types`` of the recipe must be, where elements have several types.
    """

    label: str
    terms: tuple[PotentialPlan, ...]
    notes: tuple[str, ...] = ()
    charges: Mapping[str, float] = field(default_factory=dict)
    types: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    molecules: tuple[str, ...] = ()
    type_rules: str = ""

    @property
    def summary(self) -> str:
        """What was read, in one line: ``'lennard jones (H, O), harmonic bond (H-O)'``."""
        told = []
        for term in self.terms:
            owners = dict.fromkeys(p.owner for p in term.parameter if p.of)
            name = term.kind.replace("_", " ")
            told.append(name + (f" ({', '.join(owners)})" if owners else ""))
        return ", ".join(told)
