"""Data that do not say what they are: asked about in one dialog, remembered, corrected, pasted."""

import threading

import numpy as np
import pytest
from msgspec.structs import replace
from PySide6.QtCore import QCoreApplication, QMimeData, QPoint, Qt, QThreadPool
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication

from dmdstudio.app.data_reading import found_data, preview, remembered_count
from dmdstudio.app.drops import holds_columns, sort_drop
from dmdstudio.app.views.preferences_dialog import PreferencesDialog
from dmdstudio.base.errors import FileError
from dmdstudio.files.spectra import read_as
from dmdstudio.plan.corrections import Crop, Scale
from dmdstudio.plan.reading import ReadingPlan
from dmdstudio.plan.recipe import parse_recipe, recipe_to_toml

X = np.arange(4000.0, 400.0, -20.0)
Y = 0.1 + np.exp(-(((X - 1650.0) / 60.0) ** 2))


def rows(*columns):
    return "\n".join("\t".join(f"{v:.6g}" for v in row) for row in zip(*columns, strict=True))


@pytest.fixture
def opened(window, example, qtbot):
    """The window with a recipe that knows nothing of spectra yet."""
    window.open_paths([example])
    qtbot.waitUntil(lambda: window.session.matter is not None)
    return window


def drop(window, qtbot, folder, **files):
    """Open files of these contents, and wait for the dialog to show what is in the first."""
    for name, text in files.items():
        (folder / f"{name}.dat").write_text(text)
    window.open_paths([folder / f"{name}.dat" for name in files])
    return asked(window, qtbot, len(files))


def asked(window, qtbot, count=1):
    qtbot.waitUntil(lambda: window.data_desk.dialog is not None)
    dialog = window.data_desk.dialog
    qtbot.waitUntil(lambda: len(dialog.waiting) == count and dialog._shown is not None)
    return dialog


def say(dialog, qtbot, **answers):
    for key, value in answers.items():
        chooser = dialog.choosers[key]
        assert not chooser.isHidden()
        chooser.setCurrentIndex(chooser.findData(value))
        shown = dialog._shown
        chooser.activated.emit(chooser.currentIndex())
        qtbot.waitUntil(lambda shown=shown: dialog._shown is not shown)


def infrared(window):
    return [t for t in window.session.recipe.target if t.observable == "infrared_spectrum"]


def test_what_a_file_leaves_open_is_asked_shown_and_recorded(opened, qtbot, tmp_path):
    before = opened.session.recipe
    dialog = drop(opened, qtbot, tmp_path, film=rows(X, np.arange(len(X)), 100.0 * 10.0**-Y))
    assert opened.session.recipe is before, "nothing is taken before it is known"
    assert not dialog.use.isEnabled() and dialog.choosers["value_unit"].isHidden()
    assert dialog.choosers["block"].currentText() == "Choose…"
    say(dialog, qtbot, block="column 3", quantity="transmittance", axis_unit="1/cm")
    assert not dialog.choosers["value_unit"].isHidden() and not dialog.use.isEnabled()
    say(dialog, qtbot, value_unit="%")
    drawn = dialog.plot.contents
    assert drawn.series["read"].y == pytest.approx(100.0 * 10.0 ** -Y[::-1], rel=1e-4)
    assert drawn.bottom == ("Wavenumber", "1/cm") and drawn.left == ("Transmittance", "%")
    dialog.use.click()
    qtbot.waitUntil(lambda: len(infrared(opened)) == 1)
    (target,) = infrared(opened)
    assert target.fit_scale and target.reading == ReadingPlan(
        block="column 3", quantity="transmittance", axis_unit="1/cm", value_unit="%"
    )
    headless = parse_recipe(recipe_to_toml(opened.session.recipe)).target[-1]
    read = read_as(tmp_path / "film.dat", headless.reading, headless.corrections)
    assert read.value.tolist() == drawn.series["read"].y.tolist()
    qtbot.waitUntil(lambda: opened.data_desk.dialog is None)
    opened.show_tab("compare")
    panel = opened.panels["compare"]
    panel.chooser.setCurrentIndex(panel.chooser.findData("infrared_spectrum"))
    qtbot.waitUntil(lambda: "experiment" in panel.plot.contents.series)
    assert panel.plot.contents.series["experiment"].y == pytest.approx(Y[::-1], rel=1e-4)
    opened.actions_by_name["undo"].trigger()
    assert opened.session.recipe == before


