"""Labelled records of a JCAMP-DX file and the blocks they form.

A record is ``##LABEL= value`` and the lines up to the next one; ``$$`` begins a comment. A block
goes from ``##TITLE=`` to ``##END=``; blocks may stand in a LINK block.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from dmdstudio.base.errors import FileError
from dmdstudio.files.spectra.assembly import clean

MOST_BLOCKS = 10_000
_RECORD = re.compile(r"\s{0,20}##([^=]{0,80})=(.*)", re.DOTALL)
TABLES = ("XYDATA", "XYPOINTS")
OTHER_TABLES = ("PEAKTABLE", "PEAKASSIGNMENTS", "NTUPLES", "DATATABLE", "RADATA", "ASSIGNMENTS")


@dataclass
class Record:
    """One labelled record: the text behind the sign of equality and the lines below it."""

    line: int
    text: str
    below: list[tuple[int, str]] = field(default_factory=list)


@dataclass
class Block:
    """The records of one block by label, without blanks, dashes, slashes and underscores."""

    line: int
    records: dict[str, Record] = field(default_factory=dict)

    def text(self, label: str) -> str:
        """Return a record on one line, '' where there is none."""
        record = self.records.get(label)
        if record is None:
            return ""
        below = " ".join(text for _, text in record.below[:20])
        return clean(f"{record.text} {below}")

    def number(self, label: str, path: Path) -> float | None:
        """Return a record as a number, None where there is none or it is empty.

        Raises:
            FileError: the record is no number.
        """
        record = self.records.get(label)
        text = record.text.strip() if record else ""
        if record is None or not text:
            return None
        try:
            if len(text) > 60:
                raise ValueError
            value = float(text.split()[0].replace(",", "."))
            if abs(value) < 1e300:
                return value
        except ValueError:
            pass
        raise FileError(
            f"{path}, line {record.line}: ##{label}= is {clean(text)[:40]!r}, not a number.",
            "The file is damaged; export it again.",
        )

    @property
    def title(self) -> str:
        """The block's title."""
        return self.text("TITLE")

    @property
    def table(self) -> str:
        """The label of the table that holds a spectrum, '' where there is none."""
        return next((label for label in TABLES if label in self.records), "")

    @property
    def contents(self) -> str:
        """What the block holds, for a list."""
        held = self.table or next((t for t in OTHER_TABLES if t in self.records), "")
        return clean(self.text("DATATYPE") or held or "text").lower()


def blocks_of(text: str, path: Path) -> list[Block]:
    """Return the blocks of a file in the order they begin, LINK blocks among them.

    Raises:
        FileError: no record, text before the first, or too many blocks.
    """
    blocks: list[Block] = []
    opened: list[Block] = []
    record: Record | None = None
    for number, line in enumerate(text.split("\n"), start=1):
        line = line.split("$$", 1)[0]
        match = _RECORD.match(line)
        if match is None:
            if record is not None and line.strip():
                record.below.append((number, line))
            elif line.strip() and not blocks:
                raise FileError(
                    f"{path}, line {number}: {clean(line)[:40]!r}, where a JCAMP-DX file has "
                    "##TITLE= .",
                    "The file is damaged; export it again.",
                )
            continue
        label = re.sub(r"[\s\-/_]", "", match[1]).upper()
        record = Record(number, match[2].strip())
        if label == "END":
            record = None
            if opened:
                opened.pop()
        elif label == "TITLE" or not opened:
            block = Block(number)
            blocks.append(block)
            opened.append(block)
            if len(blocks) > MOST_BLOCKS:
                raise FileError(f"{path}, line {number}: more than {MOST_BLOCKS} blocks.")
        if record is not None and label:
            opened[-1].records.setdefault(label, record)
    if not blocks:
        raise FileError(f"{path} has no ##LABEL= records.", "Export it again.")
    return blocks
