"""The plot: bands that follow their data, axes that are made when they are needed."""

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QMenu, QMessageBox

from dmdstudio.app.axis_choices import axis_choices
from dmdstudio.app.plot_table import table_text
from dmdstudio.app.readout import Snap, nearest_point, read_out
from dmdstudio.app.session import Session
from dmdstudio.app.views.panel import Panel
from dmdstudio.app.views.picture_dialog import PictureDialog
from dmdstudio.app.views.plot import Plot


@pytest.fixture
def plot(qtbot):
    plot = Plot("A plot", "Nothing yet.")
    qtbot.addWidget(plot)
    plot.show()
    return plot


def test_no_menu_lies_over_the_axes(qtbot):
    fresh = Plot("A plot", "Nothing yet.")
    qtbot.addWidget(fresh)
    fresh.prepare()  # before it is shown, as in a window that starts
    fresh.line("value", [0, 1], [1, 2], "accent")
    fresh.show()
    assert not any(menu.isVisible() for menu in fresh.findChildren(QMenu))


def test_a_band_reaches_from_low_to_high_again_and_again(plot):
    for low, high in ((1.0, 2.0), (5.0, 7.0)):
        plot.band("error", [0.0, 1.0], [low, low], [high, high], "accent")
        fill, _ = plot.items.bands["error"]
        drawn = fill.path().boundingRect()
        assert (drawn.top(), drawn.bottom()) == (low, high)


def test_nothing_but_the_data_sets_the_range(plot):
    plot.level("experiment", [0, 5], 2.4, 0.1, "text", "Experiment")
    plot.line("value", [0, 1, 2], [2.5, 2.6, 2.7], "accent", points=True)
    plot._plot.getViewBox().updateAutoRange()
    (left, right), (low, high) = plot._plot.viewRange()
    assert 2.0 < low < 2.3 and 2.7 < high < 3.0
    assert -1.5 < left < -0.5 and 5.5 < right < 6.5


def test_axes_are_made_when_they_are_needed_with_all_that_was_asked_before(plot):
    plot.whole_numbers_below()
    plot.set_labels("Iteration", "Loss")
    hint = plot.sizeHint()
    assert plot.is_empty and not plot.is_prepared
    plot.clear()
    plot.restyle()
    assert not plot.is_prepared
    plot.line("value", [0, 1], [1.0, 2.0], "accent")
    assert plot.is_prepared and not plot.is_empty and plot.sizeHint() == hint
    assert plot._plot.getAxis("bottom").whole_numbers
    assert plot._plot.getAxis("bottom").labelText == "Iteration"


def test_marks_and_lines_stand_where_the_logarithm_is(plot):
    plot.set_log(True, bottom=True)
    plot.line("value", [0.1, 10.0], [1.0, 1000.0], "accent")
    plot.mark("chosen", 10.0, "good", "Chosen")
    assert plot.items.marks["chosen"][0].value() == 1.0
    x, y = plot.items.lines["value"][0].getData()
    assert list(x) == [-1.0, 1.0] and list(y) == [0.0, 3.0]
    plot.clear()
    assert not plot.items.marks and "Chosen" not in plot._legend.text()


def test_a_changed_look_is_taken_over(plot):
    plot.line("value", [0, 1], [1.0, 2.0], "accent", points=True)
    item, _ = plot.items.lines["value"]
    assert item.opts["symbol"] == "o" and item.opts["pen"] is not None
    plot.line("value", [0, 1], [1.0, 2.0], "good", points=False)
    assert plot.items.lines["value"][0] is item and item.opts["symbol"] is None


def test_a_panel_of_several_plots_finishes_before_it_begins_anew(qtbot, application):
    drawn = []

    class Slow(Panel):
        def draw(self):
            for number in range(3):
                drawn.append(number)
                yield

    session = Session()
    panel = Slow(session)
    qtbot.addWidget(panel)
    panel.show()
    assert drawn == [0]
    for _ in range(5):  # asked again and again, faster than it can draw
        session.run_changed.emit()
    qtbot.waitUntil(lambda: len(drawn) == 6)
    qtbot.wait(20)
    assert drawn == [0, 1, 2, 0, 1, 2]


