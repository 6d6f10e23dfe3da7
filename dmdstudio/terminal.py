"""How events and results look on a terminal, and in a file where there is none."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from dmdstudio.base.units import pretty
from dmdstudio.plan.events import (
    Diagnosed,
    Event,
    Fitted,
    Iterated,
    Log,
    ParameterReport,
    Phase,
    Progress,
    Started,
    StepReport,
    TargetReport,
    Trained,
    Uncertainty,
)

if TYPE_CHECKING:
    from dmdstudio.plan.certificate import Certificate
    from dmdstudio.service.control import Control


def follow(
    events: Callable[[Control], Iterator[Event]],
    as_json: bool,
    reports: list[StepReport] | None = None,
    found: list[Uncertainty] | None = None,
    quiet: bool = False,
) -> Event:
    """Show events as they come and return the last one; Ctrl-C asks the loop to stop.

    Args:
        events: given the control that stops them.
        as_json: results go to programs.
        reports: where to put the reports of iterations.
        found: where to put what was found out about the parameters.
        quiet: show nothing.
    """
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    from dmdstudio.service.control import Control

    control = Control()

    def stop(number: int, _: Any) -> None:
        if control.stop_requested:
            raise KeyboardInterrupt
        control.stop()

    before = {s: signal.signal(s, stop) for s in (signal.SIGINT, signal.SIGTERM)}
    console = Console(stderr=True, quiet=quiet)
    show = partial(console.print, highlight=False, markup=False, soft_wrap=True)
    columns = (TextColumn("{task.description:<24}"), BarColumn(), TextColumn("{task.fields[left]}"))
    event: Event | None = None
    try:
        with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("starting", total=1.0, left="")
            for event in events(control):
                if isinstance(event, Progress):
                    bar.update(task, completed=event.fraction, left=_left(event.seconds_left))
                elif isinstance(event, Phase):
                    where = f"iteration {event.iteration}: " if event.iteration >= 0 else ""
                    bar.update(task, description=f"{where}{event.name} {event.detail}".strip())
                elif isinstance(event, Started):
                    show(
                        f"{event.formula}, {event.replicas} replicas, {event.method}, "
                        f"{event.precision}, {event.device}"
                    )
                elif isinstance(event, Log):
                    console.print(
                        f"{event.level}: {event.text}",
                        highlight=False,
                        markup=False,
                        soft_wrap=True,
                    )
                elif isinstance(event, Iterated):
                    show(_line(event.report))
                    if reports is not None:
                        reports.append(event.report)
                elif isinstance(event, Trained):
                    show(_epoch_line(event))
                elif isinstance(event, Uncertainty) and found is not None:
                    found.append(event)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert event is not None
    return event


def _left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d} left"


def _line(report: StepReport) -> str:
    """Return an iteration as one line: loss, single-number targets, parameters."""
    parts = [f"iteration {report.iteration:3d}", f"loss {report.loss:.3e}"]
    for target in report.targets:
        if len(target.value) == 1:
            parts.append(
                f"{target.name} {target.value[0]:.3f} ± {target.error[0]:.3f} {pretty(target.unit)}"
            )
    parts += [f"{p.key.rpartition('.')[2]} {p.value:.5g}" for p in report.parameters if p.free]
    parts.append(f"{report.seconds:.1f} s")
    return "  ".join(parts)


def _epoch_line(event: Trained) -> str:
    """Return an epoch of a fit as one line."""
    errors = "  ".join(f"{name} {error:.4g}" for name, error in event.errors.items())
    return (
        f"epoch {event.epoch:4d}  loss {event.loss:.3e}  validation {event.validation:.3e}"
        f"{'*' if event.better else ' '}  {errors}  {event.seconds:.1f} s"
    )


def print_fit(fit: Fitted) -> None:
    """Print what a fit has reached."""
    rows = []
    training = {e.quantity: e for e in fit.training}
    for error in fit.validation:
        own = training.get(error.quantity)
        rows.append(
            [
                error.label,
                f"{error.error:.4g}",
                f"{own.error:.4g}" if own else "",
                f"{error.size:.4g}",
                pretty(error.unit),
            ]
        )
    best = ", ".join(f"{name} of epoch {epoch}" for name, epoch in fit.best_epochs.items())
    print(
        f"{fit.reason.capitalize()} after {fit.epochs} epochs: {fit.numbers:,} numbers from "
        f"{fit.training_frames} frames; the best, {best}:"
    )
    print_table(["root mean square error", "validation", "training", "of data", "unit"], rows)
    for name in fit.files:
        print(name)
    if fit.reason == "stopped":
        print(f"Go on with: dmdstudio fit-forces --resume {fit.folder}")


def print_parameters(parameters: Sequence[ParameterReport]) -> None:
    """Print parameters as a table."""
    print_table(
        ["parameter", "value", "unit"],
        [[_told(p), f"{p.value:.8g}", pretty(p.unit)] for p in parameters],
    )


def _told(parameter: ParameterReport) -> str:
    """Return the name of a parameter; of an array, what its value is."""
    count = f" (root mean square of {parameter.numbers:,})" if parameter.numbers > 1 else ""
    return parameter.key + count


def print_uncertainty(found: Uncertainty) -> None:
    """Print refined parameters with standard errors and intervals, and what to mind."""
    rows = []
    for p in found.parameters:
        if p.error is None:
            words = ["not determined", ""]
        else:
            words = [f"{p.error:.2g}", f"{p.lower:.6g} to {p.upper:.6g}"]
        rows.append([p.key, f"{p.value:.8g}", *words, pretty(p.unit)])
    print_table(["parameter", "value", "standard error", "95 % interval", "unit"], rows)
    for note in found.notes:
        print(f"- {note}")


def print_targets(targets: Sequence[TargetReport]) -> None:
    """Print prediction and experiment as a table."""
    rows = []
    for t in targets:
        if len(t.value) != 1:
            rows.append([t.label, f"{len(t.value)} points", "", pretty(t.unit), f"{t.loss:.4g}"])
            continue
        measured = f"{t.experiment[0]:.6g}" if t.experiment else ""
        rows.append(
            [t.label, f"{t.value[0]:.5g} ± {t.error[0]:.2g}", measured, pretty(t.unit),
             f"{t.loss:.4g}"]
        )  # fmt: skip
    print_table(["observable", "predicted", "experiment", "unit", "loss"], rows)


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table without lines."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*head, box=None, pad_edge=False, show_header=any(head))
    for row in rows:
        table.add_row(*map(Text, row))
    console = Console()
    Console(width=None if console.is_terminal else 200).print(table)


def print_json(value: Any) -> None:
    """Print one JSON document."""
    print(msgspec.json.format(msgspec.json.encode(value)).decode())


def print_diagnosis(found: Diagnosed) -> None:
    """Print gradient, noise and drift against the horizon, and what follows from them."""
    keys = list(found.units)
    rows = [
        [
            f"{row.horizon:.4g}",
            f"{row.signal_to_noise:.3g}",
            f"{100 * row.drift:.3g} %",
            *(f"{row.gradients[k]:.4g} ± {row.errors[k]:.2g}" for k in keys),
        ]
        for row in found.rows
    ]
    print_table(["horizon [ps]", "signal/noise", "drift", *(f"dL/d {k}" for k in keys)], rows)
    doubling = f", e-fold in {1.0 / found.rate:.3g} ps" if found.rate > 0.0 else ""
    print(f"The adjoint grows at {found.rate:.3g} 1/ps{doubling}.")
    print(f"Horizon: {found.reason}")
    for advice in found.advice:
        print(f"- {advice.text}")
    if found.reversal_residual is not None:
        print(f"Reversal off by {found.reversal_residual:g} lattice units.")
    print(f"Energy drift {found.energy_drift:.2g} eV per atom and ps, {found.temperature:.4g} K.")


def print_certificate(certificate: Certificate) -> None:
    """Print what our reader and the engines made of exported files."""
    from dmdstudio.plan.certificate import WORDS, difference_words, target_words

    print_table(
        ["", "energy", "forces", "pressure", "verdict"],
        [
            [
                f"{check.engine} {check.version}".strip(),
                *difference_words(check),
                WORDS[check.verdict],
            ]
            for check in certificate.checks
        ],
    )
    if certificate.targets:
        print_table(
            ["target", "engine", "in the run", "in the engine", "apart", "verdict"],
            [[c.target, c.engine, *target_words(c), WORDS[c.verdict]] for c in certificate.targets],
        )
        for note in sorted({c.note for c in certificate.targets if c.note}):
            print(note)
    for check in certificate.checks:
        if check.silent:
            print(check.note)