def test_several_files_share_one_dialog_and_one_that_is_remembered_answers_the_others(
    opened, qtbot, tmp_path
):
    columns = rows(X, Y)
    dialog = drop(opened, qtbot, tmp_path, one=columns, two=columns, other=rows(X, Y, Y))
    assert dialog.files.count() == 3 and not dialog.files.isHidden()
    dialog.files.setCurrentRow([a.path.name for a in dialog.waiting].index("one.dat"))
    qtbot.waitUntil(lambda: dialog._shown is not None)
    say(dialog, qtbot, quantity="absorbance", axis_unit="1/cm")
    dialog.remember.setChecked(True)
    dialog.use.click()
    qtbot.waitUntil(lambda: len(infrared(opened)) == 1 and infrared(opened)[0].data.count("two"))
    qtbot.waitUntil(lambda: [a.path.name for a in dialog.waiting] == ["other.dat"])
    assert infrared(opened)[0].reading == ReadingPlan(quantity="absorbance", axis_unit="1/cm")
    assert "as files like it were: absorbance, 1/cm" in opened.notice.words.text()
    dialog.close()
    qtbot.waitUntil(lambda: opened.data_desk.dialog is None)
    assert "other.dat is left out" in opened.notice.words.text()
    (tmp_path / "three.dat").write_text(columns)
    opened.open_paths([tmp_path / "three.dat"])
    qtbot.waitUntil(lambda: infrared(opened)[0].data.endswith("three.dat"))
    assert opened.data_desk.dialog is None, "asked no more"
    preferences = PreferencesDialog(opened)
    assert remembered_count() == 1 and preferences.forget.isEnabled()
    preferences.forget.click()
    assert remembered_count() == 0 and not preferences.forget.isEnabled()
    preferences.close()
    asked_again = drop(opened, qtbot, tmp_path, four=columns)
    asked_again.reject()


def test_a_file_that_was_left_out_stays_out_when_its_like_is_remembered(
    opened, qtbot, tmp_path, monkeypatch
):
    asking, left = threading.Event(), threading.Event()

    def slow(path):
        asking.set()
        left.wait(10)
        return found_data(path)

    monkeypatch.setattr("dmdstudio.app.views.data_desk.found_data", slow)
    dialog = drop(opened, qtbot, tmp_path, one=rows(X, Y), two=rows(X, Y))
    dialog.files.setCurrentRow([a.path.name for a in dialog.waiting].index("one.dat"))
    qtbot.waitUntil(lambda: dialog._shown is not None)
    say(dialog, qtbot, quantity="absorbance", axis_unit="1/cm")
    dialog.remember.setChecked(True)
    dialog.use.click()
    qtbot.waitUntil(asking.is_set)
    dialog.skip.click()
    left.set()
    QThreadPool.globalInstance().waitForDone()
    QCoreApplication.processEvents()
    assert infrared(opened)[0].data.endswith("one.dat")


def test_data_of_a_target_are_corrected_as_one_edit(opened, qtbot, tmp_path):
    text = "Wavenumber (cm-1),Absorbance\n" + rows(X, Y).replace("\t", ",")
    (tmp_path / "plain.csv").write_text(text)
    opened.open_paths([tmp_path / "plain.csv"])
    qtbot.waitUntil(lambda: len(infrared(opened)) == 1)
    assert opened.data_desk.dialog is None, "it says all"
    place = len(opened.session.recipe.target) - 1
    opened.data_desk.show_target(place)
    dialog = asked(opened, qtbot)
    assert dialog.use.text() == "Apply" and dialog.use.isEnabled()
    kinds = {action.text(): action for action in dialog.corrections.add.menu().actions()}

    def after(change):
        shown = dialog._shown
        change()
        qtbot.waitUntil(lambda: dialog._shown is not shown)

    after(kinds["Crop"].trigger)
    after(lambda: dialog.corrections.forms[0].edited.emit("low", 1000.0))
    after(kinds["Scale"].trigger)
    after(lambda: dialog.corrections.forms[1].edited.emit("by", 3.0))
    after(lambda: dialog.corrections._move_up(1))
    read = dialog.plot.contents.series["read"]
    assert read.x.min() == 1000.0 and read.y.max() == pytest.approx(3.0 * Y.max(), rel=1e-3)
    assert dialog.plot.contents.series["file"].y.max() == pytest.approx(Y.max(), rel=1e-3)
    after(kinds["Smooth"].trigger)
    after(lambda: dialog.corrections.forms[2].edited.emit("points", 4))
    assert "Correction 3" in dialog._wrong.text() and not dialog.use.isEnabled()
    after(lambda: dialog.corrections.removers[2].click())
    before = opened.session.undo_stack.count()
    dialog.use.click()
    qtbot.waitUntil(lambda: opened.data_desk.dialog is None)
    expected = (Scale(by=3.0), Crop(low=1000.0, high=4000.0))
    assert opened.session.recipe.target[place].corrections == expected
    assert opened.session.undo_stack.count() == before + 1
    opened.show_step("Experiment")
    opened.settings_panel.finish()
    row = dict(opened.settings_panel._data_rows)[place]
    assert row._words.text() == "Read as the file says. 2 corrections."
    row.button.click()
    dialog = asked(opened, qtbot)
    after(lambda: dialog.corrections.removers[0].click())
    dialog.skip.click()
    assert opened.session.recipe.target[place].corrections == expected, "cancelled"
    opened.session.show_run(replace(opened.session.view, running=True))
    assert not row.button.isEnabled(), "those of a run under way stand still"


