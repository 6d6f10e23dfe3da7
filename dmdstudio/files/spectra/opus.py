"""Bruker OPUS files: a header, a directory, and for each spectrum a data and a status block.

The header has at byte 12 where the directory stands and at byte 20 how many blocks it lists; each
entry is a type, a length in words of four bytes and an offset. The type packs six numbers: complex
(2 bits), sample or reference (2), kind of parameters (6; 0 data, 1 data status), kind of data (7),
derivative (2), extension (3). A status block lists parameters: a name of three letters, type,
length in words of two bytes, value.

Source: observed by several free readers that agree; the vendor does not publish the layout.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dmdstudio.base.errors import FileError
from dmdstudio.files.spectra.assembly import Spectrum, check_points, clean, measured
from dmdstudio.files.spectra.binary import Content
from dmdstudio.files.spectra.format import LIMIT_BYTES, measurement_formats
from dmdstudio.files.text import read_content
from dmdstudio.plan.structure import Measurement

MAGIC = b"\n\n\xfe\xfe"
_MOST_BLOCKS = 4096
_KINDS = {
    # kind of data -> name, quantity (None: ask), words
    1: ("single channel", "single_channel", "single channel"),
    4: ("absorbance", "absorbance", "absorbance"),
    5: ("transmittance", "transmittance", "transmittance"),
    6: ("Kubelka-Munk", "", "Kubelka-Munk"),
    10: ("Raman", "raman_intensity", "Raman intensity"),
    11: ("emission", "", "emission"),
    12: ("reflectance", "reflectance", "reflectance"),
    15: ("log reflectance", "", "log reflectance"),
    16: ("ATR", "", "ATR spectrum"),
    17: ("photoacoustic", "", "photoacoustic"),
    18: ("calculated, as transmittance", "transmittance", "calculated, as transmittance"),
    19: ("calculated, as absorbance", "absorbance", "calculated, as absorbance"),
}
_PREFERENCE = (4, 19, 5, 18, 10, 16, 12, 6, 15, 17, 11, 1)
_AXES = {"WN": "1/cm", "MI": "um", "NM": "nm", "EV": "eV"}
_NO_SPECTRUM = {"PNT": "point numbers", "MIN": "minutes", "LGW": "logarithms of wavenumbers"}


@dataclass(frozen=True)
class _Entry:
    """One block of the directory."""

    part: int  # 1 real, 2 imaginary, 3 amplitude
    side: int  # 1 sample, 2 reference, 3 ratio
    status: int  # 0 data, 1 data status, above: other parameters
    kind: int
    derivative: int
    extension: int
    offset: int
    size: int

    @property
    def key(self) -> tuple[int, ...]:
        return (self.part, self.side, self.kind, self.derivative, self.extension)

    @property
    def name(self) -> str:
        words = [_KINDS[self.kind][0]]
        words += {1: ["sample"], 2: ["reference"]}.get(self.side, [])
        words += [f"derivative {self.derivative}"] if self.derivative else []
        words += [{1: "real part", 2: "imaginary part"}[self.part]] if self.part in (1, 2) else []
        return ", ".join(words)


class Opus:
    """Files of Bruker's spectrometers, usually ending in .0, .1, ..."""

    label = "Bruker OPUS"
    suffixes: tuple[str, ...] = (".0", ".1", ".2", ".3", ".opus")
    general = False

    def sniff(self, head: bytes) -> bool:
        """Tell whether it begins with the mark of OPUS."""
        return head.startswith(MAGIC)

    def read(self, path: Path) -> Measurement:
        """Read absorbance, else transmittance, else what there is; raise `FileError`."""
        return self.read_block(path, "")

    def read_block(self, path: Path, block: str) -> Measurement:
        """Read the spectrum of a name that ``conditions['blocks']`` lists."""
        content = Content(path, read_content(path, "data file", LIMIT_BYTES))
        entries = _directory(content)
        spectra = _spectra(entries)
        if not spectra:
            raise FileError(
                f"{path}: the directory lists {len(entries)} blocks, but no spectrum with its "
                "parameters.",
                "Interferograms and time traces cannot be used; export a spectrum.",
            )
        names = _unique([data.name for data, _ in spectra])
        if block and block not in names:
            raise FileError(f"{path} has no block {block!r}.", f"It has: {'; '.join(names)}.")
        place = names.index(block) if block else 0
        data, status = spectra[place]
        spectrum = _spectrum(content, data, status)
        spectrum.block = spectrum.conditions["block"] = names[place]
        if len(names) > 1:
            spectrum.conditions["blocks"] = "; ".join(names)
            spectrum.blocks = tuple(names)
            spectrum.undecided = not block and _rank(spectra[1][0]) == _rank(data)
        spectrum.conditions |= _about(content, entries)
        spectrum.source = spectrum.conditions.pop("sample", "")
        return measured(path, spectrum)


measurement_formats.add("bruker_opus", Opus())


