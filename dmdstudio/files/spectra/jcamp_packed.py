"""Ordinates of JCAMP-DX tables (X++(Y..Y)): plain numbers and the four packed forms.

Each line begins with an abscissa for checking; the ordinates follow as AFFN (numbers between
blanks), PAC (signs instead of blanks), SQZ (the sign and first digit as one letter), DIF
(differences) or DUP (how often the last one stands). After a line that ends in differences the next
line repeats its last ordinate, for checking.

Source: R. S. McDonald and P. A. Wilks, Appl. Spectrosc. 42, 151 (1988), sections 5.1 to 5.9.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dmdstudio.base.errors import FileError

_SQZ = {"@": "0"} | {chr(ord("A") + n - 1): str(n) for n in range(1, 10)}
_SQZ |= {chr(ord("a") + n - 1): f"-{n}" for n in range(1, 10)}
_DIF = {"%": "0"} | {chr(ord("J") + n - 1): str(n) for n in range(1, 10)}
_DIF |= {chr(ord("j") + n - 1): f"-{n}" for n in range(1, 10)}
_DUP = {chr(ord("S") + n - 1): str(n) for n in range(1, 9)} | {"s": "9"}

_PACKED_LETTER = re.compile(r"[@%A-DF-Za-df-s]")
_ABSCISSA = re.compile(r"\s*([-+]?(?:\d+\.?\d*|\.\d+)(?:[Ee][-+]\d{1,3})?)")
_PLAIN = re.compile(r"[\s,;]*(?:([-+]?(?:\d+\.?\d*|\.\d+)(?:[Ee][-+]?\d{1,3})?)|(\?)|([^\s,;]))")
_PACKED = re.compile(
    r"[\s,;]*(?:([@%A-Za-s])(\d{0,15}(?:\.\d{0,15})?)|([-+]?(?:\d{1,20}\.?\d{0,15}|\.\d{1,15}))"
    r"|(\?)|([^\s,;]))"
)


@dataclass
class Table:
    """What a table holds.

    Attributes:
        values: ordinates as written, NaN for ``?``.
        checks: per line its number, the abscissa as written, and the index of the point it is of.
        note: what is odd but does no harm.
    """

    values: list[float] = field(default_factory=list)
    checks: list[tuple[int, str, int]] = field(default_factory=list)
    note: str = ""


def decode_table(lines: Iterable[tuple[int, str]], path: Path, most: int) -> Table:
    """Read the lines of a table (X++(Y..Y)).

    Args:
        lines: number and text of each line, without comments.
        path: the file, for errors.
        most: number of points that the header promises; reading stops beyond it.

    Raises:
        FileError: a character that belongs to no form, a failed check of an ordinate, or more
            points than promised; names the line.
    """
    lines = list(lines)
    packed = any(_PACKED_LETTER.search(_without_exponents(text)) for _, text in lines)
    table = Table()
    state = _State(table.values, most)
    for number, text in lines:
        abscissa = _ABSCISSA.match(text)
        if abscissa is None:
            raise FileError(
                f"{path}, line {number}: {text.strip()[:20]!r}, where a number (X) must begin the "
                "line of a table (X++(Y..Y)).",
                "The file is damaged; export it again.",
            )
        state.begin_line()
        start = len(table.values) - (1 if state.check_due else 0)
        table.checks.append((number, abscissa.group(1), start))
        tokens = _packed_tokens if packed else _plain_tokens
        for kind, value in tokens(text[abscissa.end() :]):
            problem = state.take(kind, value)
            if problem and len(table.values) == most and number == lines[-1][0]:
                # A last line of its own that only closes the table; its value adds nothing.
                table.note = f"line {number}: {problem}"
                break
            if problem:
                raise FileError(
                    f"{path}, line {number}: {problem}", "The file is damaged; export it again."
                )
            if len(table.values) > most:
                raise FileError(
                    f"{path}, line {number}: more than the {most} points that NPOINTS says.",
                    "The file is damaged or was edited; export it again.",
                )
    return table


class _State:
    """The running ordinate and difference while a table is read."""

    def __init__(self, values: list[float], most: int) -> None:
        self.values = values
        self.most = most
        self.last_kind = ""
        self.difference = 0.0
        self.check_due = False

    def begin_line(self) -> None:
        self.check_due = self.last_kind == "DIF" and bool(self.values)
        self.line_empty = True

    def take(self, kind: str, value: float) -> str:
        """Add what one token stands for; return what is wrong with it, '' if nothing."""
        first, self.line_empty = self.line_empty, False
        if kind == "BAD":
            return f"character {chr(int(value))!r} belongs to no form of the standard."
        if kind == "ABS":
            if first and self.check_due:
                self.last_kind = "ABS"
                return self._checked(value)
            self.values.append(value)
            self.last_kind = "ABS"
            return ""
        if not self.values or first:
            return f"a {'difference' if kind == 'DIF' else 'repetition'} without a value before it."
        if kind == "DIF":
            self.difference = value
            self.values.append(self.values[-1] + value)
            self.last_kind = "DIF"
            return ""
        return self._repeat(value)

    def _checked(self, value: float) -> str:
        last = self.values[-1]
        if value != value or abs(value - last) <= 1e-6 * max(1.0, abs(last)):
            return ""
        return (
            f"the check of the ordinate fails: the line begins with {value:.12g}, the line above "
            f"ends with {last:.12g}."
        )

    def _repeat(self, count: float) -> str:
        if not 1 <= count <= 10_000_000:
            return f"a repetition of {count:.10g} times."
        step = self.difference if self.last_kind == "DIF" else 0.0
        # One point too many is enough to be refused.
        for _ in range(min(int(count) - 1, self.most + 1 - len(self.values))):
            self.values.append(self.values[-1] + step)
        return ""


def _without_exponents(text: str) -> str:
    """Return a line without the E of 1.5E+02, which is no packed digit."""
    return re.sub(r"[Ee](?=[-+\d])", "", text)


def _plain_tokens(text: str) -> Iterator[tuple[str, float]]:
    for match in _PLAIN.finditer(text):
        number, missing, bad = match.groups()
        if number:
            yield "ABS", float(number)
        elif missing:
            yield "ABS", float("nan")
        elif bad:
            yield "BAD", ord(bad)


def _packed_tokens(text: str) -> Iterator[tuple[str, float]]:
    for match in _PACKED.finditer(text):
        letter, digits, number, missing, bad = match.groups()
        if letter:
            for kind, table in (("ABS", _SQZ), ("DIF", _DIF), ("DUP", _DUP)):
                if letter in table:
                    yield kind, float(table[letter] + digits)
        elif number:
            yield "ABS", float(number)
        elif missing:
            yield "ABS", float("nan")
        elif bad:
            yield "BAD", ord(bad)
