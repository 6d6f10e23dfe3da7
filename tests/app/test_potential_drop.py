"""A potential file that is dropped becomes the potential of the recipe, as one edit."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import tomli_w

from dmdstudio.app.drops import sort_drop
from dmdstudio.plan.recipe import read_recipe, terms_to_tables

EXAMPLES = Path(__file__).parents[2] / "resources" / "examples"
WATER = EXAMPLES / "water-infrared"

FORCE_FIELD = """<ForceField>
<AtomTypes><Type name="o" class="o" element="O" mass="16"/>
<Type name="h" class="h" element="H" mass="1.008"/></AtomTypes>
<Residues><Residue name="HOH"><Atom name="O" type="o"/><Atom name="1" type="h"/>
<Atom name="2" type="h"/><Bond from="0" to="1"/><Bond from="0" to="2"/></Residue></Residues>
<HarmonicBondForce><Bond class1="o" class2="h" length="0.1" k="400000"/></HarmonicBondForce>
<HarmonicAngleForce><Angle class1="h" class2="o" class3="h" angle="1.9" k="400"/>
</HarmonicAngleForce><NonbondedForce coulomb14scale="1" lj14scale="1">
<Atom type="o" charge="-0.8" sigma="0.31" epsilon="0.65"/>
<Atom type="h" charge="0.4" sigma="1" epsilon="0"/></NonbondedForce></ForceField>
"""


@pytest.fixture
def water(tmp_path):
    """The water example in a folder of its own, with a force field beside it."""
    folder = tmp_path / "water"
    shutil.copytree(WATER, folder)
    (folder / "spc.xml").write_text(FORCE_FIELD, "utf-8")
    return folder


def kinds(window) -> list[str]:
    return [term.kind for term in window.session.recipe.potential]


@pytest.mark.parametrize(
    "name", ["ff.xml", "in.spce", "run.in", "topol.top", "spc.itp", "n.pickle"]
)
def test_potential_files_are_told_by_their_names(tmp_path, name):
    (tmp_path / name).write_text("")
    assert sort_drop(tmp_path / name, has_recipe=True).kind == "potential"
    assert "once there is a structure" in sort_drop(tmp_path / name, False).sentence


def test_a_potential_takes_the_place_of_the_one_before(qtbot, window, water):
    window.open_paths([water / "recipe.toml"])
    before = window.session.recipe
    window.open_paths([water / "spc.xml"])
    qtbot.waitUntil(lambda: window.session.recipe != before)
    (charges,) = [t for t in window.session.recipe.potential if t.kind == "coulomb"]
    assert charges.parameter[0].value == -0.8 and charges.parameter[0].free
    words = window.notice.words.text()
    assert "spc.xml is the potential now: harmonic bond (H-O), harmonic angle (H-O-H)" in words
    assert "OpenMM keeps HOH rigid" in window.notice._details.toPlainText()
    window.actions_by_name["undo"].trigger()
    assert window.session.recipe == before
    window.actions_by_name["redo"].trigger()
    assert window.session.recipe.potential[-1] == charges


def test_tables_alone_are_a_potential_and_a_recipe_is_one_as_ever(qtbot, window, water):
    """Such as `fit-forces` writes of a base and the network that corrects it."""
    window.open_paths([water / "recipe.toml"])
    first, *others = terms_to_tables(window.session.recipe.potential)
    network = {"kind": "eann", "file": "eann.npz"}
    (water / "fit").mkdir()
    tables = water / "fit" / "potential.toml"
    tables.write_text(tomli_w.dumps({"potential": [first, network]}))
    assert sort_drop(tables, has_recipe=True).kind == "potential"
    assert sort_drop(water / "recipe.toml", has_recipe=True).kind == "recipe"
    window.open_paths([tables])
    qtbot.waitUntil(lambda: len(kinds(window)) == 2 < len(others))
    one, two = window.session.recipe.potential
    assert one.parameter == read_recipe(water).potential[0].parameter
    assert two.options == {"file": "fit/eann.npz"}


def test_a_potential_waits_for_the_structure_that_begins_a_refinement(qtbot, window, water):
    window.open_paths([water / "spc.xml"])
    assert window.start_page.waiting.isVisible() and window.session.recipe is None
    window.open_paths([water / "water-64.extxyz"])
    qtbot.waitUntil(lambda: bool(window.session.recipe and window.session.recipe.potential))
    assert kinds(window) == ["harmonic_bond", "harmonic_angle", "lennard_jones", "ewald"]
    assert "Nothing of it is refined until you set it free" in window.notice.words.text()
    window.actions_by_name["undo"].trigger()
    assert not window.session.recipe.potential


def test_a_potential_is_read_for_the_structure_that_comes_with_it(qtbot, window, water, example):
    window.open_paths([example])
    window.open_paths([water / "spc.xml"])
    qtbot.waitUntil(lambda: window.notice.isVisible())
    assert "no molecule of the file is Ar" in window.notice.words.text()
    assert kinds(window) == ["lennard_jones"]
    window.open_paths([water / "spc.xml", water / "water-64.extxyz"])
    qtbot.waitUntil(lambda: len(kinds(window)) == 4)
    qtbot.waitUntil(lambda: "water-64" in window.session.recipe.system.structure)


def test_a_damaged_potential_is_told_of_and_changes_nothing(qtbot, window, water):
    window.open_paths([water / "recipe.toml"])
    before = window.session.recipe
    (water / "bad.xml").write_text(FORCE_FIELD[:500])
    window.open_paths([water / "bad.xml"])
    qtbot.waitUntil(lambda: window.notice.isVisible())
    assert "bad.xml, line" in window.notice.words.text()
    assert window.session.recipe == before
