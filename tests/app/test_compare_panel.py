"""Comparing: the experiment before a run, what is left of it, and regions with weights."""

import itertools
import shutil

import msgspec
import numpy as np
import pytest
from conftest import EXAMPLE
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QCoreApplication, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from recorded import recorded_run

from dmdstudio.app.measured import Arrays, comparable, raw_curve, says_more, stamp_of
from dmdstudio.app.regions import moved, rounded, widest_gap, with_gaps
from dmdstudio.plan.events import Finished, TargetReport
from dmdstudio.plan.reading import ReadingPlan
from dmdstudio.plan.recipe import TargetPlan, parse_recipe, recipe_to_toml
from dmdstudio.plan.regions import RegionPlan
from dmdstudio.service.build import build

DONE = Finished(reason="completed", iterations=3, best_iteration=2, seconds=1.0)
MARKS = st.integers(0, 5000).map(float)


@pytest.fixture
def water(window, tmp_path):
    """The window with the water example, whose spectrum has been read."""
    folder = tmp_path / "water"
    shutil.copytree(EXAMPLE.parent / "water-infrared", folder)
    window.open_paths([folder / "recipe-harmonic.toml"])
    window.show_tab("compare")
    return window


@pytest.fixture
def panel(qtbot, water):
    panel = water.panels["compare"]
    qtbot.waitUntil(lambda: not panel.plot.is_empty)
    return panel


def regions(window):
    return [(r.low, r.high, r.weight) for r in window.session.recipe.target[0].regions]


def set_regions(window, *found):
    tables = [{"low": low, "high": high, "weight": weight} for low, high, weight in found]
    return window.session.change(("target", 0, "regions"), tables, merges=False)


def write(field, text):
    field.setText(text)
    field.setModified(True)
    field.editingFinished.emit()


def test_a_measurement_is_seen_before_anything_runs(panel, water):
    series = panel.plot.contents.series["experiment"]
    assert len(series.x) == 539 and panel.plot.contents.bottom == ("Wavenumber", "1/cm")
    assert panel.figures._values["Experiment"].text() == "539 points"
    assert panel.residual.isHidden()


def test_regions_are_the_same_numbers_in_the_plot_in_the_fields_and_in_the_recipe(
    panel, water, qtbot
):
    assert panel.regions.isHidden()
    set_regions(water, (0.0, 60.0, 0.0), (2000.0, 2700.0, 3.0))
    spans = panel.plot.contents.spans.values()
    assert [(s.low, s.high, s.label) for s in spans] == [
        (0.0, 60.0, "Left out"), (2000.0, 2700.0, "Weight 3")
    ]  # fmt: skip
    row = panel.regions.rows[1]
    assert [line.text() for line in row.fields.values()] == ["2000", "2700", "3"]
    panel.plot.items.regions["region 1"].item.setRegion((2100.0, 2500.0))
    assert regions(water)[1] == (2100.0, 2500.0, 3.0) and row.fields["high"].text() == "2500"
    write(row.fields["weight"], "0.5")
    assert regions(water)[1] == (2100.0, 2500.0, 0.5)
    panel.plot.items.regions["region 0"].item.setRegion((20.0, 2300.0))  # stops at its neighbour
    assert regions(water)[0] == (20.0, 2100.0, 0.0)
    panel.add_region.menu().actions()[1].trigger()
    assert len(regions(water)) == 3 and regions(water)[2][2] == 2.0
    assert regions(water)[2][0] > 2500.0, "where there is room"
    panel.regions.rows[1].remove.click()
    assert len(regions(water)) == 2
    panel.views.button(1).click()
    qtbot.waitUntil(
        lambda: bool(panel.overview.tiles and panel.overview.tiles[0].plot.contents.spans)
    )
    shaded = [s.label for s in panel.overview.tiles[0].plot.contents.spans.values()]
    assert shaded == ["Left out", "Weight 2"]
    panel.views.button(0).click()
    for _ in range(5):
        water.actions_by_name["undo"].trigger()
    assert regions(water) == [(0.0, 60.0, 0.0), (2000.0, 2700.0, 3.0)]
    water.actions_by_name["undo"].trigger()
    assert regions(water) == []
    qtbot.waitUntil(lambda: not panel.plot.contents.spans and panel.regions.isHidden())


