"""Inputs of LAMMPS as a list of commands with their places; nothing in them is run.

Source: https://docs.lammps.org/Commands_parse.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from dmdstudio.files.potentials.reading.places import Place, neighbour
from dmdstudio.files.text import decode, read_content
from dmdstudio.plan.catalog import shown

MOST_COMMANDS = 100_000
"""Of a script and those that it includes."""

MOST_FILES = 16
"""That a script may include."""

LONGEST_LINE = 100_000
"""In characters, continued lines together."""

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w)|(\())")


@dataclass(frozen=True)
class Command:
    """One command.

    Attributes:
        name: its first word.
        words: the others; variables are replaced where their values are known.
        unknown: a variable in it whose value is not known; empty for none.
        place: where it stands.
    """

    name: str
    words: tuple[str, ...]
    unknown: str
    place: Place

    def require_known(self) -> None:
        """Raise `FileError` where it hangs on a variable that is not known."""
        if self.unknown:
            raise self.place.error(
                f"{self.name} hangs on the variable {shown(self.unknown)}, whose value is "
                "computed or given elsewhere.",
                "Write the number itself.",
            )

    def word(self, index: int, what: str) -> str:
        """Return a word; raise `FileError` that says what it stands for where it is missing."""
        self.require_known()
        if index >= len(self.words):
            raise self.place.error(f"{self.name} has {len(self.words)} words: {what} is missing.")
        return self.words[index]


def read_script(path: Path, content: bytes) -> list[Command]:
    """Return the commands of a script, those of included ones in their places.

    Raises:
        FileError: it is no text, too long, or includes what is not in its folder.
    """
    reader = _Script()
    reader.read(path, content)
    return reader.commands


class _Script:
    def __init__(self) -> None:
        self.commands: list[Command] = []
        self.variables: dict[str, str] = {}
        self.files = 0

    def read(self, path: Path, content: bytes) -> None:
        self.files += 1
        text = decode(content, f"Potential file {path.name}")
        for line, words, unknown in self._lines(text, path.name):
            place = Place(path.name, line)
            if len(self.commands) >= MOST_COMMANDS:
                raise place.error(f"the script has more than {MOST_COMMANDS:,} commands.")
            command = Command(words[0], tuple(words[1:]), unknown, place)
            if command.name == "variable":
                self._define(command)
            elif command.name == "include":
                if self.files >= MOST_FILES:
                    raise place.error(f"the script includes more than {MOST_FILES} files.")
                named = neighbour(path, command.word(0, "the name of a file"), place)
                self.read(named, read_content(named, "potential file", len(content) + 2**23))
            else:
                self.commands.append(command)

    def _lines(self, text: str, name: str):
        """Iterate over (number, words, unknown variable) of lines that hold a command."""
        joined, begin = "", 0
        for number, line in enumerate(text.split("\n"), 1):
            begin = begin or number
            joined += line.rstrip()
            if len(joined) > LONGEST_LINE:
                raise Place(name, begin).error(f"the line has over {LONGEST_LINE:,} characters.")
            if joined.endswith("&"):
                joined = joined[:-1] + " "
                continue
            words, unknown = self._words(joined)
            if words:
                yield begin, words, unknown
            joined, begin = "", 0

    def _words(self, line: str) -> tuple[list[str], str]:
        """Return the words of a line, without its comment, and a variable that is not known."""
        words, unknown, place = [], "", 0
        while place < len(line):
            if line[place].isspace():
                place += 1
            elif line[place] == "#":
                break
            elif line[place] in "\"'":
                mark = '"""' if line.startswith('"""', place) else line[place]
                end = line.find(mark, place + len(mark))
                end = len(line) if end < 0 else end
                words.append(line[place + len(mark) : end])
                place = end + len(mark)
            else:
                found = re.compile(r"[^\s#]+").match(line, place)
                assert found is not None
                word, missing = self._replaced(found[0])
                words += word.split()
                unknown = unknown or missing
                place = found.end()
        return words, unknown

    def _replaced(self, word: str) -> tuple[str, str]:
        """Return a word with the values of its variables, and one that has none."""
        missing = ""

        def value(match: re.Match[str]) -> str:
            nonlocal missing
            name = match[1] or match[2] or "("
            if name not in self.variables:
                missing = missing or name
            return self.variables.get(name, match[0])

        return _VARIABLE.sub(value, word), missing

    def _define(self, command: Command) -> None:
        """Remember a variable that is a plain word; forget one that is computed."""
        if len(command.words) < 3:
            return
        name, style, value = command.words[:3]
        plain = not command.unknown and not re.search(r"[$()*/^]|\bv_", value)
        if style == "index":
            if plain:
                self.variables.setdefault(name, value)
        elif style == "string" or (style == "equal" and _is_number(value)):
            if plain:
                self.variables[name] = value
        else:
            self.variables.pop(name, None)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True
