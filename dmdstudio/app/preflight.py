"""What a run of the recipe as it stands will take, resolve and risk, before it begins. No Qt."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

from dmdstudio.app.edits import nyquist_per_cm, segment_ps
from dmdstudio.app.matter import Matter
from dmdstudio.app.measured_pace import Rates, estimate
from dmdstudio.app.words import duration_words
from dmdstudio.base.units import factor
from dmdstudio.plan.catalog import Catalog, Entry
from dmdstudio.plan.events import Diagnosed
from dmdstudio.plan.recipe import Recipe, TargetPlan, recipe_to_table

State = Literal["plain", "unknown", "warning", "blocked"]

ENGINE_BYTES = 0.95 * 2**30
"""Of an engine that computes nothing large: JAX and compiled programs. Two iterations of the argon
example, whose frames take 0.03 GiB, peaked at 1.0 GiB."""

FRAME_ARRAYS = 6
"""Arrays [frame, atom, xyz] that a replica has at once: frames, features, their cotangents, and
what the transform of a correlation pads."""

PAIR_ARRAYS = 8
"""Arrays [atom, atom] of a term that is summed over all pairs by XLA."""

CHAOS_TIMES = 5.0
"""Windows longer than this many e-foldings of the adjoint are noise at their far end."""

TIGHT = 0.97
"""Share of half the cell from which on a cutoff leaves cells at constant pressure no room."""


@dataclass(frozen=True)
class Line:
    """One thing to know before a run: what, in words, and how it stands."""

    label: str
    words: str
    state: State = "plain"
    tip: str = ""


@dataclass(frozen=True)
class Setting:
    """What else an estimate depends on.

    Attributes:
        device: of the engine in words, empty until it is known: ``CPU, 2 cores``.
        devices: how many there are.
        rates: what steps have cost here, for this kind of run.
        room_bytes: memory of the computer that is free, or all that the devices have; 0 where that
            is not known.
    """

    device: str = ""
    devices: int = 1
    rates: Rates | None = None
    room_bytes: int = 0

    @property
    def is_cpu(self) -> bool:
        """Whether it computes on processor cores, a few replicas at a time."""
        return self.device.startswith("CPU")


def preflight(
    recipe: Recipe,
    catalog: Catalog,
    matter: Matter | None,
    setting: Setting,
    diagnosed: Diagnosed | None,
    blocked: str,
) -> tuple[Line, ...]:
    """Return all lines, what blocks the run first.

    Args:
        recipe: under edit.
        catalog: what exists, empty until the engine has told.
        matter: what the structure is made of, None while that is not known.
        setting: where it runs.
        diagnosed: what was measured of this recipe's chaos, None where nothing was.
        blocked: why the run cannot begin, empty where it can.
    """
    table = recipe_to_table(recipe)
    spectra = [(t, e) for t, e in _entries(recipe, catalog) if e.axis_unit == "1/cm"]
    lines = [_time(recipe, matter, setting), _memory(recipe, matter, setting)]
    lines += [_window(recipe, catalog, table), _resolution(spectra), _highest(spectra, table)]
    lines += [_horizon(recipe, catalog, table, diagnosed), _cutoff(recipe, catalog, matter)]
    told = [line for line in lines if line is not None]
    if blocked and not any(line.state == "blocked" and line.words in blocked for line in told):
        told.insert(0, Line("Run", blocked, "blocked"))
    return tuple(told)


def obstacles(recipe: Recipe, catalog: Catalog, matter: Matter | None) -> dict[str, str]:
    """Return why trajectories, frames or cell cannot do what is wanted, by the step of the work."""
    table = recipe_to_table(recipe)
    spectra = [(t, e) for t, e in _entries(recipe, catalog) if e.axis_unit == "1/cm"]
    found = {
        "Potential": [_cutoff(recipe, catalog, matter)],
        "Experiment": [_window(recipe, catalog, table), _highest(spectra, table)],
    }
    return {
        step: f"{line.label}: {line.words}"
        for step, lines in found.items()
        for line in lines
        if line is not None and line.state == "blocked"
    }


def _entries(recipe: Recipe, catalog: Catalog) -> list[tuple[TargetPlan, Entry]]:
    pairs = [(target, catalog.find("observable", target.observable)) for target in recipe.target]
    return [(target, entry) for target, entry in pairs if entry is not None]


def _option(options: dict[str, Any], entry: Entry, name: str) -> float | None:
    """Return a number that a target or term has, its default where it does not say."""
    default = next((field.default for field in entry.fields if field.name == name), None)
    value = options.get(name, default)
    return float(value) if isinstance(value, int | float) else None


def _windows(recipe: Recipe, catalog: Catalog) -> list[float]:
    found = (_option(t.options, e, "window") for t, e in _entries(recipe, catalog))
    return [window for window in found if window is not None]


def _time(recipe: Recipe, matter: Matter | None, setting: Setting) -> Line:
    label = "Time"
    if matter is None or not setting.device:
        return Line(label, "Not known before the engine is ready", "unknown")
    found = estimate(recipe, matter.atoms, setting.rates or {})
    if found is None:
        words = "Not known: nothing like it has run here yet"
        tip = "After the second iteration of a run it is, on this device and with these terms."
        return Line(label, words, "unknown", tip)
    all_of_it = duration_words(found.seconds * recipe.refinement.iterations)
    words = f"About {duration_words(found.seconds)} an iteration, {all_of_it} in all"
    scaled = found.atoms != matter.atoms
    tip = f"By a run of {found.atoms} atoms here" + (", scaled to these" if scaled else "")
    return Line(label, words, "plain", f"{tip}. Compiling and equilibrating come on top.")


def _memory(recipe: Recipe, matter: Matter | None, setting: Setting) -> Line:
    label = "Memory"
    if matter is None or not setting.device:
        return Line(label, "Not known before the engine is ready", "unknown")
    need = memory_bytes(recipe, matter.atoms, setting)
    words = f"About {need / 2**30:.1f} GB"
    if 0 < setting.room_bytes < need:
        room = f"{setting.room_bytes / 2**30:.1f} GB"
        words += f", but {room} are free" if setting.is_cpu else f", but the device has {room}"
        return Line(label, words, "warning", "Lower execution.batch, or the number of frames.")
    tip = "The engine itself, and the frames of the replicas that are computed together."
    return Line(label, words, "plain", tip)


def memory_bytes(recipe: Recipe, atoms: int, setting: Setting) -> float:
    """Return about how much memory a run takes.

    The engine, and for every replica of a batch the frames of a trajectory (all its steps, where
    plain backpropagation stores them) and, off the CPU, the pairs of a dense sum.
    """
    plan, number = recipe.dynamics, 8.0 if recipe.execution.precision == "float64" else 4.0
    batch = recipe.execution.batch or (4 * setting.devices if setting.is_cpu else 0)
    batch = min(batch or recipe.sampling.replicas, recipe.sampling.replicas)
    frames = plan.steps / plan.record_every + 1.0
    if recipe.gradient.options.get("frames") == "retrace":
        frames /= plan.segments
    if plan.both_ways:
        frames *= 2.0
    arrays = FRAME_ARRAYS * frames
    if recipe.gradient.method == "backpropagation":
        arrays += 2.0 * plan.all_steps
    need = 3.0 * arrays * atoms * number
    if not setting.is_cpu and recipe.execution.pairs != "cells":
        need += PAIR_ARRAYS * len(recipe.potential) * number * atoms**2
    return ENGINE_BYTES + batch * need


def _window(recipe: Recipe, catalog: Catalog, table: dict[str, Any]) -> Line | None:
    if not (windows := _windows(recipe, catalog)):
        return None
    longest, length = max(windows), segment_ps(table)
    if longest > length * (1.0 + 1e-9):
        words = f"{longest:g} ps, but trajectories are {length:g} ps long (each segment)"
        tip = "Raise dynamics.steps, lower dynamics.segments or lower the window."
        return Line("Window", words, "blocked", tip)
    return Line("Window", f"{longest:g} ps, in trajectories of {length:g} ps")


def _resolution(spectra: list[tuple[TargetPlan, Entry]]) -> Line | None:
    windows = [_option(target.options, entry, "window") for target, entry in spectra]
    known = [window for window in windows if window]
    if not known:
        return None
    width = math.pi / (min(known) * 1e3) * factor("rad/fs", "1/cm")
    tip = "1/(2cT) of the shortest window T; the experiment goes through the same window."
    return Line("Resolution", f"About {width:.0f} cm⁻¹", "plain", tip)


def _highest(spectra: list[tuple[TargetPlan, Entry]], table: dict[str, Any]) -> Line | None:
    if not spectra:
        return None
    limit = nyquist_per_cm(table)
    wanted = max(_option(target.options, entry, "high") or 0.0 for target, entry in spectra)
    if wanted > limit:
        words = f"{wanted:g} cm⁻¹ are wanted, but the frames tell only {limit:.0f} cm⁻¹"
        tip = "Lower dynamics.record_every or the highest wavenumber."
        return Line("Frames", words, "blocked", tip)
    return Line("Frames", f"Tell wavenumbers up to {limit:.0f} cm⁻¹")


def _horizon(
    recipe: Recipe, catalog: Catalog, table: dict[str, Any], diagnosed: Diagnosed | None
) -> Line | None:
    if recipe.optimizer.by_differences:
        return Line("Gradient", "None: differences between samples, which no chaos drowns")
    options = recipe.gradient.options
    truncation = options.get("truncation", "none")
    reach = segment_ps(table)
    if truncation in ("window", "damping") and options.get("horizon"):
        reach = min(reach, float(options["horizon"]))
    elif truncation == "auto":
        return Line("Gradient", "Its horizon is measured during the run")
    if diagnosed is None:
        words = f"Reaches back {reach:g} ps; Diagnose tells whether that can be trusted"
        return Line("Gradient", words, "unknown")
    folds = reach * max(diagnosed.rate, 0.0)
    words = f"Reaches back {reach:g} ps, in which the adjoint grows e-fold {folds:.1f} times"
    if folds > CHAOS_TIMES:
        tip = "Noise drowns the far end: take an automatic horizon, more segments, or Diagnose."
        return Line("Gradient", words, "warning", tip)
    return Line("Gradient", words)


def _cutoff(recipe: Recipe, catalog: Catalog, matter: Matter | None) -> Line | None:
    cutoffs = [
        cutoff
        for plan in recipe.potential
        if (entry := catalog.find("potential", plan.kind))
        and (cutoff := _option(plan.options, entry, "cutoff"))
    ]
    if not cutoffs or matter is None:
        return None
    longest, most = max(cutoffs), matter.half_width
    words = f"{longest:g} of at most {most:.2f} Å, half the narrowest width of the cell"
    if longest > most:
        return Line("Cutoff", words, "blocked", "Raise system.replicate or lower the cutoff.")
    if recipe.sampling.ensemble == "npt" and longest > TIGHT * most:
        tip = "At constant pressure cells shrink at times: a run ends where one does so too far."
        return Line("Cutoff", words, "warning", tip)
    return Line("Cutoff", words)
