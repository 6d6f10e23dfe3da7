"""A run's potential for other engines: the same for the window, the command line and scripts."""

from __future__ import annotations

import time
from pathlib import Path

import dmdstudio
from dmdstudio.files.iterations import iteration_reports, iteration_values
from dmdstudio.files.potentials import ParameterChange, Provenance, export
from dmdstudio.files.run_store import RunStore
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm, parameter_key, potential_terms
from dmdstudio.service import portable as _portable
from dmdstudio.service.refined import arrays_of_terms, with_refined
from dmdstudio.service.structure import structure_of

_REGISTERED = _portable  # which translates, where files cannot


def refined_potential(
    run_dir: str | Path, which: str | int = "best"
) -> tuple[list[PotentialTerm], Structure, Provenance]:
    """Return a run's potential at one iteration, its structure, and where it comes from.

    Args:
        run_dir: a run folder; it may be in use.
        which: ``"best"``, ``"last"`` or the number of an iteration.
    """
    store = RunStore.open(run_dir)
    recipe, events = store.recipe(), store.events()
    iteration, values = iteration_values(events, which)
    report = iteration_reports(events)[iteration]
    structure = structure_of(recipe)
    starts = [(parameter_key(p, q), q) for p in recipe.terms for q in p.parameter]
    recipe = with_refined(recipe, store, iteration)
    changes = [
        ParameterChange(key, start.unit, start.value, values[key])
        for key, start in starts
        if key in values
    ]
    before = {p.key: p for p in next(iter(iteration_reports(events).values())).parameters}
    changes += [
        ParameterChange(f"{p.key} (root mean square of {p.numbers})", p.unit, start.value, p.value)
        for p in report.parameters
        if p.numbers and p.free and (start := before.get(p.key))
    ]
    provenance = Provenance(
        title=recipe.title,
        run=store.path.resolve().name,
        iteration=iteration,
        version=dmdstudio.__version__,
        date=time.strftime("%Y-%m-%d"),
        loss=report.loss,
        parameters=tuple(changes),
        temperature=recipe.sampling.temperature,
        timestep_fs=recipe.dynamics.timestep,
    )
    terms = potential_terms(recipe, structure.types, values, arrays_of_terms(recipe))
    return terms, structure, provenance


def export_run(
    run_dir: str | Path, format_name: str, output: str | Path, which: str | int = "best"
) -> list[Path]:
    """Write a run's potential; return the files written, the main one first."""
    terms, structure, provenance = refined_potential(run_dir, which)
    return export(format_name, terms, structure, output, provenance)
