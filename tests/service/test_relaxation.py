"""Relaxing: downhill by a potential, bounded, and refused where it leads nowhere."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dmdstudio.base.errors import DivergenceError
from dmdstudio.cli import main
from dmdstudio.files.structures import read_structure, write_structure
from dmdstudio.files.structures.packing import Portion, molecule_called, packed
from dmdstudio.plan.terms import PotentialTerm
from dmdstudio.service.relaxation import relaxed


def test_bonds_come_to_their_length_or_the_structure_is_refused():
    water = packed([Portion("H2O", molecule_called("H2O"), 4)], [9.0, 9.0, 9.0])

    def springs(length: float, stiffness: float = 40.0) -> list[PotentialTerm]:
        numbers = {"length": {"H-O": length}, "stiffness": {"H-O": stiffness}}
        return [PotentialTerm("harmonic_bond", {}, numbers)]

    found = relaxed(springs(1.05), water, largest_force=1e-4)
    assert found.converged
    assert found.before.energy > 0.1
    assert found.after.energy < 1e-8
    i, j = water.bonds.T
    lengths = np.linalg.norm(found.structure.positions[i] - found.structure.positions[j], axis=1)
    np.testing.assert_allclose(lengths, 1.05, atol=1e-5)
    with pytest.raises(DivergenceError, match=r"atoms 1 \(O\) and 2 \(H\) are no longer bonded"):
        relaxed(springs(1.6), water)
    with pytest.raises(DivergenceError, match="does not relax: in 1 steps"):
        relaxed(springs(1.05, 1000.0), water, steps=1)  # the first step goes too far


def test_a_packed_box_goes_downhill_to_its_last_step(tiny_recipe, tmp_path, capsys):
    recipe = str(Path(tiny_recipe.folder) / "recipe.toml")
    box, out = str(tmp_path / "packed.xyz"), tmp_path / "relaxed.xyz"
    assert main(["pack", "Ar:108", "--density", "1.37", "--output", box]) == 0
    capsys.readouterr()
    command = ["relax", recipe, "--structure", box, "--output", str(out), "--json"]
    assert main([*command, "--steps", "25"]) == 3
    said = capsys.readouterr()
    assert "after 25 steps" in said.err
    found = json.loads(said.out)
    assert (found["converged"], found["steps"]) == (False, 25)
    energy, force = found["energy_ev"], found["largest_force_ev_per_angstrom"]
    assert energy[1] < energy[0] - 1.0
    assert force[1] < force[0] / 2
    np.testing.assert_array_equal(read_structure(out).cell, read_structure(box).cell)


def test_what_cannot_be_relaxed_is_said(tiny_recipe, tmp_path, capsys):
    folder = Path(tiny_recipe.folder)
    argon, out = read_structure(folder / "argon-108.extxyz"), str(tmp_path / "out.xyz")
    argon.positions[1] = argon.positions[0]
    write_structure(replace(argon, title="two in one place"), tmp_path / "two.xyz")
    two = ["--structure", str(tmp_path / "two.xyz"), "--output", out]
    assert main(["relax", str(folder / "recipe.toml"), *two]) == 3
    assert "atoms in the same place" in capsys.readouterr().err
    assert main(["relax", str(folder / "recipe.toml"), *two, "--force", "0"]) == 2
    assert "not above 0" in capsys.readouterr().err
    assert main(["relax", str(tmp_path / "argon.in"), "--output", out]) == 2
    assert "--structure FILE" in capsys.readouterr().err
    assert not Path(out).exists()
