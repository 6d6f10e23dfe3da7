"""Annotated text: ``# key: value`` lines, a row of column names with units, rows of numbers.

    # quantity: self_diffusion
    # source: J. Naghizadeh and S. A. Rice, J. Chem. Phys. 36, 2710 (1962)
    # temperature: 94.4 K
    self_diffusion [1e-9 m2/s], standard_error [1e-9 m2/s]
    2.36, 0.05

A curve has its axis as the first column, such as ``time [ps]``. Columns are separated by commas,
semicolons, tabs or blanks; a decimal comma is understood wherever commas do not separate columns.
"""

from __future__ import annotations

import csv
import io
import math
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dmdstudio.base.errors import FileError, UnitError
from dmdstudio.base.units import canonical, factor
from dmdstudio.files.spectra.assembly import MOST_POINTS
from dmdstudio.files.spectra.format import (
    LONGEST_LINE,
    head_text,
    measurement_formats,
    read_text,
)
from dmdstudio.files.spectra.ordering import averaged_note, gaps_note, in_order
from dmdstudio.files.spectra.vocabulary import AXIS_UNITS
from dmdstudio.plan.structure import Measurement

_NOTE = re.compile(r"#+\s*([A-Za-z][\w -]{0,39}?)\s*:\s*(.*)")
_COLUMN = re.compile(r"\s*(?P<name>[^\[\]()]*?)\s*(?:\[(?P<square>[^\]]*)\]|\((?P<round>.*)\))?\s*")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eEdD][-+]?\d+)?")
_MANY_ROWS = 2_000
_PLAIN = {
    "": re.compile(r"[-+0-9.eE \t\r\n]*"),
    **{mark: re.compile(rf"[-+0-9.eE {mark}\r\n]*") for mark in ",;\t"},
}
_LONGEST_HEADER = 20_000
_ERRORS = ("standard_error", "error", "uncertainty", "standard error", "std_error", "stderr")


@dataclass(frozen=True)
class _Place:
    """A line of a file, for errors."""

    path: Path
    line: int

    def error(self, found: str, advice: str = "") -> FileError:
        return FileError(f"{self.path}, line {self.line}: {found}", advice)


@dataclass(frozen=True)
class _Column:
    name: str
    unit: str


class AnnotatedText:
    """The house's own format of measured data, which any spreadsheet can write."""

    label = "annotated text (CSV, TSV)"
    suffixes: tuple[str, ...] = (".csv", ".tsv", ".txt", ".dat")
    general = True

    def sniff(self, head: bytes) -> bool:
        """Tell whether it is text that is not of a particular text format such as JCAMP-DX."""
        text = head_text(head)
        return text is not None and not text.lstrip().startswith("##")

    def read(self, path: Path) -> Measurement:
        """Read a measurement; raise `FileError` with the line that cannot be used."""
        text = read_text(path)
        notes: dict[str, str] = {}
        columns: list[_Column] = []
        rows: list[list[float]] = []
        lines: list[int] = []
        separator = ""
        written = text.split("\n")
        for number, line in enumerate(written, start=1):
            place, line = _Place(path, number), line.strip(" \f\v")
            if not line.strip(" \t,;"):
                continue
            if len(line) > (_LONGEST_HEADER if not columns else LONGEST_LINE):
                raise place.error(f"{len(line):,} characters, which no table has.")
            if line.startswith("#"):
                _note(line, notes)
            elif not columns:
                separator = _separator(line)
                columns = _columns(_split(line, separator), place)
                if (plain := _plain_rows(written[number:], separator, len(columns))) is not None:
                    lines = [n for n, w in enumerate(written[number:], number + 1) if w.strip()]
                    return _measurement(path, notes, columns, plain, lines)
            else:
                rows.append(_row(_split(line, separator), separator, columns, place))
                lines.append(number)
                if len(rows) > MOST_POINTS:
                    raise place.error(f"more than {MOST_POINTS:,} rows.", "Cut the file down.")
        if not columns:
            raise FileError(
                f"{path} has no row that names its columns.",
                "Add one such as: time [ps], velocity_autocorrelation [angstrom2/fs2]",
            )
        if not rows:
            raise FileError(f"{path} has no rows of numbers below its column names.")
        return _measurement(path, notes, columns, np.array(rows), lines)


measurement_formats.add("annotated_text", AnnotatedText())


def _note(line: str, notes: dict[str, str]) -> None:
    if match := _NOTE.fullmatch(line.rstrip(" \t,;")):  # spreadsheets pad a line with separators
        key, value = match.group(1).lower(), match.group(2).strip()
        notes[key] = f"{notes[key]}; {value}" if notes.get(key) else value


def _separator(header: str) -> str:
    """Return what separates the columns, '' standing for blanks; units do not count."""
    bare = re.sub(r"\[[^\]]*\]|\([^)]*\)|\"[^\"]*\"", "", header)
    return next((s for s in "\t;," if s in bare), "")


def _split(line: str, separator: str) -> list[str]:
    if separator:
        cells = next(csv.reader([line], delimiter=separator, skipinitialspace=True))
        return [cell.strip() for cell in cells]
    return re.findall(r"[^\s\[]+(?:\s*\[[^\]]*\])?", line)