def test_a_region_is_drawn_moved_and_resized_by_the_mouse(panel, water, qtbot):
    """By events of the mouse, as pyqtgraph sees them; a drag zooms again afterwards."""
    view = panel.plot._plot.getViewBox()
    widget = panel.plot._widget.viewport()

    def place(x):
        scene = view.mapViewToScene(QPointF(x, 8000.0))
        return panel.plot._widget.mapFromScene(scene)

    def move(x, button):
        at = place(x).toPointF()
        none = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier
        event = QMouseEvent(
            QMouseEvent.Type.MouseMove, at, widget.mapToGlobal(at), none[0], button, none[1]
        )
        qtbot.wait(15)  # pyqtgraph takes no more than 100 moves a second
        QCoreApplication.sendEvent(widget, event)

    def drag(begin, end):
        left, none = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
        QCoreApplication.processEvents()  # rows that came have their places
        move(begin, none)
        qtbot.mousePress(widget, left, pos=place(begin))
        for share in (0.3, 0.6, 1.0):
            move(begin + share * (end - begin), left)
        qtbot.mouseRelease(widget, left, pos=place(end))

    def shown():
        return regions(water)[0][:2]

    panel.regions.draw()
    assert panel.regions._hint.isVisible()
    drag(2000.0, 2700.0)
    assert shown() == pytest.approx((2000.0, 2700.0), abs=20.0) and panel.regions._hint.isHidden()
    drag(2700.0, 3000.0)
    assert shown() == pytest.approx((2000.0, 3000.0), abs=30.0)
    drag(2500.0, 2000.0)
    assert shown() == pytest.approx((1500.0, 2500.0), abs=40.0)
    before = panel.plot.view_range()[0]
    panel.regions.draw()
    qtbot.keyClick(panel.plot, Qt.Key.Key_Escape)
    assert panel.regions._hint.isHidden()
    drag(3000.0, 3500.0)
    assert len(regions(water)) == 1 and panel.plot.view_range()[0] != before


def test_numbers_that_do_not_fit_are_said_and_change_nothing(panel, water):
    set_regions(water, (100.0, 200.0, 0.0), (300.0, 400.0, 2.0))
    low = panel.regions.rows[1].fields["low"]
    for text, words in (
        ("150", "regions 100 to 200 1/cm and 150 to 400 1/cm overlap"),
        ("500", "ends before it begins"),
        ("here", "is not a number"),
    ):
        write(low, text)
        assert words in panel.regions._wrong.text() and low.property("wrong")
        assert low.text() == text and regions(water) == [(100.0, 200.0, 0.0), (300.0, 400.0, 2.0)]
    write(low, "250")
    assert regions(water)[1][0] == 250.0 and not low.property("wrong")
    assert panel.regions._wrong.isHidden()
    assert ("target", 0, "regions") not in water.session.problems
    set_regions(water, (5000.0, 6000.0, 0.0))
    assert "lies outside of the data" in panel._wrong.text() and panel._wrong.isVisible()


