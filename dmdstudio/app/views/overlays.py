"""The runs that are compared, drawn thin beside the one that is shown."""

from __future__ import annotations

from dmdstudio.app.run_shelf import MOST_COMPARED
from dmdstudio.app.session import Session
from dmdstudio.app.state import is_scalar, target_history
from dmdstudio.app.views.plot import Plot
from dmdstudio.plan.events import TargetReport

_WIDTH = 1.4


def draw_other_losses(plot: Plot, session: Session) -> None:
    """Draw the losses of the compared runs against iteration."""
    _forget(plot, len(session.beside))
    for number, (name, view) in enumerate(session.beside):
        if view.steps:
            iterations = [step.iteration for step in view.steps]
            losses = [step.loss for step in view.steps]
            _line(plot, number, name, iterations, losses)


def draw_other_targets(plot: Plot, session: Session, target: TargetReport) -> None:
    """Draw what the compared runs predict of a target: by iteration, or the best one's curve."""
    _forget(plot, len(session.beside))
    for number, (name, view) in enumerate(session.beside):
        if is_scalar(target):
            iterations, values, _ = target_history(view, target.name)
            if iterations:
                _line(plot, number, name, iterations, values)
            continue
        reports = view.best.targets if view.best is not None else ()
        best = next((t for t in reports if t.name == target.name and t.unit == target.unit), None)
        if best is not None and best.axis and best.axis_unit == target.axis_unit:
            _line(plot, number, name, best.axis, best.value)


def _line(plot: Plot, number: int, name: str, x: list, y: list) -> None:
    plot.line(_key(number), x, y, f"series {number + 1}", label=name, dash=True, width=_WIDTH)


def _forget(plot: Plot, kept: int) -> None:
    for number in range(kept, MOST_COMPARED):
        plot.remove(_key(number))


def _key(number: int) -> str:
    return f"compared {number}"
