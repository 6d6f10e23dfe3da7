"""From an empty window to a refinement that can run, by drops and clicks, and back."""

from pathlib import Path

import numpy as np
import pytest

from dmdstudio.app.beginning import first_recipe
from dmdstudio.app.matter import matter_of
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
    assert not window.controller.waiting and not window.start_page.waiting.isVisibleTo(window)
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
