"""Torsions, and atoms three bonds apart, from the files of three engines."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from engines import KJ_PER_MOL
from test_molecule_exports import in_double
from test_potential_reading import (
    SKEWED,
    agree,
    in_lammps,
    in_openmm,
    needs_lammps,
    needs_openmm,
    ours,
    values,
    written,
)

from dmdstudio.base.errors import FileError
from dmdstudio.files.potentials.reading import read_potential
from dmdstudio.files.structures import with_bonds
from dmdstudio.files.structures.topology import Topology
from dmdstudio.plan.structure import Structure

FORCE_FIELD = """<ForceField>
 <AtomTypes><Type name="o" class="O" element="O" mass="15.999"/>
 <Type name="h" class="H" element="H" mass="1.008"/></AtomTypes>
 <Residues><Residue name="HP"><Atom name="A" type="h"/><Atom name="B" type="o"/>
 <Atom name="C" type="o"/><Atom name="D" type="h"/>
 <Bond from="0" to="1"/><Bond from="1" to="2"/><Bond from="2" to="3"/></Residue></Residues>
 <HarmonicBondForce><Bond class1="O" class2="H" length="0.097" k="400000"/>
 <Bond class1="O" class2="O" length="0.146" k="200000"/></HarmonicBondForce>
 <HarmonicAngleForce><Angle class1="H" class2="O" class3="O" angle="1.75" k="500"/>
 </HarmonicAngleForce>
 <PeriodicTorsionForce>
  <Proper class1="" class2="O" class3="O" class4="" periodicity1="3" phase1="0" k1="9"/>
  <Proper class1="H" class2="O" class3="O" class4="H" periodicity1="1" phase1="0.3" k1="4"
   periodicity2="2" phase2="3.141592653589793" k2="-6"/>
 </PeriodicTorsionForce>
 <RBTorsionForce><Proper class1="H" class2="O" class3="O" class4="H" c0="-1.3" c1="1.5" c2="-0.8"
  c3="0.6" c4="0" c5="0"/></RBTorsionForce>
 <AmoebaUreyBradleyForce><UreyBradley class1="H" class2="O" class3="O" d="0.19" k="700"/>
 </AmoebaUreyBradleyForce>
 <NonbondedForce coulomb14scale="0.8333333333" lj14scale="0.5">
  <Atom type="o" charge="-0.4" sigma="0.31" epsilon="0.65"/>
  <Atom type="h" charge="0.4" sigma="0.2" epsilon="0.1"/></NonbondedForce></ForceField>
"""


def peroxide(seed: int, cell: np.ndarray = SKEWED) -> Structure:
    """27 chains H-O-O-H, turned and stirred at random, whole."""
    random = np.random.default_rng(seed)
    grid = np.array(list(itertools.product(range(3), repeat=3))) / 3
    shape = np.array([[-0.9, 0.9, 0.2], [-0.7, 0, 0], [0.7, 0, 0], [0.9, 0.3, 0.85]])
    turns = np.linalg.qr(random.normal(size=(27, 3, 3)))[0]
    positions = (grid @ cell)[:, None] + shape @ turns
    positions += random.normal(scale=0.03, size=positions.shape)
    masses = np.tile([1.008, 15.999, 15.999, 1.008], 27)
    return Structure(("H", "O", "O", "H") * 27, positions.reshape(-1, 3), cell, masses)


@needs_openmm
def test_openmm_gives_the_same_energy_and_forces(tmp_path: Path):
    """The specific entry goes before the one with stars, and exceptions are scaled."""
    structures, path = [peroxide(n) for n in range(5)], written(tmp_path, FORCE_FIELD)
    found = read_potential(path, structures[0])
    names = ["torsion_1", "torsion_1_2", "torsion_2", "torsion_2_2", "torsion_3"]
    assert [t.key for t in found.terms[3:8]] == names
    assert [t.options["scale_14"] for t in found.terms[-2:]] == [0.5, 0.8333333333]
    for structure, result in zip(structures, ours(found, structures, tolerance=1e-9), strict=True):
        agree(result, in_openmm(path, found, structure, "HP"))


DATA_STYLES = {
    "opls": "1.5 -2.0 0.7 0.3",
    "fourier": "3 0.6 1 20.0 0.8 3 180.0 0.0 0 0.0",
    "charmm": "0.9 3 180 0.0",
    "harmonic": "0.9 -1 2",
}


@needs_lammps
@pytest.mark.parametrize(
    "styles",
    [("charmm",), pytest.param(("fourier", "opls", "harmonic"), marks=pytest.mark.slow)],
)
def test_lammps_gives_the_same_energy_and_forces(tmp_path: Path, styles: tuple[str, ...]):
    """Atoms three bonds apart are left out, as is its habit."""
    structures, inputs = [peroxide(seed) for seed in range(7, 12)], []
    for n, structure in enumerate(structures):
        written(tmp_path, _data_text(structure), f"{n}.data")
    text = """units real
