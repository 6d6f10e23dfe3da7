"""A data file as it would be read: what is said of it, what stays open, what corrections do. No Qt.

What is ambiguous in one file is so in others of the same instrument: answers are kept by what such
files have in common.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from dmdstudio.app.measured import Corrections, measurement_of, stamp_of
from dmdstudio.app.run_folders import data_folder, is_run_folder, prefer, preference
from dmdstudio.base.errors import DmdError, FileError
from dmdstudio.files.whole import write_text
from dmdstudio.plan.corrections import KINDS, Correction
from dmdstudio.plan.reading import ReadingPlan
from dmdstudio.plan.structure import Measurement

if TYPE_CHECKING:
    from dmdstudio.files.spectra import Question

_MOST_REMEMBERED = 100
_MOST_NAMED = 40


@dataclass(frozen=True)
class Choice:
    """One question about a file, and what holds for it now.

    Attributes:
        question: with its choices.
        chosen: one of them; '' while it is open.
    """

    question: Question
    chosen: str


@dataclass(frozen=True)
class Preview:
    """What would be read.

    Attributes:
        raw: the chosen spectrum as the file holds it.
        said: the same with all that is said of it.
        result: the same corrected, as far as the corrections can be applied.
        choices: all questions that make sense for it, the open ones too.
        problem: why it cannot be used yet, '' where it can.
    """

    raw: Measurement
    said: Measurement
    result: Measurement
    choices: tuple[Choice, ...]
    problem: str

    @property
    def is_complete(self) -> bool:
        """Whether nothing is open and nothing wrong."""
        return not self.problem and all(choice.chosen for choice in self.choices)


def preview(path: Path, reading: ReadingPlan, corrections: Corrections = ()) -> Preview:
    """Read a file with what is said of it so far.

    Raises:
        FileError: it cannot be read at all.
    """
    from dmdstudio.files.spectra import apply, question_of

    problem = ""
    try:
        raw = _raw(path, reading.block)
    except DmdError as error:
        if not reading.block:
            raise
        # the file may have another of that name: let it be chosen again
        problem, reading = str(error), msgspec.structs.replace(reading, block="")
        raw = _raw(path, "")
    said = raw
    try:
        said = _said(raw, reading)
    except DmdError as error:
        problem = problem or str(error)
    choices = tuple(
        Choice(question_of(key, said), chosen) for key, chosen in _states(said, reading).items()
    )
    result = said
    for number in range(len(corrections), 0, -1):  # as many as can be applied
        try:
            result = apply(said, corrections[:number])
            break
        except DmdError as error:
            problem = problem or str(error)
    return Preview(raw, said, result, choices, problem)


def fitting(reading: ReadingPlan, key: str, value: str) -> ReadingPlan:
    """Return a reading in which one thing is said otherwise; what depends on it is open again."""
    changes = {key: value}
    if key == "quantity" and value != reading.quantity:
        changes["value_unit"] = ""
    return msgspec.structs.replace(reading, **changes)


def _raw(path: Path, block: str) -> Measurement:
    from dmdstudio.files.spectra import read_measurement

    stamp = stamp_of(path)  # so that the plot of it need not read it again
    return read_measurement(path, block) if stamp is None else measurement_of(stamp, block)


def _said(raw: Measurement, reading: ReadingPlan) -> Measurement:
    """Return a measurement with all answers that fit it; units of another quantity do not."""
    from dmdstudio.files.spectra import answer, question_of

    said = raw
    for key, value in reading.answers.items():
        if key == "quantity" or value in question_of(key, said).choices:
            said = answer(said, {key: value})
    return said


def _states(said: Measurement, reading: ReadingPlan) -> dict[str, str]:
    """Return the questions that make sense of a measurement, and what holds for each."""
    from dmdstudio.files.spectra import QUANTITIES, open_questions

    needs = {question.key for question in open_questions(said)}
    found: dict[str, str] = {}
    if said.blocks:
        found["block"] = "" if "block" in needs else reading.block or said.block
    if said.axis is None or not (said.quantity in QUANTITIES or needs & {"quantity"}):
        return found
    found["quantity"] = said.quantity
    found["axis_unit"] = "" if "axis_unit" in needs else said.axis_unit
    if said.quantity and len(QUANTITIES[said.quantity].units) > 1:
        found["value_unit"] = "" if "value_unit" in needs else said.unit or "1"
    return found


# ------------------------------------------------------------------------ files that are dropped


@dataclass(frozen=True)
class FoundData:
    """A data file that was opened.

    Attributes:
        path: the file.
        measurement: what it holds, corrected.
        observable: what that measures.
        reading: what is said of the file.
        corrections: of it.
        is_open: whether it leaves something open.
        is_remembered: whether files like it answered what it leaves open.
    """

    path: Path
    measurement: Measurement
    observable: str
    reading: ReadingPlan
    corrections: Corrections = ()
    is_open: bool = False
    is_remembered: bool = False

    @property
    def is_answered(self) -> bool:
        """Whether the user said of this very file how it is read."""
        return self.reading != ReadingPlan() and not self.is_remembered


def found_data(
    path: Path, reading: ReadingPlan | None = None, corrections: Corrections = ()
) -> FoundData:
    """Read a data file that was opened.

    Args:
        path: the file.
        reading: what the user said of it; None where nothing was, so that what was said of files
            like it counts.
        corrections: of it.

    Raises:
        FileError: it cannot be read or corrected.
    """
    from dmdstudio.files.spectra import completed, observable_of, open_questions

    said = reading or ReadingPlan()
    raw = _raw(path, said.block)
    remembered = False
    if reading is None and open_questions(raw) and (known := remembered_reading(path, raw)):
        seen = preview(path, known)
        if seen.is_complete:
            said, raw, remembered = known, seen.raw, True
    if reading is None and open_questions(raw) and not remembered:
        return FoundData(path, raw, observable_of(raw.quantity), said, corrections, is_open=True)
    measurement = completed(path.name, raw, said, corrections)
    observable = observable_of(measurement.quantity)
    return FoundData(path, measurement, observable, said, corrections, is_remembered=remembered)


@dataclass(frozen=True)
class AskedFile:
    """A file that is asked about.

    Attributes:
        path: the file.
        reading: what is said of it.
        corrections: of it.
        target: the number of the target whose file it is; None where it was dropped.
    """

    path: Path
    reading: ReadingPlan
    corrections: Corrections = ()
    target: int | None = None


# ---------------------------------------------------------------------- what is said of such files


def likeness(path: Path, raw: Measurement) -> str:
    """Return what files of a kind have in common: ending, words of columns, what is open.

    Args:
        path: of the file.
        raw: as it is read without any answer.
    """
    words = [raw.conditions.get(f"{key} words", "") for key in ("axis_unit", "quantity")]
    about = [path.suffix.lower(), raw.conditions.get("needs", ""), *words]
    about += [raw.quantity, raw.axis_unit, *raw.blocks[:_MOST_NAMED]]
    return _digest("\0".join(about))


def remembered_reading(path: Path, raw: Measurement) -> ReadingPlan | None:
    """Return what was said of files like this one, None where nothing was."""
    said = _remembered().get(likeness(path, raw))
    try:
        return None if said is None else msgspec.convert(said, ReadingPlan)
    except msgspec.ValidationError:  # of another version
        return None


def likeness_of(path: Path) -> str:
    """Read a file and return what others like it have in common; raise `FileError`."""
    return likeness(path, _raw(path, ""))


def remember_reading(likeness: str, reading: ReadingPlan) -> None:
    """Keep what was said of a file for files like it, by what they have in common."""
    known = _remembered()
    known.pop(likeness, None)
    known[likeness] = msgspec.to_builtins(reading)
    kept = dict(list(known.items())[-_MOST_REMEMBERED:])
    prefer("readings", msgspec.json.encode(kept).decode())


def remembered_count() -> int:
    """Return of how many kinds of files it is known how to read them."""
    return len(_remembered())


def forget_readings() -> None:
    """Ask again about every file that leaves something open."""
    prefer("readings", "")


def _remembered() -> dict[str, dict[str, Any]]:
    try:
        return msgspec.json.decode(preference("readings") or "{}", type=dict[str, dict[str, Any]])
    except msgspec.DecodeError:  # edited by hand
        return {}


def _digest(text: str) -> str:
    import hashlib  # starts the cryptography of the system, which no window needs to open

    return hashlib.sha256(text.encode()).hexdigest()[:16]


# ------------------------------------------------------------------------------------ corrections


def first_correction(kind: str, measurement: Measurement) -> Correction:
    """Return a correction to begin with, that changes as little as it can."""
    settings: dict[str, Any] = {"kind": kind}
    axis = measurement.axis
    if kind == "crop" and axis is not None:
        settings |= {"low": float(axis.min()), "high": float(axis.max())}
    elif kind in ("shift", "scale"):
        settings["by"] = 0.0 if kind == "shift" else 1.0
    return msgspec.convert(settings, Correction)


def changed_correction(correction: Correction, field: str, value: Any) -> Correction:
    """Return a correction with one setting changed; None takes its default.

    Raises:
        FileError: the value does not fit.
    """
    settings = msgspec.to_builtins(correction)
    if value is None:
        settings.pop(field)
    else:
        settings[field] = value
    try:
        return msgspec.convert(settings, Correction)
    except msgspec.ValidationError as error:
        raise FileError(str(error).partition(" - at ")[0] + ".") from None


def kind_of(correction: Correction) -> str:
    """Return the kind of a correction, as a recipe names it."""
    return next(kind for kind, struct in KINDS.items() if isinstance(correction, struct))


# ---------------------------------------------------------------------------------- pasted text


def write_pasted(text: str, recipe_path: Path | None) -> Path:
    """Write pasted columns to a file of their own, and return it; the same text is the same file.

    Beside the recipe where that has a folder, else beside the runs.

    Raises:
        FileError: neither can be written to.
    """
    name = f"pasted-{_digest(text)[:8]}.txt"
    beside = recipe_path.parent if recipe_path is not None else None
    folders = [data_folder()]
    if beside is not None and not is_run_folder(beside):
        folders.insert(0, beside)
    why = ""
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_text(folder / name, text if text.endswith("\n") else f"{text}\n")
        except OSError as error:
            why = str(error)
        else:
            return folder / name
    raise FileError(f"What was pasted cannot be kept: {why}.")