# -- read-out, units, regions, switching


@pytest.fixture
def spectrum(plot):
    plot.set_labels("Wavenumber", "Absorption", "1/cm", "1/cm")
    plot.line("low", [100.0, 200.0, 400.0], [1.0, 2.0, 4.0], "accent", label="Low")
    plot.line("high", [100.0, 200.0, 400.0], [11.0, 12.0, 14.0], "good", label="High")
    plot.errors("low error", [100.0, 200.0, 400.0], [1.0, 2.0, 4.0], [0.1] * 3, "accent", of="low")
    return plot


def test_the_crosshair_takes_the_nearest_point_and_reads_every_line(spectrum):
    snap = nearest_point(spectrum.contents, 190.0, 11.0, 1.0, 0.01)
    assert (snap.name, snap.x, snap.y) == ("high", 200.0, 12.0)
    rows = {name: number for name, number, _ in read_out(spectrum.contents, snap)}
    assert rows["Wavenumber"] == "200 cm⁻¹" and "5.9958 THz" in rows[""]
    assert rows["Low"].startswith("2 ") and rows["High"].startswith("12 ")
    between = Snap("low", 1, 300.0, 3.0)
    assert ("Low", "3.00 ± 0.10 cm⁻¹", "low") in read_out(spectrum.contents, between)


def test_keys_move_the_crosshair_and_the_mouse_cannot_leave_it_behind(qtbot, spectrum):
    cross = spectrum.crosshair
    for key in (Qt.Key.Key_Home, Qt.Key.Key_Right, Qt.Key.Key_Down):
        qtbot.keyClick(spectrum, key)
    assert (cross.snap.name, cross.snap.x) == ("high", 200.0) and cross.box.isVisible()
    spectrum.line("high", [100.0, 200.0], [1.0, 7.0], "good", label="High")
    assert cross.snap.y == 7.0, "it reads what is drawn now"
    spectrum.remove("high")
    assert cross.snap is None and not cross.box.isVisible()
    qtbot.keyClick(spectrum, Qt.Key.Key_Left)
    qtbot.keyClick(spectrum, Qt.Key.Key_Escape)
    assert cross.snap is None


def test_the_unit_of_an_axis_changes_in_all_plots_and_is_remembered(qtbot, spectrum):
    spectrum.menu.next_unit()
    x, _ = spectrum.items.lines["low"][0].getOriginalDataset()
    assert x == pytest.approx([2.99792, 5.99585, 11.9917], rel=1e-5)
    assert spectrum._plot.getAxis("bottom").labelText == "Frequency (THz)"
    other = Plot("Another", "Nothing yet.")
    qtbot.addWidget(other)
    other.set_labels("Wavenumber", "Absorption", "1/cm")
    assert other.contents.coordinates.shown == "THz"
    axis_choices().choose_unit("1/cm", "um")
    x, y = spectrum.items.lines["low"][0].getOriginalDataset()
    assert list(x) == [25.0, 50.0, 100.0] and list(y) == [4.0, 2.0, 1.0]
    axis_choices().choose_unit("1/cm", "1/cm")
    assert list(spectrum.items.lines["low"][0].getOriginalDataset()[0]) == [100.0, 200.0, 400.0]


def test_a_spectrum_falls_where_it_is_asked_to_and_a_time_never(spectrum):
    spectrum.menu.reverse()
    assert spectrum._plot.getViewBox().xInverted()
    spectrum.set_labels("Time", "Correlation", "ps")
    assert not spectrum._plot.getViewBox().xInverted()
    spectrum.menu.reverse()
    assert not spectrum.contents.falling


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("unit", ["1/cm", "meV", "um"])
def test_a_region_says_where_it_was_dragged_to_in_the_unit_of_the_data(spectrum, log, unit):
    told = []
    spectrum.set_log(False, bottom=log)
    axis_choices().choose_unit("1/cm", unit)
    ends = (True, True)
    spectrum.region(
        "out", 150.0, 250.0, "quiet", "Out", ends=ends, dragged=lambda *e: told.append(e)
    )
    region = spectrum.items.regions["out"]
    coordinates = spectrum.contents.coordinates
    region.item.setRegion(sorted(coordinates.to_view(x) for x in (120.0, 310.0)))
    assert told[-1] == pytest.approx((120.0, 310.0))
    axis_choices().choose_unit("1/cm", "1/cm")