atom_style molecular
bond_style harmonic
angle_style harmonic
dihedral_style STYLE
read_data NUMBER.data
bond_coeff 1 450 0.97
bond_coeff 2 250 1.46
angle_coeff 1 60 100
dihedral_coeff 1 NUMBERS
pair_style lj/mdf 5.5 6.5
pair_coeff 1 1 0.02 2.0
pair_coeff 2 2 0.15 3.1
pair_coeff 1 2 0.05477225575051661 2.55
"""
    for style in styles:
        for n in range(len(structures)):
            content = text.replace("STYLE", style).replace("NUMBERS", DATA_STYLES[style])
            content = content.replace("NUMBER", str(n))
            inputs.append(written(tmp_path, content, f"{style}.{n}.in"))
    results, count = in_lammps(tmp_path, inputs, "real"), len(structures)
    for begin in range(0, len(inputs), count):
        read = read_potential(inputs[begin], structures[0])
        assert read.terms[-1].options["scale_14"] == 0.0
        own = ours(read, structures)
        for one, other in zip(own, results[begin : begin + count], strict=True):
            agree(one, other)


def _data_text(structure: Structure) -> str:
    """Return a data file of LAMMPS with the bonds, angles and dihedrals of 27 peroxides."""
    found = Topology(with_bonds(structure))
    lines = ["a", "108 atoms", "2 atom types", f"{len(found.bonds)} bonds", "2 bond types"]
    lines += [f"{len(found.angles)} angles", "1 angle types", "27 dihedrals", "1 dihedral types"]
    lines += [f"0 {SKEWED[n, n]} {x}lo {x}hi" for n, x in enumerate("xyz")]
    lines += [f"{SKEWED[1, 0]} {SKEWED[2, 0]} {SKEWED[2, 1]} xy xz yz", "", "Masses", ""]
    lines += ["1 1.008", "2 15.999", "", "Atoms # molecular", ""]
    for n, (symbol, xyz) in enumerate(zip(structure.symbols, structure.positions, strict=True)):
        where = " ".join(repr(float(x)) for x in xyz)
        lines.append(f"{n + 1} {n // 4 + 1} {1 if symbol == 'H' else 2} {where}")
    lines += ["", "Bonds", ""]
    for n, (i, j) in enumerate(found.bonds):
        type_ = 1 if "H" in (structure.symbols[i], structure.symbols[j]) else 2
        lines.append(f"{n + 1} {type_} {i + 1} {j + 1}")
    lines += ["", "Angles", ""]
    lines += [f"{n + 1} 1 {i + 1} {j + 1} {k + 1}" for n, (i, j, k) in enumerate(found.angles)]
    lines += ["", "Dihedrals", ""]
    lines += [f"{n + 1} 1 {4 * n + 4} {4 * n + 3} {4 * n + 2} {4 * n + 1}" for n in range(27)]
    return "\n".join(lines) + "\n"


IN_PLANES = """[ defaults ]
1 2 no 1.0 1.0
[ atomtypes ]
C 6 12.011 0.0 A 0.33 0.3
O 8 15.999 0.0 A 0.30 0.65
H 1 1.008 0.0 A 0.2 0.1
[ bondtypes ]
C O 1 0.122 400000
[ dihedraltypes ]
X O O H 3 -1.3 1.5 -0.8 0.6 0.0 0.0
H O O H 9 20.0 1.5 2
H O O H 9 0.0 0.5 3
C X X H 2 0.0 90.0
[ moleculetype ]
HP 2
[ atoms ]
1 H 1 HP A 1
2 O 1 HP B 1
3 O 1 HP C 1
4 H 1 HP D 1
[ bonds ]
1 2 1 0.097 400000
2 3 1 0.146 200000
3 4 1 0.097 400000
[ angles ]
1 2 3 5 100 500 0.19 3000
2 3 4 5 100 500 0.19 3000
[ dihedrals ]
1 2 3 4 3
4 3 2 1 9
[ moleculetype ]
CHO 2
[ atoms ]
1 C 1 CHO C 1
2 O 1 CHO O 1
3 H 1 CHO H1 1
4 H 1 CHO H2 1
[ bonds ]
1 2 1
1 3 1 0.11 300000
1 4 1 0.11 300000
[ dihedrals ]
1 2 3 4 2 0.0 90.0
1 3 4 2 2 0.0 90.0
1 4 2 3 2
[ system ]
both
[ molecules ]
HP 26
CHO 1
"""


@needs_openmm
def test_types_of_dihedrals_of_gromacs_mean_what_openmm_reads_in_them(tmp_path: Path):
    """Powers of the cosine, springs, types with stars, and an improper in its three orders."""
    from openmm import app

    structure, path = peroxide(4), written(tmp_path, IN_PLANES, "it.top")
    positions = structure.positions.copy()
    positions[-4:] = positions[-4] + np.array(
        [[0, 0, 0.1], [0, 0, 1.25], [0.94, 0.1, -0.59], [-0.94, 0, -0.55]]
    )
    symbols = (*structure.symbols[:-4], "C", "O", "H", "H")
    masses = np.append(structure.masses[:-4], [12.011, 15.999, 1.008, 1.008])
    structure = Structure(symbols, positions, SKEWED, masses)
    found = read_potential(path, structure)
    assert values(found)["improper.stiffness[C(H,H,O)]"] == (270.0, "kJ/mol/rad2")
    assert not any("order" in note for note in found.notes)
    pairs = found.terms[-1].options
    system = app.GromacsTopFile(str(path), periodicBoxVectors=SKEWED / 10).createSystem(
        nonbondedMethod=app.CutoffPeriodic, nonbondedCutoff=pairs["cutoff"] / 10,
        switchDistance=pairs["switch_start"] / 10, constraints=None, removeCMMotion=False,
    )  # fmt: skip
    energy, forces = in_double(system, positions / 10)
    agree(ours(found, [structure])[0], (energy * KJ_PER_MOL, forces * KJ_PER_MOL))
    one = read_potential(
        written(tmp_path, IN_PLANES.replace("1 4 2 3 2\n", "").replace("1 3 4 2 2 0.0 90.0\n", ""),
                "one.top"), structure
    )  # fmt: skip
    assert "take one order" in " ".join(one.notes)


TOPOLOGY = """[ defaults ]
1 2 yes 0.5 0.8333
[ atomtypes ]
O 8 15.999 -0.4 A 0.31 0.65
H 1 1.008 0.4 A 0.2 0.1
[ moleculetype ]
HP 3
[ atoms ]
1 H 1 HP A 1
2 O 1 HP B 1
3 O 1 HP C 1
4 H 1 HP D 1
[ bonds ]
1 2 1 0.097 400000
2 3 1 0.146 200000
3 4 1 0.097 400000
[ angles ]
1 2 3 1 100 500
2 3 4 1 100 500
[ pairs ]
1 4 1
[ dihedrals ]
4 3 2 1 9 0.0 4.0 1
4 3 2 1 9 180.0 -6.0 2
"""


def test_dihedrals_and_pairs_of_gromacs(tmp_path: Path):
    structure, path = peroxide(1), written(tmp_path, TOPOLOGY, "hp.top")
    found = read_potential(path, structure)
    first, second = found.terms[2:4]
    assert [(p.value, p.unit) for p in second.parameter] == [
        (-6.0, "kJ/mol"), (180.0, "degree"), (2.0, "1")
    ]  # fmt: skip
    assert {p.owner for p in first.parameter} == {"H-O-O-H"}
    assert [t.options["scale_14"] for t in found.terms[4:]] == [0.5, 0.8333]
    assert values(found)["ewald.charge[O]"] == (-0.4, "e")
    flat = TOPOLOGY.replace("9 180.0 -6.0 2", "9 180.0 0.0 0")  # as some types of AMBER are
    found = read_potential(written(tmp_path, flat, "hp.top"), structure)
    assert [t.kind for t in found.terms].count("periodic_torsion") == 1
    for old, new, words in (
        ("4 3 2 1 9 0.0 4.0 1", "4 3 2 1 8 1 2 3 4 5 6", "line 23: function '8' of"),
        ("[ pairs ]\n1 4 1\n", "", 0.0),
        ("1 4 1\n", "1 4 1 0.2 0.03\n", 0.3),
        ("1 4 1\n", "1 4 1 0.0 0.0\n", 0.0),
        ("1 4 1\n", "1 4 1 0.21 0.03\n", "line 21: types H and H have other numbers three"),
        ("1 4 1\n", "1 4 2 0.5 0.1 0.1 0.2 0.1\n", "line 21: pairs of function 1 are expected"),
        ("1 4 1\n", "1 3 1\n", "line 7: the [ pairs ] of 'HP' are not all"),
        ("[ moleculetype ]", "[ pairtypes ]\nH H 1 0.2 0.04\n[ moleculetype ]", 0.4),
        ("yes 0.5", "no 0.5", "line 21: the pair has no numbers: none of its own"),
        ("HP 3", "HP 4", "line 7: 'HP' leaves out atoms up to 4 bonds apart"),
    ):
        changed = written(tmp_path, TOPOLOGY.replace(old, new), "hp.top")
        if isinstance(words, str):
            with pytest.raises(FileError) as refused:
                read_potential(changed, structure)
            assert f"hp.top, {words}" in refused.value.message
        else:
            *_, pairs, charges = read_potential(changed, structure).terms
            assert pairs.options["scale_14"] == pytest.approx(words)
            assert charges.options["scale_14"] == (0.8333 if new else 0.0)


def test_run_settings_beside_a_topology_say_its_cutoffs(tmp_path: Path):
    structure, path = peroxide(1), written(tmp_path, TOPOLOGY, "hp.top")
    mdp = """; for hp
    vdw_modifier = Potential-Switch
    RVDW-switch  = 0.5 ; nm
    rvdw = 0.6
    rcoulomb = 0.55
    CoulombType = pme
    DispCorr = EnerPres
    """
    written(tmp_path, mdp, "other.mdp")
    assert any("says no cutoff" in note for note in read_potential(path, structure).notes)
    written(tmp_path, mdp, "hp.mdp")
    found = read_potential(path, structure)
    pairs, charges = found.terms[-2:]
    assert (pairs.options["switch_start"], pairs.options["cutoff"]) == (5.0, 6.0)
    assert (charges.kind, charges.options["cutoff"]) == ("ewald", 5.5)
    assert "The dispersion correction of hp.mdp is not taken over." in found.notes
    assert not any("says no cutoff" in n or "switched to zero" in n for n in found.notes)
    written(tmp_path, mdp.replace("Potential-Switch", "Potential-shift"), "hp.mdp")
    assert any("switched to zero" in note for note in read_potential(path, structure).notes)
    written(tmp_path, mdp.replace("rvdw = 0.6", "rvdw = wide"), "hp.mdp")
    with pytest.raises(FileError, match=r"hp\.mdp, line 4: rvdw = 'wide' is no number"):
        read_potential(path, structure)
