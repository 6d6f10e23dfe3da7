"""A run on one page: what was refined, against what, how far it got, and how to cite it. No Qt.

The page is HTML that stands alone: figures are inside, nothing is fetched, nothing runs.
"""

from __future__ import annotations

import base64
import functools
import html
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dmdstudio import __version__
from dmdstudio.app.comparison import regions_of
from dmdstudio.app.report_figures import Kind, loss_figure, reported, target_figure
from dmdstudio.app.state import RunView, is_scalar, reduce
from dmdstudio.app.words import (
    difference,
    duration_words,
    interval_words,
    number_with_error,
    relative_change,
    titles,
    weights_words,
    with_unit,
)
from dmdstudio.base.errors import RunError
from dmdstudio.base.units import pretty
from dmdstudio.files.whole import write_text
from dmdstudio.plan.events import StepReport, TargetReport
from dmdstudio.plan.recipe import Recipe, recipe_to_toml

if TYPE_CHECKING:
    from dmdstudio.files.run_store import RunStore

BIBTEX = """@article{HanYu2025,
  author  = {Han, Bin and Yu, Kuang},
  title   = {Refining potential energy surface through dynamical properties via differentiable
             molecular simulation},
  journal = {Nature Communications},
  volume  = {16},
  pages   = {816},
  year    = {2025},
  doi     = {10.1038/s41467-025-56061-z}
}"""
"""How to cite the method."""

_STYLE = """
body { font: 10pt/1.45 "Helvetica Neue", Helvetica, Arial, sans-serif; color: #1f2430;
  max-width: 50em; margin: 2em auto; padding: 0 1.5em; }
h1 { font-size: 18pt; margin-bottom: 0; } h2 { font-size: 12pt; margin: 1.6em 0 0.4em; }
table { border-collapse: collapse; width: 100%; }
th { border-bottom: 1px solid #d9dce2; } th, td { padding: 3px 10px 3px 0; }
img { width: 100%; } pre { padding: 8px; overflow-x: auto; }
"""
_PRINTED = """
body { font-size: 8pt; color: #1f2430; }
h1 { font-size: 15pt; margin-bottom: 0px; } h2 { font-size: 10pt; margin: 12px 0px 2px 0px; }
th, td { padding: 2px 8px 2px 0px; }
"""
_BOTH = """
.quiet, th { color: #5d6576; } th { text-align: left; font-weight: normal; }
td.number, th.number { text-align: right; }
pre { font-size: 7.5pt; background: #f4f5f7; white-space: pre-wrap; }
"""
_PICTURE_WIDTH = 348
"""Of figures on paper, two in a row, in the dots that a page is laid out by."""


def read_view(run_dir: str | Path) -> tuple[RunStore, Recipe, RunView]:
    """Return a run folder, its recipe and its events as one view."""
    from dmdstudio.files.run_store import RunStore  # brings HDF5, which the window opens without

    store = RunStore.open(run_dir)
    return store, store.recipe(), functools.reduce(reduce, store.events(), RunView())


def report_html(run_dir: str | Path, kind: Kind = "svg") -> str:
    """Return the report of a run as a page of HTML.

    Args:
        run_dir: a run folder; it may be in use.
        kind: of the figures: ``svg`` for browsers, with the whole recipe folded in; ``png`` for
            paper, without it.

    Raises:
        RunError: it is no run folder, or no iteration is finished yet.
    """
    store, recipe, view = read_view(run_dir)
    if view.started is None or view.best is None or view.first is None or not view.steps:
        raise RunError("The run has no finished iteration yet.", "Let it finish one first.")
    best = view.best
    parts = [
        _head(store.path.resolve().name, recipe, view, best),
        "<h2>Targets</h2>",
        _targets(view.first, best),
        _pictures(recipe, view, best, kind),
        "<h2>Parameters</h2>",
        _parameters(view, view.first, best),
        "<h2>Settings</h2>",
        _settings(recipe, view),
    ]
    if kind == "svg":
        toml = html.escape(recipe_to_toml(recipe))
        parts.append(f"<h2>Recipe</h2><details><summary>Show</summary><pre>{toml}</pre></details>")
    parts.append(f"<h2>How to cite the method</h2><pre>{html.escape(BIBTEX)}</pre>")
    title = html.escape(recipe.title or "Refinement")
    body = "\n".join(parts)
    style = (_STYLE if kind == "svg" else _PRINTED) + _BOTH
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{style}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def write_report(run_dir: str | Path, path: Path) -> Path:
    """Write the report of a run: HTML, or PDF where the name ends in ``.pdf``."""
    if path.suffix.lower() == ".pdf":
        from dmdstudio.app.report_pdf import write_pdf

        write_pdf(report_html(run_dir, "png"), path)
    else:
        write_text(path, report_html(run_dir))
    return path


