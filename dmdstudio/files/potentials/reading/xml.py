"""XML of unknown origin, read into a tree that knows its lines; nothing outside it is looked at.

A document type is refused as soon as it begins, before anything in it is read: entities are
declared there, which can name other files or unfold into gigabytes. What is left of XML cannot do
harm beyond its own length, which is limited, as are the elements and their depth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from dmdstudio.base.errors import FileError

MOST_ELEMENTS = 300_000
"""A force field of all biomolecules has some 150,000."""

DEEPEST = 32
"""Elements inside each other; a force field has six."""


@dataclass
class Element:
    """One element of a document.

    Attributes:
        tag: its name.
        attributes: by name.
        line: where it begins, from 1.
        children: the elements in it, in order.
        text: all characters directly in it.
        comments: of the whole document; of the outermost element only.
    """

    tag: str
    attributes: dict[str, str]
    line: int
    children: list[Element] = field(default_factory=list)
    text: str = ""
    comments: list[str] = field(default_factory=list)

    def all(self, *tags: str) -> Iterator[Element]:
        """Iterate over the children of these names."""
        return (child for child in self.children if child.tag in tags)


def read_xml(content: bytes, name: str) -> Element:
    """Return the outermost element of a document.

    Args:
        content: all bytes of the file.
        name: how an error calls it.

    Raises:
        FileError: it is no well-formed XML, has a document type, or is too deep or too long.
    """
    reader = _Reader(name)
    try:
        reader.parser.Parse(content, True)
    except expat.ExpatError as error:
        raise FileError(
            f"{name}, line {error.lineno}: is not well-formed XML "
            f"({expat.errors.messages[error.code]}).",
            "Copy or export it again.",
        ) from None
    except (ValueError, LookupError) as error:  # an encoding that Python does not have
        raise FileError(
            f"{name}, line 1: is XML in an encoding that cannot be read ({str(error)[:80]}).",
            "Save it in UTF-8.",
        ) from None
    assert reader.root is not None  # else expat had raised: no element found
    reader.root.comments = reader.comments
    return reader.root


class _Reader:
    """Builds the tree while expat goes through the document."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.root: Element | None = None
        self.open: list[Element] = []
        self.comments: list[str] = []
        self.count = 0
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartDoctypeDeclHandler = self._refuse_type
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.CommentHandler = self.comments.append

    @property
    def place(self) -> str:
        return f"{self.name}, line {self.parser.CurrentLineNumber}"

    def _refuse_type(self, *_: object) -> None:
        raise FileError(
            f"{self.place}: has a document type (DOCTYPE), which can name other files; no force "
            "field needs one.",
            "Take the DOCTYPE out, if you trust the file.",
        )

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self.count += 1
        if self.count > MOST_ELEMENTS or len(self.open) >= DEEPEST:
            what = f"nested more than {DEEPEST} deep"
            if self.count > MOST_ELEMENTS:
                what = f"of more than {MOST_ELEMENTS:,} elements"
            raise FileError(f"{self.place}: is XML {what}, which no force field is.")
        element = Element(tag, attributes, self.parser.CurrentLineNumber)
        if self.open:
            self.open[-1].children.append(element)
        else:
            self.root = element
        self.open.append(element)

    def _end(self, tag: str) -> None:
        self.open.pop()

    def _characters(self, text: str) -> None:
        if not text.isspace():
            self.open[-1].text += text
