"""The Gradient and Sensitivity tabs on recorded events: what is drawn, said and taken over."""

import functools

import numpy as np
import pytest
from msgspec.structs import replace
from PySide6.QtWidgets import QPushButton
from recorded import recorded_diagnosis, recorded_run

from dmdstudio.app.state import RunView, reduce
from dmdstudio.app.views.diagnosis_page import believable_range, horizon_settings
from dmdstudio.app.views.gradient_panel import settings_by_name
from dmdstudio.app.views.parameter_dialog import ParameterDialog
from dmdstudio.app.views.parameter_table import COLUMNS, FOUND
from dmdstudio.app.views.plot import Plot
from dmdstudio.app.words import error_words, interval_words, setting_words, titles
from dmdstudio.plan.commands import Diagnose
from dmdstudio.plan.events import (
    Evaluated,
    Failed,
    Finished,
    Iterated,
    Phase,
    Progress,
    Started,
    Uncertainty,
)


@pytest.fixture
def opened(window, example):
    """The window with the example open, and a stand-in for the engine that remembers orders."""
    window.open_paths([example])
    window.orders = []
    window.controller.bridge.submit = window.orders.append
    return window


def tell(window, *events):
    for event in events:
        window.controller._hear(event)
    window.session.run_changed.emit()


def finish(window, *events):
    tell(window, *events)
    window.controller._set_busy(False)
    window.session.run_changed.emit()


def buttons(widget, words):
    return [b for b in widget.findChildren(QPushButton) if b.text() == words and b.isVisible()]


def test_the_empty_tab_says_what_it_is_for_and_starts_a_diagnosis(opened):
    opened.show_tab("gradient")
    panel = opened.panels["gradient"]
    assert panel.pages.currentWidget() is panel.invitation
    (button,) = buttons(panel, "Diagnose")
    button.click()
    (order,) = opened.orders
    assert isinstance(order, Diagnose) and "self_diffusion" in order.recipe
    assert opened.controller.busy and not opened.actions_by_name["diagnose"].isEnabled()
    tell(opened, Phase(name="diagnosing"), Progress(fraction=0.25, phase="diagnosing"))
    assert not button.isVisible()
    assert panel.invitation.words.text().startswith("Diagnosing")
    assert panel.invitation.progress.value() == 250
    assert opened.statusBar().progress.isVisible()
    assert not opened.session.view.running


def test_a_diagnosis_from_another_tab_comes_to_the_front(opened):
    opened.show_tab("loss")
    opened.actions_by_name["diagnose"].trigger()
    assert opened.tabs.currentWidget() is opened.panels["gradient"]


def test_a_stopped_or_failed_diagnosis_leaves_the_run_as_it_was(opened):
    tell(opened, *recorded_run())
    before = opened.session.view
    assert before.finished is not None
    opened.actions_by_name["diagnose"].trigger()
    finish(
        opened,
        Phase(name="diagnosing"),
        Finished(reason="stopped", iterations=0, best_iteration=-1, seconds=1.0),
    )
    assert opened.session.view.finished == before.finished
    opened.actions_by_name["diagnose"].trigger()
    finish(opened, Failed(message="No target depends on the dynamics."))
    assert opened.session.view.failed is None and opened.session.view.finished == before.finished
    assert "No target" in opened.notice.words.text()
    assert opened.actions_by_name["diagnose"].isEnabled()


