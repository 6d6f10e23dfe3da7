"""What the window knows of a run, as a pure function of the run's events. No Qt.

Live runs and old ones go through `reduce` alike::

    view = functools.reduce(reduce, events, RunView())
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar, overload

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from dmdstudio.app.words import log_line
from dmdstudio.plan.events import (
    Diagnosed,
    Evaluated,
    Event,
    Failed,
    Finished,
    GradientChecked,
    Iterated,
    Log,
    ParameterReport,
    Paused,
    Phase,
    Progress,
    Ready,
    Replayed,
    Started,
    StepReport,
    TargetReport,
    Uncertainty,
)

T = TypeVar("T")


class History(Sequence[T], Generic[T]):
    """An immutable sequence that grows at its end in constant time.

    Longer and shorter views share one list; each sees only its own length.
    """

    __slots__ = ("_items", "_length")

    def __init__(self, items: Iterable[T] = ()) -> None:
        self._items = list(items)
        self._length = len(self._items)

    def appended(self, item: T) -> History[T]:
        """Return the history with one more item."""
        items = self._items if len(self._items) == self._length else self._items[: self._length]
        items.append(item)
        longer: History[T] = History.__new__(History)
        longer._items, longer._length = items, len(items)
        return longer

    def __len__(self) -> int:
        return self._length

    @overload
    def __getitem__(self, index: int) -> T: ...
    @overload
    def __getitem__(self, index: slice) -> list[T]: ...
    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self._items[i] for i in range(*index.indices(self._length))]
        if not -self._length <= index < self._length:
            raise IndexError(index)
        return self._items[index % self._length]

    def __iter__(self) -> Iterator[T]:
        return (self._items[i] for i in range(self._length))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, History) and list(self) == list(other)

    def __hash__(self) -> int:
        raise TypeError("a history is not hashable")

    def __repr__(self) -> str:
        return f"History({list(self)!r})"


class RunView(Struct, frozen=True, kw_only=True):
    """A run as the window draws it.

    Attributes:
        steps: one report per iteration, without the curves.
        first, latest, best: whole reports, with the curves. The best has the smallest loss averaged
            with its neighbours: the loss is noisy, and a single lucky draw must not win.
        settled: the best of those whose both neighbours are known, and its average.
        finished, failed: how the run ended; other commands that end leave it as it is.
        uncertainty: what is known of the parameters of one iteration of the run.
        diagnosed: of the recipe, so it outlives a run.
    """

    ready: Ready | None = None
    started: Started | None = None
    steps: History[StepReport] = msgspec.field(default_factory=History[StepReport])
    first: StepReport | None = None
    latest: StepReport | None = None
    best: StepReport | None = None
    settled: tuple[float, StepReport] | None = None
    log: History[Log] = msgspec.field(default_factory=History[Log])
    phase: Phase | None = None
    progress: Progress | None = None
    running: bool = False
    paused: bool = False
    finished: Finished | None = None
    failed: Failed | None = None
    evaluated: Evaluated | None = None
    uncertainty: Uncertainty | None = None
    gradient_checked: GradientChecked | None = None
    diagnosed: Diagnosed | None = None


def reduce(view: RunView, event: Event) -> RunView:
    """Return the view after one more event."""
    view = _reduce(view, event)
    line = log_line(event)
    return view if line is None else replace(view, log=view.log.appended(line))


def _reduce(view: RunView, event: Event) -> RunView:
    match event:
        case Iterated(report=report):
            return _after_step(view, report)
        case Phase():
            return replace(view, phase=event)
        case Progress():
            return replace(view, progress=event)
        case Started():
            return _after_start(view, event)
        case Paused(paused=paused):
            return replace(view, paused=paused)
        case Ready():
            return replace(view, ready=event, phase=None)
        case Finished():
            return at_rest(replace(view, finished=event) if view.running else view)
        case Failed():
            return at_rest(replace(view, failed=event) if view.running else view)
        case Uncertainty():
            return replace(view, uncertainty=event)
        case GradientChecked():
            return at_rest(replace(view, gradient_checked=event))
        case Diagnosed():
            return at_rest(replace(view, diagnosed=event))
        case Replayed():
            return at_rest(view)
        case Evaluated(uncertainty=known):
            known = known or view.uncertainty
            return at_rest(replace(view, evaluated=event, uncertainty=known))
    return view


def at_rest(view: RunView) -> RunView:
    """Return a view of a run that nobody works on."""
    return replace(view, running=False, paused=False, phase=None, progress=None)


def _after_start(view: RunView, started: Started) -> RunView:
    """Begin afresh, or keep the iterations that a resumed run goes on from."""
    fresh = RunView(
        ready=view.ready,
        started=started,
        log=view.log,
        running=True,
        gradient_checked=view.gradient_checked,
        diagnosed=view.diagnosed,
    )
    if view.started is None or view.started.run_dir != started.run_dir:
        return fresh
    return _with_steps_before(view, fresh, started.first_iteration)


def _with_steps_before(view: RunView, into: RunView, iteration: int) -> RunView:
    """Return ``into`` with the steps of ``view`` before an iteration."""
    kept = [step for step in view.steps if step.iteration < iteration]
    if not kept:
        return replace(into, steps=History(), first=None, latest=None, best=None, settled=None)
    if len(kept) == len(view.steps):
        steps, latest, settled = view.steps, view.latest, view.settled
    else:  # the whole reports after the cut are gone, those before may be
        steps, latest, settled = History(kept), kept[-1], None
        for place in range(len(kept) - 1):
            settled = _better(settled, (_average(kept, place), kept[place]))
        if settled and view.settled and settled[1].iteration == view.settled[1].iteration:
            settled = (settled[0], view.settled[1])
    into = replace(into, steps=steps, first=view.first, latest=latest, settled=settled)
    return replace(into, best=_best(into))


def _after_step(view: RunView, report: StepReport) -> RunView:
    if view.steps and report.iteration <= view.steps[-1].iteration:  # told again after a crash
        view = _with_steps_before(view, view, report.iteration)
    steps = view.steps.appended(_slim(report))
    settled = view.settled
    if len(steps) > 1 and view.latest is not None:
        settled = _better(settled, (_average(steps, len(steps) - 2), view.latest))
    first = report if view.first is None else view.first
    view = replace(view, steps=steps, first=first, latest=report, settled=settled)
    return replace(view, best=_best(view))


def _average(steps: Sequence[StepReport], place: int) -> float:
    around = [_loss(step) for step in steps[max(0, place - 1) : place + 2]]
    return sum(around) / len(around)


def _loss(report: StepReport) -> float:
    return report.loss if math.isfinite(report.loss) else math.inf


def _better(
    one: tuple[float, StepReport] | None, other: tuple[float, StepReport]
) -> tuple[float, StepReport]:
    return other if one is None or other[0] < one[0] else one


def _best(view: RunView) -> StepReport | None:
    if view.latest is None:
        return view.settled[1] if view.settled else None
    return _better(view.settled, (_average(view.steps, len(view.steps) - 1), view.latest))[1]


def _slim(report: StepReport) -> StepReport:
    """Return a report that is cheap to keep thousands of: numbers, no curves."""
    return replace(report, targets=tuple(_without_curves(target) for target in report.targets))


def _without_curves(target: TargetReport) -> TargetReport:
    if not target.axis:
        return replace(target, curves=())
    return replace(
        target, curves=(), axis=[], value=[], error=[], experiment=[], experiment_error=[]
    )


def is_scalar(target: TargetReport) -> bool:
    """Whether a target is a single number, not a curve."""
    return not target.axis and len(target.value or target.experiment) <= 1


def most_moved(view: RunView, most: int) -> list[ParameterReport]:
    """Return the free parameters that have changed the most for their size, in their order."""
    free = [p for p in view.latest.parameters if p.free] if view.latest else []
    if len(free) <= most:
        return free
    start = {p.key: p.value for p in view.first.parameters} if view.first else {}
    moved = {p.key: abs(_change(start.get(p.key, 0.0), p.value)) for p in free}
    least = sorted(moved.values())[-most]
    return [p for p in free if moved[p.key] >= least][:most]


def parameter_history(view: RunView, key: str) -> tuple[list[int], list[float]]:
    """Return iterations and values of one parameter."""
    pairs = [
        (step.iteration, parameter.value)
        for step in view.steps
        for parameter in step.parameters
        if parameter.key == key
    ]
    return [i for i, _ in pairs], [v for _, v in pairs]


def change_history(view: RunView, key: str) -> tuple[list[int], list[float]]:
    """Return iterations and what a parameter has changed since the first, percent.

    What began at zero is counted by its unit, as the optimiser does.
    """
    iterations, values = parameter_history(view, key)
    return iterations, [100.0 * _change(values[0], value) for value in values]


def _change(start: float, now: float) -> float:
    return (now - start) / (start or 1.0)


def target_history(view: RunView, name: str) -> tuple[list[int], list[float], list[float]]:
    """Return iterations, values and standard errors of a target that is a single number."""
    rows = [
        (step.iteration, target.value[0], target.error[0] if target.error else 0.0)
        for step in view.steps
        for target in step.targets
        if target.name == name and target.value
    ]
    return [r[0] for r in rows], [r[1] for r in rows], [r[2] for r in rows]


def targets_of(view: RunView) -> tuple[TargetReport, ...]:
    """Return the latest report of each target, or the experiment alone before the first."""
    if view.latest is not None:
        return view.latest.targets
    return view.started.targets if view.started is not None else ()
