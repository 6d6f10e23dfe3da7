"""From an empty window to a refinement that can run, by drops and clicks, and back."""

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt, QThreadPool

from dmdstudio.app.beginning import first_recipe
from dmdstudio.app.matter import matter_of
from dmdstudio.app.views.pack_dialog import PackDialog
from dmdstudio.files.structures import read_structure, with_bonds
from dmdstudio.plan.recipe import read_recipe
from dmdstudio.plan.structure import Structure

EXAMPLES = Path(__file__).parents[2] / "resources" / "examples"
ARGON, WATER = EXAMPLES / "argon-diffusion", EXAMPLES / "water-infrared"


@pytest.fixture(scope="module")
def water():
    return matter_of(with_bonds(read_structure(WATER / "water-64.extxyz")))


def test_a_structure_is_counted_by_types_bonds_and_angles(water):
    assert (water.formula, water.atoms, dict(water.counts)) == ("H128O64", 192, {"H": 128, "O": 64})
    assert water.owners("bond") == ("H-O",) and water.owners("angle") == ("H-O-H",)
    assert water.at_rest("bond", "H-O") == pytest.approx(1.0, abs=0.1)
    assert water.at_rest("angle", "H-O-H") == pytest.approx(108.0, abs=8.0)
    assert 6.1 < water.half_width < 6.3 and 0.95 < water.density < 1.05


def test_angles_are_measured_across_the_cell_and_named_from_either_end():
    """A bent O-C-S across a face, and a methane-like centre with four neighbours: six angles."""
    centre = np.array([9.4, 5.0, 5.0])
    turned = 1.6 * np.array([-0.5, np.sqrt(0.75), 0.0])
    positions = np.array([[0.6, 5.0, 5.0], centre, centre + turned])
    bent = Structure(("O", "C", "S"), positions, 10.0 * np.eye(3), np.array([16.0, 12.0, 32.0]))
    bent = matter_of(with_bonds(bent))
    assert dict(bent.angles) == {"O-C-S": pytest.approx(120.0)}
    assert dict(bent.bonds) == {"C-O": pytest.approx(1.2), "C-S": pytest.approx(1.6)}
    corners = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]]) * 0.63
    carbon = np.concatenate([[[5.0, 5.0, 5.0]], 5.0 + corners])
    masses = np.array([12.0, 1.0, 1.0, 1.0, 1.0])
    methane = Structure(("C", "H", "H", "H", "H"), carbon, 10.0 * np.eye(3), masses)
    found = matter_of(with_bonds(methane))
    assert dict(found.angles) == {"H-C-H": pytest.approx(np.degrees(np.arccos(-1.0 / 3.0)))}


def test_owners_are_named_as_the_engine_names_them():
    """Formaldehyde and hydrogen peroxide in one cell: pairs, torsions and impropers too."""
    from dmdstudio.engine.core import System

    centre = np.array([3.0, 3.0, 3.0])
    formaldehyde = np.array([[0, 0, 0], [0, 0, 1.2], [0.94, 0, -0.55], [-0.94, 0, -0.55]])
    peroxide = np.array([[0, 0, 0], [1.45, 0, 0], [-0.3, 0.9, 0], [1.75, 0, 0.9]])
    symbols = ("C", "O", "H", "H", "O", "O", "H", "H")
    positions = np.concatenate([centre + formaldehyde, centre + 4.0 + peroxide])
    structure = with_bonds(Structure(symbols, positions, 14.0 * np.eye(3), np.ones(8)))
    names = tuple(sorted(set(symbols)))
    types = np.array([names.index(s) for s in symbols])
    system = System(names, types, structure.masses, structure.cell, bonds=structure.bonds)
    matter = matter_of(structure)
    assert matter.owners("torsion") and matter.owners("improper")
    for per in ("type", "pair", "bond", "angle", "torsion", "improper", "none"):
        assert matter.owners(per) == system.owners(per)


def test_steps_follow_the_lightest_atom_and_bonds(water):
    """Water gets the steps of the shipped example, argon too; the trajectory is cut evenly."""
    argon = matter_of(read_structure(ARGON / "argon-256.extxyz"))
    for folder, matter in ((ARGON, argon), (EXAMPLES / "water-flexible", water)):
        shipped = read_recipe(folder / "recipe.toml")
        draft = first_recipe(shipped.path(shipped.system.structure), matter)
        assert draft.dynamics.timestep == shipped.dynamics.timestep
        assert draft.dynamics.record_every == shipped.dynamics.record_every
        assert draft.sampling.timestep == shipped.sampling.timestep
        assert draft.gradient == shipped.gradient


