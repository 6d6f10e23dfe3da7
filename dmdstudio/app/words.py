"""How numbers, lengths of time and events are put in words. No Qt."""

from __future__ import annotations

import html
import math
import re
import time
from collections.abc import Sequence

from dmdstudio.base.units import pretty
from dmdstudio.plan.events import (
    Diagnosed,
    Event,
    Failed,
    Finished,
    Iterated,
    Log,
    ParameterReport,
    ParameterUncertainty,
    Ready,
    Replayed,
    Started,
    StepReport,
    TargetReport,
    TargetSensitivity,
    Uncertainty,
)

_PROPER = {
    "nvt": "NVT",
    "npt": "NPT",
    "cpu": "CPU",
    "gpu": "GPU",
    "sgd": "SGD",
    "rmsprop": "RMSprop",
    "adabelief": "AdaBelief",
    "arpls": "arPLS",
    "asls": "AsLS",
    "green_kubo": "Green–Kubo",
    "gauss_newton": "Gauss–Newton",
    "lorentz_berthelot": "Lorentz–Berthelot",
    "yeh_hummer": "Yeh–Hummer",
}
"""Choices of recipes that are names or abbreviations."""


def number_with_error(value: float, error: float, unit: str) -> str:
    """Return ``'2.41 ± 0.05 10⁻⁹ m²/s'`` with the digits that the error allows."""
    printed = pretty(unit)
    joined = f" × {printed}" if printed.startswith("10") else f" {printed}" if printed else ""
    if not error > 0 or not math.isfinite(error):
        number = f"{value:.4g}"
    else:
        digits = max(0, 1 - math.floor(math.log10(error)))
        number = f"{value:.{digits}f} ± {error:.{digits}f}"
    return number.replace("-", "−") + joined  # a minus that is as wide as a plus


def percent(share: float) -> str:
    """Return ``'93 %'``."""
    return f"{100.0 * share:.0f}\u00a0%"


def with_unit(words: str, unit: str) -> str:
    """Return an axis label: ``'Time (ps)'``; a number without unit stands alone."""
    return f"{words} ({pretty(unit)})" if unit not in ("", "1") else words


_FAR = 10.0
"""Times of its experiment by which a number may be off to be told in percent."""


def difference(target: TargetReport) -> str:
    """Return how far a single number is from its experiment: ``'+2.1 %'``, or ``'−4103 bar'``.

    The latter where the experiment is next to nothing, as the pressure of a liquid is.
    """
    if target.axis or len(target.value) != 1 or not target.experiment:
        return ""
    away = target.value[0] - target.experiment[0]
    if abs(away) > _FAR * abs(target.experiment[0]):
        words = f"{away:+.4g}\u00a0{pretty(target.unit)}".strip()
    else:
        words = f"{100 * away / target.experiment[0]:+.1f}\u00a0%" if away else "+0.0\u00a0%"
    return words.replace("-", "−")


def counted(count: int, word: str) -> str:
    """Return ``'1 region'`` or ``'3 regions'``."""
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def weights_words(target: TargetReport) -> str:
    """Return what its points weigh where they do not weigh alike: ``', weights 0.5 to 3'``."""
    weights = target.point_weight
    return f", weights {min(weights):g} to {max(weights):g}" if weights else ""


def choice_words(choice: str) -> str:
    """Return how a person writes a choice of a recipe: ``'Infrared spectrum'``, ``'NVT'``."""
    if choice in _PROPER:
        return _PROPER[choice]
    if any(c.isdigit() for c in choice):
        return choice
    words = choice.replace("_", " ")
    return words[:1].upper() + words[1:]


def short_key(key: str) -> str:
    """Return ``'sigma Ar'`` for ``'lennard_jones.sigma[Ar]'``."""
    return key.rpartition(".")[2].replace("[", " ").replace("]", "")


def growth_words(rate: float) -> str:
    """Return in a sentence how fast an adjoint grows, from its rate in 1/ps."""
    if not rate > 0.0:
        return "The adjoint does not grow."
    return f"The adjoint grows at {rate:.3g} per ps: e-fold every {1.0 / rate:.2g} ps."


def setting_words(text: str) -> str:
    """Return a sentence with the names of settings in bold: ``dynamics.segments = 4``."""
    safe = html.escape(text, quote=False)
    return re.sub(r"\b([a-z]+\.[a-z_]+)\b", r"<b>\1</b>", safe)


