"""What a plot says of the point under the crosshair. No Qt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dmdstudio.app.axis_units import axis_name, choices
from dmdstudio.app.plot_contents import PlotContents, Series
from dmdstudio.app.words import number_with_error
from dmdstudio.base.units import pretty, spectral


@dataclass(frozen=True)
class Snap:
    """A point of a line: the line's name, the place in it, and the coordinates of the data."""

    name: str
    index: int
    x: float
    y: float


def nearest_point(
    contents: PlotContents, x: float, y: float, width: float, height: float
) -> Snap | None:
    """Return the point of the visible lines that is the closest on screen.

    Args:
        contents: of the plot.
        x: place in the view, as the axes count: logarithms where they are logarithmic.
        y: likewise.
        width: of a pixel in the view.
        height: of a pixel in the view.
    """
    best: tuple[float, Snap] | None = None
    for series in contents.curves():
        if series.level or not len(series.x):
            continue
        across, up = view_points(contents, series)
        with np.errstate(invalid="ignore"):
            away = np.abs(across - x) / width
        if not np.isfinite(away).any():
            continue
        index = int(np.nanargmin(away))  # of the points of a line, the one above or below
        distance = float(np.hypot(away[index], (up[index] - y) / height))
        if np.isfinite(distance) and (best is None or distance < best[0]):
            best = distance, point_of(series, index)
    return None if best is None else best[1]


def view_points(contents: PlotContents, series: Series) -> tuple[np.ndarray, np.ndarray]:
    """Return a line's points as the axes count them; what cannot be drawn is not a number."""
    across = np.asarray(contents.coordinates.in_shown(series.x), dtype=float)
    up = np.asarray(series.y, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        if contents.coordinates.log:
            across = np.log10(across)
        if contents.log_left:
            up = np.log10(up)
    bad = ~(np.isfinite(across) & np.isfinite(up))
    if bad.any():
        across, up = np.where(bad, np.nan, across), np.where(bad, np.nan, up)
    return across, up


def point_of(series: Series, index: int) -> Snap:
    """Return a point of a line by its place."""
    return Snap(series.name, index, float(series.x[index]), float(series.y[index]))


def stepped(contents: PlotContents, snap: Snap | None, steps: int) -> Snap | None:
    """Return the point ``steps`` further to the right on screen, or the first there is."""
    curves = [s for s in contents.curves() if not s.level and np.isfinite(s.y).any()]
    if not curves:
        return None
    series = next((s for s in curves if snap is not None and s.name == snap.name), curves[0])
    good = np.flatnonzero(np.isfinite(view_points(contents, series)[1]))
    if not len(good):
        return None
    order = good[np.argsort(np.asarray(contents.coordinates.in_shown(series.x[good])))]
    if contents.falling:
        order = order[::-1]
    if snap is None or snap.name != series.name:
        return point_of(series, int(order[len(order) // 2]))
    places = np.flatnonzero(order == snap.index)
    place = int(places[0]) if len(places) else len(order) // 2
    return point_of(series, int(order[np.clip(place + steps, 0, len(order) - 1)]))


def switched(contents: PlotContents, snap: Snap | None, by: int) -> Snap | None:
    """Return the point of the next or previous line that is nearest to the same position."""
    curves = [s for s in contents.curves() if not s.level and np.isfinite(s.y).any()]
    if not curves or snap is None:
        return stepped(contents, snap, 0)
    names = [series.name for series in curves]
    place = names.index(snap.name) if snap.name in names else 0
    series = curves[(place + by) % len(curves)]
    away = np.where(np.isfinite(series.y), np.abs(series.x - snap.x), np.inf)
    return point_of(series, int(np.argmin(away)))


def read_out(contents: PlotContents, snap: Snap) -> list[tuple[str, str, str]]:
    """Return rows of name, number with unit, and the name of the line they belong to."""
    words, native = contents.bottom
    shown = contents.coordinates.shown
    rows = []
    for unit in dict.fromkeys((shown, native, *_others(native))):
        value = snap.x if unit == native else float(spectral(np.float64(snap.x), native, unit))
        name = axis_name(words, native, unit) if not rows else ""
        rows.append((name or "", _number(value, unit), ""))
    if contents.ticks and 0 <= round(snap.x) < len(contents.ticks):
        rows = [(words or "", contents.ticks[round(snap.x)], "")]
    for series in contents.curves():
        value = series.at(snap.x)
        if np.isfinite(value):
            known = contents.error_of(series)
            error = (
                float(known[snap.index]) if known is not None and series.name == snap.name else 0
            )
            name = series.label or contents.left[0]
            rows.append((name, _number(value, contents.left[1], error), series.name))
    return rows


def _others(native: str) -> tuple[str, ...]:
    """Return the unit that is read beside the chosen one: THz beside 1/cm, fs beside ps."""
    known = [unit for unit in choices(native) if unit != native]
    return tuple(known[:1])


def _number(value: float, unit: str, error: float = 0.0) -> str:
    unit = "" if unit == "1" else unit
    if error > 0.0:
        return number_with_error(value, error, unit)
    printed = pretty(unit)
    joined = f" × {printed}" if printed.startswith("10") else f" {printed}" if printed else ""
    return f"{value:.5g}{joined}".replace("-", "−")