def test_a_dropped_structure_begins_a_draft_that_says_what_it_lacks(qtbot, window):
    window.open_paths([ARGON / "argon-256.extxyz"])
    qtbot.waitUntil(lambda: window.session.recipe is not None)
    recipe = window.session.recipe
    assert recipe.system.structure == str(ARGON / "argon-256.extxyz")
    assert recipe.sampling.temperature == 298.15 and not recipe.potential and not recipe.target
    assert window.session.recipe_path is None and window.pages.currentWidget() is window.tabs
    tips = [window.workflow.item(row).toolTip() for row in range(3)]
    assert "Ar256" in tips[0] and "Choose a potential" in tips[1] and "No target" in tips[2]
    assert not window.actions_by_name["run"].isEnabled()


def test_data_before_its_structure_is_kept_and_becomes_a_target(qtbot, window):
    window.open_paths([ARGON / "argon-self-diffusion.csv"])
    qtbot.waitUntil(lambda: window.start_page.waiting.isVisible())
    assert window.session.recipe is None
    window.open_paths([ARGON / "argon-256.extxyz"])
    qtbot.waitUntil(lambda: bool(window.session.recipe and window.session.recipe.target))
    recipe = window.session.recipe
    assert recipe.target[0].observable == "self_diffusion"
    assert recipe.path(recipe.target[0].data) == ARGON / "argon-self-diffusion.csv"
    assert recipe.sampling.temperature == 94.4 and "94.4 K" in window.notice.words.text()
    assert not window.controller.intake.waiting and not window.start_page.waiting.isVisibleTo(
        window
    )
    window.actions_by_name["undo"].trigger()
    assert not window.session.recipe.target and window.session.recipe.sampling.temperature == 298.15


def test_a_structure_and_its_data_dropped_together(qtbot, window):
    window.open_paths([ARGON / "argon-self-diffusion.csv", ARGON / "argon-256.extxyz"])
    qtbot.waitUntil(lambda: bool(window.session.recipe and window.session.recipe.target))


def test_a_damaged_structure_begins_nothing_and_another_may_follow(qtbot, window, tmp_path):
    bad = tmp_path / "bad.xyz"
    bad.write_text("no structure")
    window.open_paths([bad])
    qtbot.waitUntil(lambda: window.notice.isVisible())
    assert window.session.recipe is None
    window.open_paths([ARGON / "argon-256.extxyz"])
    qtbot.waitUntil(lambda: window.session.recipe is not None)


def test_a_saved_draft_names_what_lies_beside_it_by_relative_paths(qtbot, window, tmp_path):
    structure = tmp_path / "liquid.extxyz"
    structure.write_bytes((ARGON / "argon-256.extxyz").read_bytes())
    window.open_paths([structure])
    qtbot.waitUntil(lambda: window.session.recipe is not None)
    window.controller.save_recipe(tmp_path / "mine.toml")
    assert read_recipe(tmp_path / "mine.toml").system.structure == "liquid.extxyz"


def test_another_structure_is_read_anew(qtbot, window):
    window.open_paths([ARGON / "argon-256.extxyz"])
    qtbot.waitUntil(lambda: window.session.recipe is not None)
    window.open_paths([ARGON / "argon-346.extxyz"])
    qtbot.waitUntil(lambda: window.session.matter and window.session.matter.atoms == 346)
    window.actions_by_name["undo"].trigger()
    qtbot.waitUntil(lambda: window.session.matter and window.session.matter.atoms == 256)
    window.session.change(("system", "structure"), "nowhere.xyz")
    qtbot.waitUntil(lambda: bool(window.session.matter_problem))
    assert "needs attention" in window.workflow.item(0).toolTip()


@pytest.fixture(scope="module")
def ready():
    """What the engine says of itself."""
    from dmdstudio.service.build import describe

    return describe()


def same_physics(recipe, shipped):
    """Whether two recipes build the same potential, dynamics and targets."""
    from dmdstudio.service.build import build

    (one, first), (other, second) = build(recipe), build(shipped)
    assert [t.options for t in first.potential] == [t.options for t in second.potential]
    assert [t.options for t in first.target] == [t.options for t in second.target]
    numbers = [[(s.term, s.name, s.value, s.free) for s in p.slots] for p in (one, other)]
    assert numbers[0] == numbers[1]
    assert first.dynamics == second.dynamics and first.gradient == second.gradient
    assert (first.sampling.temperature, first.sampling.timestep, first.sampling.replicas) == (
        second.sampling.temperature, second.sampling.timestep, second.sampling.replicas
    )  # fmt: skip
    assert np.array_equal(one.start, other.start)


