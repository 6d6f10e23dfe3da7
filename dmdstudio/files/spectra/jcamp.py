"""JCAMP-DX 4.24 and 5: spectra as ##XYDATA= (X++(Y..Y)) in every packed form, and as XY pairs.

Checked: the number of points, the abscissa of each line, the repeated ordinate of differences, the
spacing. What disagrees is refused, since a table that lost a line is shifted, not shorter; a
disagreement of first or greatest ordinates, which many programs write wrongly, is only noted.

Source: R. S. McDonald and P. A. Wilks, Appl. Spectrosc. 42, 151 (1988) (4.24);
P. Lampen et al., Appl. Spectrosc. 47, 1093 (1993) (5.0).
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from dmdstudio.base.errors import FileError
from dmdstudio.files.spectra.assembly import MOST_POINTS, Spectrum, check_points, clean, measured
from dmdstudio.files.spectra.format import measurement_formats, read_text
from dmdstudio.files.spectra.jcamp_blocks import OTHER_TABLES, Block, Record, blocks_of
from dmdstudio.files.spectra.jcamp_packed import decode_table
from dmdstudio.files.text import decode
from dmdstudio.plan.structure import Measurement

_KEPT = {
    "DATATYPE": "data type",
    "DATE": "date",
    "LONGDATE": "date",
    "TEMPERATURE": "temperature",
    "PRESSURE": "pressure",
    "PATHLENGTH": "path length",
    "STATE": "state",
    "RESOLUTION": "resolution",
    "SAMPLINGPROCEDURE": "sampling",
    "SPECTROMETERDATASYSTEM": "instrument",
    "SPECTROMETER": "instrument",
}
_MOST_NAMED = 1000
_DAMAGED = "The file is damaged or was edited; export it again."
_PAIR_NUMBER = re.compile(
    r"[\s,;]*(?:([-+]?(?:\d+\.?\d*|\.\d+)(?:[Ee][-+]?\d{1,3})?)|(\?)|([^\s,;]))"
)


class JcampDx:
    """Exchange files of spectrometers."""

    label = "JCAMP-DX"
    suffixes: tuple[str, ...] = (".jdx", ".dx", ".jcm", ".jcamp")
    general = False

    def sniff(self, head: bytes) -> bool:
        """Tell whether it begins with a labelled record, comments aside."""
        if b"\0" in head[:200]:
            try:
                head = decode(head[: len(head) // 2 * 2], "head").encode()
            except FileError:
                return False
        text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        while text.startswith(b"$$"):
            text = text.partition(b"\n")[2].lstrip()
        return re.match(rb"##[^=\n]{1,80}=", text) is not None

    def read(self, path: Path) -> Measurement:
        """Read the first spectrum; raise `FileError` with the line that cannot be used."""
        return self.read_block(path, "")

    def read_block(self, path: Path, block: str) -> Measurement:
        """Read the spectrum of a number or title that ``conditions['blocks']`` lists."""
        blocks = blocks_of(read_text(path), path)
        chosen, number = _choose(blocks, block, path)
        spectrum = _spectrum(chosen, path)
        if len(blocks) > 1:
            spectra = [(n, b) for n, b in enumerate(blocks, 1) if b.table]
            others = [f"{n}: {b.title} ({b.contents})" for n, b in spectra]
            spectrum.conditions["block"] = spectrum.block = f"{number}: {chosen.title}"
            spectrum.conditions["blocks"] = "; ".join(others)
            spectrum.blocks = tuple(f"{n}: {b.title}" for n, b in spectra[:_MOST_NAMED])
            spectrum.undecided = not block and len(spectra) > 1
        return measured(path, spectrum)


measurement_formats.add("jcamp_dx", JcampDx())


def _choose(blocks: list[Block], wanted: str, path: Path) -> tuple[Block, int]:
    spectra = [(b, n) for n, b in enumerate(blocks, start=1) if b.table]
    if not spectra:
        held = [label for b in blocks for label in OTHER_TABLES if label in b.records]
        what = {
            "PEAKTABLE": "a table of peaks, which has positions but no line shapes",
            "PEAKASSIGNMENTS": "peak assignments, which have positions but no line shapes",
            "NTUPLES": "NTUPLES, as of magnetic resonance or series of mass spectra",
        }.get(held[0] if held else "", "no ##XYDATA= or ##XYPOINTS=")
        raise FileError(
            f"{path}, line {blocks[0].line}: {clean(blocks[0].title)!r} holds {what}.",
            "Export the spectrum itself as XYDATA.",
        )
    if not wanted:
        return spectra[0]
    for block, number in spectra:
        if wanted in (str(number), block.title, clean(f"{number}: {block.title}")):
            return block, number
    raise FileError(
        f"{path} has no spectrum {wanted!r}.",
        f"It has: {clean('; '.join(f'{n}: {b.title}' for b, n in spectra))}.",
    )


def _spectrum(block: Block, path: Path) -> Spectrum:
    record = block.records[block.table]
    form = re.sub(r"\s", "", record.text).upper()
    notes = {name: block.text(label) for label, name in _KEPT.items() if block.text(label)}
    if form.startswith("(X++(Y..Y)"):
        axis, value = _even(block, record, path, notes)
    elif form.startswith("(XY..XY)"):
        axis, value = _pairs(block, record, path)
    else:
        raise FileError(
            f"{path}, line {record.line}: ##{block.table}= {clean(record.text)[:40]!r} is not one "
            "of (X++(Y..Y)) and (XY..XY).",
            "Export it again as XYDATA.",
        )
    _note_extremes(block, value, path, notes)
    source = "; ".join(dict.fromkeys(t for t in map(block.text, ("TITLE", "ORIGIN", "OWNER")) if t))
    raman = "raman" in notes.get("data type", "").lower()
    return Spectrum(
        axis=axis,
        value=value,
        axis_words=block.text("XUNITS"),
        value_words=_value_words(block.text("YUNITS"), raman),
        source=source,
        conditions=notes,
    )


def _value_words(words: str, raman: bool) -> str:
    plain = re.fullmatch(r"(arbitrary( units)?|(relative )?intensity|counts|)", words.lower())
    return f"{words} (Raman intensity)".strip() if raman and plain else words


def _even(
    block: Block, record: Record, path: Path, notes: dict[str, str]
) -> tuple[np.ndarray, np.ndarray]:
    """Read a table of equal spacing and check it against its header."""
    first, last = block.number("FIRSTX", path), block.number("LASTX", path)
    delta, claimed = block.number("DELTAX", path), block.number("NPOINTS", path)
    x_factor = _factor(block, "XFACTOR", path)
    points = MOST_POINTS if claimed is None else check_points(claimed, path, "##NPOINTS=")
    lines = record.below
    if "," in block.records.get("FIRSTX", Record(0, "")).text:
        lines = [(n, text.replace(",", ".")) for n, text in lines]
    table = decode_table(lines, path, points)
    count = len(table.values)
    if claimed is not None and count != points:
        raise FileError(
            f"{path}, line {record.line}: the table has {count} points, ##NPOINTS= says {points}.",
            _DAMAGED,
        )
    check_points(count, path, f"line {record.line}")
    if first is None:
        first = float(table.checks[0][1]) * x_factor
    if last is None and delta is not None:
        last = first + delta * (count - 1)
    if last is None or last == first:
        raise FileError(
            f"{path} has no ##LASTX= (nor ##DELTAX=) that differs from ##FIRSTX=.", _DAMAGED
        )
    spacing = (last - first) / (count - 1)
    off = _check_abscissas(table.checks, first, spacing, x_factor, path)
    if off > 0.6:  # as in the quantitative library of NIST, off by one spacing
        notes["check"] = f"abscissas of lines are off by up to {off * abs(spacing):.3g}"
    if delta and abs(abs(delta) - abs(spacing)) > 0.02 * abs(spacing) + 5e-4:
        notes["check"] = f"DELTAX says {delta:.6g}, the points are {spacing:.6g} apart"
    if table.note:
        notes["check"] = table.note
    y_factor = _factor(block, "YFACTOR", path)
    return first + spacing * np.arange(count), np.array(table.values) * y_factor


def _check_abscissas(
    checks: list[tuple[int, str, int]], first: float, spacing: float, x_factor: float, path: Path
) -> float:
    """Compare the abscissa of each line with that of its first point.

    Some programs write abscissas without the factor that the header gives: either agrees. A point
    lost or doubled changes their number, which is checked too, so one spacing is tolerated.

    Returns:
        the greatest difference beyond rounding, in spacings.
    """
    indices = np.array([index for _, _, index in checks])
    expected = first + spacing * indices
    written = np.array([float(text) for _, text, _ in checks])
    rounding = np.array([_rounding(text) for _, text, _ in checks])
    off = np.zeros(len(checks))
    for factor in dict.fromkeys((x_factor, 1.0)):
        slack = rounding * abs(factor) + 1e-5 * np.abs(expected)
        off = np.maximum(0.0, np.abs(written * factor - expected) - slack) / abs(spacing)
        if off.max() <= 1.2:
            return float(off.max())
    number, text, index = checks[int(np.flatnonzero(off > 1.2)[0])]
    raise FileError(
        f"{path}, line {number}: begins with X = {text}, but its first point is number "
        f"{index + 1}, at {first + spacing * index:.8g}; points are missing or too many.",
        _DAMAGED,
    )


def _rounding(written: str) -> float:
    mantissa, _, exponent = written.lower().partition("e")
    return 10.0 ** (int(exponent or 0) - len(mantissa.partition(".")[2]))


def _pairs(block: Block, record: Record, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read pairs of abscissa and ordinate."""
    claimed = block.number("NPOINTS", path)
    points = MOST_POINTS if claimed is None else check_points(claimed, path, "##NPOINTS=")
    numbers: list[float] = []
    for number, text in record.below:
        for match in _PAIR_NUMBER.finditer(text):
            if match[3]:
                raise FileError(
                    f"{path}, line {number}: {match[3]!r} is part of no pair.", _DAMAGED
                )
            if match[1] or match[2]:
                numbers.append(float(match[1]) if match[1] else float("nan"))
        if len(numbers) > 2 * points:
            raise FileError(f"{path}, line {number}: more than {points} pairs.", _DAMAGED)
    if len(numbers) % 2 or (claimed is not None and len(numbers) != 2 * points):
        raise FileError(
            f"{path}, line {record.line}: {len(numbers)} numbers follow, but "
            + (
                f"##NPOINTS= says {points} pairs." if claimed is not None else "pairs are expected."
            ),
            _DAMAGED,
        )
    check_points(len(numbers) // 2, path, f"line {record.line}")
    table = np.array(numbers).reshape(-1, 2)
    return table[:, 0] * _factor(block, "XFACTOR", path), table[:, 1] * _factor(
        block, "YFACTOR", path
    )


def _factor(block: Block, label: str, path: Path) -> float:
    return block.number(label, path) or 1.0


def _note_extremes(block: Block, value: np.ndarray, path: Path, notes: dict[str, str]) -> None:
    if not np.isfinite(value).any():
        return
    low, high = float(np.nanmin(value)), float(np.nanmax(value))
    tolerance = 0.01 * (high - low) + abs(_factor(block, "YFACTOR", path))
    for label, found in (("MAXY", high), ("MINY", low)):
        said = block.number(label, path)
        if said is not None and abs(said - found) > tolerance + 0.01 * abs(found):
            notes["check"] = f"{label} says {said:.6g}, the data reach {found:.6g}"