def _directory(content: Content) -> list[_Entry]:
    _version, offset, _most, count = content.unpack("<diii", 4, "the header")
    if not 1 <= count <= _MOST_BLOCKS:
        raise content.error(20, f"{count} blocks are claimed; a file has 1 to {_MOST_BLOCKS}.")
    entries = []
    for n in range(count):
        place = offset + 12 * n
        kind, words, start = content.unpack("<Iii", place, f"entry {n + 1} of the directory")
        if start <= 0 or words <= 0:  # the end of a directory that claims too many
            continue
        if start + 4 * words > len(content.bytes):
            raise content.error(
                place,
                f"block {n + 1} of {count} is said to reach byte {start + 4 * words}, but the file "
                f"ends at byte {len(content.bytes)}.",
            )
        fields = (
            kind & 3,
            kind >> 2 & 3,
            kind >> 4 & 63,
            kind >> 10 & 127,
            kind >> 17 & 3,
            kind >> 19 & 7,
        )
        entries.append(_Entry(*fields, offset=start, size=4 * words))
    return entries


def _spectra(entries: list[_Entry]) -> list[tuple[_Entry, _Entry]]:
    """Return data blocks with their status, the best first."""
    status = {e.key: e for e in reversed(entries) if e.status == 1}
    found = [
        (entry, status[entry.key])
        for entry in entries
        if entry.status == 0
        and entry.part
        and entry.kind in _KINDS
        and entry.extension == 0
        and entry.key in status
    ]
    return sorted(found, key=lambda pair: _rank(pair[0]))


def _rank(data: _Entry) -> tuple[int, bool, int, bool]:
    """Return what sorts spectra by how likely they are meant."""
    return data.derivative, data.part != 3, _PREFERENCE.index(data.kind), data.side == 2


def _unique(names: list[str]) -> list[str]:
    return [
        f"{name} ({names[:n].count(name) + 1})" if name in names[:n] else name
        for n, name in enumerate(names)
    ]


def _parameters(content: Content, entry: _Entry) -> dict[str, int | float | str]:
    """Return the parameters of a block; a damaged tail ends the list."""
    found: dict[str, int | float | str] = {}
    place, end = entry.offset, entry.offset + entry.size
    while place + 8 <= end:
        name = content.bytes[place : place + 3]
        kind, words = content.unpack("<HH", place + 4, "a parameter")
        size, place = 2 * words, place + 8
        if name == b"END" or not name.isalnum() or place + size > end:
            break
        key = name.decode("ascii", "replace").upper()
        if kind == 0 and size >= 4:
            found[key] = content.unpack("<i", place, key)[0]
        elif kind == 1 and size >= 8:
            found[key] = content.unpack("<d", place, key)[0]
        else:
            found[key] = content.text(place, size)
        place += size
    return found


def _spectrum(content: Content, data: _Entry, status: _Entry) -> Spectrum:
    parameters = _parameters(content, status)

    def number(key: str, default: float | None = None) -> float:
        value = parameters.get(key, default)
        if not isinstance(value, int | float) or not math.isfinite(value):
            found = "is missing" if value is None else f"is {value!r}, not a number"
            raise content.error(status.offset, f"parameter {key} of {data.name} {found}.")
        return value

    points = check_points(number("NPT"), content.path, f"byte {status.offset}, parameter NPT")
    kind = "<i4" if number("DPF", 1) == 2 else "<f4"
    if 4 * points > data.size:
        raise content.error(
            status.offset, f"NPT says {points} points, but the data block has {data.size // 4}."
        )
    value = content.array(kind, points, data.offset, "the data block") * number("CSF", 1.0)
    first, last = number("FXV"), number("LXV")
    if first == last:
        raise content.error(status.offset, f"FXV and LXV are both {first:g}; an axis has two ends.")
    unit = str(parameters.get("DXU", "")).strip().upper()
    if unit in _NO_SPECTRUM:
        raise content.error(
            status.offset,
            f"the abscissa of {data.name} is in {_NO_SPECTRUM[unit]} (DXU = {unit}).",
            "A spectrum over wavenumbers or wavelengths is needed.",
        )
    _, quantity, words = _KINDS[data.kind]
    date = clean(f"{parameters.get('DAT', '')} {parameters.get('TIM', '')}")
    return Spectrum(
        axis=np.linspace(first, last, points),
        value=value,
        axis_words=unit,
        value_words=words,
        axis_unit=_AXES.get(unit, ""),
        quantity=quantity if not data.derivative else "",
        # OPUS stores transmittance and reflectance as fractions and shows them in per cent.
        unit="" if quantity else None,
        conditions={"date": date},
    )


def _about(content: Content, entries: list[_Entry]) -> dict[str, str]:
    """Return sample, instrument and resolution from the other parameter blocks."""
    wanted = {"SNM": "sample", "INS": "instrument", "RES": "resolution", "APF": "apodisation"}
    found: dict[str, str] = {}
    for entry in entries[:200]:
        if entry.status > 1 and entry.size < 2**20:
            for key, value in _parameters(content, entry).items():
                if key in wanted and str(value).strip():
                    found.setdefault(wanted[key], clean(str(value)))
    return found
