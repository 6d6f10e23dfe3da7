"""Periodic impropers: every order of their atoms, in the files of three engines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
from engines import KJ_PER_MOL
from test_molecule_exports import (
    PROVENANCE,
    calculator_of,
    example_of,
    five,
    needs_lammps,
    needs_openmm,
    ours,
    worst_in_lammps,
)
from test_potential_reading import SKEWED, written
from test_potential_round_trip import read_back

from dmdstudio.base.errors import FileError, RecipeError
from dmdstudio.engine.molecules import FORMALDEHYDE, molecules
from dmdstudio.engine.potentials.periodic_improper import PeriodicImproper, PeriodicImproperOptions
from dmdstudio.files.potentials import export
from dmdstudio.files.potentials.numbers import improper_wave, order_of
from dmdstudio.files.potentials.reading import read_potential
from dmdstudio.files.potentials.reading.impropers import star_of
from dmdstudio.files.structures.topology import Topology
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm, terms_of

OWNER = "C(H,H,O)"
BONDS = PotentialTerm(
    "harmonic_bond", {},
    {"length": {"C-H": 1.1, "C-O": 1.2}, "stiffness": {"C-H": 40.0, "C-O": 50.0}},
)  # fmt: skip
AMIDE = np.array([[0, 0, 0], [0, 1.22, 0], [1.15, -0.65, 0], [-0.95, -0.6, 0], [1.2, -1.65, 0],
                  [2.0, -0.15, 0]])  # fmt: skip
"""C, O, N, H, H, H of formamide, angstrom."""


def plane() -> Structure:
    """27 molecules of formaldehyde, bent, in a skewed cell."""
    bonds = [(0, 1), (0, 2), (0, 3)]
    system, positions = molecules("COHH", FORMALDEHYDE, bonds, SKEWED, 3, "float64", 64, "gpu", 0.1)
    symbols = ("C", "O", "H", "H") * 27
    return Structure(symbols, positions, SKEWED, system.masses, "plane", system.bonds)


def amide() -> Structure:
    """27 molecules of formamide in a skewed cell."""
    bonds = [(0, 1), (0, 2), (0, 3), (2, 4), (2, 5)]
    system, positions = molecules("CONHHH", AMIDE, bonds, SKEWED, 3, "float64", 64, "gpu", 0.05)
    symbols = ("C", "O", "N", "H", "H", "H") * 27
    return Structure(symbols, positions, SKEWED, system.masses, "amide", system.bonds)


def wave(order: str, barrier: float, phase: float, count: float) -> PotentialTerm:
    numbers = {"barrier": barrier, "phase": phase, "multiplicity": count}
    return PotentialTerm(
        "periodic_improper", {"order": order}, {name: {OWNER: x} for name, x in numbers.items()}
    )


WAVES = (
    wave("trefoil", 0.3, np.pi, 2.0),
    wave("first", 0.5, np.pi, 2.0),
    wave("first", -0.1, 0.0, 1.0),
    wave("second", 0.4, 0.0, 3.0),
    wave("third", 0.2, np.pi, 5.0),
)


SORTED = [WAVES[n] for n in (0, 2, 1, 3, 4)]
"""As they are read: by the orders, and by the number of waves."""


@pytest.mark.parametrize("name", ["lammps", "gromacs"])
def test_all_orders_at_once_come_back(tmp_path: Path, name: str):
    _, *found = read_back(name, (BONDS, *WAVES), plane(), tmp_path)
    assert [term.options for term in found] == [term.options for term in SORTED]
    for one, other in zip(found, SORTED, strict=True):
        for key, values in other.parameters.items():
            assert one.parameters[key] == pytest.approx(values, rel=1e-14), key


@needs_lammps
def test_all_orders_at_once_in_lammps(tmp_path: Path):
    structure, terms = plane(), (BONDS, *WAVES)
    structures, calculator = five(structure), calculator_of(terms, structure)
    expected = [ours(terms, one, calculator) for one in structures]
    main = export("lammps", terms, structure, tmp_path / "a.in", PROVENANCE)[0]
    energy, off, strained = worst_in_lammps(terms, structures, main, expected)
    assert energy < 1e-11 and off < 1e-11 and strained < 1e-6


STYLE = "dihedral_style lepton"
COEFFICIENTS = '"k*min(phi,turn-phi)^2;k=0.3;turn=6.283185307179586"'


def test_impropers_of_lammps_are_read_in_both_styles(tmp_path: Path):
    """The dihedral style that we write, and the improper style of others, which means the same."""
    term, structure = example_of("improper")
    main, data, *_ = export("lammps", (BONDS, term), structure, tmp_path / "a.in", PROVENANCE)
    text, atoms = main.read_text(), data.read_text()
    assert STYLE in text and COEFFICIENTS in text

    def stiffness() -> dict[str, float]:
        found = terms_of(read_potential(main, structure).terms, structure.types)
        return next(t.parameters["stiffness"] for t in found if t.kind == "improper")

    assert stiffness() == pytest.approx(term.parameters["stiffness"], rel=1e-14)
    for wrong in ("k*phi^2;k=0.3", COEFFICIENTS.replace("6.28", "6.27")):
        main.write_text(text.replace(COEFFICIENTS, wrong))
        with pytest.raises(FileError, match="only impropers that DMD Studio writes"):
            read_potential(main, structure)
    main.write_text(text.replace(STYLE, "improper_style harmonic").replace(
        f"dihedral_coeff 1 {COEFFICIENTS}", "improper_coeff 1 0.3 0.0"
    ))  # fmt: skip
    data.write_text(atoms.replace("dihedral", "improper").replace("Dihedral", "Improper"))
    assert stiffness() == pytest.approx(term.parameters["stiffness"], rel=1e-14)


def test_impropers_of_lammps_come_back_beside_torsions(tmp_path: Path):
    structure = amide()
    known = Topology(structure)
    bonds, torsions = ({*known.names(known.bonds)}, {*known.names(known.torsions)})
    waves = {"barrier": 0.3, "phase": 0.2, "multiplicity": 2.0}
    terms = (
        PotentialTerm("harmonic_bond", {}, {"length": dict.fromkeys(bonds, 1.2),
                                            "stiffness": dict.fromkeys(bonds, 40.0)}),
        PotentialTerm("periodic_torsion", {}, {n: dict.fromkeys(torsions, x)
                                               for n, x in waves.items()}),
        PotentialTerm("improper", {}, {"stiffness": {"C(H,N,O)": 1.8, "N(C,H,H)": 0.7}}),
    )  # fmt: skip
    found = {term.kind: term.parameters for term in read_back("lammps", terms, structure, tmp_path)}
    for term in terms:
        for name, values in term.parameters.items():
            assert found[term.kind][name] == pytest.approx(values, rel=1e-14), term.kind


def same(centre: int, chain: Sequence[int]) -> tuple[int, int, bool]:
    """What the size of a dihedral angle about a centre hangs on."""
    where = chain.index(centre)
    return centre, chain[3 - where], where in (1, 2)


def stars_in_openmm(file: Path, residue: str, structure: Structure) -> list[tuple]:
    """The dihedral angles about atoms with three bonds that OpenMM makes of a force field.

    Each is `same`, waves, phase in degrees and k in kJ/mol.
    """
    from openmm import PeriodicTorsionForce, app, unit

    topology, atoms = app.Topology(), []
    chain, known = topology.addChain(), Topology(structure)
    for number, symbol in enumerate(structure.symbols):
        if not number or known.molecules[number] != known.molecules[number - 1]:
            part = topology.addResidue(residue, chain)
        element = app.Element.getBySymbol(symbol)
        atoms.append(topology.addAtom(f"{symbol}{number}", element, part))
    for i, j in structure.bonds:
        topology.addBond(atoms[i], atoms[j])
    system = app.ForceField(str(file)).createSystem(topology)
    (force,) = (f for f in system.getForces() if isinstance(f, PeriodicTorsionForce))
    found = []
    for number in range(force.getNumTorsions()):
        *chain, count, phase, k = force.getTorsionParameters(number)
        if (star := star_of(chain, known.around)) is not None:
            angle = phase.value_in_unit(unit.degree)
            k = k.value_in_unit(unit.kilojoules_per_mole)
            found.append((*same(star[0], chain), count, round(angle, 3), round(k, 9)))
    return sorted(found)


def stars_of(terms: Iterable[PotentialTerm], structure: Structure) -> list[tuple]:
    """What `stars_in_openmm` finds, of terms of ours."""
    found, around = [], Topology(structure).around
    for term in terms:
        if term.kind == "periodic_improper":
            chains, owners = Topology(structure).impropers_in(order_of(term))
            for chain, owner in zip(chains.tolist(), owners, strict=True):
                k, phase, count = improper_wave(term, owner)
                numbers = (count, round(np.degrees(phase), 3), round(k * KJ_PER_MOL, 9))
                star = star_of(chain, around)
                assert star is not None
                found += [(*same(star[0], chain), *numbers)] if k else []
    return sorted(found)


@needs_openmm
@pytest.mark.parametrize("order", ["trefoil", "first", "second", "third"])
def test_openmm_takes_the_same_atoms(tmp_path: Path, order: str):
    structure = plane()
    terms = (BONDS, wave(order, 0.3, np.pi, 2.0), wave(order, 0.05, 0.0, 4.0))
    main = export("openmm", terms, structure, tmp_path / "it.xml", PROVENANCE)[0]
    expected = stars_of(terms, structure)
    assert stars_in_openmm(main, "M1", structure) == expected
    assert len(expected) == (162 if order == "trefoil" else 54)
    _, *found = read_back("openmm", terms, structure, tmp_path / "again")
    assert stars_of(found, structure) == expected
    other = wave("first" if order == "third" else "third", 0.1, 0.0, 2.0)
    with pytest.raises(FileError, match="OpenMM cannot have the third order"):
        export("openmm", (*terms, other), structure, tmp_path / "no.xml", PROVENANCE)


FORCE_FIELD = """<ForceField>
 <AtomTypes><Type name="c" class="C" element="C" mass="12.011"/>
 <Type name="o" class="O" element="O" mass="15.999"/>
 <Type name="n" class="N" element="N" mass="14.007"/>
 <Type name="h" class="H" element="H" mass="1.008"/></AtomTypes>
 <Residues><Residue name="FA"><Atom name="C" type="c"/><Atom name="O" type="o"/>
 <Atom name="N" type="n"/><Atom name="H1" type="h"/><Atom name="H2" type="h"/>
 <Atom name="H3" type="h"/><Bond from="0" to="1"/><Bond from="0" to="2"/><Bond from="0" to="3"/>
 <Bond from="2" to="4"/><Bond from="2" to="5"/></Residue></Residues>
 <HarmonicBondForce><Bond class1="C" class2="O" length="0.122" k="400000"/>
 <Bond class1="C" class2="N" length="0.133" k="300000"/>
 <Bond class1="C" class2="H" length="0.109" k="300000"/>
 <Bond class1="N" class2="H" length="0.101" k="300000"/></HarmonicBondForce>
 <PeriodicTorsionForce ordering="ORDERING">
  <Proper class1="" class2="C" class3="N" class4="" periodicity1="2" phase1="3.141593" k1="9"/>
  <Improper class1="C" class2="" class3="" class4="O" periodicity1="2" phase1="3.14159265359"
   k1="43.9"/>
  <Improper class1="N" class2="C" class3="H" class4="H" periodicity1="2" phase1="3.14159265359"
   k1="4.6" periodicity2="3" phase2="0" k2="1"/>
 </PeriodicTorsionForce>
 <NonbondedForce coulomb14scale="0.8333333333" lj14scale="0.5">
  <Atom type="c" charge="0.2" sigma="0.34" epsilon="0.36"/>
  <Atom type="o" charge="-0.4" sigma="0.296" epsilon="0.88"/>
  <Atom type="n" charge="-0.1" sigma="0.325" epsilon="0.71"/>
  <Atom type="h" charge="0.1" sigma="0.1" epsilon="0.07"/></NonbondedForce></ForceField>
