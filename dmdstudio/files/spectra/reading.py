"""A data file as a recipe has it read: the chosen spectrum, what is said of it, corrections."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dmdstudio.base.errors import FileError
from dmdstudio.files.spectra.corrections import apply
from dmdstudio.files.spectra.format import read_measurement
from dmdstudio.files.spectra.questions import answer, open_questions
from dmdstudio.plan.corrections import Correction
from dmdstudio.plan.reading import ReadingPlan
from dmdstudio.plan.structure import Measurement

_MOST_LISTED = 12


def read_as(
    path: str | Path, reading: ReadingPlan, corrections: Sequence[Correction] = ()
) -> Measurement:
    """Read a data file whose every question is answered, and correct it.

    Args:
        path: the file.
        reading: what the file does not say itself.
        corrections: in order; the file stays as it is.

    Raises:
        FileError: the file cannot be read, leaves a question open that ``reading`` does not answer,
            or a correction cannot be applied.
    """
    return completed(Path(path).name, read_measurement(path, reading.block), reading, corrections)


def completed(
    name: str, raw: Measurement, reading: ReadingPlan, corrections: Sequence[Correction] = ()
) -> Measurement:
    """Return what a file of a name holds with all that is said of it; raise as `read_as` does."""
    try:
        measured = answer(raw, reading.answers)
    except FileError as error:
        raise FileError(f"{name}: {error.message}", error.advice) from None
    if questions := open_questions(measured):
        key, choices = questions[0].key, ", ".join(map(repr, questions[0].choices[:_MOST_LISTED]))
        raise FileError(
            f"{name} does not say what it holds: {questions[0].text}",
            f"Say it as {key} in the target's reading, in the window by Data: {choices}.",
        )
    try:
        return apply(measured, corrections)
    except FileError as error:
        raise FileError(f"{name}: {error.message}", error.advice) from None