def test_from_an_empty_window_to_the_shipped_argon_recipe_and_back(qtbot, window, ready):
    """Two drops and one click; the same physics; undone to where it began."""
    window.session.hear(ready)
    window.open_paths([ARGON / "argon-self-diffusion.csv"])
    qtbot.waitUntil(lambda: bool(window.controller.intake.waiting))
    window.open_paths([ARGON / "argon-256.extxyz"])
    qtbot.waitUntil(lambda: bool(window.session.recipe and window.session.recipe.target))
    offered = window.parameter_table.offer.buttons()
    assert [button.isVisible() for button in offered] == [True, True]
    qtbot.mouseClick(offered[0], Qt.MouseButton.LeftButton)
    assert window.actions_by_name["run"].isEnabled()
    same_physics(window.session.recipe, read_recipe(ARGON / "recipe.toml"))
    while window.session.undo_stack.canUndo():
        window.actions_by_name["undo"].trigger()
    recipe = window.session.recipe
    assert not recipe.potential and not recipe.target and recipe.sampling.temperature == 298.15
    assert window.parameter_table.offer.isVisible()


def test_from_an_empty_window_to_water_with_an_infrared_target(qtbot, window, ready):
    """The spectrum brings the dipole surface once the potential has charges."""
    from dmdstudio.service.build import build

    window.session.hear(ready)
    window.open_paths([WATER / "water-64.extxyz", WATER / "water-infrared-25C.csv"])
    qtbot.waitUntil(lambda: bool(window.session.recipe and window.session.recipe.target))
    assert "dipole surface" in window.workflow.item(2).toolTip()
    qtbot.mouseClick(window.parameter_table.offer.buttons()[0], Qt.MouseButton.LeftButton)
    recipe = window.session.recipe
    assert [s.kind for s in recipe.surface] == ["potential_charges"]
    assert window.actions_by_name["run"].isEnabled()
    assert {t.options["cutoff"] for t in recipe.potential if "cutoff" in t.options} == {5.8}
    problem, _ = build(recipe)
    assert problem.targets[0].observable.name == "infrared_spectrum"
    shipped, _ = build(read_recipe(WATER / "recipe-harmonic.toml"))
    assert [(s.key, s.value, s.free) for s in problem.slots] == [
        (s.key, s.value, s.free) for s in shipped.slots
    ]


def test_a_term_has_a_row_for_every_owner_and_blocks_until_it_has_values(qtbot, window, ready):
    """Geometry starts from the structure, a stiffness from nothing; keys alone fill it in."""
    window.session.hear(ready)
    window.open_paths([WATER / "water-64.extxyz"])
    qtbot.waitUntil(lambda: window.session.recipe is not None)
    window.editor.add("potential", "harmonic_bond")
    table, model = window.parameter_table.table, window.parameter_table.model
    rows = [model.index(r, 0).data() for r in range(model.rowCount())]
    assert rows == ["length H-O", "stiffness H-O"]
    assert float(model.index(0, 2).data()) == pytest.approx(1.0, abs=0.1)
    assert model.index(1, 2).data() == "needs a value"
    assert "A value is needed: stiffness of H-O" in window.workflow.item(1).toolTip()
    assert not model.setData(model.index(1, 2), "-3")
    assert "below 0" in window.parameter_table._wrong.text()
    table.setFocus()
    table.setCurrentIndex(model.index(1, 2))
    qtbot.keyClick(table, Qt.Key.Key_F2)
    qtbot.keyClicks(table.focusWidget() or table, "1059")
    qtbot.keyClick(window.focusWidget(), Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: len(window.session.recipe.potential[0].parameter) == 2)
    assert "Harmonic bonds, 2 of 2 free" in window.workflow.item(1).toolTip()
    assert not window.parameter_table._wrong.text()
    clear = window.parameter_table.menu(1).actions()[1]
    clear.trigger()
    assert model.index(1, 2).data() == "needs a value"
    for _ in range(2):
        window.actions_by_name["undo"].trigger()
    assert model.index(1, 2).data() == "needs a value"
    window.actions_by_name["undo"].trigger()
    assert not window.session.recipe.potential


def test_charges_are_wanted_of_all_but_the_balancing_type(qtbot, window, ready, water):
    window.session.hear(ready)
    window.open_paths([WATER / "water-64.extxyz"])
    qtbot.waitUntil(lambda: window.session.recipe is not None)
    window.editor.add("potential", "coulomb")
    window.editor.add("potential", "coulomb")
    keys = [term.key for term in window.session.recipe.potential]
    assert keys == ["coulomb", "coulomb 2"]
    assert [m.words for m in window.editor.missing()] == ["charge of O"] * 2
    assert window.session.recipe.potential[0].options["cutoff"] < water.half_width
    remove = window.parameter_table.menu(0).actions()[0]
    assert "Remove coulomb" in remove.text()
    remove.trigger()
    assert [term.key for term in window.session.recipe.potential] == ["coulomb 2"]


