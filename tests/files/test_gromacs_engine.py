"""Topologies in GROMACS' own engine: what we write, and files of its own package."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import ase
import ase.io
import numpy as np
import pytest
from test_impropers import BONDS, WAVES, plane
from test_molecule_exports import (
    BONDED,
    PROVENANCE,
    SKEWED,
    SUMS,
    TURNED_CHAINS,
    UNMIXED,
    five,
    liquid,
    peroxide,
    shuffled,
)

from dmdstudio.base.errors import EngineError
from dmdstudio.engine.molecules import molecules
from dmdstudio.files.potentials import export
from dmdstudio.files.potentials.reading import read_potential
from dmdstudio.files.structures.bonds import with_bonds
from dmdstudio.plan.atom_types import names_by_rules
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm, terms_of
from dmdstudio.service import engine_gromacs
from dmdstudio.service.engine_gromacs import PROGRAM, last_forces
from dmdstudio.service.other_engine import Exported, other_engines
from dmdstudio.service.own_engine import own_evaluations

GROMACS = other_engines.get("gromacs")
needs_gromacs = pytest.mark.skipif(
    GROMACS.version() is None,
    reason=f"{PROGRAM}, GROMACS in double precision, is not installed",
)

CASES = {
    "shuffled water": (shuffled(liquid(SKEWED)), (*BONDED, UNMIXED, SUMS["ewald"])),
    "chains": (peroxide(SKEWED), TURNED_CHAINS),
    "impropers": (
        plane(),
        (BONDS, *WAVES, PotentialTerm("improper", {}, {"stiffness": {"C(H,H,O)": 1.8}})),
    ),
}


def close(terms, structures: list[Structure], files: list[Path], energy: float = 1e-8) -> None:
    """Energy, forces and pressure of all structures, the first of which is in the files."""
    found = GROMACS.evaluate(Exported(files, terms, structures, PROVENANCE))
    assert found is not None
    expected = own_evaluations(terms, structures)
    largest = max(np.abs(one.forces).max() for one in expected)
    for ours, theirs in zip(expected, found[0], strict=True):
        off = np.abs(theirs.forces - ours.forces).max() / largest
        pressure = abs(theirs.pressure / ours.pressure - 1)
        print(f"energy {theirs.energy / ours.energy - 1:.1e}, {off:.1e}, pressure {pressure:.1e}")
        assert theirs.energy == pytest.approx(ours.energy, rel=energy)
        assert off < 5e-7
        assert pressure < 3e-6


@needs_gromacs
@pytest.mark.parametrize(
    "case", ["chains", "impropers", pytest.param("shuffled water", marks=pytest.mark.slow)]
)
def test_gromacs_gives_our_energy_forces_and_pressure(tmp_path: Path, case: str):
    structure, terms = CASES[case]
    files = export("gromacs", terms, structure, tmp_path / "it.top", PROVENANCE)
    close(terms, five(structure), files)


UREA = (
    "CONHHNHH",
    [[0, 0, 0], [0, 1.26, 0], [1.14, -0.69, 0], [1.98, -0.17, 0], [1.14, -1.69, 0],
     [-1.14, -0.69, 0], [-1.98, -0.17, 0], [-1.14, -1.69, 0]],
    [(0, 1), (0, 2), (0, 5), (2, 3), (2, 4), (5, 6), (5, 7)],
)  # fmt: skip
ETHANOL = (
    "CHHHCHHOH",
    [[1.17, -0.4, 0], [2.12, 0.15, 0], [1.13, -1.04, 0.89], [1.13, -1.04, -0.89], [0, 0.56, 0],
     [0.04, 1.21, 0.89], [0.04, 1.21, -0.89], [-1.19, -0.23, 0], [-1.95, 0.38, 0]],
    [(0, 1), (0, 2), (0, 3), (0, 4), (4, 5), (4, 6), (4, 7), (7, 8)],
)  # fmt: skip
WATER = ("OHH", [[0, 0, 0], [0.76, 0.59, 0], [-0.76, 0.59, 0]], [(0, 1), (0, 2)])
DIPEPTIDE = """
CH3 ACE 1 0.000 0.000 0.000
C   ACE 1 1.520 0.000 0.000
O   ACE 1 2.135 1.065 0.000
N   ALA 2 2.105 -1.200 0.000
CA  ALA 2 3.547 -1.352 0.000
CB  ALA 2 3.931 -2.717 0.563
C   ALA 2 4.120 -1.155 -1.394
O   ALA 2 4.413 -2.140 -2.075
N   NME 3 4.257 0.100 -1.800
CH3 NME 3 4.791 0.433 -3.106
"""
"""The heavy atoms of alanine between two caps, angstrom."""
PACKAGE = Path("/usr/share/gromacs/top")
needs_package = pytest.mark.skipif(
    not PACKAGE.is_dir(), reason="the force fields of GROMACS are elsewhere"
)


def mixture(*shapes) -> Structure:
    """As many of every sort of molecule, one sort after the other, on 8 sites of a skewed cell."""
    symbols, positions, masses, bonds = [], [], [], []
    each = 8 // len(shapes)
    for number, (atoms, shape, bonded) in enumerate(shapes):
        system, found = molecules(
            atoms, np.array(shape), bonded, SKEWED, 2, "float64", 64, "gpu", 0.05
        )
        chosen = slice(number * each * len(atoms), (number + 1) * each * len(atoms))
        first = len(symbols) + len(atoms) * np.arange(each)
        bonds.append((first[:, None, None] + bonded).reshape(-1, 2))
        symbols += list(atoms) * each
        positions.append(found[chosen])
        masses.append(system.masses[chosen])
    return Structure(
        tuple(symbols), np.concatenate(positions), SKEWED, np.concatenate(masses), "mixture",
        np.concatenate(bonds),
    )  # fmt: skip


def copied(force_field: str, folder: Path) -> None:
    """Put a force field of GROMACS where a topology in the folder can include it."""
    (folder / force_field).mkdir()
    for file in (PACKAGE / force_field).glob("*.itp"):
        shutil.copy(file, folder / force_field)


def read_and_run(top: Path, structure: Structure, energy: float) -> list[PotentialTerm]:
    """Compare what is read of a topology with what GROMACS makes of it; return the terms."""
    found = read_potential(top, structure)
    if found.type_rules:
        names = names_by_rules(found.type_rules, structure.symbols, structure.bonds)
        structure = replace(structure, names=names, type_rules=found.type_rules)
    terms = list(terms_of(found.terms, structure.types))
    beside = export("gromacs", terms, structure, top.with_name("settings.top"), PROVENANCE)[1:]
    with beside[-1].open("a") as settings:
        settings.write("define = -DFLEXIBLE\n")
    close(terms, five(structure), [top, *beside], energy)
    return terms


@needs_gromacs
@needs_package
@pytest.mark.parametrize(
    ("force_field", "files", "shapes", "energy"),
    [
        # it has 1e-5 kJ/mol in torsions that is in no force, and left out with a note
        ("oplsaa.ff", {"ethanol": "ETH", "tip3p": "SOL"}, (ETHANOL, WATER), 5e-7),
        pytest.param("amber99sb.ff", {"urea": "URE"}, (UREA,), 1e-8, marks=pytest.mark.slow),
    ],
)
def test_molecules_of_its_package_are_read(tmp_path: Path, force_field, files, shapes, energy):
    """Powers of cosines and comb-rule 3; and impropers that are periodic, about C and both N."""
    copied(force_field, tmp_path)
    lines = [f'#include "{force_field}/{name}.itp"' for name in ("forcefield", *files)]
    lines += ["[ system ]", "of others", "[ molecules ]"]
    lines += [f"{name} {8 // len(files)}" for name in files.values()]
    top = tmp_path / "it.top"
    top.write_text("\n".join(lines) + "\n")
    terms = read_and_run(top, mixture(*shapes), energy)
    orders = {t.options["order"] for t in terms if t.kind == "periodic_improper"}
    assert orders == ({"second"} if "urea" in files else set())


@needs_gromacs
@needs_package
def test_a_peptide_that_its_own_program_made_is_read(tmp_path: Path):
    """Alanine between caps in AMBER99SB-ILDN, hydrogens and topology by pdb2gmx."""
    lines = []
    for number, line in enumerate(DIPEPTIDE.split("\n")[1:-1], 1):
        name, residue, place, *xyz = line.split()
        x, y, z = map(float, xyz)
        lines.append(
            f"ATOM  {number:5d}  {name:3s} {residue} A{place:>4s}    {x:8.3f}{y:8.3f}{z:8.3f}"
        )
    (tmp_path / "in.pdb").write_text("\n".join([*lines, "END\n"]))
    command = [PROGRAM, "pdb2gmx", "-f", "in.pdb", "-o", "it.gro", "-p", "it.top"]
    command += ["-ff", "amber99sb-ildn", "-water", "none"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=120)
    copied("amber99sb-ildn.ff", tmp_path)
    atoms = ase.io.read(tmp_path / "it.gro")
    assert isinstance(atoms, ase.Atoms) and len(atoms) == 22
    structure = Structure(
        tuple(atoms.get_chemical_symbols()), atoms.positions, SKEWED * 1.1, atoms.get_masses()
    )
    terms = read_and_run(tmp_path / "it.top", with_bonds(structure), 1e-8)
    assert {"periodic_torsion", "periodic_improper"} <= {term.kind for term in terms}


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo cannot open libgromacs_d.so.7 >&2; exit 127", "status 127: cannot open libgromacs"),
        ("echo hello", "names no version"),
    ],
)
def test_a_program_that_does_not_start_is_not_called_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, words: str
):
    program = tmp_path / PROGRAM
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    with monkeypatch.context() as changed:
        changed.setenv("PATH", str(tmp_path))
        engine_gromacs._started.cache_clear()
        assert GROMACS.version() is None
        assert words in GROMACS.fault()
        program.unlink()
        engine_gromacs._started.cache_clear()
        assert (GROMACS.version(), GROMACS.fault()) == (None, "")
    engine_gromacs._started.cache_clear()


def test_a_trajectory_without_forces_is_none():
    with pytest.raises(EngineError, match=r"no \.trr"):
        last_forces(b"")
    sizes = np.array([1993, 13, 12], ">i4").tobytes() + b"GMX_trn_file" + bytes(40)
    with pytest.raises(EngineError, match="no forces"):
        last_forces(sizes + np.array([7, 0, 0], ">i4").tobytes() + bytes(16))