def test_a_diagnosis_is_drawn_and_explained(opened):
    found = recorded_diagnosis()
    opened.actions_by_name["diagnose"].trigger()
    finish(opened, found)
    page = opened.panels["gradient"].diagnosis
    assert page.isVisible()
    shown = [plot for plot in page.findChildren(Plot) if plot.isVisible()]
    assert len(shown) == 3 and not any(plot.is_empty for plot in shown)
    x, y = page.ratio.items.lines["ratio"][0].getOriginalDataset()
    assert list(x) == [row.horizon for row in found.rows]
    assert list(y) == [row.signal_to_noise for row in found.rows]
    assert page.ratio.items.marks["chosen"][0].value() == pytest.approx(np.log10(found.chosen))
    words = " ".join(label.text() for label in page.advice.findChildren(type(opened.notice.words)))
    assert f"Horizon {found.chosen:.3g} ps" in words
    assert found.reason.partition(": ")[2][1:40] in words
    assert [page.chooser.itemData(i) for i in range(page.chooser.count())] == list(found.units)
    page.chooser.setCurrentIndex(1)
    key = list(found.units)[1]
    _, y = page.gradient.items.lines["value"][0].getOriginalDataset()
    assert list(y) == [row.gradients[key] for row in found.rows]


def test_gradients_that_are_noise_do_not_set_the_scale():
    found = recorded_diagnosis()
    key = next(iter(found.units))
    believed = [row for row in found.rows if row.horizon <= found.reference]
    noisy = replace(believed[-1], horizon=2 * found.reference, gradients={key: 1e9})
    low, high = believable_range((*believed, noisy), key, found.reference)
    assert low < min(row.gradients[key] for row in believed)
    assert max(row.gradients[key] for row in believed) < high < 1e6


def test_the_horizon_is_taken_over_and_taken_back(opened):
    found = recorded_diagnosis()
    opened.actions_by_name["diagnose"].trigger()
    finish(opened, found)
    before = opened.session.recipe
    panel = opened.panels["gradient"]
    (button,) = buttons(panel, "Apply horizon")
    button.click()
    options = opened.session.recipe.gradient.options
    assert options["truncation"] == "window" and options["horizon"] == float(f"{found.chosen:.3g}")
    assert buttons(panel, "Applied") and not buttons(panel, "Apply horizon")
    assert not panel._state.text()  # its own advice does not outdate a diagnosis
    opened.actions_by_name["undo"].trigger()
    assert opened.session.recipe == before and buttons(panel, "Apply horizon")


def test_another_method_gives_way_to_the_one_that_has_a_horizon(opened):
    opened.controller.apply({"gradient.method": "finite_difference", "gradient.step": 1e-3})
    opened.controller.apply(horizon_settings(recorded_diagnosis()))
    gradient = opened.session.recipe.gradient
    assert gradient.method == "reversible_adjoint"
    assert set(gradient.options) == {"truncation", "horizon"}


def test_every_advice_that_is_a_setting_has_a_button_that_sets_it(opened):
    found = recorded_diagnosis()
    opened.actions_by_name["diagnose"].trigger()
    finish(opened, found)
    settable = [
        a.changes for a in found.advice if a.changes and "gradient.horizon" not in a.changes
    ]
    page = opened.panels["gradient"].diagnosis
    for changes in settable:
        opened.controller.apply(changes)
        named = settings_by_name(opened.session.recipe)
        assert {name: named[name] for name in changes} == changes
    assert len(buttons(page, "Applied")) == len(settable)
    assert "edited since" in opened.panels["gradient"]._state.text()


def test_advice_that_does_not_fit_is_told_of_and_changes_nothing(opened):
    before = opened.session.recipe
    opened.controller.apply({"dynamics.segments": 7})
    assert "segments" in opened.notice.words.text()
    assert opened.session.recipe == before


def test_advice_waits_for_the_end_of_a_run_but_settings_may_be_edited(opened):
    tell(opened, recorded_diagnosis(), *[e for e in recorded_run() if isinstance(e, Started)])
    opened.show_tab("gradient")
    panel = opened.panels["gradient"]
    panel.choices.button(0).click()
    (button,) = buttons(panel, "Apply horizon")
    assert not button.isEnabled()
    opened.controller.apply(horizon_settings(recorded_diagnosis()))  # the run has its own copy
    assert opened.session.recipe.gradient.options["horizon"] == recorded_diagnosis().chosen


