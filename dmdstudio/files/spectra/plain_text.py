"""Two columns of numbers as instruments and spreadsheets write them, with a header or without.

    Wavenumber (cm-1),Absorbance            4000,0;0,0123
    4000.0,0.0123                           3998,1;0,0125

Columns are separated by tabs, semicolons, commas or blanks; decimal commas are understood wherever
they can be told from separators. Lines that begin with # ; % ! // or ' are comments. The last line
above the numbers names the columns, a comment too; units and quantity come from its words alone.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import numpy as np

from dmdstudio.base.errors import FileError
from dmdstudio.files.spectra.assembly import MOST_POINTS, Spectrum, clean, measured
from dmdstudio.files.spectra.format import (
    LONGEST_LINE,
    head_text,
    measurement_formats,
    read_text,
)
from dmdstudio.files.spectra.questions import COLUMNS_LEFT_OUT
from dmdstudio.files.spectra.vocabulary import is_error, names_axis, quantity_of
from dmdstudio.plan.structure import Measurement

_NUMBER = re.compile(r"[-+]?(\d+[.,]?\d*|[.,]\d+)([eEdD][-+]?\d{1,3})?")
_WITH_COMMA = re.compile(r"[-+]?\d+(,\d+)?([eEdD][-+]?\d{1,3})?")
_MISSING = re.compile(r"[-+]?(nan|inf|infinity)|n/?a|--", re.IGNORECASE)
_COMMENT = re.compile(r"\s*(#|;|%|!|//|'|\")+")
_QUANTITY_NOTE = re.compile(r"#+\s*quantity\s*:", re.IGNORECASE)
LONGEST_HEADER = 4000
_MOST_HEADER_LINES = 1000
_MOST_NOTES = 20


class PlainText:
    """Columns of numbers without the house's annotations."""

    label = "two-column text (CSV, TSV)"
    suffixes: tuple[str, ...] = (".csv", ".tsv", ".txt", ".dat", ".dpt", ".asc", ".xy", ".prn")
    general = True

    def sniff(self, head: bytes) -> bool:
        """Tell whether it is text in columns that the annotated format would not describe."""
        text = head_text(head)
        if text is None or text.lstrip().startswith("##"):
            return False
        lines = text.split("\n")
        if any(_QUANTITY_NOTE.match(line.lstrip()) for line in lines):
            return False
        for line in lines:
            bare = line.strip(" \t,;\f\v")
            if not bare or (_COMMENT.match(bare) and not bare.startswith('"')):
                continue
            cells = _cells(bare, _separator([bare]))
            if len(cells) < 2:
                cells = _cells(bare, "")  # words, such as a title
            if _is_row(cells) or any(names_axis(c) or quantity_of(c) for c in cells):
                return True
            if not any(mark in bare for mark in "[]()"):
                return len(cells) > 1
            return False
        return False

    def read(self, path: Path) -> Measurement:
        """Read a curve; raise `FileError` with the line that cannot be used."""
        return self.read_block(path, "")

    def read_block(self, path: Path, block: str) -> Measurement:
        """Read the column of a name that ``blocks`` of `read`'s result lists."""
        lines = read_text(path).split("\n")
        start, separator = _first_row(path, lines)
        numbers, count = _rows(path, lines, start, separator)
        _refuse_damaged_row(path, lines[:start], separator, count)
        header, notes = _header(lines[:start], separator, count)
        if not header and separator == "," and _undecided(lines[start:]):
            raise FileError(
                f"{path}, line {start + 1}: decimal commas cannot be told from separators.",
                "Export with semicolons or tabs between the columns.",
            )
        return measured(path, _spectrum(path, numbers, header, notes, block))


measurement_formats.add("plain_text", PlainText())


def _separator(lines: list[str]) -> str:
    """Return what separates the columns of rows of numbers, '' standing for blanks."""
    for mark in "\t;":
        if sum(mark in line.strip() for line in lines) * 2 > len(lines):
            return mark
    if not any("," in line for line in lines):
        return ""
    blank = [line.split() for line in lines]
    if all(len(cells) > 1 and all(_WITH_COMMA.fullmatch(c) for c in cells) for cells in blank):
        return ""
    return ","


