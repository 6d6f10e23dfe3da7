"""What a plot shows, as plain data: for its read-out, its table and its picture. No Qt."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from dmdstudio.app.axis_units import Coordinates, axis_name
from dmdstudio.app.words import with_unit

_SHORT = {
    "Self-diffusion coefficient": "D",
    "Velocity autocorrelation": "VACF",
    "Mean squared displacement": "MSD",
    "Pair distribution function": "g(r)",
    "Infrared spectrum": "Infrared",
    "Raman spectrum": "Raman",
    "Vibrational density of states": "VDOS",
    "Potential energy": "Energy",
    "Running integral": "Integral",
    "Change since the start": "Change",
    "Signal-to-noise": "S/N",
}
"""Names of axes where the whole has no room, as the field abbreviates them."""


@dataclass(frozen=True)
class Look:
    """How a line is drawn; colours are named by role, so that they follow the theme."""

    colour: str
    points: bool = False
    dash: bool = False
    width: float = 2.0
    joined: bool = True


@dataclass
class Series:
    """One line: positions and values in the units of the axes.

    Attributes:
        of: the line that it belongs to: error bars, the edges of a band. It has no name then, and
            comes and goes with it.
        level: whether it is one value, drawn across the whole axis.
        pairs: whether every two points are joined, not all of them.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    look: Look
    label: str = ""
    of: str = ""
    level: bool = False
    pairs: bool = False

    def at(self, x: float) -> float:
        """Return the value at a position, by a line between points; not a number outside."""
        if self.level:
            return float(self.y[0])
        known = np.isfinite(self.x) & np.isfinite(self.y)
        if not known.any():
            return float("nan")
        return float(np.interp(x, self.x[known], self.y[known], left=np.nan, right=np.nan))


@dataclass
class Mark:
    """A vertical line."""

    x: float
    colour: str
    label: str


@dataclass
class Span:
    """A part of the bottom axis, from ``low`` to ``high`` in its native unit."""

    low: float
    high: float
    colour: str
    label: str


@dataclass(frozen=True)
class Cells:
    """Numbers [row, point] as a picture, between two ends of the bottom axis, named by row."""

    begin: float
    end: float
    names: tuple[str, ...]
    numbers: np.ndarray
    scale: str


@dataclass(frozen=True)
class Provenance:
    """Where the numbers come from: recipe, run and iteration, and the version that made them."""

    title: str = ""
    run: str = ""
    iteration: int | None = None
    version: str = ""

    def lines(self) -> list[str]:
        """Return ``['title: …', 'run: …', …]`` of what is known."""
        pairs = (
            ("recipe", self.title),
            ("run", self.run),
            ("iteration", "" if self.iteration is None else str(self.iteration)),
            ("made by", f"DMD Studio {self.version}" if self.version else ""),
        )
        return [f"{name}: {words}" for name, words in pairs if words]


@dataclass
class PlotContents:
    """Everything that stands in one pair of axes.

    Attributes:
        bottom: name of the bottom axis and unit of its data.
        left: name of the left axis and unit of its data.
        cells: what is drawn instead of the lines, which then are only its numbers.
        hidden: names of lines that are switched off.
        errors: standard errors of the points, by the name of the line.
    """

    title: str
    bottom: tuple[str, str] = ("", "")
    left: tuple[str, str] = ("", "")
    coordinates: Coordinates = field(default_factory=Coordinates)
    log_left: bool = False
    whole_numbers: bool = False
    falling: bool = False
    ticks: tuple[str, ...] = ()
    series: dict[str, Series] = field(default_factory=dict)
    bands: dict[str, str] = field(default_factory=dict)
    marks: dict[str, Mark] = field(default_factory=dict)
    spans: dict[str, Span] = field(default_factory=dict)
    cells: Cells | None = None
    hidden: set[str] = field(default_factory=set)
    errors: dict[str, np.ndarray] = field(default_factory=dict)

    def visible(self, series: Series) -> bool:
        """Whether a line is shown: neither it nor the one that it belongs to is hidden."""
        return not {series.name, series.of} & self.hidden

    def curves(self) -> Iterator[Series]:
        """Yield the lines that stand for themselves and are shown."""
        alone = (s for s in self.series.values() if not s.of and (s.label or not s.level))
        return (series for series in alone if self.visible(series))

    def error_of(self, series: Series) -> np.ndarray | None:
        """Return the standard errors of a line's points, None where none are drawn."""
        error = self.errors.get(series.name)
        return None if error is None or len(error) != len(series.y) else error

    def bottom_words(self) -> str:
        """Return the name of the bottom axis in the unit that is shown."""
        words, native = self.bottom
        shown = self.coordinates.shown
        return with_unit(axis_name(words, native, shown), shown)

    def file_name(self) -> str:
        """Return a name for files made of it, in lower case: ``'loss-by-iteration'``."""
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-") or "plot"

    def names_of(self, side: str) -> tuple[str, ...]:
        """Return what an axis may be called, the whole name first, for where that has no room."""
        if side == "bottom":
            return self.bottom_words(), with_unit("", self.coordinates.shown)
        words, unit = self.left
        short = _SHORT.get(words, words)
        return self.left_words(), with_unit(short, unit), short

    def left_words(self) -> str:
        """Return the name of the left axis with its unit."""
        return with_unit(*self.left)


def thinned(x: np.ndarray, y: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a line of at most about ``most`` points that looks the same.

    Of every few neighbours the lowest and the highest are kept, in their order.
    """
    every = 2 * len(x) // max(most, 2)
    if every < 3:
        return x, y
    rows = len(x) // every
    block = y[: rows * every].reshape(rows, every)
    filled = np.where(np.isfinite(block), block, 0.0)
    ends = np.sort(np.stack([filled.argmin(axis=1), filled.argmax(axis=1)], axis=1), axis=1)
    index = (ends + np.arange(rows)[:, None] * every).ravel()
    index = np.unique(np.concatenate([[0], index, np.arange(rows * every, len(x))]))
    return x[index], y[index]
