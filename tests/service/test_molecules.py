"""Bonds of a structure, their parameters in a recipe, and what is refused about them."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path

import ase
import ase.io
import msgspec
import numpy as np
import pytest
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress

from dmdstudio.base.errors import DmdError, FileError
from dmdstudio.engine.water import water
from dmdstudio.files.potentials import Provenance, export
from dmdstudio.files.structures import read_structure, replicate, with_bonds, write_structure
from dmdstudio.files.structures.bonds import molecules, whole
from dmdstudio.plan.recipe import parse_recipe, read_recipe, recipe_to_toml
from dmdstudio.plan.settings import with_settings
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import parameter_key, potential_terms
from dmdstudio.service.build import build
from dmdstudio.service.calculator import calculator_from_terms
from dmdstudio.service.structure import structure_of

EXAMPLE = Path(__file__).parents[2] / "resources" / "examples" / "water-flexible"
PROVENANCE = Provenance("test", "test", 0, "0", "2025-01-01", temperature=298.15)


@pytest.fixture
def recipe():
    return read_recipe(EXAMPLE)


# ----------------------------------------------------------------------------------- structures


def test_bonds_are_found_across_the_border_of_the_cell():
    system, positions = water(np.diag([9.3, 9.9, 10.5]), 3)
    symbols = tuple(system.type_names[t] for t in system.types)
    for moved in (positions, positions % np.diagonal(system.cell)):
        found = with_bonds(Structure(symbols, moved, system.cell, system.masses))
        assert np.array_equal(found.bonds, system.bonds)
        together = whole(found)
        apart = together.positions[found.bonds[:, 1]] - together.positions[found.bonds[:, 0]]
        assert np.linalg.norm(apart, axis=1).max() < 1.2
        shift = (together.positions - moved) @ np.linalg.inv(system.cell)
        assert np.allclose(shift, np.round(shift), atol=1e-9)
    assert len(np.unique(molecules(found))) == 27


def test_ions_and_atoms_that_only_touch_are_not_bonded():
    cell = np.eye(3) * 20.0
    places = np.array([[0, 0, 0], [2.3, 0, 0], [2.9, 0.76, 0.0], [2.9, -0.76, 0], [10, 10, 10.0]])
    salt = Structure(("Na", "O", "H", "H", "Cl"), places, cell, np.ones(5))
    assert with_bonds(salt).bonds.tolist() == [[1, 2], [1, 3]]
    argon = Structure(("Ar", "Ar"), places[:2] * 1.2, cell, np.ones(2))
    assert with_bonds(argon).bonds.shape == (0, 2)


def test_a_network_without_end_has_no_molecules():
    steps = np.arange(6) * 1.5
    chain = Structure(
        ("C",) * 6, np.stack([steps, 0 * steps, 0 * steps], 1), np.diag([9.0, 9, 9]), np.ones(6)
    )
    with pytest.raises(FileError, match="no molecules"):
        whole(with_bonds(chain))


def test_copies_of_a_cell_are_bonded_as_the_cell_is(recipe):
    one = structure_of(recipe)
    two = structure_of(with_settings(recipe, ["system.replicate=[2, 1, 1]"]))
    assert (len(one.bonds), len(two.bonds)) == (128, 256)
    with pytest.raises(ValueError, match="before its bonds"):
        replicate(one, (2, 1, 1))


def test_nobody_looks_for_bonds_that_are_not_needed(tiny_recipe, recipe):
    assert structure_of(tiny_recipe).bonds.shape == (0, 2)
    unbonded = msgspec.structs.replace(recipe, potential=recipe.potential[2:])
    assert structure_of(unbonded).bonds.shape == (0, 2)


# -------------------------------------------------------------------------------------- recipes


def test_a_bond_has_one_name_from_either_end(recipe):
    text = (EXAMPLE / "recipe.toml").read_text().replace('of = "H-O"', 'of = "O-H"')
    turned = parse_recipe(text, EXAMPLE)
    assert turned != recipe
    for one, other in zip(turned.potential, recipe.potential, strict=True):
        assert [parameter_key(one, p) for p in one.parameter] == [
            parameter_key(other, p) for p in other.parameter
        ]
    first, second = build(turned)[0], build(recipe)[0]
    assert first.slots == second.slots
    assert first.slots[0].key == "harmonic_bond.length[H-O]"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('of = "H-O"', "", ("harmonic_bond.length", "`of` is missing", "'H-O'")),
        ('of = "H-O"', 'of = "O"', ("harmonic_bond.length[O]", "found of = 'O'", "'H-O'")),
        ('of = "H-O"', 'of = "O-O"', ("harmonic_bond.length[O-O]", "no bond 'O-O'", "H-O")),
        ('of = "H-O-H"', 'of = "H-O"', ("harmonic_angle.angle[H-O]", "'H-O-H'")),
        ('of = "H-O-H"', 'of = "O-H-O"', ("no angle 'O-H-O'", "It has: H-O-H")),
        ('value = 0.0\nunit = "kcal/mol"\nfree = false', 'value = 0.0\nunit = "kcal/mol"',
         ("epsilon of H", "from 0", "free = false")),
        ('unit = "degree"', 'unit = "angstrom"', ("angle", "length", "'degree'")),
        ("free = false", "free = false\n\n[[potential.parameter]]\nname = 'length'\nof = 'O-H'\n"
         "value = 1.0", ("given twice",)),
        ('balance = "H"', "", ("charge", "for H")),
        ('balance = "H"', 'balance = "N"', ("coulomb", "'N'", "H, O")),
        ('balance = "H"', 'balance = "O"', ("charge[O]", "by itself")),
        ('of = "O"\nvalue = -0.84', "value = -0.84", ("coulomb.charge", "by itself", "`of`")),
        ("damping = 0.2", "damping = 0.9", ("damping", "0.9", "cutoff", "0.565")),
        ("damping = 0.2", "damping = -1", ("damping", "at least 0")),
        ("cutoff = 6.2\ndamping", "cutoff = 6.3\ndamping", ("coulomb", "6.3", "replicate")),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named(old, new, words):
    text = (EXAMPLE / "recipe.toml").read_text()
    assert old in text
    with pytest.raises(DmdError) as caught:
        build(parse_recipe(text.replace(old, new, 1), EXAMPLE))
    error = caught.value
    assert error.message.endswith(".") and "\n" not in str(error)
    assert all(word in str(error) for word in words), str(error)


def test_charges_must_add_up_and_stay_so(recipe):
    def given(hydrogen: float, free: str):
        own = '\n[[potential.parameter]]\nname = "charge"\nof = "H"\nunit = "e"\nfree = false\n'
        text = (EXAMPLE / "recipe.toml").read_text()
        text = text.replace('balance = "H"\n', "").replace(
            "upper = -0.76\n", f"upper = -0.76\nfree = {free}\n{own}value = {hydrogen}\n"
        )
        return with_settings(
            parse_recipe(text, EXAMPLE), ["potential.harmonic_bond.parameter.length.free=true"]
        )

    build(given(0.42, "false"))
    with pytest.raises(DmdError, match=r"charge of 1.28 e .*128 H of 0.43 e .*balance"):
        build(given(0.43, "false"))
    with pytest.raises(DmdError, match=r"one by one.*balance"):
        build(given(0.42, "true"))


def test_a_structure_without_bonds_is_refused(recipe, tmp_path):
    structure = read_structure(EXAMPLE / "water-64.extxyz")
    far = Structure(
        structure.symbols, structure.positions * 3, structure.cell * 3, structure.masses
    )
    shutil.copy(EXAMPLE / "water-self-diffusion.csv", tmp_path)
    write_structure(far, tmp_path / "water-64.extxyz")
    (tmp_path / "recipe.toml").write_text(recipe_to_toml(recipe))
    with pytest.raises(DmdError, match=r"water-64.extxyz \(H128O64\).*angstrom"):
        build(read_recipe(tmp_path))


# ---------------------------------------------------------------------------- exports, calculator


def test_the_calculator_knows_molecules(recipe, tmp_path):
    problem, complete = build(recipe)
    structure = structure_of(complete)
    terms = potential_terms(complete, structure.symbols, {"coulomb.charge[O]": -0.82})
    export("ase", terms, structure, tmp_path / "water.py", PROVENANCE)
    names = runpy.run_path(str(tmp_path / "water.py"))
    atoms = ase.Atoms(structure.symbols, structure.positions, cell=structure.cell, pbc=True)
    atoms.set_masses(structure.masses)
    atoms.calc = names["calculator"]()
    moved = problem.initial.copy()
    moved[[slot.key for slot in problem.slots].index("coulomb.charge[O]")] = -0.82
    expected = problem.field.energy(problem.theta(moved), problem.start, problem.system.cell)
    assert atoms.get_potential_energy() == pytest.approx(float(expected), rel=1e-6)  # 32 bits
    few = [0, 1, 100]
    slopes = calculate_numerical_forces(atoms, eps=1e-4, iatoms=few)
    assert np.allclose(atoms.get_forces()[few], slopes, atol=2e-5)  # of the shift at the cutoff
    stress = calculate_numerical_stress(atoms, eps=1e-5)
    assert np.allclose(atoms.get_stress(), stress, atol=1e-6)


def test_a_format_that_cannot_write_a_term_names_those_that_can(recipe, tmp_path):
    _, complete = build(recipe)
    structure = structure_of(complete)
    terms = potential_terms(complete, structure.symbols, {})
    with pytest.raises(FileError, match=r"gromacs.*'coulomb'.*Formats that can: ase"):
        export("gromacs", terms, structure, tmp_path / "it", PROVENANCE)


def test_the_calculator_sums_charges_over_all_images_as_the_engine_does(recipe, tmp_path):
    *others, charges = recipe.potential
    options = {"cutoff": 6.2, "balance": "H"}
    plan = msgspec.structs.replace(charges, kind="ewald", options=options)
    problem, complete = build(msgspec.structs.replace(recipe, potential=(*others, plan)))
    structure = structure_of(complete)
    terms = potential_terms(complete, structure.symbols, {})
    export("ase", terms, structure, tmp_path / "water.py", PROVENANCE)
    names = runpy.run_path(str(tmp_path / "water.py"))
    atoms = ase.Atoms(structure.symbols, structure.positions, cell=structure.cell, pbc=True)
    atoms.calc = names["calculator"]()
    theta = problem.theta(problem.initial)
    expected = problem.field.energy(theta, problem.start, problem.system.cell)
    assert atoms.get_potential_energy() == pytest.approx(float(expected), rel=1e-6)
    atoms.set_cell(1.1 * atoms.cell, scale_atoms=True)
    grown = atoms.get_potential_energy()  # of more waves than before
    atoms.calc = names["calculator"]()
    assert grown == pytest.approx(atoms.get_potential_energy(), rel=1e-12)


def test_the_calculator_names_what_is_missing(recipe):
    _, complete = build(recipe)
    terms = potential_terms(complete, ("O", "H", "H"), {})
    plain = [{"kind": t.kind, "options": t.options, "parameters": t.parameters} for t in terms]
    atoms = ase.Atoms(
        "HCN", [[0, 0, -1.06], [0, 0, 0], [0, 0, 1.16]], cell=np.eye(3) * 20, pbc=True
    )
    atoms.calc = calculator_from_terms(plain)
    with pytest.raises(DmdError, match=r"no length for C-H.*H-O"):
        atoms.get_potential_energy()
