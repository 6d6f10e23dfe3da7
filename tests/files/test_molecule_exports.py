"""Molecules in the engines that they are written for, against our own energies and forces."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import ase
import msgspec
import numpy as np
import pytest
from engines import (
    KJ_PER_MOL,
    WITHOUT_LAMMPS,
    in_openmm,
    lammps_environment,
    lammps_forces,
    lammps_results,
)

from dmdstudio.base.errors import FileError
from dmdstudio.engine import potentials as _potentials  # noqa: F401  fills the registry
from dmdstudio.engine.potential import potentials
from dmdstudio.engine.water import water
from dmdstudio.files.potentials import Provenance, export, export_formats
from dmdstudio.files.structures import lower_triangular
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm
from dmdstudio.service import engines as _engines  # noqa: F401  fills the registry
from dmdstudio.service.calculator import RefinedPotential
from dmdstudio.service.other_engine import Exported, other_engines

needs_lammps = pytest.mark.skipif(lammps_environment() is None, reason=WITHOUT_LAMMPS)
needs_openmm = pytest.mark.skipif(
    importlib.util.find_spec("openmm") is None, reason="openmm is not installed"
)

PROVENANCE = Provenance("Water & ions", "water-1", 3, "0.1.0", "2025-01-31", 0.5)
CUBE = np.eye(3) * 14.5
SKEWED = np.array([[14.0, 0.0, 0.0], [2.5, 14.5, 0.0], [-2.0, 1.5, 14.5]])
TURNED = SKEWED @ np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
CELLS = {"cube": CUBE, "turned": TURNED}

BONDED = (
    PotentialTerm(
        "harmonic_bond", {}, {"length": {"H-O": 1.0123456789}, "stiffness": {"H-O": 45.92961}}
    ),
    PotentialTerm(
        "harmonic_angle", {}, {"angle": {"H-O-H": 1.95123}, "stiffness": {"H-O-H": 3.2913355}}
    ),
)
VAN_DER_WAALS = PotentialTerm(
    "lennard_jones",
    {"cutoff": 6.1, "switch_start": 5.0, "mixing": "lorentz_berthelot"},
    {"sigma": {"H": 1.1, "O": 3.165492}, "epsilon": {"H": 0.0004, "O": 0.0067398745}},
)
SHIFTED = PotentialTerm(
    "coulomb",
    {"cutoff": 6.5, "damping": 0.2, "shift": "force", "balance": "H"},
    {"charge": {"O": -0.8123456789}},
)
SUMS = {
    "shifted": SHIFTED,
    "curved": replace(SHIFTED, options={**SHIFTED.options, "shift": "curvature"}),
    "ewald": PotentialTerm(
        "ewald", {"cutoff": 6.5, "tolerance": 1e-10, "balance": ""},
        {"charge": {"O": -0.84, "H": 0.42}},
    ),
}  # fmt: skip


def liquid(cell: np.ndarray, stir: float = 0.05) -> Structure:
    """Return 27 waters turned at random."""
    system, positions = water(cell, 3, stir=stir)
    symbols = tuple(system.type_names[type_] for type_ in system.types)
    return Structure(symbols, positions, cell, system.masses, "water", system.bonds)


def shuffled(structure: Structure) -> Structure:
    """Return the same atoms in another order, anywhere in the cells around."""
    random = np.random.default_rng(8)
    order = random.permutation(len(structure.symbols))
    images = random.integers(-1, 2, (len(order), 3)) @ structure.cell
    return replace(
        structure,
        symbols=tuple(structure.symbols[n] for n in order),
        positions=structure.positions[order] + images,
        masses=structure.masses[order],
        bonds=np.argsort(order)[structure.bonds],
    )


def peroxide(cell: np.ndarray) -> Structure:
    """Return 27 chains H-O-O-H, whose ends are three bonds apart."""
    random = np.random.default_rng(3)
    grid = np.stack(np.meshgrid(*[np.arange(3)] * 3), -1).reshape(-1, 3) / 3
    shape = np.array([[-0.9, 0.9, 0.2], [-0.7, 0, 0], [0.7, 0, 0], [0.9, 0.3, 0.85]])
    turns = np.linalg.qr(random.normal(size=(27, 3, 3)))[0]
    positions = ((grid @ cell)[:, None] + shape @ turns).reshape(-1, 3)
    bonds = (4 * np.arange(27)[:, None, None] + [[0, 1], [1, 2], [2, 3]]).reshape(-1, 2)
    masses = np.tile([1.008, 15.999, 15.999, 1.008], 27)
    return Structure(("H", "O", "O", "H") * 27, positions, cell, masses, "peroxide", bonds)


def five(structure: Structure) -> list[Structure]:
    """Return the structure, and others moved at random, in cells strained by up to a per cent."""
    random = np.random.default_rng(5)
    found = [structure]
    for _ in range(4):
        strain = np.eye(3) * random.uniform(1.0, 1.01)
        moved = structure.positions + random.normal(scale=0.02, size=structure.positions.shape)
        found.append(replace(structure, positions=moved @ strain, cell=structure.cell @ strain))
    return found


def ours(terms, structure: Structure, calculator=None) -> tuple[float, np.ndarray, np.ndarray]:
    """Return energy, forces and stress [3, 3]; eV, angstrom."""
    atoms = ase.Atoms(
        structure.symbols, structure.positions, cell=structure.cell, pbc=True,
        masses=structure.masses, calculator=calculator or calculator_of(terms, structure)
    )  # fmt: skip
    return atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress(voigt=False)


def calculator_of(terms, structure: Structure) -> RefinedPotential:
    plain = [
        {"kind": t.kind, "options": t.options, "parameters": t.parameters, "arrays": t.arrays}
        for t in terms
    ]
    return RefinedPotential(plain, structure.bonds, structure.type_rules)


def voigt(stress: np.ndarray) -> np.ndarray:
    return stress[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]


def worst_in_lammps(terms, structures: list[Structure], main: Path, expected) -> list[float]:
    """Return the worst energy, forces and stress of an exported input, relative to ours."""
    format_, data_files = export_formats.get("lammps"), []
    for number, structure in enumerate(structures[1:], 1):
        path = main.with_name(f"other {number}.in")
        data_files += format_.write_structure(terms, structure, path, PROVENANCE)[:1]
    results = lammps_results(main, [None, *data_files])
    found = []
    for structure, result, (energy, forces, stress) in zip(
        structures, results, expected, strict=True
    ):
        _, rotation = lower_triangular(structure)
        stress = voigt(rotation.T @ stress @ rotation)
        off = np.abs(result.forces @ rotation.T - forces).max() / np.abs(forces).max()
        strained = np.abs(result.stress - stress).max() / np.abs(stress).max()
        found.append((abs(result.energy / energy - 1.0), off, strained))
    return told("LAMMPS", found)


def worst_in_openmm(terms, structures: list[Structure], written, expected) -> list[float]:
    """Return the worst energy, forces and pressure of an exported script, relative to ours."""
    engine, found = other_engines.get("openmm"), []
    answer = engine.evaluate(Exported(written, terms, structures, PROVENANCE))
    for one, (energy, forces, stress) in zip(answer[0], expected, strict=True):
        pressure = -np.trace(stress) / 3.0
        off = np.abs(one.forces - forces).max() / np.abs(forces).max()
        strained = abs(one.pressure - pressure) / np.abs(stress).max()
        found.append((abs(one.energy / energy - 1.0), off, strained))
    return told("OpenMM", found)


def told(engine: str, found) -> list[float]:
    worst = [max(column) for column in zip(*found, strict=True)]
    print(f"{engine}, worst of {len(found)}: " + " ".join(f"{number:.1e}" for number in worst))
    return worst


@needs_lammps
@needs_openmm
@pytest.mark.parametrize(
    ("cell", "sum_"), [("cube", "shifted"), ("turned", "curved"), ("cube", "ewald")]
)
def test_both_engines_give_our_energy_forces_and_pressure(tmp_path: Path, cell, sum_):
    """Atoms in any order, in any image of the cell, on five configurations."""
    structure, terms = shuffled(liquid(CELLS[cell])), (*BONDED, VAN_DER_WAALS, SUMS[sum_])
    structures, calculator = five(structure), calculator_of(terms, structure)
    expected = [ours(terms, one, calculator) for one in structures]
    main = export("lammps", terms, structure, tmp_path / "my water.in", PROVENANCE)[0]
    energy, off, strained = worst_in_lammps(terms, structures, main, expected)
    bound = 1e-6 if sum_ == "ewald" else 1e-11
    assert energy < bound and off < bound
    assert strained < (1e-5 if sum_ == "ewald" else 1e-7)  # its bar is rounded
    written = export("openmm", terms, structure, tmp_path / "water.xml", PROVENANCE)
    energy, off, strained = worst_in_openmm(terms, structures, written, expected)
    bound = 1e-7 if sum_ == "ewald" else 1e-11
    assert energy < bound and off < bound and strained < 1e-5


def close(structure: Structure, energy: float, forces: np.ndarray, expected, sum_: str) -> None:
    """Assert that OpenMM's energy and forces are the expected ones."""
    _, rotation = lower_triangular(structure)
    order = export_formats.get("openmm").order(structure)
    off = np.abs(forces @ rotation.T - expected[1][order]).max() / np.abs(expected[1]).max()
    print(f"OpenMM: energy {energy / expected[0] - 1:.1e}, forces {off:.1e}")
    assert energy == pytest.approx(expected[0], rel=1e-7 if sum_ == "ewald" else 1e-11)
    assert off < (1e-7 if sum_ == "ewald" else 1e-11)