def _head(run: str, recipe: Recipe, view: RunView, best: StepReport) -> str:
    started, first = view.started, view.first
    assert started is not None and first is not None
    seconds = sum(step.seconds for step in view.steps)
    fallen = (
        f"the loss fell from {first.loss:.4g} to {best.loss:.4g}, "
        f"by {100 * (1 - best.loss / first.loss):.0f} %"
        if first.loss > best.loss
        else f"the loss did not fall below the {first.loss:.4g} of the start"
    )
    count = "1 iteration" if len(view.steps) == 1 else f"{len(view.steps)} iterations"
    words = (
        f"{started.formula}, {started.atoms} atoms, {started.replicas} replicas. "
        f"{count} in {duration_words(seconds)} ({started.precision}, {started.device}). "
        f"The best is iteration {best.iteration}: {fallen}."
    )
    notes = f"<p>{html.escape(recipe.notes.strip())}</p>" if recipe.notes.strip() else ""
    made = f"Run {run}, made by DMD Studio {started.version}; report by {__version__}."
    return (
        f"<h1>{html.escape(recipe.title or 'Refinement')}</h1>\n"
        f'<p class="quiet">{html.escape(made)}</p>\n<p>{html.escape(words)}</p>\n{notes}'
    )


def _targets(first: StepReport, best: StepReport) -> str:
    rows = []
    for title, target in zip(titles(best.targets), best.targets, strict=True):
        start = reported(first, target.name)
        rows.append(
            [
                with_unit(title, target.unit),
                _experiment(target),
                "" if start is None else _prediction(start),
                _prediction(target),
                difference(target),
                f"{target.weight:g}",
                "" if start is None else f"{start.loss:.3g} → {target.loss:.3g}",
            ]
        )
    head = ["Target", "Experiment", "Initial", "Refined", "Difference", "Weight", "Loss"]
    return _table(head, rows, numbers=range(1, 7))


def _experiment(target: TargetReport) -> str:
    if not target.experiment:
        return "none"
    if not is_scalar(target):
        return f"{len(target.experiment)} points{weights_words(target)}"
    error = target.experiment_error[0] if target.experiment_error else 0.0
    return number_with_error(target.experiment[0], error, "")


def _prediction(target: TargetReport) -> str:
    if not is_scalar(target) or not target.value:
        return "curve"
    return number_with_error(target.value[0], target.error[0] if target.error else 0.0, "")


def _pictures(recipe: Recipe, view: RunView, best: StepReport, kind: Kind) -> str:
    """Return all figures, one below the other, or two beside each other on paper."""
    plans = {plan.key: plan for plan in recipe.target}
    cells = []
    for title, target in zip(titles(best.targets), best.targets, strict=True):
        plan = plans.get(target.name)
        regions = regions_of(plan, target, target.axis_unit)[0] if plan is not None else ()
        picture = target_figure(view, target, kind, regions)
        cells.append(_picture(title, picture, kind, target.source))
    cells.append(_picture("Loss", loss_figure(view, kind), kind))
    if kind == "svg":
        return "\n".join(cells)
    pairs = [
        "".join(f"<td>{cell}</td>" for cell in cells[k : k + 2]) for k in range(0, len(cells), 2)
    ]
    return "<table>" + "".join(f"<tr>{pair}</tr>" for pair in pairs) + "</table>"