def test_every_force_field_offered_builds(ready):
    from dmdstudio.app import edits, presets
    from dmdstudio.plan.recipe import recipe_from_table, recipe_to_table
    from dmdstudio.service.build import build

    for path in (ARGON / "argon-256.extxyz", WATER / "water-64.extxyz"):
        matter = matter_of(with_bonds(read_structure(path)))
        offered = presets.fitting(matter)
        assert len(offered) == 2
        for preset in offered:
            table = edits.add_preset(recipe_to_table(first_recipe(path, matter)), preset, matter)
            entry = ready.catalog.find("observable", "self_diffusion")
            recipe = recipe_from_table(edits.add_target(table, entry, matter), path.parent)
            problem, _ = build(recipe, refined=False)
            assert any(slot.free for slot in problem.slots)


@pytest.mark.parametrize("path", [ARGON / "argon-256.extxyz", WATER / "water-64.extxyz"])
def test_every_term_and_surface_can_be_added(ready, path):
    """Whatever the catalog has: rows for every owner, in a recipe that can be read again."""
    from dmdstudio.app import edits
    from dmdstudio.app.wanted import missing_numbers
    from dmdstudio.plan.recipe import recipe_from_table, recipe_to_table

    matter = matter_of(with_bonds(read_structure(path)))
    draft = recipe_to_table(first_recipe(path, matter))
    for section, add in (("potential", edits.add_term), ("surface", edits.add_surface)):
        for entry in ready.catalog.section(section):
            recipe = recipe_from_table(add(draft, entry, matter))
            given = sum(len(term.parameter) for term in recipe.terms)
            wanted = len(missing_numbers(recipe, ready.catalog, matter))
            assert given + wanted <= sum(len(matter.owners(f.per)) for f in entry.parameters)
            if not any(f.spared_by or f.zero_between_like for f in entry.parameters):
                assert given + wanted == sum(len(matter.owners(f.per)) for f in entry.parameters)


def test_numbers_of_what_the_structure_lacks_are_told_of(qtbot, window, ready, example):
    window.session.hear(ready)
    window.open_paths([example])
    window.session.change(("potential", 0, "parameter", 0, "of"), "Kr")
    qtbot.waitUntil(lambda: window.session.matter is not None)
    assert "no atom type Kr" in window.workflow.item(1).toolTip()
    assert not window.actions_by_name["run"].isEnabled()


def test_packed_molecules_begin_a_refinement_and_what_is_wrong_is_said(qtbot, window, tmp_path):
    window.actions_by_name["pack"].trigger()
    dialog = window.findChild(PackDialog)
    (tmp_path / "mine.xyz").write_text("mine")
    dialog.output.setText(str(tmp_path / "mine.xyz"))
    dialog.pack.click()
    assert "is there already" in dialog.told.text()
    dialog.output.setText(str(tmp_path / "box.xyz"))
    dialog.molecules[0][0].setText("nowhere.pdb")
    dialog.pack.click()
    qtbot.waitUntil(lambda: "nowhere.pdb is neither" in dialog.told.text())
    dialog.molecules[0][0].setText("H2O")
    dialog.molecules[0][1].setValue(6)
    dialog.add.click()
    dialog.molecules[1][0].setText("CH3OH")
    dialog.pack.click()
    qtbot.waitUntil(lambda: window.session.recipe is not None)
    assert window.session.recipe.system.structure == str(tmp_path / "box.xyz")
    qtbot.waitUntil(lambda: window.session.matter is not None)
    assert window.session.matter.formula == "CH16O7"
    assert window.session.matter.density == pytest.approx(0.997, abs=1e-4)


def test_a_packing_ends_with_its_dialog(qtbot, window, tmp_path):
    window.actions_by_name["pack"].trigger()
    dialog = window.findChild(PackDialog)
    dialog.output.setText(str(tmp_path / "box.xyz"))
    dialog.molecules[0][1].setValue(3000)
    dialog.density.setValue(2.2)  # which would take Packmol minutes
    dialog.pack.click()
    qtbot.waitUntil(dialog.busy.isVisible)
    dialog.reject()
    assert QThreadPool.globalInstance().waitForDone(10_000)
    assert not (tmp_path / "box.xyz").exists() and window.session.recipe is None
