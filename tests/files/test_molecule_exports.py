"""Molecules in the engines that they are written for, against our own energies and forces."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import ase
import numpy as np
import pytest
from engines import WITHOUT_LAMMPS, lammps_environment, lammps_forces

from dmdstudio.engine.water import water
from dmdstudio.files.potentials import Provenance, export, export_formats
from dmdstudio.files.structures import lower_triangular
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm
from dmdstudio.service.calculator import RefinedPotential

needs_lammps = pytest.mark.skipif(lammps_environment() is None, reason=WITHOUT_LAMMPS)

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


def configurations(structure: Structure, count: int = 5) -> list[Structure]:
    """Return the structure moved at random, in cells strained by up to a per cent."""
    random = np.random.default_rng(5)
    found = []
    for _ in range(count):
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
    plain = [{"kind": t.kind, "options": t.options, "parameters": t.parameters} for t in terms]
    return RefinedPotential(plain, structure.bonds)


def voigt(stress: np.ndarray) -> np.ndarray:
    return stress[[0, 1, 2, 0, 0, 1], [0, 1, 2, 1, 2, 2]]


@needs_lammps
@pytest.mark.parametrize(
    ("cell", "sum_", "count"),
    [("cube", "shifted", 5), ("turned", "curved", 1), ("turned", "ewald", 2)],
)
def test_lammps_gives_our_energy_forces_and_pressure(tmp_path: Path, cell, sum_, count):
    structure, terms = liquid(CELLS[cell]), (*BONDED, VAN_DER_WAALS, SUMS[sum_])
    main = export("lammps", terms, structure, tmp_path / "my water.in", PROVENANCE)[0]
    calculator = calculator_of(terms, structure)
    for number, moved in enumerate(configurations(structure, count)):
        other = tmp_path / f"other {number}.in"
        data = export_formats.get("lammps").write_structure(terms, moved, other, PROVENANCE)[0]
        result = lammps_forces(main, data)
        energy, forces, stress = ours(terms, moved, calculator)
        _, rotation = lower_triangular(moved)
        off = np.abs(result.forces @ rotation.T - forces).max() / np.abs(forces).max()
        stress = voigt(rotation.T @ stress @ rotation)
        strained = np.abs(result.stress - stress).max() / np.abs(stress).max()
        print(f"energy {result.energy / energy - 1:.1e}, forces {off:.1e}, stress {strained:.1e}")
        bound = 1e-6 if sum_ == "ewald" else 1e-11
        assert result.energy == pytest.approx(energy, rel=bound)
        assert off < bound
        assert strained < (1e-5 if sum_ == "ewald" else 1e-7)  # its bar is rounded


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
    bare = replace(structure, bonds=np.zeros((0, 2), np.int64))
    assert twice == pytest.approx(2 * once, rel=1e-12)
    assert bonds == pytest.approx(ours(BONDED[1:], structure)[0], rel=1e-12)
    with pytest.raises(Exception, match="needs bonds"):
        export("lammps", BONDED, bare, tmp_path / "bare.in", PROVENANCE)
