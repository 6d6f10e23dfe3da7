"""Our own recipes, and networks, as potentials to import; runs are in the tests of the commands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dmdstudio.base.errors import FileError
from dmdstudio.base.units import to_internal
from dmdstudio.files.potentials.array_file import write_arrays
from dmdstudio.files.structures import read_structure, with_bonds
from dmdstudio.plan.arrays import ParameterArrays
from dmdstudio.plan.atom_types import names_by_rules
from dmdstudio.plan.recipe import PotentialPlan, read_recipe
from dmdstudio.plan.terms import terms_of
from dmdstudio.service.imported import imported_potential

EXAMPLES = Path(__file__).parents[2] / "resources" / "examples"
WATER, ARGON = EXAMPLES / "water-infrared", EXAMPLES / "argon-diffusion"


@pytest.fixture
def water():
    return read_structure(WATER / "water-64.extxyz")


@pytest.mark.parametrize("source", [WATER, WATER / "recipe.toml"])
def test_the_potential_of_a_recipe_stays_as_it_is(source, water):
    found = imported_potential(source, water)
    assert found.terms == read_recipe(WATER).potential and not found.notes
    assert found.charges == {"O": -0.84}


def test_a_recipe_of_other_elements_is_refused_and_one_for_all_is_told_of(water):
    argon = read_structure(ARGON / "argon-256.extxyz")
    with pytest.raises(FileError, match=r"lennard_jones of .* has no numbers for Ar"):
        imported_potential(WATER, argon)
    assert not imported_potential(ARGON, argon).notes
    (note,) = imported_potential(ARGON, water).notes
    assert note == "The numbers of lennard_jones stand for all types of atoms: H, O."


def network(folder: Path, kind: str = "eann", **settings: object) -> Path:
    content = write_arrays(ParameterArrays(kind, {"atom_energy": np.zeros(1)}, settings), {})
    path = folder / "network.npz"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("kind", ["eann", "nequip", "behler_parrinello"])
def test_a_network_is_a_term_that_names_its_file(tmp_path, water, kind):
    path = network(tmp_path, kind, cutoff=4.5, elements="H O")
    (term,) = imported_potential(path, water).terms
    assert (term.kind, term.parameter) == (kind, ())
    assert term.options == {"file": str(path), "cutoff": 4.5, "elements": "H O"}


def test_what_a_network_does_not_say_is_asked_for_or_stays(tmp_path, water):
    path = network(tmp_path)
    assert [note.split(":")[0] for note in imported_potential(path, water).notes] == [
        "network.npz does not say its cutoff",
        "network.npz does not say its elements",
    ]
    before = PotentialPlan(kind="eann", name="net", options={"cutoff": 5.0, "elements": "O H"})
    (term,) = imported_potential(path, water, [before]).terms
    assert term.name == "net" and term.options["cutoff"] == 5.0
    with pytest.raises(FileError, match="a network for C, H, but the structure holds O"):
        imported_potential(network(tmp_path, elements="C H"), water)


def test_the_methanol_example_starts_from_its_force_field():
    recipe = read_recipe(EXAMPLES / "methanol")
    plain = read_structure(EXAMPLES / "methanol" / "methanol-64.extxyz")
    bonded, rules = with_bonds(plain), recipe.system.types
    names = names_by_rules(rules, bonded.symbols, bonded.bonds)
    structure = replace(bonded, names=names, type_rules=rules)
    found = imported_potential(EXAMPLES / "methanol" / "methanol.xml", structure)
    ours, theirs = (
        {t.kind: t for t in terms_of(plans, structure.types)}
        for plans in (recipe.potential, found.terms)
    )
    theirs["coulomb"] = theirs.pop("ewald")  # damped and shifted here
    assert ours.keys() == theirs.keys()
    for kind, term in ours.items():
        for name, values in term.parameters.items():
            assert values == pytest.approx(theirs[kind].parameters[name], rel=1e-6), name
        assert term.options.get("scale_14") == theirs[kind].options.get("scale_14")
    assert structure.density == pytest.approx(to_internal(0.78637, "g/cm3"), rel=1e-4)