def test_a_single_number_is_said_where_there_is_no_curve(opened, qtbot):
    opened.data_desk.show_target(0)
    dialog = asked(opened, qtbot)
    words = "The file holds a single number: 2.36 × 10⁻⁹ m²/s."
    assert dialog.plot.accessibleDescription() == words
    dialog.close()


def test_a_recipe_whose_data_say_too_little_waits_for_an_answer(opened, qtbot, example):
    (example.parent / "bare.dat").write_text(rows(X, Y))
    table = opened.session.table()
    added = {"observable": "infrared_spectrum", "data": "bare.dat", "fit_scale": True}
    opened.session.replace_recipe({**table, "target": [*table["target"], added]}, "target")
    qtbot.waitUntil(lambda: "bare.dat does not say what it holds" in opened.session.data_problem)
    assert not opened.actions_by_name["run"].isEnabled()
    opened.data_desk.show_target(len(opened.session.recipe.target) - 1)
    dialog = asked(opened, qtbot)
    say(dialog, qtbot, quantity="absorbance", axis_unit="1/cm")
    dialog.use.click()
    qtbot.waitUntil(lambda: not opened.session.data_problem)
    place = ("target", len(opened.session.recipe.target) - 1, "regions")
    opened.session.change(place, [{"low": 5000.0, "high": 6000.0}])
    qtbot.waitUntil(lambda: "outside of the data" in opened.session.data_problem)
    opened.actions_by_name["undo"].trigger()
    qtbot.waitUntil(lambda: not opened.session.data_problem)


def test_a_file_that_is_mended_elsewhere_lets_the_run_begin(opened, qtbot, tmp_path):
    path = tmp_path / "film.csv"
    head = "Wavenumber (cm-1),Absorbance\n"
    path.write_text(head + rows(X, Y).replace("\t", ","))
    opened.open_paths([path])
    qtbot.waitUntil(lambda: len(infrared(opened)) == 1)
    path.write_text(head)
    opened.session.recipe_changed.emit()
    qtbot.waitUntil(lambda: bool(opened.session.data_problem))
    path.write_text(head + rows(X, Y).replace("\t", ","))
    QGuiApplication.instance().applicationStateChanged.emit(Qt.ApplicationState.ApplicationActive)
    qtbot.waitUntil(lambda: not opened.session.data_problem)


def test_data_are_scaled_only_while_they_are_a_shape(opened, qtbot, tmp_path):
    dialog = drop(opened, qtbot, tmp_path, film=rows(X, Y))
    say(dialog, qtbot, quantity="absorbance", axis_unit="1/cm")
    dialog.use.click()
    qtbot.waitUntil(lambda: len(infrared(opened)) == 1)
    assert infrared(opened)[0].fit_scale
    intake, place = opened.controller.intake, len(opened.session.recipe.target) - 1
    absolute = ReadingPlan(quantity="n_alpha", axis_unit="1/cm", value_unit="1/cm")
    intake.read_target_as(place, tmp_path / "film.dat", absolute, ())
    assert not infrared(opened)[0].fit_scale
    opened.session.change(("target", place, "fit_scale"), True)
    intake.read_target_as(place, tmp_path / "film.dat", absolute, (Scale(by=2.0),))
    assert infrared(opened)[0].fit_scale, "as the user says"


