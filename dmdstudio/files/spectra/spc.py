"""Galactic SPC files: the new format in either byte order ('K', 'L') and the old one ('M').

A header of 512 bytes (old: 224), abscissas if they are not evenly spaced, then for each subfile a
header of 32 bytes and its ordinates: floats, or integers of 16 or 32 bits as fractions of a power
of two, y = n 2^(e - 16) or n 2^(e - 32). The first subfile is read unless another is asked for.

Source: Galactic Industries, 'Universal data format specification' (1997), SPC.H.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dmdstudio.base.errors import FileError
from dmdstudio.files.spectra.assembly import Spectrum, check_points, clean, measured
from dmdstudio.files.spectra.binary import Content
from dmdstudio.files.spectra.format import LIMIT_BYTES, head_text, measurement_formats
from dmdstudio.files.text import read_content
from dmdstudio.plan.structure import Measurement

_NEW_LITTLE, _NEW_BIG, _OLD = 0x4B, 0x4C, 0x4D
_SIXTEEN_BITS, _MULTIPLE, _OWN_LABELS, _OWN_X, _EXPLICIT_X = 0x01, 0x04, 0x20, 0x40, 0x80
_HEADER, _OLD_HEADER, _SUBHEADER = 512, 224, 32
_FLOAT = -128
_MOST_NAMED = 1000
_X_TYPES = {
    0: "arbitrary",
    1: "wavenumber [cm-1]",
    2: "wavelength [um]",
    3: "wavelength [nm]",
    4: "seconds",
    5: "minutes",
    6: "hertz",
    7: "kilohertz",
    8: "megahertz",
    9: "mass (m/z)",
    10: "parts per million",
    13: "Raman shift [cm-1]",
    14: "eV",
    16: "diode number",
    17: "channel",
    26: "GHz",
    255: "double interferogram",
}
_Y_TYPES = {
    0: "arbitrary intensity",
    1: "interferogram",
    2: "absorbance",
    3: "Kubelka-Munk",
    4: "counts",
    10: "log(1/R)",
    11: "per cent",
    12: "intensity",
    13: "relative intensity",
    14: "energy",
    128: "transmission",
    129: "reflectance",
    130: "single beam",
    131: "emission",
}


@dataclass(frozen=True)
class _Header:
    """What the header says, in either format."""

    order: str  # '<' or '>'
    old: bool
    flags: int
    exponent: int
    points: int  # or, with _OWN_X, the place of the directory
    first: float
    last: float
    subfiles: int
    x_words: str
    y_words: str
    comment: str
    about: dict[str, str]


class GalacticSpc:
    """Files of GRAMS and of the many programs that write its format."""

    label = "Galactic SPC"
    suffixes: tuple[str, ...] = (".spc",)
    general = False

    def sniff(self, head: bytes) -> bool:
        """Tell whether its second byte is a version of SPC and the rest is no text."""
        return (
            len(head) > 2
            and head[1] in (_NEW_LITTLE, _NEW_BIG, _OLD)
            and b"\0" in head
            and head_text(head) is None
        )

    def read(self, path: Path) -> Measurement:
        """Read the first subfile; raise `FileError` with the byte that cannot be used."""
        return self.read_block(path, "")

    def read_block(self, path: Path, block: str) -> Measurement:
        """Read a subfile by its number, from 1."""
        content = Content(path, read_content(path, "data file", LIMIT_BYTES))
        header = _old_header(content) if content.bytes[1] == _OLD else _new_header(content)
        count = header.subfiles if header.flags & _MULTIPLE else 1
        if block and not (block.isdecimal() and len(block) < 10 and 1 <= int(block) <= count):
            raise FileError(f"{path} has no subfile {block!r}.", f"It has 1 to {count}.")
        wanted = int(block or 1)
        axis, value = _subfile(content, header, wanted - 1)
        notes = dict(header.about)
        if count > 1:
            notes["block"] = f"subfile {wanted} of {count}"
            notes["blocks"] = f"1 to {count}"
        return measured(
            path,
            Spectrum(
                axis=axis,
                value=value,
                axis_words=header.x_words,
                value_words=header.y_words,
                source=header.comment,
                conditions=notes,
                block=str(wanted) if count > 1 else "",
                blocks=tuple(map(str, range(1, min(count, _MOST_NAMED) + 1))) if count > 1 else (),
                undecided=count > 1 and not block,
            ),
        )


measurement_formats.add("galactic_spc", GalacticSpc())


def _new_header(content: Content) -> _Header:
    order = ">" if content.bytes[1] == _NEW_BIG else "<"
    flags, _, _, exponent, points, first, last, subfiles, x_type, y_type = content.unpack(
        f"{order}BBBbIddIBB", 0, "the header"
    )
    content.unpack("512x", 0, "the header")
    date = content.unpack(f"{order}I", 32, "the date")[0]
    year, month, day = date >> 20, date >> 16 & 15, date >> 11 & 31
    about = {
        "date": f"{year:04d}-{month:02d}-{day:02d}" if date else "",
        "resolution": content.text(36, 9),
        "instrument": content.text(45, 9),
    }
    labels = content.bytes[218:248] if flags & _OWN_LABELS else b""
    return _Header(
        order=order,
        old=False,
        flags=flags,
        exponent=exponent,
        points=points,
        first=first,
        last=last,
        subfiles=subfiles,
        x_words=_label(labels, 0, _X_TYPES, x_type),
        y_words=_label(labels, 1, _Y_TYPES, y_type),
        comment=content.text(88, 130),
        about=about,
    )


def _old_header(content: Content) -> _Header:
    flags, _, exponent, points, first, last, x_type, y_type = content.unpack(
        "<BBhfffBB", 0, "the header"
    )
    content.unpack("256x", 0, "the header")
    year, month, day = content.unpack("<HBB", 18, "the date")
    labels = content.bytes[194:224] if flags & _OWN_LABELS else b""
    return _Header(
        order="<",
        old=True,
        flags=flags & ~(_OWN_X | _EXPLICIT_X),
        exponent=_FLOAT if exponent in (128, _FLOAT) else exponent,
        points=check_points(points, content.path, "byte 4, number of points"),
        first=first,
        last=last,
        subfiles=1 if not flags & _MULTIPLE else 2**31 - 1,
        x_words=_label(labels, 0, _X_TYPES, x_type),
        y_words=_label(labels, 1, _Y_TYPES, y_type),
        comment=content.text(64, 130),
        about={"date": f"{year & 0xFFF:04d}-{month:02d}-{day:02d}" if year & 0xFFF else ""},
    )


def _label(labels: bytes, index: int, types: dict[int, str], code: int) -> str:
    """Return what an axis is called: by its own label if it has one, else by its type."""
    own = labels.split(b"\0")[index : index + 1]
    text = clean(own[0].decode("cp1252", "replace")) if own else ""
    return text or types.get(code, f"type {code}")


def _subfile(content: Content, header: _Header, index: int) -> tuple[np.ndarray, np.ndarray]:
    """Return abscissas and ordinates of a subfile."""
    if header.flags & _OWN_X and header.flags & _EXPLICIT_X:
        return _own_axis_subfile(content, header, index)
    points = check_points(header.points, content.path, "byte 4, number of points")
    place = _OLD_HEADER if header.old else _HEADER
    if header.flags & _EXPLICIT_X:
        axis = content.array(f"{header.order}f4", points, place, "the table of abscissas")
        place += 4 * points
    else:
        for name, end in (("first", header.first), ("last", header.last)):
            if not math.isfinite(end) or abs(end) > 1e30:
                raise content.error(8, f"the {name} abscissa is {end!r}, not a number.")
        axis = np.linspace(header.first, header.last, points)
    width = 2 if header.flags & _SIXTEEN_BITS else 4
    place += index * (_SUBHEADER + width * points)
    return axis, _ordinates(content, header, place, points)


def _own_axis_subfile(
    content: Content, header: _Header, index: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return a subfile that brings its own abscissas."""
    place = _HEADER
    if header.flags & _MULTIPLE and header.points:
        # The field of the number of points then holds where the directory stands.
        entry = header.points + 12 * index
        place = content.unpack(f"{header.order}I", entry, "the directory of subfiles")[0]
    elif index:
        raise content.error(4, "the subfiles have no directory, so only the first can be read.")
    points = content.unpack(f"{header.order}I", place + 16, "the subfile's header")[0]
    points = check_points(points or header.points, content.path, f"byte {place + 16}, points")
    axis = content.array(f"{header.order}f4", points, place + _SUBHEADER, "the abscissas")
    return axis, _ordinates(content, header, place, points, skip=4 * points)


