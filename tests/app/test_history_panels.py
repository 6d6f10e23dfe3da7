"""The Diffusion and Loss tabs: the window that is dragged, and axes without outliers."""

import numpy as np
import pytest
from conftest import EXAMPLE
from msgspec.structs import replace
from recorded import recorded_run

from dmdstudio.app.outliers import usual_range
from dmdstudio.app.state import RunView, reduce
from dmdstudio.app.theme import theme_changed
from dmdstudio.plan.events import Curve, Finished, Iterated, Log

DONE = Finished(reason="completed", iterations=3, best_iteration=2, seconds=1.0)


def with_displacement(event):
    """Add a mean squared displacement, which the recorded run is too old for."""
    if not isinstance(event, Iterated):
        return event
    first, *others = event.report.targets
    axis = first.curves[0].axis
    curve = Curve(
        name="mean_squared_displacement", label="Mean squared displacement", axis=axis,
        axis_label="Time", axis_unit="ps", unit="angstrom2",
        value=[1.5 * x for x in axis], error=[0.1 * x for x in axis],
    )  # fmt: skip
    targets = (replace(first, curves=(*first.curves, curve)), *others)
    return replace(event, report=replace(event.report, targets=targets))


@pytest.fixture
def ran(window, example):
    """The window after a run, at rest."""
    window.open_paths([example])
    for event in (*map(with_displacement, recorded_run()), DONE):
        window.session.hear(event)
    window.session.run_changed.emit()
    return window


def test_the_window_of_the_correlation_is_dragged_in_whole_intervals(qtbot, ran):
    ran.show_tab("diffusion")
    panel = ran.panels["diffusion"]
    qtbot.waitUntil(lambda: all(plot.contents.spans for plot in panel.curves))
    ran.show_step("Experiment")
    assert [s.high for plot in panel.curves for s in plot.contents.spans.values()] == [0.05] * 3
    panel.curves[0].items.regions["window"].item.setRegion((0.1, 0.33))
    assert ran.session.recipe.target[0].options["window"] == 0.32
    assert ran.settings_panel.form(("target", 0)).values()["observable"] == "self_diffusion"
    qtbot.waitUntil(lambda: panel.curves[2].contents.spans["window"].high == 0.32)
    assert (panel.curves[1].contents.spans["window"].low, panel._window.text()) == (
        0.0,
        "Correlations up to the window of 0.32 ps; drag its end to change it.",
    )
    ran.actions_by_name["undo"].trigger()
    assert ran.session.recipe.target[0].options["window"] == 0.05


def test_the_slope_beside_the_displacement_is_six_times_the_coefficient(qtbot, ran):
    ran.show_tab("diffusion")
    plot = ran.panels["diffusion"].curves[2]
    qtbot.waitUntil(lambda: "slope" in plot.contents.series)
    slope = plot.contents.series["slope"]
    assert np.diff(slope.y) / np.diff(slope.x) == pytest.approx(6 * 2.868 * 0.1)
    assert plot.contents.errors["latest"][-1] == pytest.approx(0.048)


def test_outliers_leave_the_axis_where_that_is_wanted_and_are_counted(qtbot, ran):
    ran.show_tab("loss")
    panel = ran.panels["loss"]
    steps = recorded_run()[1].report
    for number in range(3, 20):
        wild = 900.0 if number == 9 else 1.0 + 0.01 * number
        ran.session.hear(Iterated(report=replace(steps, iteration=number, loss=wild)))
    panel.usual.setChecked(True)
    ran.session.run_changed.emit()
    qtbot.waitUntil(lambda: "outside" in panel._outside.text())
    assert panel.loss.view_range()[1][1] < 5.0
    panel.usual.setChecked(False)
    qtbot.waitUntil(lambda: panel.loss.view_range()[1][1] > 800.0)
    drawn = (panel.loss, panel.gradient, panel.rate, panel.parameters)
    qtbot.waitUntil(lambda: not any(plot.is_empty for plot in drawn))
    assert [s.label for s in panel.parameters.contents.curves()] == ["sigma", "epsilon"]


def test_a_usual_range_judges_every_line_by_itself():
    steady, high = [1.0, 1.1, 0.9, 1.0, 50.0], [20.0, 21.0, 20.5, 20.2, 20.1]
    (low, top), outside = usual_range([steady, high], log=False)
    assert outside == 1 and 0.0 < low + 0.5 < 1.4 and 21.0 < top < 23.0
    assert usual_range([[1.0, 2.0, 3.0]], log=False) == (None, 0)
    assert usual_range([[1.0, -2.0, float("nan")]], log=True) == (None, 0)
    shown, outside = usual_range([[1.0, 1.2, 0.8, 1.1, 1e-9, 0.0]], log=True)
    assert outside == 1 and shown[0] > -1.0


def test_the_log_is_that_of_one_run_and_keeps_its_times(window, monkeypatch):
    shown = window.log
    monkeypatch.setattr("dmdstudio.app.views.log_view.time.time", lambda: 1e9)
    window.session.hear(Log(level="info", text="one"))
    shown.refresh()
    before = shown.toPlainText()
    assert before.endswith("  one")
    monkeypatch.setattr("dmdstudio.app.views.log_view.time.time", lambda: 1e9 + 3600)
    theme_changed().changed.emit()
    assert shown.toPlainText() == before
    other = RunView()
    for text in "abcdef":
        other = reduce(other, Log(level="info", text=text, time=1.0))
    window.session.show_run(other)
    assert [line[-1] for line in shown.toPlainText().splitlines()] == list("abcdef")


def test_an_optimiser_without_a_learning_rate_has_no_plot_of_it(qtbot, window, example):
    window.open_paths([example])
    window.show_tab("loss")
    panel = window.panels["loss"]
    for event in recorded_run():
        if isinstance(event, Iterated):
            event = Iterated(report=replace(event.report, learning_rate=None))
        window.session.hear(event)
    qtbot.waitUntil(lambda: "total" in panel.loss.contents.series)
    assert panel.rate.isHidden() and not panel.parameters.isHidden()
    assert "effective samples" in panel._summary.text()
    assert "learning rate" not in panel._summary.text()


def test_what_began_at_zero_changes_by_its_unit_and_fixed_parameters_are_not_offered_first(
    qtbot, window, example
):
    window.open_paths([example])
    window.show_tab("parameters")
    panel = window.panels["parameters"]
    for event in recorded_run():
        if isinstance(event, Iterated):
            fixed, moving, *_ = event.report.parameters
            number = event.report.iteration
            both = (replace(fixed, free=False), replace(moving, free=True, value=0.1 * number))
            event = Iterated(report=replace(event.report, parameters=both))
        window.session.hear(event)
    qtbot.waitUntil(lambda: "parameter 0" in panel.relative.contents.series)
    changes = panel.relative.contents.series["parameter 0"].y
    assert changes == pytest.approx(10.0 * np.arange(len(changes)))
    assert panel.chooser.currentData() == moving.key


def test_a_parameter_that_follows_another_does_not_count_as_free(window):
    window.open_paths([EXAMPLE.parent / "water-infrared" / "recipe.toml"])
    assert "5 of 16 free" in window.workflow.item(1).toolTip()
