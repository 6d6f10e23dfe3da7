"""The window without an engine: edits, badges, keyboard, names, themes."""

import gc
import subprocess
import sys

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractButton, QComboBox, QLineEdit
from window_life import destroy

from dmdstudio.app.actions import PLANS
from dmdstudio.app.theme import set_theme
from dmdstudio.app.views.main_window import MainWindow
from dmdstudio.app.views.plot import Plot
from dmdstudio.app.words import difference, duration_words, number_with_error
from dmdstudio.plan.events import TargetReport
from dmdstudio.plan.recipe import read_recipe

CHECKED, UNCHECKED = Qt.CheckState.Checked, Qt.CheckState.Unchecked


def test_windows_leave_nothing_behind(application, example):
    counts = []
    for _ in range(3):
        window = MainWindow()
        window.show()
        window.open_paths([example])
        application.processEvents()
        destroy(window)
        del window
        gc.collect()
        counts.append(len(application.allWidgets()))
    assert counts[0] == counts[-1]


def test_an_edited_value_ends_up_in_the_recipe_and_can_be_undone(window, example):
    window.open_paths([example])
    window.show_step("Refine")
    window.settings_panel.set_level("expert")
    form = window.settings_panel.form(("sampling",))
    form.edited.emit("temperature", 100.0)
    assert window.session.recipe.sampling.temperature == 100.0
    window.actions_by_name["undo"].trigger()
    assert window.session.recipe.sampling.temperature == 94.4
    assert form.values()["temperature"] == 94.4
    window.actions_by_name["redo"].trigger()
    assert form.values()["temperature"] == 100.0


def test_a_setting_that_does_not_fit_blocks_the_run_and_says_why(window, example):
    window.open_paths([example])
    assert window.actions_by_name["run"].isEnabled()
    window.settings_panel.set_level("expert")
    form = window.settings_panel.form(("dynamics",))
    form.edited.emit("record_every", 7)
    assert "not a multiple" in form.error("record_every")
    assert not window.actions_by_name["run"].isEnabled()
    assert "not a multiple" in window.workflow.item(3).toolTip()
    form.edited.emit("record_every", 10)
    assert not form.error("record_every")
    assert window.actions_by_name["run"].isEnabled()


def test_the_parameter_table_edits_value_bounds_and_freedom(window, example):
    window.open_paths([example])
    model = window.parameter_table.model
    names = [model.headerData(c, Qt.Orientation.Horizontal) for c in range(model.columnCount())]
    value, lower, free = (model.index(0, names.index(n)) for n in ("Value", "Lower", "Free"))
    assert model.setData(value, "3.4e0")
    assert model.setData(lower, "")
    assert model.setData(free, UNCHECKED.value, Qt.ItemDataRole.CheckStateRole)
    sigma = window.session.recipe.potential[0].parameter[0]
    assert (sigma.value, sigma.lower, sigma.free) == (3.4, None, False)
    assert not model.setData(value, "9")
    assert "outside its bounds" in window.parameter_table._wrong.text()
    assert not window.actions_by_name["run"].isEnabled()


def test_a_missing_file_needs_attention(window, example):
    (example.parent / "argon-256.extxyz").unlink()
    window.open_paths([example])
    assert "needs attention" in window.workflow.item(0).toolTip()
    assert not window.actions_by_name["run"].isEnabled()


def test_a_recipe_saved_elsewhere_still_finds_its_files(window, example, tmp_path):
    window.open_paths([example])
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    window.controller.save_recipe(elsewhere / "mine.toml")
    saved = read_recipe(elsewhere / "mine.toml")
    assert saved.path(saved.system.structure).resolve().is_file()
    assert saved.path(saved.target[0].data).resolve().is_file()
    assert saved.sampling == window.session.recipe.sampling


def test_the_window_is_imported_without_what_only_files_need():
    script = (
        "import sys, dmdstudio.app.views.main_window\n"
        "print([m for m in ('ase', 'scipy', 'h5py', 'matplotlib', 'jax') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stdout + done.stderr


def test_every_shortcut_is_taken_once():
    shortcuts = [plan.shortcut for plan in PLANS if plan.shortcut]
    assert len(shortcuts) == len(set(shortcuts))


def test_every_control_has_a_name(window, example):
    window.open_paths([example])
    window.settings_panel.finish()
    nameless = [
        type(widget).__name__
        for kind in (QLineEdit, QComboBox, QAbstractButton)
        for widget in window.findChildren(kind)
        if not (widget.accessibleName() or getattr(widget, "text", str)() or widget.toolTip())
        and not widget.objectName().startswith("qt_")
        and widget.parent() is not None
        and type(widget).__module__.startswith("dmdstudio")
    ]
    assert not nameless


def test_empty_plots_say_why_in_words(window, example):
    window.open_paths([example])
    for name, panel in window.panels.items():
        window.show_tab(name)
        for plot in panel.findChildren(Plot):
            if plot.isVisible():
                assert plot.is_empty and len(plot.accessibleDescription()) > 20


@pytest.mark.parametrize("name", ["dark", "light", "system"])
def test_themes_change_everything_at_once(window, application, name):
    set_theme(name)
    shade = application.palette().window().color().lightness()
    assert name == "system" or (shade < 100) == (name == "dark")
    set_theme("system")


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (2.4137, 0.052, "2.414 ± 0.052"),
        (2.4137, 0.0, "2.414"),
        (241.37, 12.0, "241 ± 12"),
        (-5.64621, 0.0055, "−5.6462 ± 0.0055"),
        (0.0024137, float("nan"), "0.002414"),
    ],
)
def test_numbers_show_the_digits_that_their_error_allows(value, error, words):
    assert number_with_error(value, error, "") == words


def test_a_number_is_told_in_percent_unless_its_experiment_is_next_to_nothing():
    def told(value, experiment):
        return difference(
            TargetReport(
                name="p", observable="pressure", label="Pressure", unit="bar", value=[value],
                experiment=[experiment], error=[],
            )
        )  # fmt: skip

    assert told(2.41, 2.36) == "+2.1\u00a0%" and told(2.36, 2.36) == "+0.0\u00a0%"
    assert told(-4102.0, 1.0) == "−4103\u00a0bar" and told(3.0, 0.0) == "+3\u00a0bar"


def test_lengths_of_time_in_words():
    assert [duration_words(s) for s in (5, 200, 7500)] == ["5 s", "3 min", "2 h 5 min"]
