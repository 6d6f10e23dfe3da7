"""Comparing: the experiment before a run, what is left of it, and ranges that do not count."""

import itertools
import shutil

import numpy as np
import pytest
from conftest import EXAMPLE
from hypothesis import given
from hypothesis import strategies as st
from recorded import recorded_run

from dmdstudio.app.left_out import ranges_text, widest_gap, with_gaps
from dmdstudio.app.measured import Arrays, comparable, raw_curve, says_more, stamp_of
from dmdstudio.plan.events import Finished, TargetReport
from dmdstudio.plan.recipe import TargetPlan

DONE = Finished(reason="completed", iterations=3, best_iteration=2, seconds=1.0)
MARKS = st.floats(0.0, 5000.0).map(lambda x: round(x, 1))


@pytest.fixture
def water(window, tmp_path):
    """The window with the water example, whose spectrum has been read."""
    folder = tmp_path / "water"
    shutil.copytree(EXAMPLE.parent / "water-infrared", folder)
    window.open_paths([folder / "recipe.toml"])
    window.show_tab("compare")
    return window


@pytest.fixture
def panel(qtbot, water):
    panel = water.panels["compare"]
    qtbot.waitUntil(lambda: not panel.plot.is_empty)
    return panel


def leave_out(window):
    return window.session.recipe.target[0].leave_out


def test_a_measurement_is_seen_before_anything_runs(panel, water):
    series = panel.plot.contents.series["experiment"]
    assert len(series.x) == 539 and panel.plot.contents.bottom == ("Wavenumber", "1/cm")
    assert panel.figures._values["Experiment"].text() == "539 points"
    assert panel.residual.isHidden()


def test_ranges_are_the_same_numbers_in_the_plot_and_in_the_settings(panel, water):
    water.show_step("Experiment")
    form = water.settings_panel.form(("target", 0))
    form.edited.emit("leave_out", "0-60, 2000 to 2700")
    spans = panel.plot.contents.spans.values()
    assert [(s.low, s.high) for s in spans] == [(0.0, 60.0), (2000.0, 2700.0)]
    panel.plot.items.regions["left out 1"].item.setRegion((2100.0, 2500.0))
    assert leave_out(water) == "0-60, 2100-2500"
    assert form.editor("leave_out").text() == "0-60, 2100-2500"
    panel.leave_out.click()
    assert leave_out(water).count("-") == 3
    water.actions_by_name["undo"].trigger()
    water.actions_by_name["undo"].trigger()
    assert leave_out(water) == "0-60, 2000 to 2700" and len(panel.plot.contents.spans) == 2
    panel._change([])
    assert leave_out(water) == "" and not panel.plot.contents.spans


def test_a_text_that_is_no_range_is_said_to_be_none(panel, water):
    water.session.change(("target", 0, "leave_out"), "from here to there")
    assert "no range" in panel._wrong.text() and panel._wrong.isVisible()
    water.session.change(("target", 0, "leave_out"), "1-2")
    assert panel._wrong.isHidden()


def test_ranges_hold_still_while_a_run_is_under_way(panel, water):
    water.session.change(("target", 0, "leave_out"), "100-200")
    item = panel.plot.items.regions["left out 0"].item
    assert item.movable and panel.leave_out.isVisible()
    water.session.hear(recorded_run()[0])
    water.session.run_changed.emit()
    panel.chooser.setCurrentIndex(panel.chooser.findData("infrared_spectrum"))
    assert (
        not panel.leave_out.isVisible() and not panel.plot.items.regions["left out 0"].item.movable
    )


