"""Text files of unknown origin, turned into text or into an error that says what they are."""

from __future__ import annotations

import re
from pathlib import Path

from dmdstudio.base.errors import FileError

_MARKS = {
    b"\xef\xbb\xbf": "utf-8",
    b"\xff\xfe": "utf-16-le",
    b"\xfe\xff": "utf-16-be",
}


def read_content(path: str | Path, what: str, limit_bytes: int) -> bytes:
    """Return the bytes of a file.

    Args:
        path: the file.
        what: how an error calls it, such as ``'structure file'``.
        limit_bytes: larger files are refused before they are read.

    Raises:
        FileError: missing, a folder, not readable, empty, or too large.
    """
    path = Path(path)
    if path.is_dir():
        raise FileError(f"{path} is a folder, not a {what}.", "Name a file in it.")
    try:
        size = path.stat().st_size
        if size > limit_bytes:
            raise FileError(
                f"{what.capitalize()} {path} has {size / 2**20:.0f} MB; "
                f"up to {limit_bytes / 2**20:.0f} MB can be read.",
                "Cut it down to the part that is needed.",
            )
        content = path.read_bytes()
    except FileNotFoundError:
        raise FileError(
            f"There is no {what} at {path}.", "Check the name; relative names start at the recipe."
        ) from None
    except OSError as error:
        raise FileError(f"{what.capitalize()} {path} cannot be read: {error}.") from None
    if not content.strip(b" \t\r\n\0"):
        raise FileError(f"{what.capitalize()} {path} is empty.", "Write or export it again.")
    return content


def decode(content: bytes, name: str) -> str:
    """Return the text of a file's bytes: UTF-8, UTF-16 (with a mark or without) or Windows-1252.

    Line ends become line feeds; a leading byte order mark goes.

    Args:
        content: all bytes of the file.
        name: how an error calls the file.

    Raises:
        FileError: the bytes are no text in any of these encodings.
    """
    encoding = _encoding(content)
    for candidate in [encoding] if encoding else ["utf-8", "cp1252"]:
        try:
            text = content.decode(candidate).removeprefix("\ufeff")
        except UnicodeDecodeError:
            continue
        if not re.search("[\x00-\x08\x0e-\x1f]", text):
            return re.sub("\r\n|\r", "\n", text)
    raise FileError(
        f"{name} is not text: it holds binary data, or an encoding other than UTF-8, UTF-16 and "
        "Windows-1252.",
        "Save it as plain text in UTF-8.",
    )


def _encoding(content: bytes) -> str | None:
    """Return the encoding that the first bytes give away, if any."""
    for mark, encoding in _MARKS.items():
        if content.startswith(mark):
            return encoding
    head = content[:1024]
    # Half the bytes of UTF-16 text in Latin letters and digits are zero, all at the same parity.
    for start, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        zeros, others = head[start::2].count(0), head[1 - start :: 2].count(0)
        if others == 0 and zeros > 0.4 * len(head[start::2]):
            return encoding
    return None