@needs_lammps
def test_terms_add_up_in_lammps(tmp_path: Path):
    """Two alike give twice the energy of one, and bonds may stand alone."""
    structure = liquid(CUBE)
    once, twice, bonds = (
        lammps_forces(export("lammps", terms, structure, tmp_path / name, PROVENANCE)[0]).energy
        for name, terms in (
            ("once.in", [VAN_DER_WAALS]),
            ("twice.in", [VAN_DER_WAALS, VAN_DER_WAALS]),
            ("angles.in", BONDED[1:]),
        )
    )
    springs = replace(BONDED[1], kind="urey_bradley", parameters={
        "distance": {"H-O-H": 1.6}, "stiffness": {"H-O-H": 8.0},
    })  # fmt: skip
    bent = (*BONDED, springs, replace(BONDED[1], kind="cosine_angle"))
    both = export("lammps", bent, structure, tmp_path / "bent.in", PROVENANCE)[0]
    assert lammps_forces(both).energy == pytest.approx(ours(bent, structure)[0], rel=1e-12)
    charges = export("lammps", [SHIFTED], structure, tmp_path / "charges.in", PROVENANCE)[0]
    assert lammps_forces(charges).energy == pytest.approx(ours([SHIFTED], structure)[0], rel=1e-11)
    bare = replace(structure, bonds=np.zeros((0, 2), np.int64))
    assert twice == pytest.approx(2 * once, rel=1e-12)
    assert bonds == pytest.approx(ours(BONDED[1:], structure)[0], rel=1e-12)
    with pytest.raises(FileError, match="several"):
        export("openmm", [BONDED[0]] * 2, structure, tmp_path / "two.xml", PROVENANCE)
    with pytest.raises(FileError, match="needs bonds"):
        export("lammps", BONDED, bare, tmp_path / "bare.in", PROVENANCE)


