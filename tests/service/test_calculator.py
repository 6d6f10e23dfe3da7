"""The refined potential as an ASE calculator."""

from __future__ import annotations

import ase
import ase.io
import numpy as np
import pytest
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress

import dmdstudio
from dmdstudio.base.errors import DmdError, PhysicsError
from dmdstudio.files.run_store import RunStore
from dmdstudio.service import loop
from dmdstudio.service.calculator import RefinedPotential
from dmdstudio.service.control import Control


@pytest.fixture
def run(tiny_recipe, tmp_path):
    list(loop.refine(tiny_recipe, tmp_path / "run", Control()))
    return tmp_path / "run"


def _argon(run):
    recipe = RunStore.open(run).recipe()
    atoms = ase.io.read(recipe.path(recipe.system.structure))
    atoms.rattle(0.1, seed=1)
    return atoms


def test_forces_and_stress_are_slopes_of_the_energy(run):
    atoms = _argon(run)
    atoms.calc = dmdstudio.load_calculator(run)
    few = [0, 5, 60]
    forces = atoms.get_forces()
    slopes = calculate_numerical_forces(atoms, eps=1e-4, iatoms=few)
    assert np.allclose(forces[few], slopes, atol=1e-7)
    stress = calculate_numerical_stress(atoms, eps=1e-5)
    assert np.allclose(atoms.get_stress(), stress, atol=1e-8)


def test_the_iteration_can_be_chosen(run):
    atoms = _argon(run)
    energies = []
    for which in (0, 1, "last"):
        atoms.calc = dmdstudio.load_calculator(run, which)
        energies.append(atoms.get_potential_energy())
    assert len(set(energies)) == 3


def test_bonds_that_are_given_tell_the_types():
    """Atoms so far apart that distances show no bond."""
    positions = np.array([[0, 0, 0], [1.6, 0, 0], [0, 1.6, 0]])
    atoms = ase.Atoms("OHH", positions, cell=np.eye(3) * 20.0, pbc=True)
    springs = {"length": {"HO-O": 1.0}, "stiffness": {"HO-O": 2.0}}
    terms = [{"kind": "harmonic_bond", "options": {}, "parameters": springs}]
    atoms.calc = RefinedPotential(terms, np.array([[0, 1], [0, 2]]), "HO = H(O)")
    assert atoms.get_potential_energy() == pytest.approx(0.72, rel=1e-6)


def test_what_it_cannot_do_is_said(run, tmp_path):
    atoms = _argon(run)
    atoms.calc = dmdstudio.load_calculator(run)
    atoms.pbc = False
    with pytest.raises(DmdError, match="periodic"):
        atoms.get_potential_energy()
    atoms.pbc = True
    atoms.symbols[0] = "Kr"
    with pytest.raises(DmdError, match="for Kr"):
        atoms.get_potential_energy()
    atoms = _argon(run)
    atoms.calc = dmdstudio.load_calculator(run)
    atoms.set_cell(atoms.cell * 0.8, scale_atoms=True)
    with pytest.raises(PhysicsError, match="cutoff"):
        atoms.get_potential_energy()
    with pytest.raises(DmdError, match="nowhere"):
        dmdstudio.load_calculator(tmp_path / "nowhere")
