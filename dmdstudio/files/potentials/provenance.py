"""Where a written potential comes from, as lines of comment."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

CITATION = "Han & Yu, Nat. Commun. 16, 816 (2025), doi 10.1038/s41467-025-56061-z"
"""The method of refinement."""


@dataclass(frozen=True)
class ParameterChange:
    """One refined number before and after, in ``unit``."""

    key: str
    unit: str
    before: float
    after: float


@dataclass(frozen=True)
class Provenance:
    """What a written potential says of its own origin.

    Attributes:
        title: that of the recipe.
        run: name of the run folder.
        iteration: which iteration's parameters these are.
        version: of DMD Studio.
        date: when it was written, such as ``'2025-01-31'``.
        loss: of that iteration; None where it was not evaluated.
        parameters: every refined number, before and after.
        temperature: of the run, K; the written MD sections start from it.
        timestep_fs: of the run; the written MD sections start from it.
        citation: the method.
    """

    title: str
    run: str
    iteration: int
    version: str
    date: str
    loss: float | None = None
    parameters: tuple[ParameterChange, ...] = ()
    temperature: float | None = None
    timestep_fs: float = 1.0
    citation: str = CITATION

    def lines(self) -> list[str]:
        """Return the provenance as lines that are safe within any comment.

        Plain ASCII with no line break, no ``--`` and no ``&`` at the end: a title written by
        somebody else can neither end a comment of XML nor continue a line of LAMMPS.
        """
        found = [
            f"Written by DMD Studio {self.version} on {self.date}.",
            f"Title: {self.title or '(none)'}",
            f"Run: {self.run}, iteration {self.iteration}"
            + ("" if self.loss is None else f", loss {self.loss!r}"),
            *(f"{p.key}: {p.before!r} -> {p.after!r} {p.unit}".rstrip() for p in self.parameters),
            f"Method: {self.citation}",
        ]
        return [comment_text(line) for line in found]

    def commented(self, mark: str) -> str:
        """Return the lines, each after ``mark``, such as ``'# '``."""
        return "\n".join(mark + line for line in self.lines())


def comment_text(text: str) -> str:
    """Return a text on one line, in ASCII, that cannot end or continue a comment."""
    plain = unicodedata.normalize("NFKD", " ".join(text.split()))
    plain = plain.encode("ascii", "ignore").decode("ascii")
    plain = "".join(c for c in plain if c.isprintable())
    while "--" in plain:
        plain = plain.replace("--", "-")
    return plain.rstrip("&\\- ")
