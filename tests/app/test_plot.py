"""The plot: bands that follow their data, axes that are made when they are needed."""

import pytest

from dmdstudio.app.session import Session
from dmdstudio.app.views.panel import Panel
from dmdstudio.app.views.plot import Plot


@pytest.fixture
def plot(qtbot):
    plot = Plot("A plot", "Nothing yet.")
    qtbot.addWidget(plot)
    plot.show()
    return plot


def test_a_band_reaches_from_low_to_high_again_and_again(plot):
    for low, high in ((1.0, 2.0), (5.0, 7.0)):
        plot.band("error", [0.0, 1.0], [low, low], [high, high], "accent")
        fill, _ = plot._bands["error"]
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
    assert plot._marks["chosen"][0].value() == 1.0
    x, y = plot._lines["value"][0].getData()
    assert list(x) == [-1.0, 1.0] and list(y) == [0.0, 3.0]
    plot.clear()
    assert not plot._marks and "Chosen" not in plot._legend.text()


def test_a_changed_look_is_taken_over(plot):
    plot.line("value", [0, 1], [1.0, 2.0], "accent", points=True)
    item, _ = plot._lines["value"]
    assert item.opts["symbol"] == "o" and item.opts["pen"] is not None
    plot.line("value", [0, 1], [1.0, 2.0], "good", points=False)
    assert plot._lines["value"][0] is item and item.opts["symbol"] is None


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