"""


@needs_openmm
@pytest.mark.parametrize("ordering", ["default", "amber", "smirnoff"])
def test_what_openmm_makes_of_stars_is_read(tmp_path: Path, ordering: str):
    structure = amide()
    path = written(tmp_path, FORCE_FIELD.replace("ORDERING", ordering))
    terms = terms_of(read_potential(path, structure).terms, structure.types)
    expected = stars_in_openmm(path, "FA", structure)
    assert stars_of(terms, structure) == expected
    assert len(expected) == 27 * (9 if ordering == "smirnoff" else 3)
    with pytest.raises(FileError, match="one of default, charmm"):
        read_potential(written(tmp_path, FORCE_FIELD), structure)


TOPOLOGY = """[ defaults ]
1 2 no 1.0 1.0
[ atomtypes ]
c 6 12.011 0 A 0.34 0.36
h 1 1.008 0 A 0.25 0.06
[ moleculetype ]
ETH 3
[ atoms ]
1 c 1 ETH C1 1 0 12.011
2 c 1 ETH C2 1 0 12.011
3 h 1 ETH H1 1 0 1.008
4 h 1 ETH H2 1 0 1.008
5 h 1 ETH H3 1 0 1.008
6 h 1 ETH H4 1 0 1.008
[ bonds ]
1 2 1 0.134 400000
1 3 1 0.109 300000
1 4 1 0.109 300000
2 5 1 0.109 300000
2 6 1 0.109 300000
[ dihedrals ]
3 4 1 2 4 180 4.6 2
6 5 2 1 4 180 4.6 2
[ system ]
ethene
[ molecules ]
ETH 8
"""


def ethene() -> Structure:
    shape = np.array([[0, 0, -0.67], [0, 0, 0.67], [0, 0.92, -1.24], [0, -0.92, -1.24],
                      [0, 0.92, 1.24], [0, -0.92, 1.24]])  # fmt: skip
    bonds = [(0, 1), (0, 2), (0, 3), (1, 4), (1, 5)]
    system, positions = molecules("CCHHHH", shape, bonds, SKEWED, 2, "float64", 64, "gpu")
    return Structure(("C", "C", "H", "H", "H", "H") * 8, positions, SKEWED, system.masses,
                     "ethene", system.bonds)  # fmt: skip


def test_a_file_that_mixes_the_axes_is_read_with_a_note(tmp_path: Path):
    given = written(tmp_path, TOPOLOGY, "it.top")
    found = read_potential(given, ethene())
    assert any("have not the same neighbour on the axis" in note for note in found.notes)
    # sorted C, H, H: one axis is the second of them, the other the first
    given.write_text(TOPOLOGY.replace("6 5 2 1", "5 6 2 1"))
    found = read_potential(given, ethene())
    assert not any("axis" in note for note in found.notes)
    term = next(t for t in found.terms if t.kind == "periodic_improper")
    assert term.options == {"order": "third"}
    assert {p.owner for p in term.parameter} == {"C(C,H,H)"}


def test_what_cannot_be_read_is_refused(tmp_path: Path):
    for old, new, words in (
        ("180 4.6", "30 4.6", "0 or 180 is expected"),
        ("3 4 1 2 4", "1 3 4 2 4", "stands at the end in 1 of the three"),
        ("3 4 1 2 4 180 4.6 2", "3 4 1 2 3 1 0 0 0 0 0", "function '3'"),
        ("3 4 1 2 4", "3 5 1 2 4", "function '4'"),
    ):
        assert old in TOPOLOGY
        given = written(tmp_path, TOPOLOGY.replace(old, new), "it.top")
        with pytest.raises(FileError, match=words):
            read_potential(given, ethene())


def test_waves_that_hang_on_the_order_of_the_neighbours_are_refused():
    system, _ = molecules(
        "COHH", FORMALDEHYDE, [(0, 1), (0, 2), (0, 3)], SKEWED, 2, "float64", 64, "gpu"
    )
    term = PeriodicImproper.build(PeriodicImproperOptions(), system)
    fixed = {name: np.array([False]) for name in ("barrier", "phase", "multiplicity")}
    right = {"barrier": np.ones(1), "phase": np.array([np.pi]), "multiplicity": np.array([2.0])}
    term.check(right, fixed)
    for change, free in (
        ({"phase": np.array([0.3])}, {}),
        ({}, {"phase": np.array([True])}),
        ({"multiplicity": np.array([1.5])}, {}),
        ({}, {"multiplicity": np.array([True])}),
    ):
        with pytest.raises(RecipeError, match=r"of C\(H,H,O\) is"):
            term.check({**right, **change}, {**fixed, **free})