def test_what_a_recipe_says_wrongly_can_be_chosen_again(tmp_path):
    (tmp_path / "film.dat").write_text(rows(X, Y, Y))
    for wrong in (ReadingPlan(block="column 7"), ReadingPlan(quantity="absorbence")):
        found = preview(tmp_path / "film.dat", wrong)
        assert ("column 7" in found.problem) or ("absorbence" in found.problem)
        assert {c.question.key: c.chosen for c in found.choices} == {
            "block": "", "quantity": "", "axis_unit": ""
        }  # fmt: skip
    with pytest.raises(FileError, match="no rows of numbers"):
        (tmp_path / "film.dat").write_text("nothing")
        preview(tmp_path / "film.dat", ReadingPlan())


def test_columns_are_pasted_and_dropped_as_text(opened, qtbot, example):
    clipboard = QGuiApplication.clipboard()
    clipboard.setText("a note of no use")
    opened.actions_by_name["paste"].trigger()
    assert "neither files nor columns" in opened.notice.words.text()
    clipboard.setText(rows(X, Y))
    opened.actions_by_name["paste"].trigger()
    dialog = asked(opened, qtbot)
    (path,) = [a.path for a in dialog.waiting]
    assert path.parent == example.parent and path.name.startswith("pasted-")
    assert path.read_text() == rows(X, Y) + "\n"
    say(dialog, qtbot, quantity="velocity_autocorrelation", axis_unit="ps", value_unit="m2/s2")
    dialog.use.click()
    qtbot.waitUntil(lambda: opened.session.recipe.target[-1].data == path.name)
    assert opened.session.recipe.target[-1].observable == "velocity_autocorrelation"
    data = QMimeData()
    data.setText(rows(X, Y, Y))
    left, none, copy = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, Qt.DropAction
    enter = QDragEnterEvent(QPoint(50, 50), copy.CopyAction, data, left, none)
    QCoreApplication.sendEvent(opened, enter)
    words = opened.drop_target.overlay.accessibleDescription()
    assert words == "Columns of numbers: Becomes the experiment of a target"
    event = QDropEvent(QPoint(50, 50).toPointF(), copy.CopyAction, data, left, none)
    QCoreApplication.sendEvent(opened, event)
    asked(opened, qtbot).close()


def test_what_was_answered_before_there_is_a_structure_is_kept_for_it(
    window, qtbot, tmp_path, example
):
    dialog = drop(window, qtbot, tmp_path, film=rows(X, Y))
    say(dialog, qtbot, quantity="absorbance", axis_unit="1/cm")
    dialog.use.click()
    qtbot.waitUntil(lambda: [p.name for p in window.controller.intake.waiting] == ["film.dat"])
    window.open_paths([example.parent / "argon-256.extxyz"])
    qtbot.waitUntil(lambda: window.session.recipe is not None and bool(infrared(window)))
    (target,) = infrared(window)
    assert target.reading == ReadingPlan(quantity="absorbance", axis_unit="1/cm")
    assert window.data_desk.dialog is None


def test_a_file_that_was_let_go_is_asked_about_when_it_comes_again(window, qtbot, tmp_path):
    dialog = drop(window, qtbot, tmp_path, film=rows(X, Y))
    say(dialog, qtbot, quantity="absorbance", axis_unit="1/cm")
    dialog.use.click()
    qtbot.waitUntil(lambda: bool(window.controller.intake.waiting))
    window.controller.intake.forget_waiting()
    qtbot.waitUntil(lambda: window.data_desk.dialog is None)
    drop(window, qtbot, tmp_path, film=rows(X, Y)).close()


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("1 2\n3 4\n", True),
        ("wavenumber;A\n4000,0;0,01\n3998,1;0,02\n", True),
        ("4000,0.1\n3998,0.2\n", True),
        ("1\t2\t3", False),
        ("There are 2 of\nthese 3 here", False),
        ("", False),
    ],
)
def test_columns_are_told_from_prose(text, columns):
    assert holds_columns(text) is columns


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("film.0", b""), ("film.jdx", b""), ("film.SPC", b""), ("film.h5", b""),
        ("film", b"\n\n\xfe\xfe rest"), ("film.odd", b"##TITLE= ice\n##JCAMP-DX= 4.24\n"),
    ],
)  # fmt: skip
def test_files_of_instruments_are_data(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert sort_drop(tmp_path / name, has_recipe=True).kind == "data"
