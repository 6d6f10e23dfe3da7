"""The numbers of a plot as a table with units. No Qt."""

from __future__ import annotations

import csv
import io
import itertools

import numpy as np

from dmdstudio.app.axis_units import axis_name
from dmdstudio.app.plot_contents import PlotContents, Provenance, Series


def table_text(
    contents: PlotContents, separator: str = "\t", provenance: Provenance | None = None
) -> str:
    """Return the lines that are shown, a column each, with standard errors where they are drawn.

    Lines over the same positions share a column of them; others bring their own. Every column says
    its name and unit: ``Wavenumber [1/cm]``.

    Args:
        contents: of the plot; positions are in the unit that it shows.
        separator: between cells; what contains it is quoted.
        provenance: written above the table, as ``# recipe: …``.
    """
    columns = [column for group in _groups(contents) for column in _columns(contents, group)]
    text = io.StringIO()
    if provenance is not None:
        for line in (f"title: {contents.title}", *provenance.lines()):
            text.write(f"# {' '.join(line.split())}\n")
    writer = csv.writer(text, delimiter=separator, lineterminator="\n")
    writer.writerow([name for name, _ in columns])
    writer.writerows(itertools.zip_longest(*(cells for _, cells in columns), fillvalue=""))
    return text.getvalue()


def _groups(contents: PlotContents) -> list[list[Series]]:
    """Return the lines that are shown, those over the same positions together."""
    groups: list[list[Series]] = []
    for series in contents.curves():
        if series.level and groups:
            groups[0].append(series)
            continue
        same = (g for g in groups if not g[0].level and np.array_equal(g[0].x, series.x))
        if (group := next(same, None)) is None:
            groups.append([series])
        else:
            group.append(series)
    return groups


def _columns(contents: PlotContents, group: list[Series]) -> list[tuple[str, list[str]]]:
    shown = contents.coordinates.shown
    words, native = contents.bottom
    positions = np.asarray(contents.coordinates.in_shown(group[0].x), dtype=float)
    if contents.ticks:
        cells = [
            contents.ticks[round(x)] for x in group[0].x if 0 <= round(x) < len(contents.ticks)
        ]
    else:
        cells = [f"{x:.10g}" for x in positions]
    columns = [(_heading(axis_name(words, native, shown) or "Name", shown), cells)]
    unit = contents.left[1]
    for series in group:
        name = series.label or contents.left[0]
        values = np.full(len(positions), series.y[0]) if series.level else series.y
        columns.append((_heading(name, unit), [_cell(value) for value in values]))
        error = contents.error_of(series)
        if error is not None and not series.level:
            columns.append((_heading(f"{name} error", unit), [_cell(value) for value in error]))
    return columns


def _heading(name: str, unit: str) -> str:
    return f"{name} [{unit}]" if unit not in ("", "1") else name


def _cell(value: float) -> str:
    return f"{value:.10g}" if np.isfinite(value) else ""