def interval_words(known: ParameterUncertainty) -> str:
    """Return ``'3.380 to 3.412'``, with the digits that the width allows."""
    if known.error is None or known.lower is None or known.upper is None:
        return "not determined"
    width = known.upper - known.lower
    digits = max(0, 1 - math.floor(math.log10(width))) if width > 0 else 4
    return f"{known.lower:.{digits}f} to {known.upper:.{digits}f}"


def error_words(known: ParameterUncertainty) -> str:
    """Return what is known of a parameter and where its error comes from."""
    unit = f" {pretty(known.unit)}" if known.unit else ""
    if known.error is None:
        return "The data do not determine it: another target or a prior would."
    parts = (
        ("the experiment", known.experiment),
        ("finitely many replicas", known.sampling),
        ("the prior", known.prior),
        ("the way still to go", abs(known.remaining)),
    )
    shares = ", ".join(f"{value:.2g}{unit} from {name}" for name, value in parts if value > 0)
    value = number_with_error(known.value, known.error, known.unit)
    return f"{value}; 95 % from {interval_words(known)}{unit}. {shares}".rstrip(" .") + "."


def titles(targets: Sequence[TargetReport | TargetSensitivity]) -> list[str]:
    """Return what targets are called in a list; those of one observable by their names too."""
    labels = [target.label or target.name for target in targets]
    return [
        f"{label} ({target.name})" if labels.count(label) > 1 else label
        for label, target in zip(labels, targets, strict=True)
    ]


def relative_change(start: ParameterReport, now: ParameterReport) -> float | None:
    """Return the change of a parameter in percent; None where it began at zero."""
    return None if start.value == 0 else 100.0 * (now.value / start.value - 1.0)


def duration_words(seconds: float) -> str:
    """Return a length of time as ``'40 s'``, ``'3 min'`` or ``'2 h 5 min'``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def moment_words(moment: float) -> str:
    """Return a time, in seconds since 1970, as ``'26 Nov, 14:32'``, of other years as a date."""
    then, now = time.localtime(moment), time.localtime()
    form = "%d %b, %H:%M" if then.tm_year == now.tm_year else "%d %b %Y"
    return time.strftime(form, then)


def log_line(event: Event) -> Log | None:
    """Return the line that an event leaves in the log; None where it leaves none."""
    match event:
        case Log():
            return event
        case Ready():
            text = f"Engine ready after {event.seconds:.1f} s on {event.device}"
            return Log(level="info", text=text)
        case Started():
            return Log(level="info", text=_started(event), time=event.time)
        case Iterated(report=report):
            return Log(level="info", text=_iterated(report), time=event.time)
        case Finished():
            word = "Stopped" if event.reason == "stopped" else "Completed"
            best = f"; best iteration {event.best_iteration}" if event.best_iteration >= 0 else ""
            text = f"{word} after {duration_words(event.seconds)}{best}"
            return Log(level="info", text=text, time=event.time)
        case Failed():
            text = f"{event.message} {event.advice}".strip()
            return Log(level="error", text=text, time=event.time)
        case Diagnosed():
            return Log(level="info", text=f"Diagnosed. Horizon {event.reason}")
        case Replayed():
            return Log(level="info", text=_replayed(event))
        case Uncertainty():
            return Log(level="info", text=_known(event), time=event.time)
    return None


def _replayed(event: Replayed) -> str:
    length = (event.frames - 1) * event.interval
    return (
        f"Replica {event.replica + 1} at iteration {event.iteration} was run again: {event.frames} "
        f"frames over {length:.3g} ps, {event.seconds:.1f} s"
    )


def _known(event: Uncertainty) -> str:
    parts = [
        f"{short_key(p.key)} "
        + ("not determined" if p.error is None else number_with_error(p.value, p.error, p.unit))
        for p in event.parameters
    ]
    return f"Uncertainty at iteration {event.iteration}: {', '.join(parts)}"


def _started(event: Started) -> str:
    verb = "Run" if event.first_iteration == 0 else f"Resumed at iteration {event.first_iteration}"
    return (
        f"{verb}: {event.formula}, {event.replicas} replicas, up to {event.iterations} iterations, "
        f"{event.precision} on {event.device}, in {event.run_dir}"
    )


def _iterated(report: StepReport) -> str:
    parts = [f"Iteration {report.iteration}: loss {report.loss:.4g}"]
    for target in report.targets:
        if not target.axis and len(target.value) == 1:
            error = target.error[0] if target.error else 0.0
            words = number_with_error(target.value[0], error, target.unit)
            parts.append(f"{target.label} {words}")
    parts.append(f"{report.seconds:.1f} s")
    return ", ".join(parts)
