"""Numbers and errors of a file, each with its file and line."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from dmdstudio.base.errors import FileError
from dmdstudio.plan.catalog import shown

LARGEST = 1e12
"""No number of a force field is larger, in any unit in use."""


@dataclass(frozen=True)
class Place:
    """A line of a file."""

    name: str
    line: int

    def __str__(self) -> str:
        return f"{self.name}, line {self.line}"

    def error(self, message: str, advice: str = "") -> FileError:
        """Return an error that begins with the place."""
        return FileError(f"{self}: {message}", advice)

    def number(
        self,
        word: str | None,
        what: str,
        lower: float = -math.inf,
        upper: float = math.inf,
    ) -> float:
        """Return the number that a word is.

        Args:
            word: as the file has it; None where it is missing.
            what: it stands for, such as ``'sigma'``.
            lower: it may not be below, in the file's own unit.
            upper: nor above.

        Raises:
            FileError: it is none, not finite, absurdly large or out of bounds.
        """
        if word is None:
            raise self.error(f"{what} is missing; a number is expected.")
        try:
            value = float(word)
        except ValueError:
            raise self.error(f"{what} = {shown(word)} is no number.") from None
        if not abs(value) <= LARGEST:
            raise self.error(
                f"{what} = {shown(word)}: a finite number of at most {LARGEST:g} is expected."
            )
        if not lower <= value <= upper:
            least = "at least" if value < lower else "at most"
            bound = lower if value < lower else upper
            raise self.error(f"{what} = {shown(word)}: {least} {bound:g} is expected.")
        return value

    def whole(self, word: str | None, what: str, lower: int, upper: int) -> int:
        """Return the whole number that a word is, between bounds; errors as in `number`."""
        if word is None or not word.strip().lstrip("+-").isdecimal() or len(word) > 20:
            raise self.error(f"{what} = {shown(word)}: a whole number is expected.")
        value = int(word)
        if not lower <= value <= upper:
            raise self.error(f"{what} = {value}: {lower} to {upper} are expected.")
        return value


def neighbour(path: Path, name: str, place: Place) -> Path:
    """Return the file that another one names, in the same folder or below.

    Raises:
        FileError: it lies elsewhere, is missing or no file.
    """
    folder = path.resolve().parent
    if not name or len(name) > 1000 or "\0" in name:
        raise place.error(f"{shown(name)} is no name of a file.")
    found = (folder / name).resolve()
    if not found.is_relative_to(folder):
        raise place.error(
            f"names {shown(name)}, which is not in the folder of the file.",
            f"Put it into {folder}, and name it from there.",
        )
    if not found.is_file():
        raise place.error(f"names {shown(name)}, which is not there.", f"Put it into {folder}.")
    return found


def degrees(value: float) -> float:
    """Return an angle of at most pi as degrees; a pi that was rounded up is 180."""
    return min(math.degrees(value), 180.0)