def test_a_headless_run_and_the_window_have_the_same_loss(panel, water):
    """What was dragged and typed weighs the points as a recipe written by hand does."""
    panel.add_region.menu().actions()[1].trigger()
    panel.plot.items.regions["region 0"].item.setRegion((3000.0, 3800.0))
    write(panel.regions.rows[0].fields["weight"], "4")
    panel.add_region.menu().actions()[0].trigger()
    panel.plot.items.regions["region 0"].item.setRegion((2000.0, 2700.0))
    recipe = water.session.recipe
    by_hand = (EXAMPLE.parent / "water-infrared" / "recipe-harmonic.toml").read_text("utf-8")
    by_hand = by_hand.replace(
        'observable = "infrared_spectrum"',
        'observable = "infrared_spectrum"\n'
        "regions = [{ low = 3000, high = 3800, weight = 4 }, { low = 2000, high = 2700 }]",
    )
    one, other = (
        build(parse_recipe(text, recipe.folder))[0].targets[0]
        for text in (recipe_to_toml(recipe), by_hand)
    )
    lags = one.observable.band.lags
    mean = np.exp(-np.arange(lags) / 30.0)
    assert one.axis.tolist() == other.axis.tolist()
    assert set(one.point_weight.tolist()) == {1.0, 4.0} and not np.any(abs(one.axis - 2350) < 350)
    assert float(one.loss(mean)) == float(other.loss(mean)) > 0.0


def test_regions_hold_still_while_a_run_is_under_way(panel, water):
    set_regions(water, (100.0, 200.0, 0.0))
    item = panel.plot.items.regions["region 0"].item
    assert item.movable and panel.add_region.isVisible()
    assert panel.regions.rows[0].fields["low"].isEnabled()
    water.session.hear(recorded_run()[0])
    water.session.run_changed.emit()
    panel.chooser.setCurrentIndex(panel.chooser.findData("infrared_spectrum"))
    assert not panel.add_region.isVisible()
    assert not panel.plot.items.regions["region 0"].item.movable
    assert not panel.regions.rows[0].fields["low"].isEnabled()


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


@given(
    st.lists(MARKS, min_size=2, max_size=8, unique=True).map(sorted),
    st.integers(0, 3),
    MARKS,
    MARKS,
)
def test_a_region_that_is_dragged_stops_at_its_neighbours(marks, number, one, other):
    ends = list(zip(marks[::2], marks[1::2], strict=False))
    before = tuple(RegionPlan(low=low, high=high) for low, high in ends)
    number %= len(before)
    after = moved(before, number, min(one, other), max(one, other))
    assert all(r.low < r.high for r in after)
    assert [r for n, r in enumerate(after) if n != number] == [
        r for n, r in enumerate(before) if n != number
    ]
    in_order = sorted((r.low, r.high) for r in after)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(in_order))


def test_ends_are_rounded_to_what_a_mouse_can_point_at():
    assert [rounded(x, 0.4) for x in (51.23456, 2000.4321)] == [51.2, 2000.4]


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
    measured = comparable(stamp_of(file), ReadingPlan())
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
    assert comparable(stamp_of(file), ReadingPlan()).value == pytest.approx([2.0, 3.0]), "read anew"


def test_a_list_becomes_an_array_once():
    arrays, numbers = Arrays(most=2), [1.0, 2.0]
    assert arrays(numbers) is arrays(numbers)
    others = [[float(i)] for i in range(3)]
    assert [arrays(o)[0] for o in others] == [0.0, 1.0, 2.0]
    assert arrays(list(numbers)).tolist() == numbers


def test_what_is_being_typed_of_a_region_never_meets_another(panel, water, qtbot):
    set_regions(water, (100.0, 200.0, 0.0))
    set_regions(water, (50.0, 60.0, 0.0), (100.0, 200.0, 0.0))
    low = panel.regions.rows[1].fields["low"]
    low.setText("150")
    low.setModified(True)
    water.actions_by_name["undo"].trigger()
    low.editingFinished.emit()
    assert regions(water) == [(100.0, 200.0, 0.0)] and not low.property("wrong")
    low = panel.regions.rows[0].fields["low"]
    low.setText("150")
    low.setModified(True)
    set_regions(water, (1000.0, 2000.0, 0.0))
    low.editingFinished.emit()
    assert regions(water) == [(1000.0, 2000.0, 0.0)] and low.text() == "1000"


def test_a_region_that_is_to_be_drawn_is_let_go_when_a_run_begins(panel, water):
    panel.regions.draw()
    water.session.show_run(msgspec.structs.replace(water.session.view, running=True))
    assert not panel.plot._plot.getViewBox().is_marking and panel.regions._hint.isHidden()