def _picture(title: str, picture: bytes, kind: Kind, source: str = "") -> str:
    sort = "image/svg+xml" if kind == "svg" else "image/png"
    data = base64.b64encode(picture).decode("ascii")
    width = f' width="{_PICTURE_WIDTH}"' if kind == "png" else ""
    words = html.escape(title)
    below = f'<p class="quiet">Experiment: {html.escape(source)}</p>' if source else ""
    head = f"<h2>{words}</h2>" if kind == "svg" else ""  # on paper the axis says it
    return f'{head}<p><img{width} alt="{words}" src="data:{sort};base64,{data}"></p>{below}'


def _parameters(view: RunView, first: StepReport, best: StepReport) -> str:
    before = {p.key: p for p in first.parameters}
    known = {p.key: p for p in view.uncertainty.parameters} if view.uncertainty else {}
    rows = []
    for now in best.parameters:
        start = before.get(now.key, now)
        change = relative_change(start, now)
        rows.append(
            [
                f"{now.key} (root mean square of {now.numbers:,})" if now.numbers else now.key,
                f"{start.value:.6g}",
                f"{now.value:.6g}" if now.free else "fixed",
                f"{change:+.2f} %" if change is not None and now.free else "",
                interval_words(known[now.key]) if now.key in known else "",
                pretty(now.unit),
            ]
        )
    head = ["Parameter", "Initial", "Refined", "Change", "95 % interval", "Unit"]
    table = _table(head, rows, numbers=range(1, 5))
    if view.uncertainty is None:
        return table
    at = f"Intervals are of iteration {view.uncertainty.iteration}."
    notes = " ".join([at, *view.uncertainty.notes])
    return f'{table}\n<p class="quiet">{html.escape(notes)}</p>'


def _settings(recipe: Recipe, view: RunView) -> str:
    started = view.started
    assert started is not None
    sampling, dynamics = recipe.sampling, recipe.dynamics
    truncation = str(recipe.gradient.options.get("truncation", "none"))
    length = dynamics.steps * dynamics.timestep * 1e-3
    pressure = f", {sampling.pressure:g} bar" if sampling.ensemble == "npt" else ""
    rows = [
        ["Potential", ", ".join(p.key for p in recipe.potential)],
        ["Starts", f"{sampling.ensemble.upper()}, {sampling.temperature:g} K{pressure}, "
                   f"{sampling.replicas} replicas"],
        ["Trajectories", f"{length:g} ps, {dynamics.steps} steps of {dynamics.timestep:g} fs, "
                         f"recorded every {dynamics.record_every} steps, "
                         f"{dynamics.segments} segment{'s' if dynamics.segments > 1 else ''}"
                         f"{', both ways in time' if dynamics.both_ways else ''}"],
        ["Gradient", f"{started.method.replace('_', ' ')}, truncation {truncation}"],
        ["Optimiser", f"{recipe.optimizer.kind.replace('_', ' ')}, "
                      f"{recipe.refinement.iterations} iterations"],
        ["Numbers", f"{started.precision}, {recipe.execution.lattice_bits}-bit lattice, "
                    f"seed {recipe.execution.seed}, on {started.device}"],
    ]  # fmt: skip
    return _table(["Setting", "Value"], rows)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    def cell(tag: str, column: int, text: str) -> str:
        sort = ' class="number" align="right"' if column in numbers else ' align="left"'
        return f"<{tag}{sort}>{html.escape(text)}</{tag}>"

    lines = [
        "<tr>" + "".join(cell(tag, c, text) for c, text in enumerate(row)) + "</tr>"
        for tag, row in [("th", head), *(("td", row) for row in rows)]
    ]
    return '<table width="100%">\n' + "\n".join(lines) + "\n</table>"