def _plain_rows(body: list[str], separator: str, columns: int) -> np.ndarray | None:
    """Return the numbers of a long table [row, column], ten times quicker than line by line.

    None where the table is short, or where anything in it asks for a closer look: notes, decimal
    commas, empty cells, what is no number.
    """
    if not _MANY_ROWS < len(body) <= MOST_POINTS:
        return None
    text = "\n".join(body)
    if not _PLAIN[separator].fullmatch(text) or max(map(len, body)) > LONGEST_LINE:
        return None
    try:
        rows = np.loadtxt(io.StringIO(text), delimiter=separator or None, ndmin=2)
    except ValueError:
        return None
    return rows if rows.shape[1] == columns and np.isfinite(rows).all() else None


def _columns(cells: list[str], place: _Place) -> list[_Column]:
    while cells and not cells[-1]:
        cells.pop()
    if all(_NUMBER.fullmatch(cell.replace(",", ".")) for cell in cells):
        raise place.error(
            "numbers, before any row that names their columns.",
            "Put a row such as `wavenumber [1/cm], intensity` above them, without #.",
        )
    columns = []
    for cell in cells:
        match = _COLUMN.fullmatch(cell)
        if match is None or not match["name"]:
            raise place.error(f"column {cell!r} is not of the form `name [unit]`.")
        try:
            unit = canonical(match["square"] or match["round"] or "")
        except UnitError as error:
            raise place.error(f"column {match['name']!r}: {error.message}", error.advice) from None
        columns.append(_Column(match["name"], "" if unit == "1" else unit))
    return columns


def _row(cells: list[str], separator: str, columns: list[_Column], place: _Place) -> list[float]:
    while len(cells) > len(columns) and not cells[-1]:
        cells.pop()
    if len(cells) != len(columns):
        names = ", ".join(column.name for column in columns)
        raise place.error(
            f"{len(cells)} columns, but {len(columns)} are named ({names}).",
            "Every row needs one number per column.",
        )
    return [
        _number(cell, separator, column, place) for cell, column in zip(cells, columns, strict=True)
    ]


def _number(cell: str, separator: str, column: _Column, place: _Place) -> float:
    text = cell
    if separator != "," and "." not in text and text.count(",") == 1:
        text = text.replace(",", ".")
    text = text.replace("\u2212", "-")  # a typeset minus sign
    if _NUMBER.fullmatch(text):
        value = float(text.replace("d", "e").replace("D", "e"))
        if math.isfinite(value):
            return value
    what = "is empty" if not cell else f"is {cell!r}, not a finite number"
    raise place.error(f"column {column.name!r} {what}.", "Remove the row, or correct it.")


def _measurement(
    path: Path, notes: dict[str, str], columns: list[_Column], rows: np.ndarray, lines: list[int]
) -> Measurement:
    """Find out which column is what, and put the rows in order."""
    quantity = notes.pop("quantity", "")
    errors = [n for n, c in enumerate(columns) if c.name.lower() in _ERRORS]
    others = [n for n in range(len(columns)) if n not in errors]
    named = [n for n in others if columns[n].name == quantity]
    if len(errors) > 1 or (len(others) not in (1, 2) and not (named and others[0] != named[0])):
        found = ", ".join(column.name for column in columns)
        raise FileError(
            f"{path} has columns {found}; which one is the quantity is not clear.",
            "Keep the axis, the quantity and `standard_error`, or say `# quantity: NAME`.",
        )
    value = named[0] if named and len(others) > 2 else others[-1]
    axis = others[0] if len(others) > 1 else None
    unit = columns[value].unit
    error = None
    if errors:
        error = rows[:, errors[0]] * _error_factor(path, columns[errors[0]], columns[value])
        if (error < 0).any():
            line = lines[int(np.flatnonzero(error < 0)[0])]
            raise _Place(path, line).error("the standard error is below 0.")
    if axis is None and len(rows) > 1:
        raise FileError(
            f"{path} has {len(rows)} values of {columns[value].name!r} but no axis column.",
            "Put the axis, such as `time [ps]`, in the first column; a single number has one row.",
        )
    source = notes.pop("source", "")
    abscissa, values = None, rows[:, value]
    if axis is not None:
        abscissa, values, error, averaged = in_order(rows[:, axis], values, error)
        if averaged:
            notes["averaged"] = averaged_note(averaged)
        gaps = gaps_note(abscissa, columns[axis].unit) if columns[axis].unit in AXIS_UNITS else ""
        if gaps:
            notes["gaps"] = gaps
    return Measurement(
        quantity=quantity or columns[value].name,
        value=values,
        unit=unit,
        error=error,
        axis=abscissa,
        axis_unit=columns[axis].unit if axis is not None else "",
        source=source,
        conditions=notes,
    )


def _error_factor(path: Path, error: _Column, value: _Column) -> float:
    """Return what turns the error column into the value's unit; without a unit it has the same."""
    try:
        return factor(error.unit, value.unit) if error.unit else 1.0
    except UnitError as problem:
        raise FileError(
            f"{path}: columns {error.name!r} and {value.name!r} do not fit: {problem.message}",
            problem.advice,
        ) from None