def test_one_end_of_a_region_stays_where_it_is_not_to_be_dragged(plot):
    told = []
    plot.set_labels("Time", "Correlation", "ps")
    plot.line("value", [0.0, 1.0], [1.0, 0.0], "accent")
    plot.region(
        "fit", 0.0, 0.7, "good", "Fit", ends=(False, True), dragged=lambda *e: told.append(e)
    )
    item = plot.items.regions["fit"].item
    assert [line.movable for line in item.lines] == [False, True]
    item.setRegion((0.0, 0.5))
    assert told == [(0.0, 0.5)]


def test_switching_a_line_off_takes_its_errors_along_and_makes_room(spectrum):
    spectrum._legend.linkActivated.emit("high")
    assert not spectrum.items.lines["high"][0].isVisible()
    assert spectrum.view_range()[1][1] < 6.0
    assert "Low" in table_text(spectrum.contents) and "High" not in table_text(spectrum.contents)
    spectrum.switch("low")
    assert not spectrum.items.lines["low error"][0].isVisible()
    spectrum.switch("low")
    assert spectrum.items.lines["low error"][0].isVisible()


def test_a_dense_line_is_thinned_on_screen_and_whole_in_the_table(plot):
    x = np.linspace(0.0, 4000.0, 100_000)
    y = np.sin(x)
    y[70_000] = 9.0
    plot.line("value", x, y, "accent", label="Value")
    plot.view_range()
    shown, values = plot.items.lines["value"][0].getData()
    assert len(shown) < 5000 and values.max() == 9.0
    assert len(table_text(plot.contents).splitlines()) == 100_001


def test_zooming_holds_while_the_run_goes_on_until_the_view_is_reset(plot):
    plot.line("value", [0.0, 1.0], [0.0, 1.0], "accent")
    plot.set_range(-5.0, 5.0)
    view = plot._plot.getViewBox()
    view.setRange(xRange=(0.2, 0.3), yRange=(0.2, 0.3), padding=0.0)
    view.zoomed.emit()
    plot.line("value", [0.0, 9.0], [0.0, 9.0], "accent")
    plot.set_range(-6.0, 6.0)
    assert plot.view_range()[0] == pytest.approx((0.2, 0.3))
    view.reset.emit()
    assert plot.view_range()[1] == pytest.approx((-6.0, 6.0))
    assert plot.view_range()[0][1] > 9.0


# -- the menu and its keys


def test_keys_copy_numbers_and_a_picture(qtbot, spectrum, application):
    control, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(spectrum, Qt.Key.Key_C, control)
    lines = application.clipboard().text().splitlines()
    assert lines[0].split("\t") == [
        "Wavenumber [1/cm]", "Low [1/cm]", "Low error [1/cm]", "High [1/cm]",
    ]  # fmt: skip
    assert lines[2].split("\t") == ["200", "2", "0.1", "12"]
    qtbot.keyClick(spectrum, Qt.Key.Key_C, control | shift)
    assert application.clipboard().image().width() > 300
    qtbot.keyClick(spectrum, Qt.Key.Key_U)
    assert spectrum.contents.coordinates.shown == "THz"


