"""Topologies in GROMACS' own engine: what we write, and a file of its own package."""

from __future__ import annotations

import shutil
from pathlib import Path

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
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm, terms_of
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


def close(terms, structures: list[Structure], files: list[Path]) -> None:
    """Energy, forces and pressure of all structures, the first of which is in the files."""
    found = GROMACS.evaluate(Exported(files, terms, structures, PROVENANCE))
    assert found is not None
    expected = own_evaluations(terms, structures)
    largest = max(np.abs(one.forces).max() for one in expected)
    for ours, theirs in zip(expected, found[0], strict=True):
        off = np.abs(theirs.forces - ours.forces).max() / largest
        pressure = abs(theirs.pressure / ours.pressure - 1)
        print(f"energy {theirs.energy / ours.energy - 1:.1e}, {off:.1e}, pressure {pressure:.1e}")
        assert theirs.energy == pytest.approx(ours.energy, rel=1e-8)
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


UREA = np.array(
    [[0, 0, 0], [0, 1.26, 0], [1.14, -0.69, 0], [1.98, -0.17, 0], [1.14, -1.69, 0],
     [-1.14, -0.69, 0], [-1.98, -0.17, 0], [-1.14, -1.69, 0]]
)  # fmt: skip
PACKAGE = Path("/usr/share/gromacs/top/amber99sb.ff")


@needs_gromacs
@pytest.mark.skipif(not PACKAGE.is_dir(), reason="the force fields of GROMACS are elsewhere")
def test_a_topology_of_its_package_is_read(tmp_path: Path):
    """Urea by AMBER99SB, whose impropers are periodic, about C and both N."""
    bonds = [(0, 1), (0, 2), (0, 5), (2, 3), (2, 4), (5, 6), (5, 7)]
    system, positions = molecules("CONHHNHH", UREA, bonds, SKEWED, 2, "float64", 64, "gpu", 0.05)
    structure = Structure(
        ("C", "O", "N", "H", "H", "N", "H", "H") * 8, positions, SKEWED, system.masses, "urea",
        system.bonds,
    )  # fmt: skip
    for name in ("ffnonbonded.itp", "ffbonded.itp", "forcefield.itp", "urea.itp"):
        shutil.copy(PACKAGE / name, tmp_path)
    top = tmp_path / "urea.top"
    top.write_text(
        '#include "forcefield.itp"\n#include "urea.itp"\n[ system ]\nurea\n[ molecules ]\nURE 8\n'
    )
    found = read_potential(top, structure)
    assert not any("axis" in note for note in found.notes)
    terms = terms_of(found.terms, structure.types)
    (order,) = {t.options["order"] for t in terms if t.kind == "periodic_improper"}
    assert order == "second"
    settings = export("gromacs", terms, structure, tmp_path / "settings.top", PROVENANCE)[1:]
    close(terms, five(structure), [top, *settings])


def test_a_trajectory_without_forces_is_none():
    with pytest.raises(EngineError, match=r"no \.trr"):
        last_forces(b"")
    sizes = np.array([1993, 13, 12], ">i4").tobytes() + b"GMX_trn_file" + bytes(40)
    with pytest.raises(EngineError, match="no forces"):
        last_forces(sizes + np.array([7, 0, 0], ">i4").tobytes() + bytes(16))