CHAINS = (
    PotentialTerm(
        "harmonic_bond",
        {},
        {"length": {"H-O": 0.97, "O-O": 1.45}, "stiffness": {"H-O": 45.0, "O-O": 30.0}},
    ),
    PotentialTerm("harmonic_angle", {}, {"angle": {"H-O-O": 1.75}, "stiffness": {"H-O-O": 4.0}}),
    VAN_DER_WAALS,
    replace(VAN_DER_WAALS, options={**VAN_DER_WAALS.options, "mixing": "geometric"}),
    SUMS["ewald"],
)


@needs_lammps
@needs_openmm
@pytest.mark.parametrize("scales", [(1.0, 1.0, 1.0), (0.5, 0.25, 0.8333)])
def test_pairs_three_bonds_apart_are_scaled(tmp_path: Path, scales):
    """In a cell that is skewed, where OpenMM has no Ewald sum but a mesh."""
    structure = peroxide(SKEWED)
    terms = (*CHAINS[:-1], replace(SUMS["ewald"], parameters={"charge": {"O": -0.4, "H": 0.4}}))
    terms = (*terms[:2], *map(with_scale, terms[2:], scales))
    structures, calculator = five(structure), calculator_of(terms, structure)
    expected = [ours(terms, one, calculator) for one in structures]
    script = export("openmm", terms, structure, tmp_path / "chains.xml", PROVENANCE)[-1]
    close(structure, *in_openmm(script, "Reference")[:2], expected[0], "ewald")  # it takes seconds
    main = export("lammps", terms, structure, tmp_path / "c.in", PROVENANCE)[0]
    energy, off, strained = worst_in_lammps(terms, structures, main, expected)
    assert energy < 1e-6 and off < 1e-6 and strained < 1e-5
    if scales[0] != 1.0:  # here they are not screened, which LAMMPS would do
        shifted = replace(SHIFTED, parameters={"charge": {"O": -0.4}})
        shifted = [with_scale(shifted, 0.25)]
        script = export("openmm", shifted, structure, tmp_path / "shifted.xml", PROVENANCE)[-1]
        found = in_openmm(script, "Reference")[:2]
        close(structure, *found, ours(shifted, structure), "shifted")
        with pytest.raises(FileError, match="LAMMPS would screen and shift"):
            export("lammps", shifted, structure, tmp_path / "shifted.in", PROVENANCE)


