"""What a format of measured data is, and the one function that reads them all."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, cast

from dmdstudio.base.errors import FileError
from dmdstudio.base.registry import Registry
from dmdstudio.files.text import decode, read_content
from dmdstudio.plan.structure import Measurement

LIMIT_BYTES = 64 * 2**20
"""Larger data files are refused."""

LONGEST_LINE = 100_000
"""Text lines of more characters are refused: no table has them, and csv stops at 131,072."""

HEAD_BYTES = 4096
"""How much of a file a format is shown to recognise it."""


_ARCHIVES = {
    b"PK\x03\x04": "a ZIP archive or a spreadsheet (XLSX, ODS)",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    b"\xd0\xcf\x11\xe0": "an old Office document (XLS, DOC) or Origin project",
    b"%PDF": "a PDF document",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
}
"""What people drop by mistake, by its first bytes."""


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


class BlockFormat(MeasurementFormat, Protocol):
    """A format whose files may hold several spectra, one of which is chosen by name."""

    def read_block(self, path: Path, block: str) -> Measurement:
        """Read the spectrum that ``conditions['blocks']`` of `read`'s result lists as ``block``."""
        ...


measurement_formats: Registry[MeasurementFormat] = Registry("data format")


def read_text(path: Path) -> str:
    """Return the text of a data file, without the end mark of old DOS programs."""
    content = read_content(path, "data file", LIMIT_BYTES)
    return decode(content.rstrip(b"\x1a"), f"Data file {path}")


def head_text(head: bytes) -> str | None:
    """Return the text of a file's first bytes, None if they are not text."""
    head = head.rstrip(b"\x1a")
    # The end of the head may have cut a character in two.
    for part in (head, head[: len(head) // 2 // 4 * 4]):
        try:
            return decode(part, "head")
        except FileError:
            continue
    return None


def read_measurement(path: str | Path, block: str = "") -> Measurement:
    """Read one measured quantity from a data file, whose format is told by its content.

    Args:
        path: the file, up to 64 MB.
        block: which of several spectra in the file, by a name that ``conditions['blocks']``
            lists; by default the one that the format prefers.

    Returns:
        The measurement, a curve sorted by its axis; units are ones that `dmdstudio.base.units`
        knows, in its spelling. What the file does not say is empty and listed by
        `questions.open_questions`.

    Raises:
        FileError: missing, empty, too large, of an unknown format, or with an entry that cannot be
            used; names the place.
    """
    path = Path(path)
    head = read_content(path, "data file", LIMIT_BYTES)[:HEAD_BYTES]
    for magic, what in _ARCHIVES.items():
        if head.startswith(magic):
            raise FileError(
                f"Data file {path} is {what}, not a spectrum.",
                "Unpack it, or export the spectrum as text (CSV).",
            )
    candidates = sorted((f for _, f in measurement_formats.items()), key=lambda f: f.general)
    for candidate in candidates:
        if candidate.sniff(head):
            if not block:
                return candidate.read(path)
            if hasattr(candidate, "read_block"):
                return cast(BlockFormat, candidate).read_block(path, block)
            raise FileError(
                f"{path} holds a single curve, so {block!r} cannot be chosen from it.",
                "Leave the choice of the block empty.",
            )
    known = ", ".join(c.label for c in candidates)
    raise FileError(f"Data file {path} is of an unknown format.", f"Known: {known}.")