def _cells(line: str, separator: str) -> list[str]:
    if not separator:
        return line.split()
    try:
        cells = next(csv.reader([line.strip(" \n")], delimiter=separator, skipinitialspace=True))
    except (csv.Error, StopIteration):  # a field of more than 128 kB, or nothing
        return []
    cells = [cell.strip() for cell in cells]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _number(cell: str) -> float | None:
    """Return a number, NaN for one that is missing, None for anything else."""
    text = cell.replace("\u2212", "-")
    if _NUMBER.fullmatch(text):
        return float(text.replace(",", ".").replace("d", "e").replace("D", "e"))
    return float("nan") if _MISSING.fullmatch(text) else None


def _is_row(cells: list[str]) -> bool:
    return (
        len(cells) > 1
        and _NUMBER.fullmatch(cells[0]) is not None
        and (_number(cells[1]) is not None)
    )


def _first_row(path: Path, lines: list[str]) -> tuple[int, str]:
    """Return where the numbers begin and what separates them."""
    for start, line in enumerate(lines[:_MOST_HEADER_LINES]):
        if (
            not line.strip()
            or len(line) > LONGEST_LINE
            or not re.match(r'\s*"?[-+.,\d\u2212]', line)
        ):
            continue
        block = [text[:LONGEST_LINE] for text in lines[start : start + 20] if text.strip()]
        separator = _separator(block)
        if _is_row(_cells(line, separator)):
            return start, separator
    raise FileError(
        f"{path} has no row of two numbers in its first {_MOST_HEADER_LINES} lines.",
        "Export it as two columns of numbers: abscissa and value.",
    )


def _refuse_damaged_row(path: Path, above: list[str], separator: str, count: int) -> None:
    """Refuse a damaged row above the numbers, which would pass for the names of columns."""
    number = max((n for n, line in enumerate(above) if line.strip()), default=None)
    if number is None or len(above[number]) > LONGEST_HEADER:
        return
    cells = _cells(above[number], separator)
    if len(cells) == count and re.fullmatch(r"[-+]?\d[\d.,eE+-]*", cells[0]):
        wrong = next((cell for cell in cells if _number(cell) is None), cells[0])
        raise FileError(
            f"{path}, line {number + 1}: {wrong[:40]!r} is not a number.",
            "Correct or remove the row.",
        )


def _rows(path: Path, lines: list[str], start: int, separator: str) -> tuple[np.ndarray, int]:
    """Return the numbers [row, column] and the number of columns."""
    rows: list[list[float]] = []
    count = len(_cells(lines[start], separator))
    for number, line in enumerate(lines[start:], start=start + 1):
        if len(line) > LONGEST_LINE:
            raise FileError(f"{path}, line {number}: has {len(line):,} characters.")
        cells = _cells(line, separator)
        if not cells:
            if line.strip(" \t,;\f\v"):
                raise FileError(f"{path}, line {number}: is no row of numbers.")
            continue
        values = [_number(cell) for cell in cells]
        if len(values) != count or None in values:
            if _COMMENT.match(line) and _number(cells[0]) is None:
                continue
            wrong = next((c for c, v in zip(cells, values, strict=True) if v is None), "")
            found = f"{wrong[:40]!r} is not a number" if wrong else f"{len(cells)} columns"
            raise FileError(
                f"{path}, line {number}: {found}; every row needs {count} numbers, as the first.",
                "Remove what is not part of the table, or make it a comment with #.",
            )
        rows.append([value for value in values if value is not None])
        if len(rows) > MOST_POINTS:
            raise FileError(f"{path}, line {number}: more than {MOST_POINTS:,} rows.")
    return np.array(rows), count


