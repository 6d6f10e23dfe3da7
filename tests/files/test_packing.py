"""Boxes of molecules: what is in them, how far apart, and what cannot be packed."""

from __future__ import annotations

import json

import ase.build
import ase.io
import numpy as np
import pytest

from dmdstudio.base.errors import FileError
from dmdstudio.base.units import factor
from dmdstudio.cli import main
from dmdstudio.files.structures import read_molecule, read_structure, with_bonds
from dmdstudio.files.structures.bonds import molecules


def between_molecules(structure):
    """Smallest distance between atoms that no bond of one image joins, by all images nearby."""
    belongs = molecules(structure)
    shifts = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), -1).reshape(-1, 3)
    smallest = np.inf
    for shift in shifts:
        moved = structure.positions + shift @ structure.cell
        distances = np.linalg.norm(structure.positions[:, None] - moved[None], axis=-1)
        if not shift.any():
            distances[belongs[:, None] == belongs[None]] = np.inf
        smallest = min(smallest, distances.min())
    return smallest


def test_a_mixture_is_what_was_asked_for(tmp_path, capsys):
    ase.io.write(tmp_path / "methanol.pdb", ase.build.molecule("CH3OH"))  # without a cell
    made = [tmp_path / name for name in ("a.extxyz", "b.extxyz", "c.extxyz")]
    portions = ["pack", "H2O:32", f"{tmp_path / 'methanol.pdb'}:2", "--density", "0.95"]
    for path, seed in zip(made, "778", strict=True):
        assert main([*portions, "--seed", seed, "--output", str(path), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["atoms"] == 108
    assert made[0].read_bytes() == made[1].read_bytes() != made[2].read_bytes()

    box = with_bonds(read_structure(made[0]))
    assert box.symbols == ("O", "H", "H") * 32 + ("C", "O", "H", "H", "H", "H") * 2
    assert box.density * factor("amu/angstrom3", "g/cm3") == pytest.approx(0.95, rel=1e-6)
    methanol = [(0, 1), (0, 2), (0, 4), (0, 5), (1, 3)]
    wanted = [(3 * n, 3 * n + h) for n in range(32) for h in (1, 2)]
    wanted += [(96 + 6 * n + i, 96 + 6 * n + j) for n in range(2) for i, j in methanol]
    assert [tuple(bond) for bond in box.bonds.tolist()] == sorted(wanted)
    i, j = box.bonds.T  # of molecules in one piece
    assert np.linalg.norm(box.positions[i] - box.positions[j], axis=1).max() < 1.5
    assert between_molecules(box) >= 2.0


def test_a_solute_stays_as_it_is(tmp_path):
    """Chlorine is bonded over more than the tolerance, were it not kept apart further."""
    box = tmp_path / "box.extxyz"
    command = ["pack", "CCl4:12", "--around", "C6H6", "--box", "16", "15", "14", "--output"]
    assert main([*command, str(box)]) == 0
    found = with_bonds(read_structure(box))
    np.testing.assert_array_equal(found.cell, np.diag([16.0, 15.0, 14.0]))
    assert np.bincount(molecules(found)).tolist() == [12] + [5] * 12
    benzene = ase.build.molecule("C6H6").positions
    moved = found.positions[:12] - benzene
    np.testing.assert_allclose(moved, moved[:1].repeat(12, 0), atol=2e-6)
    np.testing.assert_allclose(found.positions[:12].mean(axis=0), [8.0, 7.5, 7.0], atol=1e-4)


def test_a_solute_may_be_several_molecules_that_touch(tmp_path):
    """Two waters with 1.68 angstrom between them, less than the tolerance."""
    one, two = ase.build.molecule("H2O"), ase.build.molecule("H2O")
    two.positions += one.positions[1] - two.positions[0] + [0.0, 1.4, -0.96]
    ase.io.write(tmp_path / "pair.xyz", one + two)
    command = ["pack", "H2O:20", "--around", str(tmp_path / "pair.xyz"), "--density", "0.9"]
    assert main([*command, "--output", str(tmp_path / "box.xyz")]) == 0
    found = with_bonds(read_structure(tmp_path / "box.xyz"))
    assert np.bincount(molecules(found)).tolist() == [3] * 22
    assert between_molecules(found) == pytest.approx(1.68, abs=0.01)


def test_a_molecule_comes_whole_from_a_cell_that_cuts_it(tmp_path):
    water = ase.build.molecule("H2O", cell=[9, 9, 9], pbc=True)
    water.wrap()
    ase.io.write(tmp_path / "water.extxyz", water)
    found = read_molecule(tmp_path / "water.extxyz")
    assert found.bonds.tolist() == [[0, 1], [0, 2]]
    assert np.ptp(found.positions, axis=0).max() < 2.0
    ase.io.write(tmp_path / "silicon.extxyz", ase.build.bulk("Si", cubic=True))
    with pytest.raises(FileError, match=r"silicon\.extxyz.*no molecules"):
        read_molecule(tmp_path / "silicon.extxyz")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["H2O", "--density", "1"], 2, "MOLECULE:COUNT"),
        (["H2O:0", "--density", "1"], 2, "1 or more"),
        (["H2O:" + "9" * 5000, "--density", "1"], 2, "1 or more"),
        (["H2O:-3", "--density", "1"], 2, "1 or more"),
        (["H2O:9000000", "--density", "1"], 2, "more than 200000"),
        (["unobtainium:4", "--density", "1"], 2, "neither a file nor a molecule"),
        (["missing.xyz:4", "--density", "1"], 2, "missing.xyz is neither a file"),
        (["H2O:4", "--density", "1", "--around", "missing.xyz"], 2, "missing.xyz is neither"),
        (["H2O:4", "--density", "0"], 2, "not above 0"),
        (["H2O:4", "--density", "nan"], 2, "not above 0"),
        (["H2O:4", "--density", "1", "--tolerance", "0"], 2, "tolerance of 0"),
        (["H2O:4", "--density", "1", "--seed", "-1"], 2, "Seed -1"),
        (["H2O:4", "--box", "9", "9"], 2, "2 edges"),
        (["H2O:4", "--box", "inf"], 2, "no volume"),
        (["H2O:4", "--density", "30"], 3, "cannot be packed into"),
        (["Ar:2", "--box", "4.5", "--tolerance", "3.9"], 3, "cannot be packed into"),
        (["biphenyl:1", "--box", "6", "6", "8"], 3, "their own images"),
        (["H2O:4", "--box", "6", "--around", "C60"], 3, "C60 is larger"),
    ],
)
def test_what_cannot_be_packed_is_said(tmp_path, capsys, words, status, said):
    assert main(["pack", *words, "--output", str(tmp_path / "box.extxyz")]) == status
    assert said in capsys.readouterr().err
    assert not (tmp_path / "box.extxyz").exists()
