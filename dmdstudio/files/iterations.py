"""Which iteration of a run is meant by "best", "last" or a number, and its parameters."""

from __future__ import annotations

import math
from collections.abc import Iterable

from dmdstudio.base.errors import RunError
from dmdstudio.plan.events import Event, Iterated, StepReport


def iteration_values(events: Iterable[Event], which: str | int) -> tuple[int, dict[str, float]]:
    """Return one iteration of a run and the parameter values that it evaluated.

    ``"best"`` is the iteration with the smallest loss averaged with its two neighbours (with the
    one it has at either end), because the loss is measured with noise and a single lucky draw must
    not win. ``"last"`` is the newest iteration evaluated. An iteration that stands twice, after a
    kill and a resume, counts as the later event says.

    Args:
        events: those of the run, oldest first; only `Iterated` ones matter.
        which: ``"best"``, ``"last"`` or the number of an iteration (``7`` or ``"7"``).

    Returns:
        The number of the iteration and ``{parameter key: value}``, in the units of its report;
        whole arrays have no value (`RunStore.refined` has them).

    Raises:
        RunError: the run has no iteration yet, or not that one.
    """
    reports = iteration_reports(events)
    if not reports:
        raise RunError("The run has no finished iteration yet.", "Let it finish one first.")
    if which == "last":
        number = max(reports)
    elif which == "best":
        number = best_iteration(reports)
    else:
        number = _number(which, reports)
    return number, {p.key: p.value for p in reports[number].parameters if not p.numbers}


def iteration_reports(events: Iterable[Event]) -> dict[int, StepReport]:
    """Return ``{iteration: report}``, ascending; of two reports of one iteration the later."""
    found = {e.report.iteration: e.report for e in events if isinstance(e, Iterated)}
    return dict(sorted(found.items()))


def best_iteration(reports: dict[int, StepReport]) -> int:
    """Return the iteration with the smallest neighbour-averaged loss; the earlier of equals."""
    numbers = sorted(reports)
    losses = [reports[n].loss if math.isfinite(reports[n].loss) else math.inf for n in numbers]

    def averaged(place: int) -> float:
        around = losses[max(0, place - 1) : place + 2]
        return sum(around) / len(around)

    return numbers[min(range(len(numbers)), key=averaged)]


def _number(which: str | int, reports: dict[int, StepReport]) -> int:
    try:
        number = int(which)
    except ValueError:
        raise RunError(f"{which!r} is not an iteration.", "Use best, last or a number.") from None
    if number not in reports:
        raise RunError(f"The run has no iteration {number}.", f"Found: {_ranges(list(reports))}.")
    return number


def _ranges(numbers: list[int]) -> str:
    """``'0 to 4, 7'`` from 0, 1, 2, 3, 4, 7."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(f"{r[0]} to {r[-1]}" if len(r) > 1 else str(r[0]) for r in runs)