def _ordinates(
    content: Content, header: _Header, place: int, points: int, skip: int = 0
) -> np.ndarray:
    """Return the ordinates of the subfile whose header stands at ``place``."""
    own_exponent = content.unpack(f"{header.order}b", place + 1, "the subfile's header")[0]
    exponent = header.exponent
    several = header.flags & _MULTIPLE and exponent != _FLOAT
    if several and not (header.old and own_exponent == 0):
        exponent = own_exponent
    start = place + _SUBHEADER + skip
    if exponent == _FLOAT:
        return content.array(f"{header.order}f4", points, start, "the table of ordinates")
    if not -100 <= exponent <= 100:
        raise content.error(place, f"the exponent of the ordinates is {exponent}.")
    if header.flags & _SIXTEEN_BITS:
        whole = content.array(f"{header.order}i2", points, start, "the table of ordinates")
        return whole * 2.0 ** (exponent - 16)
    if header.old:  # the two words of an old integer stand in reverse order
        words = content.array("<u2", 2 * points, start, "the table of ordinates")
        whole = words[0::2] * 65536.0 + words[1::2]
        return np.where(whole >= 2.0**31, whole - 2.0**32, whole) * 2.0 ** (exponent - 32)
    whole = content.array(f"{header.order}i4", points, start, "the table of ordinates")
    return whole * 2.0 ** (exponent - 32)