def _header(above: list[str], separator: str, count: int) -> tuple[list[str], dict[str, str]]:
    """Return the names of the columns, empty if there are none, and notes such as key: value."""
    notes: dict[str, str] = {}
    filled = [_bare(line) for line in above if len(line) < LONGEST_HEADER and _bare(line)]
    names = _names(filled[-1], separator, count) if filled else []
    for line in filled[: len(filled) - bool(names)][:_MOST_NOTES]:
        match = re.fullmatch(r"\s*([A-Za-z][\w -]{0,39}?)\s*[:=]\s*(.+)", line.strip(' "'))
        if match and match[1].lower() not in notes:
            notes[match[1].lower()] = clean(match[2])
        elif not match and "title" not in notes:
            notes["title"] = clean(line.strip(' "\t,;'))
    return names, notes


def _bare(line: str) -> str:
    """Return a line without its comment mark; quotation marks in pairs are none."""
    mark = _COMMENT.match(line)
    if mark and not ('"' in mark.group() and line.count('"') % 2 == 0):
        line = line[mark.end() :]
    return line.strip(" \t,;\f\v")


def _names(line: str, separator: str, count: int) -> list[str]:
    """Split a header, which may have other separators than the numbers, into ``count`` names."""
    for mark in dict.fromkeys((separator, "\t", ";", ",", "  ", "")):
        if mark == "  ":
            cells = re.split(r"\s{2,}|\s+\|\s+", line)
        elif mark == "":
            cells = re.findall(r"[^\s\[(]+(?:\s*(?:\[[^\]]*\]|\([^)]*\)))?", line)
        else:
            cells = _cells(line, mark)
        if len(cells) == count and not all(_number(cell) is not None for cell in cells):
            return [cell.strip('" ') for cell in cells]
    return []


def _spectrum(
    path: Path, numbers: np.ndarray, names: list[str], notes: dict[str, str], block: str
) -> Spectrum:
    """Choose axis, value and error among the columns: by name, else the first two.

    Which column holds the values is open where there are several and not one of them alone has
    the name of a quantity.
    """
    count = numbers.shape[1]
    labels = names or [""] * count
    axes = [n for n, name in enumerate(labels) if names_axis(name) and not is_error(name)]
    axis = axes[0] if axes else 0
    others = [n for n in range(count) if n != axis and not is_error(labels[n])]
    if not others:
        others = [n for n in range(count) if n != axis]
    blocks = [_column_name(labels, n) for n in others]
    named = [n for n in others if quantity_of(labels[n], labels[axis])]
    value = (named or others)[0]
    if block:
        if block not in blocks:
            raise FileError(
                f"{path} has no column {block!r}.", f"It has: {'; '.join(blocks[:20])}."
            )
        value = others[blocks.index(block)]
    errors = [n for n in range(count) if is_error(labels[n]) and n not in (axis, value)]
    left = [labels[n] or f"column {n + 1}" for n in others if n != value]
    if left:
        notes[COLUMNS_LEFT_OUT] = ", ".join(left[:20])
    source = notes.pop("source", "") or notes.pop("title", "")
    return Spectrum(
        axis=numbers[:, axis],
        value=numbers[:, value],
        axis_words=labels[axis],
        value_words=labels[value],
        error=numbers[:, errors[0]] if errors else None,
        source=source,
        conditions=notes,
        block=blocks[others.index(value)] if left else "",
        blocks=tuple(blocks) if left else (),
        undecided=bool(left) and not block and len(named) != 1,
    )


def _column_name(labels: list[str], number: int) -> str:
    """Return a column's own name, its number where it has none or shares it."""
    name = clean(labels[number])
    alone = name and sum(clean(label) == name for label in labels) == 1
    return name if alone else f"column {number + 1}"


def _undecided(lines: list[str]) -> bool:
    """Tell whether rows such as 4000,0,0,123 may be two columns with decimal commas."""
    rows = [line.strip() for line in lines[:200] if line.strip()]
    widths = Counter(line.count(",") for line in rows)
    return widths.most_common(1)[0][0] == 3 and all(
        re.fullmatch(r"[-+]?\d+,\d+,[-+]?\d+,\d+", line) for line in rows if line.count(",") == 3
    )
