"""What a format of measured data is, and the one function that reads them all."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from dmdstudio.base.errors import FileError
from dmdstudio.base.registry import Registry
from dmdstudio.files.text import read_content
from dmdstudio.plan.structure import Measurement

LIMIT_BYTES = 64 * 2**20
"""Larger data files are refused."""

HEAD_BYTES = 4096
"""How much of a file a format is shown to recognise it."""


class MeasurementFormat(Protocol):
    """One format of measured data.

    Attributes:
        label: how it is called in an error and in a file dialog.
        suffixes: usual endings of its files; content decides, not these.
        general: true for a format so loose that particular ones are asked first.
    """

    label: str
    suffixes: tuple[str, ...]
    general: bool

    def sniff(self, head: bytes) -> bool:
        """Tell whether a file that begins with these bytes is of this format."""
        ...

    def read(self, path: Path) -> Measurement:
        """Read a file of this format; raise `FileError` with file, place and what was expected."""
        ...


measurement_formats: Registry[MeasurementFormat] = Registry("data format")


def read_measurement(path: str | Path) -> Measurement:
    """Read one measured quantity from a data file, whose format is told by its content.

    Args:
        path: the file, up to 64 MB.

    Returns:
        The measurement, a curve sorted by its axis; units are ones that `dmdstudio.base.units`
        knows, in its spelling.

    Raises:
        FileError: missing, empty, too large, of an unknown format, or with an entry that cannot be
            used; names the line.
    """
    path = Path(path)
    head = read_content(path, "data file", LIMIT_BYTES)[:HEAD_BYTES]
    candidates = sorted((f for _, f in measurement_formats.items()), key=lambda f: f.general)
    for candidate in candidates:
        if candidate.sniff(head):
            return candidate.read(path)
    known = ", ".join(c.label for c in candidates)
    raise FileError(f"Data file {path} is of an unknown format.", f"Known: {known}.")