@pytest.mark.slow  # its mesh in double precision
@needs_openmm
def test_scaled_pairs_have_the_pressure_of_openmm(tmp_path: Path):
    """In a skewed cell as above, on five structures."""
    structure = peroxide(SKEWED)
    charges = replace(SUMS["ewald"], parameters={"charge": {"O": -0.4, "H": 0.4}})
    scales = zip((*CHAINS[2:-1], charges), (0.5, 0.25, 0.8333), strict=True)
    terms = (*CHAINS[:2], *(with_scale(*pair) for pair in scales))
    structures, calculator = five(structure), calculator_of(terms, structure)
    expected = [ours(terms, one, calculator) for one in structures]
    written = export("openmm", terms, structure, tmp_path / "chains.xml", PROVENANCE)
    energy, off, strained = worst_in_openmm(terms, structures, written, expected)
    assert energy < 1e-7 and off < 1e-7 and strained < 1e-5


def with_scale(term: PotentialTerm, scale: float) -> PotentialTerm:
    return replace(term, options={**term.options, "scale_14": scale})


WRITTEN = {*export_formats.get("lammps").kinds}
IN_WATER = {"coulomb", "ewald", "harmonic_angle", "harmonic_bond", "lennard_jones"}
"""What the tests above try already."""


def example_of(kind: str) -> tuple[PotentialTerm, Structure]:
    """Return the last example of a potential as a term, and its atoms."""
    example = list(potentials.get(kind).examples("float64", 64, "gpu").values())[-1]
    system = example.system
    options = msgspec.to_builtins(example.potential.options)
    owners = {f.name: system.owners(f.per) for f in example.potential.parameters}
    numbers = {
        name: dict(zip(owners[name], map(float, values), strict=True))
        for name, values in example.parameters.items()
        if name in owners
    }
    arrays = {n: np.asarray(a) for n, a in example.parameters.items() if n not in owners}
    symbols = tuple(system.type_names[type_] for type_ in system.types)
    positions = np.asarray(system.to_positions(system.to_lattice(example.positions)))
    structure = Structure(symbols, positions, system.cell, system.masses, kind, system.bonds)
    return PotentialTerm(kind, options, numbers, arrays), structure


BOUNDS = {"pair_spline": 1e-6, "improper": 1e-10}
"""Of LAMMPS' forces: of its tables, and of small angles by their cosines."""


@needs_lammps
@needs_openmm
@pytest.mark.parametrize("kind", sorted(WRITTEN - IN_WATER))
def test_every_kind_that_is_written_is_the_same_in_both_engines(tmp_path: Path, kind: str):
    """The examples are in skewed cells."""
    term, structure = example_of(kind)
    structures, calculator = five(structure), calculator_of([term], structure)
    expected = [ours([term], one, calculator) for one in structures]
    main = export("lammps", [term], structure, tmp_path / "a.in", PROVENANCE)[0]
    energy, off, strained = worst_in_lammps([term], structures, main, expected)
    assert energy < 1e-11 and off < BOUNDS.get(kind, 1e-11) and strained < 1e-6
    if kind in export_formats.get("openmm").kinds:
        written = export("openmm", [term], structure, tmp_path / "a.xml", PROVENANCE)
        energy, off, strained = worst_in_openmm([term], structures, written, expected)
        assert energy < 1e-11 and off < 1e-11 and strained < 1e-5