def test_a_run_shows_what_its_iterations_measured_and_keeps_the_diagnosis(opened):
    found = recorded_diagnosis()
    opened.show_tab("gradient")
    tell(opened, found)
    tell(opened, *recorded_run())
    panel = opened.panels["gradient"]
    assert panel.noise.isVisible() and opened.session.view.diagnosed is found
    steps = opened.session.view.steps
    _, y = panel.noise.ratio.items.lines["ratio"][0].getOriginalDataset()
    assert list(y) == [step.signal_to_noise for step in steps]
    _, y = panel.noise.samples.items.lines["fraction"][0].getOriginalDataset()
    assert list(y) == [100 * step.effective_sample_fraction for step in steps]
    assert "reversal exact" in panel.noise._summary.text() and not panel.noise.residual.isVisible()
    missed = replace(steps[-1], iteration=len(steps), reversal_residual=3.0)
    tell(opened, Iterated(report=missed))
    assert panel.noise.residual.isVisible()
    panel.choices.button(0).click()
    assert not any(p.is_empty for p in panel.diagnosis.findChildren(Plot))
    assert panel.diagnosis.growth.items.lines, "a new run must not wipe the diagnosis"


def test_sensitivities_per_percent_are_drawn_target_by_target(opened):
    events = recorded_run()
    known = next(e for e in events if isinstance(e, Uncertainty))
    opened.show_tab("sensitivity")
    tell(opened, *events)
    panel = opened.panels["sensitivity"]
    assert panel.chooser.count() == len(known.sensitivities)
    for number, target in enumerate(known.sensitivities):
        panel.chooser.setCurrentIndex(number)
        assert panel.image.isVisible() == bool(target.axis)
        percent = np.array([abs(p.value) / 100 for p in known.parameters])
        wanted = np.asarray(target.derivative) * percent[:, None]
        if target.axis:
            assert np.allclose(panel.image._image.image, wanted)
            assert panel.image._image.getLevels() == pytest.approx(
                (-np.abs(wanted).max(), np.abs(wanted).max())
            )
            panel.alike.setChecked(True)
            assert np.allclose(np.abs(panel.image._image.image).max(axis=1), 1.0)
            panel.alike.setChecked(False)
        else:
            _, y = panel.lines.items.lines["change"][0].getOriginalDataset()
            assert np.allclose(y, wanted[:, 0])


def test_the_parameter_table_shows_what_is_known_once_it_is(opened):
    table, model = opened.parameter_table.table, opened.parameter_table.model
    columns = [COLUMNS.index(name) for name in FOUND]
    assert all(table.isColumnHidden(c) for c in columns)
    events = recorded_run()
    known = next(e for e in events if isinstance(e, Uncertainty))
    tell(opened, *events)
    assert not any(table.isColumnHidden(c) for c in columns)
    keys = [key for _, key, _ in model._rows]
    for parameter in known.parameters:
        row = keys.index(parameter.key)
        error, interval = (model.data(model.index(row, c)) for c in columns)
        assert error == f"± {parameter.error:.2g}" and interval == interval_words(parameter)
        low, high = (float(word) for word in interval.split(" to "))
        assert low == pytest.approx(parameter.lower, abs=0.06 * (parameter.upper - parameter.lower))
        assert high == pytest.approx(
            parameter.upper, abs=0.06 * (parameter.upper - parameter.lower)
        )
        assert "95 %" in error_words(parameter)


def test_what_the_data_do_not_determine_is_called_so(opened):
    known = next(e for e in recorded_run() if isinstance(e, Uncertainty))
    unknown = replace(known.parameters[0], error=None, lower=None, upper=None)
    tell(opened, *recorded_run()[:1], replace(known, parameters=(unknown,)))
    assert interval_words(unknown) == "not determined"
    assert "another target" in error_words(unknown)
    assert "not determined" in opened.session.view.log[-1].text


