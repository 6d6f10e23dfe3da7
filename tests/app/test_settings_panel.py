"""The settings: items that come and go, by mouse and keys, and two levels of them."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit

from dmdstudio.app.guided import guided_values, with_guided
from dmdstudio.app.views.add_button import AddButton
from dmdstudio.app.views.section import ItemHeading
from dmdstudio.app.views.settings_panel import SettingsPanel
from dmdstudio.plan.recipe import read_recipe, recipe_from_table, recipe_to_table

EXAMPLES = Path(__file__).parents[2] / "resources" / "examples"
WATER = EXAMPLES / "water-infrared" / "recipe-harmonic.toml"


@pytest.fixture(scope="module")
def ready():
    from dmdstudio.service.build import describe

    return describe()


@pytest.fixture
def water(window, ready, qtbot):
    """The window with the infrared example, its settings in view."""
    window.session.hear(ready)
    window.open_paths([WATER])
    qtbot.waitUntil(lambda: window.session.matter is not None)
    window.show_step("Experiment")
    window.settings_panel.finish()
    return window


def headings(window, title):
    found = window.settings_panel.findChildren(ItemHeading)
    return [h for h in found if h.remove.accessibleName() == f"Remove {title}"]


def adder(window, words):
    buttons = window.settings_panel.findChildren(AddButton)
    return next(button for button in buttons if button.text() == words)


def names(window):
    return [target.key for target in window.session.recipe.target]


def test_targets_are_added_doubled_and_removed_by_hand_and_all_of_it_undone(water, qtbot):
    before = water.session.recipe
    menu = adder(water, "Add target…").menu()
    menu.aboutToShow.emit()
    choice = next(a for a in menu.actions() if a.text() == "Self-diffusion coefficient")
    assert "Green-Kubo" in choice.toolTip()
    choice.trigger()
    water.settings_panel.finish()
    assert names(water) == ["infrared_spectrum", "density", "self_diffusion"]
    assert water.session.recipe.target[2].options["window"] == 0.5  # a piece of the trajectory
    (heading,) = headings(water, "Density")
    qtbot.mouseClick(heading.duplicate, Qt.MouseButton.LeftButton)
    water.settings_panel.finish()
    assert names(water) == ["infrared_spectrum", "density", "density 2", "self_diffusion"]
    (heading,) = headings(water, "density 2")
    heading.remove.setFocus()
    qtbot.keyClick(heading.remove, Qt.Key.Key_Space)
    water.settings_panel.finish()
    (heading,) = headings(water, "Infrared spectrum")
    heading.menu().actions()[1].trigger()
    assert names(water) == ["density", "self_diffusion"]
    while water.session.undo_stack.canUndo():
        water.actions_by_name["undo"].trigger()
    assert water.session.recipe == before


def test_a_target_of_density_takes_starts_at_constant_pressure(window, ready, example, qtbot):
    window.session.hear(ready)
    window.open_paths([example])
    qtbot.waitUntil(lambda: window.session.matter is not None)
    window.editor.add("target", "density")
    assert window.session.recipe.sampling.ensemble == "npt"
    window.session.change(("sampling", "ensemble"), "nvt")
    assert "constant pressure" in window.workflow.item(2).toolTip()


def test_surfaces_come_and_go_and_follow_the_name_of_their_term(water):
    water.session.change(("surface", 0, "term"), "coulomb")
    form = water.settings_panel.form(("potential", 3))
    form.edited.emit("name", "charges")
    recipe = water.session.recipe
    assert recipe.potential[3].key == "charges" and recipe.surface[0].options["term"] == "charges"
    water.editor.remove("surface", 0)
    assert "dipole surface" in water.workflow.item(2).toolTip()
    assert not water.actions_by_name["run"].isEnabled()
    water.editor.add("surface", "charge_flux")
    missing = [m.words for m in water.editor.missing()]
    assert "flux of H-O" in missing and "length of H-O" not in missing
    water.actions_by_name["undo"].trigger()
    water.actions_by_name["undo"].trigger()
    assert water.session.recipe.surface[0].kind == "potential_charges"


def test_a_problem_of_an_item_goes_with_it(water):
    form = water.settings_panel.form(("target", 1))
    form.edited.emit("weight", -1.0)
    assert water.session.problems and not water.actions_by_name["run"].isEnabled()
    water.editor.remove("target", 1)
    assert not water.session.problems and water.actions_by_name["run"].isEnabled()


def test_guided_shows_few_settings_and_expert_all_and_the_choice_stays(water, qtbot):
    panel = water.settings_panel
    assert panel.level == "guided"
    few = len(panel.findChildren(QLineEdit))
    panel.switch["expert"].click()
    panel.finish()
    assert len(panel.findChildren(QLineEdit)) > few + 15
    assert SettingsPanel(water.session, water.editor).level == "expert"
    panel.switch["guided"].click()
    panel.finish()
    water.show_step("Refine")
    section = panel._sections["guided"]
    qtbot.waitUntil(lambda: panel.area.verticalScrollBar().value() > 0)
    assert section.mapTo(panel.area.viewport(), section.rect().topLeft()).y() >= 0
    form = panel.form(("guided",))
    assert form.values()["window"] == 0.3 and form.values()["automatic"] is True
    assert not form.editor("horizon").isEnabled()
    form.editor("automatic").setFocus()
    qtbot.keyClick(form.editor("automatic"), Qt.Key.Key_Space)
    assert form.editor("horizon").isEnabled()
    form.editor("horizon").setFocus()
    qtbot.keyClicks(form.editor("horizon"), "0.1")
    qtbot.keyClick(form.editor("horizon"), Qt.Key.Key_Return)
    assert water.session.recipe.gradient.options == {"truncation": "window", "horizon": 0.1}


def test_a_longer_window_makes_longer_trajectories_and_a_horizon_none(ready):
    table = recipe_to_table(read_recipe(WATER))
    wider = with_guided(table, "window", 0.81, ready.catalog)
    plan = recipe_from_table(wider)
    assert plan.dynamics.steps == 2 * 203 * 8  # two pieces of 203 frames, 4 fs apart
    assert plan.target[0].options["window"] == 0.81 and "window" not in plan.target[1].options
    assert guided_values(wider, ready.catalog)["window"] == 0.81
    cut = with_guided(wider, "automatic", False, ready.catalog)
    assert cut["gradient"]["truncation"] == "none"
    cut = with_guided(cut, "horizon", 0.2, ready.catalog)
    assert (cut["gradient"]["truncation"], cut["gradient"]["horizon"]) == ("window", 0.2)
    cut = with_guided(cut, "horizon", None, ready.catalog)
    assert cut["gradient"]["truncation"] == "none" and "horizon" not in cut["gradient"]


def test_a_potential_that_is_registered_at_run_time_finds_its_form(window, example, qtbot, request):
    """Its settings, its parameters and its place in the menu follow from what it declares."""
    from dmdstudio.engine.potential import potentials
    from dmdstudio.engine.potentials.morse import Morse
    from dmdstudio.plan.catalog import ParameterField
    from dmdstudio.service.build import describe

    ripple = ParameterField(name="ripple", unit="1/angstrom", label="k", doc="Of waves.",
                            typical=2.5, per="pair")  # fmt: skip
    declared = {"name": "rippled", "label": "Rippled well", "doc": "A well with waves.",
                "parameters": (*Morse.parameters, ripple)}  # fmt: skip
    potentials.add("rippled", type("Rippled", (Morse,), declared))
    request.addfinalizer(lambda: potentials.remove("rippled"))
    window.session.hear(describe())
    window.open_paths([example])
    qtbot.waitUntil(lambda: window.session.matter is not None)
    window.settings_panel.finish()
    menu = adder(window, "Add term…").menu()
    menu.aboutToShow.emit()
    choice = next(a for a in menu.actions() if a.text() == "Rippled well")
    assert "waves" in choice.toolTip()
    choice.trigger()
    window.settings_panel.finish()
    term = window.session.recipe.potential[-1]
    (own,) = [p for p in term.parameter if p.name == "ripple"]
    assert (term.kind, own.of, own.value, own.unit) == ("rippled", "Ar-Ar", 2.5, "1/angstrom")
    assert "switch_start" in window.settings_panel.form(("potential", 1)).fields


def test_another_observable_or_file_that_does_not_fit_is_said(water):
    panel, before = water.settings_panel, water.session.recipe
    form = panel.form(("target", 1))
    form.edited.emit("observable", "infrared_spectrum")
    assert "infrared_spectrum" in form.error("observable") and water.session.recipe is before
    form.edited.emit("observable", "pressure")
    panel.finish()
    assert names(water) == ["infrared_spectrum", "pressure"] and not water.session.problems


def test_the_same_file_named_otherwise_keeps_what_was_said_of_it(water):
    table = water.session.table()
    table["target"][0]["corrections"] = [{"kind": "scale", "by": 2.0}]
    water.session.replace_recipe(table, "correction")
    recipe = water.session.recipe
    path = str(recipe.path(recipe.target[0].data))
    form = water.settings_panel.form(("target", 0))
    form.edited.emit("data", path)
    assert water.session.recipe.target[0].data == path
    assert len(water.session.recipe.target[0].corrections) == 1
    form.edited.emit("data", "another.csv")
    assert not water.session.recipe.target[0].corrections
