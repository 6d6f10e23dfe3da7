"""Bytes of a binary file, read at places that the file itself claims and that may be wrong."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

from dmdstudio.base.errors import FileError

_DAMAGED = "The file is damaged or cut off; export it again."


class Content:
    """All bytes of a file; whatever lies beyond them is refused by name, never allocated."""

    def __init__(self, path: Path, content: bytes) -> None:
        self.path = path
        self.bytes = content

    def error(self, offset: int, found: str, advice: str = _DAMAGED) -> FileError:
        """Return an error that names file and byte."""
        return FileError(f"{self.path}, byte {offset}: {found}", advice)

    def unpack(self, layout: str, offset: int, what: str) -> tuple[Any, ...]:
        """Return the numbers of a `struct` layout at a place."""
        self._require(offset, struct.calcsize(layout), what)
        return struct.unpack_from(layout, self.bytes, offset)

    def array(self, kind: str, count: int, offset: int, what: str) -> np.ndarray:
        """Return ``count`` numbers of a numpy type at a place, as float64."""
        self._require(offset, np.dtype(kind).itemsize * count, what)
        with np.errstate(invalid="ignore"):  # a signalling NaN is left out later
            return np.frombuffer(self.bytes, kind, count, offset).astype(float)

    def text(self, offset: int, size: int) -> str:
        """Return the text up to the first zero byte within a field."""
        return self.bytes[offset : offset + size].split(b"\0", 1)[0].decode("cp1252", "replace")

    def _require(self, offset: int, size: int, what: str) -> None:
        if offset < 0 or size < 0 or offset + size > len(self.bytes):
            raise self.error(
                offset,
                f"{what} takes {size} bytes, but the file ends at byte {len(self.bytes)}.",
            )