def test_the_menu_offers_curves_units_and_what_a_panel_adds(spectrum):
    added = []
    spectrum.menu.extra = lambda menu: menu.addAction("More", lambda: added.append(1))
    menu = spectrum.menu.menu()
    words = [action.text().partition("\t")[0] for action in menu.actions() if action.text()]
    assert words == [
        "More", "Copy image", "Copy data", "Export picture…", "Export data…", "Curves",
        "Unit of the bottom axis", "Falling axis", "Reset view",
    ]  # fmt: skip
    menu.actions()[0].trigger()
    curves = next(a for a in menu.actions() if a.text() == "Curves").menu()
    assert [a.text() for a in curves.actions()] == ["Low", "High"]
    curves.actions()[1].trigger()
    assert added == [1] and spectrum.contents.hidden == {"high"}
    menu.close()


def test_the_left_axis_makes_room_for_long_numbers(qtbot, plot):
    plot.line("a", [0.0, 1.0], [0.3136981, 0.3137062], "accent")
    axis = plot._plot.getAxis("left")
    plot.show()
    qtbot.waitUntil(lambda: axis.width() > 72)
    plot.line("a", [0.0, 1.0], [0.0, 1.0], "accent")
    qtbot.waitUntil(lambda: axis.width() == 72)
    assert axis.tickStrings([1e-5, 1.5e-5], 1.0, 5e-6) == ["1×10⁻⁵", "1.5×10⁻⁵"]


def test_numbers_at_both_ends_of_the_left_axis_are_written(plot):
    plot.line("a", [0.0, 1.0], [0.0, 1.0], "accent")
    plot.set_range(0.0, 1.0)
    plot.grab()
    painter = QPainter(image := QImage(10, 10, QImage.Format.Format_RGB32))
    _, _, written = plot._plot.getAxis("left").generateDrawSpecs(painter)
    painter.end()
    assert {"0.0", "1.0"} <= {words for _, _, words in written} and not image.isNull()


def test_a_name_that_is_too_long_for_the_legend_is_shortened(qtbot, plot):
    plot.resize(200, 200)
    plot.show()
    plot.line("a", [0.0, 1.0], [0.0, 1.0], "accent", label="layer2_activation_scale_of_everything")
    assert "…" in plot._legend.text() and "a" in plot.contents.series


def test_a_picture_is_written_as_chosen_and_the_choice_is_kept(qtbot, spectrum, tmp_path):
    dialogs = []
    for _ in range(2):
        qtbot.keyClick(spectrum, Qt.Key.Key_S)
        dialogs.append(spectrum.findChildren(PictureDialog)[-1])
        if len(dialogs) == 1:
            dialogs[0].format.setCurrentIndex(1)
            dialogs[0].width_mm.setValue(120.0)
            assert not dialogs[0].dpi.isEnabled()
            dialogs[0].write(tmp_path / "figure")
            qtbot.waitUntil(lambda: not spectrum.findChildren(PictureDialog))
    assert 'width="120.0' in (tmp_path / "figure.svg").read_text("utf-8")
    assert dialogs[1].format.currentData() == "svg" and dialogs[1].width_mm.value() == 120.0
    dialogs[1].write(tmp_path / "no such folder" / "figure.svg")
    (box,) = dialogs[1].findChildren(QMessageBox)
    assert "cannot be written" in box.text()
    box.close()
    dialogs[1].close()


def test_a_small_axis_is_named_and_marked_at_three_places(qtbot, application):
    plot = Plot("", "")
    qtbot.addWidget(plot)
    plot.resize(190, 160)
    plot.show()
    plot.set_labels("Time", "Change since the start of the run", "ps", "%")
    plot.line("it", [0.0, 1.0, 2.0], [-1.0, 0.5, 1.0], "accent")
    plot.prepare()
    plot.grab()
    bottom, left = (plot._plot.getAxis(side) for side in ("bottom", "left"))
    low, high = plot.view_range()[0]
    (step, _), *_ = bottom.tickSpacing(low, high, bottom.width())
    assert (high - low) / step > 2.0
    assert bottom.labelText == "Time (ps)"
    assert left.labelText.startswith("Change") and left.labelText.endswith("…")
    assert left.tickStrings([-1.0], 1.0, 1.0) == ["−1"]