def test_what_is_left_of_a_curve_shares_its_axis_and_its_switches(qtbot, window, example):
    window.open_paths([example])
    window.show_tab("compare")
    panel = window.panels["compare"]
    for event in (*recorded_run(), DONE):
        window.session.hear(event)
    window.session.run_changed.emit()
    panel.chooser.setCurrentIndex(1)
    report = window.session.view.latest.targets[1]
    left = panel.residual.contents.series["latest"].y
    assert left == pytest.approx(np.subtract(report.value, report.experiment))
    shown = panel.plot.view_range()[0]
    assert panel.residual.view_range()[0] == pytest.approx(shown)
    panel.plot.switch("latest")
    assert "latest" in panel.residual.contents.hidden
    panel.chooser.setCurrentIndex(0)  # a number: by how much it misses at each iteration
    assert panel.residual.contents.series["value"].y[-1] == pytest.approx(2.868 - 2.36)
    panel.views.button(1).click()
    qtbot.waitUntil(lambda: len(panel.overview.tiles) == 4)
    qtbot.waitUntil(lambda: not any(tile.plot.is_empty for tile in panel.overview.tiles))
    panel.overview.tiles[2].button.click()
    assert panel.chooser.currentData() == "pair_distribution" and panel.pages.currentIndex() == 0


@given(st.lists(st.tuples(MARKS, MARKS), max_size=6))
def test_ranges_come_back_from_their_text_in_order_and_apart(ranges):
    text = ranges_text(ranges)
    back = TargetPlan(observable="any", leave_out=text).left_out
    assert ranges_text(back) == text
    assert all(low < high for low, high in back)
    assert all(one[1] < two[0] for one, two in itertools.pairwise(back))
    for low, high in ranges:
        if low < high:
            assert any(a <= low and high <= b for a, b in back)


def test_ranges_are_rounded_to_what_a_mouse_can_point_at():
    assert ranges_text([(-3.0, 51.23456), (999.98, 2000.4321)], 0.4) == "0-51.2, 1000-2000.4"


def test_another_range_goes_where_there_is_room():
    assert widest_gap([(3.0, 5.0), (-1.0, 1.0)], 0.0, 10.0) == (5.0, 10.0)
    assert widest_gap([(6.0, 20.0)], 0.0, 10.0) == (0.0, 6.0)
    assert widest_gap([(-1.0, 20.0)], 0.0, 10.0) == (0.0, 10.0)


def test_lines_break_where_something_was_left_out():
    axis, (value,) = with_gaps(np.arange(6.0), [np.ones(6)], [(2.2, 2.8), (3.5, 4.5), (9.0, 10.0)])
    assert axis.tolist() == [0.0, 1.0, 2.0, 2.5, 3.0, 4.0, 5.0]
    assert np.isnan(value).tolist() == [False, False, False, True, False, False, False]


def test_raw_data_come_in_the_units_of_the_target(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("# quantity: transmittance\nfrequency [THz],T [%]\n30,10\n60,1\n", "utf-8")
    measured = comparable(stamp_of(file))
    report = TargetReport(
        name="a", observable="infrared_spectrum", label="", unit="1/cm", value=[], error=[],
        axis=[1000.7, 2001.4], axis_unit="1/cm", experiment=[1.0, 2.0],
    )  # fmt: skip
    plan = TargetPlan(observable="infrared_spectrum", fit_scale=True)
    raw = raw_curve(measured, report, plan)
    assert raw.axis == pytest.approx([1000.69, 2001.38], rel=1e-5)
    assert raw.value == pytest.approx([1.0, 2.0])
    assert not says_more(raw, report)
    assert raw_curve(measured, report, TargetPlan(observable="infrared_spectrum")) is None
    file.write_text("# quantity: transmittance\nfrequency [THz],T [%]\n30,1\n60,0.1\n", "utf-8")
    assert comparable(stamp_of(file)).value == pytest.approx([2.0, 3.0]), "read anew"


def test_a_list_becomes_an_array_once():
    arrays, numbers = Arrays(most=2), [1.0, 2.0]
    assert arrays(numbers) is arrays(numbers)
    others = [[float(i)] for i in range(3)]
    assert [arrays(o)[0] for o in others] == [0.0, 1.0, 2.0]
    assert arrays(list(numbers)).tolist() == numbers
