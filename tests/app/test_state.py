"""The reducer: what it keeps of a run, told once, told twice, cut short or resumed."""

import functools
import math

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from recorded import recorded_run

from dmdstudio.app.state import (
    History,
    RunView,
    is_scalar,
    most_moved,
    parameter_history,
    reduce,
    target_history,
)
from dmdstudio.files.iterations import best_iteration, iteration_reports
from dmdstudio.plan.events import (
    Curve,
    Failed,
    Finished,
    Iterated,
    Log,
    ParameterReport,
    Paused,
    Phase,
    Progress,
    Started,
    StepReport,
    TargetReport,
)

CURVE = Curve(
    name="c", label="C", axis=[0.0, 1.0], axis_label="t", axis_unit="ps", value=[1.0, 0.0], unit=""
)


def started(first=0, run_dir="run"):
    return Started(
        run_dir=run_dir, recipe="", title="", formula="Ar2", atoms=2, replicas=2, iterations=9,
        first_iteration=first, device="cpu", precision="float32", method="m", parameters=(),
        targets=(), version="0", time=0.0,
    )  # fmt: skip


def iterated(number, loss=1.0):
    target = TargetReport(
        name="d", observable="self_diffusion", label="D", unit="m2/s", value=[loss], error=[0.1],
        experiment=[1.0], curves=(CURVE,),
    )  # fmt: skip
    parameter = ParameterReport(key="p.sigma", unit="angstrom", value=float(number))
    return Iterated(
        report=StepReport(
            iteration=number, loss=loss, loss_error=0.1, parameters=(parameter,), targets=(target,),
            gradient_norm=1.0, learning_rate=0.1, effective_sample_fraction=1.0, resampled=True,
            reversal_residual=0.0, energy_drift=0.0, temperature=94.0, seconds=1.0,
        )
    )  # fmt: skip


def view_of(*events):
    return functools.reduce(reduce, events, RunView())


@given(st.lists(st.integers()), st.lists(st.integers()))
def test_histories_grow_apart_without_touching_each_other(first, second):
    common = History(first)
    one = functools.reduce(History.appended, second, common)
    other = common.appended(-1)
    assert list(common) == first
    assert list(one) == first + second
    assert list(other) == [*first, -1]
    assert one[len(first) :] == second


losses = st.floats(0, 10) | st.just(math.nan) | st.just(math.inf)


@given(st.lists(losses, min_size=1, max_size=30))
def test_the_best_is_the_one_that_the_run_store_finds(values):
    events = [iterated(i, loss) for i, loss in enumerate(values)]
    view = view_of(started(), *events)
    assert view.best is not None
    assert view.best.iteration == best_iteration(iteration_reports(events))
    assert view.latest is not None and view.latest.targets[0].curves == (CURVE,)
    assert view.best.targets[0].curves == (CURVE,)
    assert len(view.steps) == len(values)
    assert all(not t.curves for step in view.steps for t in step.targets)


@given(st.lists(st.floats(0, 10), min_size=1, max_size=20), st.data())
def test_a_resumed_run_looks_like_one_that_never_stopped(values, data):
    cut = data.draw(st.integers(0, len(values)))
    overlap = data.draw(st.integers(0, cut))
    events = [iterated(i, loss) for i, loss in enumerate(values)]
    whole = view_of(started(), *events)
    resumed = view_of(started(), *events[:cut], started(overlap), *events[overlap:])
    assert list(resumed.steps) == list(whole.steps)
    assert resumed.latest == whole.latest
    assert resumed.best is not None and whole.best is not None
    assert resumed.best.iteration == whole.best.iteration
    assert resumed.first == whole.first


def test_another_run_begins_afresh():
    view = view_of(started(), iterated(0), iterated(1), started(0, "other"))
    assert not view.steps and view.best is None and view.running


small = st.sampled_from(
    [
        started(), started(2), iterated(0), iterated(1), iterated(2, math.nan), iterated(3, 0.1),
        Phase(name="compiling"), Progress(fraction=0.5), Log(level="info", text="x"),
        Paused(paused=True), Paused(paused=False), Failed(message="no"),
        Finished(reason="stopped", iterations=1, best_iteration=0, seconds=1.0),
    ]
)  # fmt: skip


@given(st.lists(small, max_size=40))
def test_no_order_of_events_breaks_the_view(events):
    view = view_of(*events)
    numbers = [step.iteration for step in view.steps]
    assert numbers == sorted(set(numbers))
    assert (view.latest is None) == (not numbers)
    if view.latest is not None:
        assert view.latest.iteration == numbers[-1]
        assert view.best is not None and view.best.iteration in numbers
        assert view.first is not None


def test_histories_for_the_plots():
    view = view_of(started(), iterated(0, 2.0), iterated(1, 1.5))
    assert parameter_history(view, "p.sigma") == ([0, 1], [0.0, 1.0])
    assert target_history(view, "d") == ([0, 1], [2.0, 1.5], [0.1, 0.1])
    assert view.latest is not None and is_scalar(view.latest.targets[0])


def test_of_many_parameters_those_that_moved_the_most_are_drawn():
    started, first = (e for e in recorded_run()[:2])
    parameter = first.report.parameters[0]

    def step(iteration, *values):
        named = (replace(parameter, key=f"p.{n}", value=v) for n, v in enumerate(values))
        return Iterated(report=replace(first.report, iteration=iteration, parameters=tuple(named)))

    events = (started, step(0, 1.0, 2.0, 4.0), step(1, 1.2, 2.1, 2.0))
    view = functools.reduce(reduce, events, RunView())
    assert [p.key for p in most_moved(view, 2)] == ["p.0", "p.2"]
    assert len(most_moved(view, 3)) == 3 and most_moved(RunView(), 2) == []


def test_a_long_run_is_taken_in_at_constant_cost():
    import time

    view, began = view_of(started()), time.perf_counter()
    for number in range(20_000):
        view = reduce(view, iterated(number, 1.0 / (number + 1)))
    assert len(view.steps) == 20_000
    assert time.perf_counter() - began < 10.0
