"""Topologies of GROMACS as sections of lines, with includes, conditions and macros resolved.

Source: GROMACS manual, "Topology file formats"; its preprocessor is that of C.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from dmdstudio.files.potentials.reading.places import Place, neighbour
from dmdstudio.files.text import decode, read_content
from dmdstudio.plan.catalog import shown

DEFINED = ("FLEXIBLE",)
"""Names that are defined here: molecules are flexible, not rigid."""

MOST_LINES = 500_000
"""Of a topology and what it includes."""

MOST_FILES = 32
"""That a topology may include."""

MOST_MACROS = 10_000
"""That a topology may define."""

MOST_SECTIONS = 10_000
"""Of a topology and what it includes."""

DEEPEST = 64
"""Conditions inside each other."""


@dataclass(frozen=True)
class Line:
    """One line of a section: its words, macros replaced, and where it stands."""

    words: tuple[str, ...]
    place: Place


def word_of(line: Line, index: int) -> str | None:
    """Return a word of a line; None where it has none there."""
    return line.words[index] if index < len(line.words) else None


def function_of(line: Line, atoms: int) -> str:
    """Return the function type behind a line's atoms: 1 where there is none, as in GROMACS."""
    return word_of(line, atoms) or "1"


@dataclass(frozen=True)
class Section:
    """A section such as ``[ atoms ]``, in the order of the file."""

    name: str
    place: Place
    lines: list[Line]


def read_sections(path: Path, content: bytes, limit_bytes: int) -> tuple[list[Section], list[str]]:
    """Return the sections of a topology in their order, and which conditions it asked about.

    Args:
        path: of the file; what it includes is looked for beside it.
        content: its bytes.
        limit_bytes: of included files.

    Raises:
        FileError: it is no text, or includes what is not there.
    """
    reader = _Reader(limit_bytes)
    reader.read(path, content)
    if reader.open:
        raise reader.open[-1][1].error("the condition has no #endif.")
    return reader.sections, sorted(reader.asked)


class _Reader:
    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self.sections: list[Section] = []
        self.macros: dict[str, str] = dict.fromkeys(DEFINED, "")
        self.asked: set[str] = set()
        self.open: list[tuple[bool, Place]] = []
        self.files = self.lines = 0

    def read(self, path: Path, content: bytes) -> None:
        self.files += 1
        joined, begin = "", 0
        for number, line in enumerate(
            decode(content, f"Potential file {path.name}").split("\n"), 1
        ):
            begin = begin or number
            place = Place(path.name, begin)
            self.lines += 1
            if self.lines > MOST_LINES:
                raise place.error(f"the topology has more than {MOST_LINES:,} lines.")
            joined += line.split(";", 1)[0].rstrip()
            if joined.endswith("\\"):
                joined = joined[:-1] + " "
                if len(joined) > 100_000:
                    raise place.error("the line has over 100,000 characters.")
                continue
            text, joined, begin = joined.strip(), "", 0
            if text.startswith("#"):
                self._direct(text[1:].split(), path, place)
            elif text and all(taken for taken, _ in self.open):
                self._take(text, place)

    def _take(self, text: str, place: Place) -> None:
        if text.startswith("["):
            title = re.fullmatch(r"\[\s*(\w+)\s*\]", text)
            if title is None:
                raise place.error(f"{shown(text)} is no title of a section, such as [ atoms ].")
            if len(self.sections) >= MOST_SECTIONS:
                raise place.error(f"the topology has more than {MOST_SECTIONS:,} sections.")
            self.sections.append(Section(title[1].lower(), place, []))
            return
        if not self.sections:
            if text.startswith("*"):  # as the head of GROMACS' own force fields
                return
            raise place.error(f"{shown(text)} stands before any section, such as [ defaults ].")
        words: list[str] = []
        for word in text.split():
            words += self.macros[word].split() if word in self.macros else [word]
        self.sections[-1].lines.append(Line(tuple(words), place))

    def _direct(self, words: list[str], path: Path, place: Place) -> None:
        """Follow a line of the preprocessor."""
        name, rest = (words[0], words[1:]) if words else ("", [])
        if name in ("ifdef", "ifndef") and rest:
            if len(self.open) >= DEEPEST:
                raise place.error(f"conditions are nested more than {DEEPEST} deep.")
            self.asked.add(rest[0])
            self.open.append(((rest[0] in self.macros) == (name == "ifdef"), place))
        elif name == "else" and self.open:
            taken, begun = self.open.pop()
            self.open.append((not taken, begun))
        elif name == "endif" and self.open:
            self.open.pop()
        elif not all(taken for taken, _ in self.open):
            return
        elif name == "define" and rest:
            if len(self.macros) >= MOST_MACROS:
                raise place.error(f"the topology defines more than {MOST_MACROS:,} macros.")
            self.macros[rest[0]] = " ".join(rest[1:])
        elif name == "undef" and rest:
            self.macros.pop(rest[0], None)
        elif name == "include":
            if self.files >= MOST_FILES:
                raise place.error(f"the topology includes more than {MOST_FILES} files.")
            named = neighbour(path, " ".join(rest).strip("\"<>'"), place)
            self.read(named, read_content(named, "potential file", self.limit_bytes))
        else:
            raise place.error(f"#{name} is no line of the preprocessor that is followed.")
