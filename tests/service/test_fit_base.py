"""Networks that correct a potential: what is taken away, and that the sum comes back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import ase
import ase.io
import msgspec
import numpy as np
import pytest
from ase.calculators.singlepoint import SinglePointCalculator

from dmdstudio.base.errors import FileError
from dmdstudio.engine.water import water
from dmdstudio.files.potentials import read_parameters
from dmdstudio.files.structures import read_structure
from dmdstudio.plan.events import Fitted
from dmdstudio.plan.force_fit import ForceFitPlan, LabelledFrame
from dmdstudio.plan.recipe import read_terms
from dmdstudio.service.calculator import RefinedPotential
from dmdstudio.service.control import Control
from dmdstudio.service.fit_base import Base
from dmdstudio.service.force_fit import fit_forces, resume_fit
from dmdstudio.service.imported import imported_potential
from dmdstudio.service.own_engine import plain_terms
from dmdstudio.service.read_back import terms_in

WATER = Path(__file__).parents[2] / "resources" / "examples" / "water-flexible"
ARGON = """[[potential]]
kind = "lennard_jones"
cutoff = 5.0
switch_start = 4.0
parameter = [
    {name = "sigma", of = "Ar", value = 3.4, unit = "angstrom"},
    {name = "epsilon", of = "Ar", value = 0.2, unit = "eV"},
]
"""


@pytest.fixture
def argon(tmp_path):
    """Frames of eight atoms in a cell narrower than twice the cutoff, labelled by ARGON."""
    (tmp_path / "argon.toml").write_text(ARGON)
    sites = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    random, frames = np.random.default_rng(1), []
    calculator = None
    for _ in range(6):
        atoms = ase.Atoms("Ar4", sites * 5.4, cell=np.eye(3) * 5.4, pbc=True).repeat((2, 1, 1))
        atoms.positions += random.normal(scale=0.15, size=atoms.positions.shape)
        large = atoms.repeat((1, 2, 2))
        if calculator is None:
            ase.io.write(tmp_path / "large.extxyz", large, format="extxyz")
            structure = read_structure(tmp_path / "large.extxyz")
            found = imported_potential(tmp_path / "argon.toml", structure)
            calculator = RefinedPotential(plain_terms(terms_in(found, structure)))
        large.calc = calculator
        stress = large.get_stress()
        labels = {"energy": large.get_potential_energy() / 4, "forces": large.get_forces()[:8]}
        atoms.calc = SinglePointCalculator(atoms, **labels, stress=stress)
        frames.append(atoms)
    return tmp_path, frames


def labelled(atoms: ase.Atoms, periodic=(True,) * 3) -> LabelledFrame:
    found, zero = atoms.calc.results, np.zeros((len(atoms), 3))
    stress = atoms.get_stress(voigt=False)
    symbols = tuple(atoms.get_chemical_symbols())
    return LabelledFrame(
        "it", symbols, atoms.positions, atoms.cell[:], periodic, found["energy"],
        found.get("forces", zero), stress,
    )  # fmt: skip


def test_of_what_the_base_has_labelled_nothing_is_left(argon):
    """In cells that its cutoff does not fit into, and of atoms without one."""
    folder, frames = argon
    one, *_ = map(labelled, frames)
    base = Base.read(str(folder / "argon.toml"), [one])
    rest = base.less(one)
    assert abs(rest.energy) < 1e-10 and np.abs(rest.forces).max() < 1e-10
    assert np.abs(rest.stress).max() < 1e-12 < np.abs(one.stress).max()
    pair = np.array([[0.0, 0, 0], [2.0, 2.0, 2.4]])
    alone = LabelledFrame("two", ("Ar",) * 2, pair, np.zeros((3, 3)), (False,) * 3, 0.0)
    r = np.linalg.norm(pair[1])
    assert r < 4.0 and base.less(alone).forces is None
    expected = 4 * 0.2 * ((3.4 / r) ** 12 - (3.4 / r) ** 6)
    assert base.less(alone).energy == pytest.approx(-expected, rel=1e-9)
    with pytest.raises(FileError, match=r"it: argon\.toml, which is to be corrected, does not fit"):
        base.less(replace(one, symbols=("Kr",) * 8))


def test_molecules_may_be_cut_by_the_cell():
    """Where the cell is repeated, its bonds are found anew, by molecules in one piece."""
    cell = np.eye(3) * 6.4
    system, positions = water(cell, 2)
    symbols = tuple(system.type_names[t] for t in system.types)
    zero = np.zeros(positions.shape)
    frame = LabelledFrame("it", symbols, positions, cell, (True,) * 3, 0.0, zero, np.zeros((3, 3)))
    base = Base.read(str(WATER), [frame])
    moved = replace(frame, positions=(positions + 3.0) % 6.4)
    one, two = base.less(frame), base.less(moved)
    assert np.allclose(one.forces, two.forces, atol=1e-9) and np.abs(one.forces).max() > 0.1
    assert one.energy == pytest.approx(two.energy, abs=1e-9)
    assert len(base._calculators) == 1  # else every frame would be compiled


def test_a_fit_learns_the_rest_and_adds_both(argon):
    """It goes on where the base has been changed or lost: its folder has all it needs."""
    folder, frames = argon
    for atoms in frames:  # springs to the middle of the atoms besides
        away = atoms.positions - atoms.positions.mean(axis=0)
        atoms.calc.results["energy"] += 0.05 * np.sum(away**2)
        atoms.calc.results["forces"] -= 0.1 * away
    ase.io.write(folder / "data.extxyz", frames, format="extxyz")
    plan = ForceFitPlan(
        data=(str(folder / "data.extxyz"),), base=str(folder / "argon.toml"), epochs=1, batch=2,
        cutoff=4.5, radials=3, widths="6", stress_weight=0.0,
    )  # fmt: skip
    *_, report = fit_forces(plan, folder / "fit", Control())
    assert isinstance(report, Fitted) and report.files[-1].endswith("potential.toml")
    forces = next(e for e in report.training if e.quantity == "forces")
    assert forces.size < 600.0 < 1e3 * np.std([a.calc.results["forces"] for a in frames])
    (folder / "argon.toml").write_text(ARGON.replace("0.2", "0.3"))
    *_, report = resume_fit(folder / "fit", 2, Control())
    assert report.epochs == 2
    again = next(e for e in report.training if e.quantity == "forces")
    assert again.size == forces.size

    large = frames[0].repeat((1, 2, 2))
    ase.io.write(folder / "large.extxyz", large, format="extxyz")
    structure = read_structure(folder / "large.extxyz")
    terms = terms_in(imported_potential(folder / "fit" / "potential.toml", structure), structure)
    assert [term.kind for term in terms] == ["lennard_jones", "eann"]
    assert read_parameters("eann", folder / "fit" / "eann.npz").about[-1].startswith("It corrects")
    both, network = (
        RefinedPotential(plain_terms(some)).get_forces(large)[:8] for some in (terms, terms[1:])
    )
    away = frames[0].positions - frames[0].positions.mean(axis=0)
    base = frames[0].calc.results["forces"] + 0.1 * away
    assert np.allclose(both, base + network, atol=1e-9) and np.abs(network).max() > 1e-3


def test_a_network_of_the_same_kind_has_a_name_of_its_own(tmp_path):
    table = read_terms(WATER)
    found = imported_potential(WATER, read_structure(WATER / "water-64.extxyz"))
    own = msgspec.structs.replace(table.potential[0], kind="eann", options={"file": "/a/b.npz"})
    base = Base(WATER, replace(found, terms=(own,)), 5.0, False)
    one, two = base.corrected(ForceFitPlan(data=()))
    assert (one.options["file"], two.options["file"]) == ("base-1.npz", "eann.npz")
    assert (one.key, two.key) == ("eann", "correction")