TURNED_CHAINS = (
    *CHAINS[:2],
    PotentialTerm("urey_bradley", {}, {"distance": {"H-O-O": 1.9}, "stiffness": {"H-O-O": 3.0}}),
    *(
        PotentialTerm(
            "periodic_torsion", {},
            {name: {"H-O-O-H": x} for name, x in
             (("barrier", 0.1 * n), ("phase", 0.2), ("multiplicity", n))},
        )
        for n in (1.0, 2.0)
    ),
    with_scale(VAN_DER_WAALS, 0.5),
    with_scale(replace(SUMS["ewald"], parameters={"charge": {"O": -0.4, "H": 0.4}}), 0.8333),
)  # fmt: skip


UNMIXED = replace(
    VAN_DER_WAALS,
    kind="lennard_jones_pairs",
    options={k: VAN_DER_WAALS.options[k] for k in ("cutoff", "switch_start")},
    parameters={
        "sigma": {"H-H": 2.0, "H-O": 2.7, "O-O": 3.1},
        "epsilon": {"H-H": 0.002, "H-O": 0.004, "O-O": 0.006},
    },
)


@needs_openmm
@pytest.mark.parametrize("case", ["water", "chains", "plane"])
def test_gromacs_topologies_mean_the_same_to_openmm(tmp_path: Path, case: str):
    """Read by OpenMM's own reader: atoms in any order, one to three bonds apart."""
    from openmm import app

    structure, terms = shuffled(liquid(CUBE)), (*BONDED, VAN_DER_WAALS, SUMS["ewald"])
    if case == "chains":
        structure = peroxide(CUBE)
        terms = (*TURNED_CHAINS[:-2], with_scale(UNMIXED, 0.5), TURNED_CHAINS[-1])
    elif case == "plane":
        term, structure = example_of("improper")
        lengths = {"length": {"C-O": 1.2, "C-H": 1.1}, "stiffness": {"C-O": 50.0, "C-H": 40.0}}
        terms = (PotentialTerm("harmonic_bond", {}, lengths), term)
    top, gro, mdp = export("gromacs", terms, structure, tmp_path / "it.top", PROVENANCE)
    placed = app.GromacsGroFile(str(gro))
    read = app.GromacsTopFile(str(top), periodicBoxVectors=placed.getPeriodicBoxVectors())
    settings = {"nonbondedMethod": app.Ewald, "switchDistance": 0.5, "ewaldErrorTolerance": 1e-9}
    if case == "plane":
        settings = {"nonbondedMethod": app.CutoffPeriodic}
    else:
        assert "Potential-switch" in mdp.read_text() and "rvdw-switch = 0.5" in mdp.read_text()
    system = read.createSystem(
        nonbondedCutoff=0.61,
        constraints=None,
        rigidWater=False,
        removeCMMotion=False,
        useDispersionCorrection=False,
        **settings,
    )
    energy, forces = in_double(system, placed.getPositions())
    close(structure, energy, forces, ours(terms, structure), "ewald")
    with pytest.raises(FileError, match="cannot write a term of kind 'coulomb'"):
        export("gromacs", (*BONDED, SHIFTED), structure, tmp_path / "no.top", PROVENANCE)


def in_double(system, positions) -> tuple[float, np.ndarray]:
    """Return energy (eV) and forces [atom, xyz] (eV/angstrom) of OpenMM's reference platform."""
    from openmm import Context, Platform, VerletIntegrator, unit

    for force in system.getForces():
        if hasattr(force, "setUseDispersionCorrection"):
            force.setUseDispersionCorrection(False)
        elif hasattr(force, "setUsesPeriodicBoundaryConditions"):
            force.setUsesPeriodicBoundaryConditions(True)
    context = Context(system, VerletIntegrator(0.001), Platform.getPlatformByName("Reference"))
    context.setPositions(positions)
    found = context.getState(getEnergy=True, getForces=True)
    kilojoules = unit.kilojoule_per_mole
    energy = found.getPotentialEnergy().value_in_unit(kilojoules) / KJ_PER_MOL
    forces = found.getForces(asNumpy=True).value_in_unit(kilojoules / unit.angstrom) / KJ_PER_MOL
    return energy, forces