def test_an_evaluation_brings_its_uncertainty_and_a_new_run_drops_it():
    known = next(e for e in recorded_run() if isinstance(e, Uncertainty))
    evaluated = Evaluated(
        targets=(), parameters=(), loss=0.0, loss_error=0.0, replicas=2, seed=0, iteration=0,
        temperature=94.0, energy_drift=0.0, uncertainty=known,
    )  # fmt: skip
    view = functools.reduce(reduce, [evaluated], RunView())
    assert view.uncertainty is known
    view = functools.reduce(reduce, recorded_run()[:1], view)
    assert view.uncertainty is None


def test_names_of_settings_stand_out_and_nothing_is_markup():
    assert setting_words("set a.b < 3") == "set <b>a.b</b> &lt; 3"


def test_two_targets_of_one_observable_are_told_apart():
    target = recorded_run()[0].targets[0]
    other = replace(target, name="in the bulk")
    assert titles([target]) == [target.label]
    assert titles([target, other])[1] == f"{target.label} (in the bulk)"


def test_a_prior_is_edited_in_the_table_and_its_part_of_the_loss_is_drawn(opened):
    model = opened.parameter_table.model
    place = model.index(0, COLUMNS.index("Prior"))
    assert model.setData(place, "0.05")
    assert opened.session.recipe.potential[0].parameter[0].prior == 0.05
    assert not model.setData(place, "-1")
    opened.show_tab("loss")
    held = replace(recorded_run()[1].report, prior=0.25)
    tell(opened, recorded_run()[0], Iterated(report=held))
    _, y = opened.panels["loss"].loss.items.lines["priors"][0].getOriginalDataset()
    assert list(y) == [0.25]


def test_what_the_table_has_no_columns_for_is_edited_in_a_form_of_its_own(opened):
    session, table = opened.session, opened.parameter_table
    table.menu(1).actions()[0].trigger()
    dialog = table.findChild(ParameterDialog)
    rate, tie = dialog.form.editor("rate"), dialog.form.editor("tie")

    def write(line, text):
        line.selectAll()
        line.insert(text)
        line.setModified(True)
        line.editingFinished.emit()

    write(rate, "0.5")
    write(tie, "0.5 lennard_jones.sigma[Ar]")
    transform = dialog.form.editor("transform")
    transform.setCurrentIndex(transform.findData("log"))
    parameter = session.recipe.potential[0].parameter[1]
    assert (parameter.rate, parameter.transform) == (0.5, "log")
    assert "= 0.5 lennard_jones.sigma[Ar]" in table.model.index(1, 0).data()
    write(rate, "-1")
    assert "below 0" in dialog.form.error("rate")
    opened.editor.rename("potential", 0, "pairs")  # what refers to the term follows
    assert session.recipe.potential[0].parameter[1].tie == "0.5 pairs.sigma[Ar]"
    session.undo_stack.setIndex(0)
    assert session.recipe.potential[0].parameter[1].tie == ""


def test_static_targets_are_compared_on_their_own_axes(opened):
    opened.show_tab("compare")
    events = recorded_run()
    tell(opened, *events)
    panel, view = opened.panels["compare"], opened.session.view
    names = [panel.chooser.itemData(i) for i in range(panel.chooser.count())]
    assert names == [t.name for t in view.latest.targets] and panel.chooser.isVisible()
    for number, target in enumerate(view.latest.targets):
        panel.chooser.setCurrentIndex(number)
        assert not panel.plot.is_empty
        bottom, _ = panel.plot.contents.bottom
        if target.axis:
            x, y = panel.plot.items.lines["latest"][0].getOriginalDataset()
            assert list(x) == target.axis and list(y) == target.value
            assert bottom == target.axis_label
        else:
            assert bottom == "Iteration"
            assert len(panel.plot.items.lines["value"][0].getOriginalDataset()[0]) == len(
                view.steps
            )
