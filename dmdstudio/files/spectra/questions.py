"""What a data file leaves open, as questions that a window asks and answers that are written down.

A reader that cannot tell the unit of the abscissa, the quantity or its unit leaves it empty and
names it in ``conditions['needs']``, such as ``'axis_unit, quantity'``. Nothing is guessed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from dmdstudio.base.errors import FileError, nearest
from dmdstudio.files.spectra.vocabulary import AXIS_UNITS, QUANTITIES
from dmdstudio.plan.structure import Measurement

NEEDS = "needs"
"""The key of a measurement's conditions that lists what is open."""

COLUMNS_LEFT_OUT = "columns left out"
"""The key that names the columns beside the chosen one, where spectra are columns of a table."""

ANSWERED = ("quantity", "axis_unit", "value_unit")
"""What can be answered after reading, in this order: the quantity decides what the units may be."""

PLAIN = "1"
"""The unit of a plain number, as an answer."""


@dataclass(frozen=True)
class Question:
    """One thing that the file does not say.

    Attributes:
        key: ``'block'``, ``'quantity'``, ``'axis_unit'`` or ``'value_unit'``.
        text: the question.
        choices: possible answers, and under the same index in ``labels`` how to show them.
        labels: how the choices are shown.
    """

    key: str
    text: str
    choices: tuple[str, ...]
    labels: tuple[str, ...]


def open_questions(measurement: Measurement) -> tuple[Question, ...]:
    """Return what a measurement's file left open, empty where it is complete."""
    needs = measurement.conditions.get(NEEDS, "").replace(",", " ").split()
    return tuple(question_of(key, measurement) for key in needs)


def answer(measurement: Measurement, answers: dict[str, str]) -> Measurement:
    """Return a measurement with questions answered and the answers noted in its conditions.

    What the file says itself may be said otherwise too: instruments write wrong labels.

    Args:
        measurement: as read from a file.
        answers: question keys to choices, such as ``{'axis_unit': '1/cm'}``, a plain number being
            ``'1'``; a quantity that comes in several units opens the question of its unit. The
            choice of a block is not among them: it is made when the file is read.

    Raises:
        FileError: there is no such question, or the answer is none of its choices.
    """
    for key in ANSWERED:
        if key in answers:
            measurement = _answered(measurement, key, answers[key])
    unknown = [key for key in answers if key not in ANSWERED]
    if unknown:
        raise FileError(
            f"There is no question {unknown[0]!r} about a data file.",
            nearest(unknown[0], list(ANSWERED)),
        )
    return measurement


def _answered(measurement: Measurement, key: str, choice: str) -> Measurement:
    asked = question_of(key, measurement)
    if choice not in asked.choices:
        raise FileError(
            f"{choice!r} is no answer to: {asked.text}",
            f"Choices: {', '.join(repr(c) for c in asked.choices)}.",
        )
    open_keys = [q.key for q in open_questions(measurement) if q.key != key]
    changes: dict[str, str] = {}
    if key == "axis_unit":
        changes["axis_unit"] = choice
    elif key == "value_unit":
        changes["unit"] = "" if choice == PLAIN else choice
    else:
        units = QUANTITIES[choice].units
        changes = {"quantity": choice, "unit": units[0]}
        open_keys = [k for k in open_keys if k != "value_unit"]
        if len(units) > 1:
            open_keys.append("value_unit")
        if measurement.axis_unit not in ("", *QUANTITIES[choice].axis_units):
            changes["axis_unit"] = ""
            open_keys.append("axis_unit")
    conditions = {k: v for k, v in measurement.conditions.items() if k != NEEDS}
    told = f"{key} = {choice}"
    conditions["told"] = f"{conditions['told']}; {told}" if "told" in conditions else told
    if open_keys:
        conditions[NEEDS] = ", ".join(open_keys)
    return replace(measurement, conditions=conditions, **changes)


def question_of(key: str, measurement: Measurement) -> Question:
    """Return a question about a measurement, whether its file leaves it open or not."""
    said = measurement.conditions.get(f"{key} words", "")
    about = f" The file says {said!r}." if said else ""
    known = QUANTITIES.get(measurement.quantity)
    if key == "block":
        of_columns = COLUMNS_LEFT_OUT in measurement.conditions
        what = "Which column holds the values?" if of_columns else "Which of the spectra is it?"
        return Question(key, what, measurement.blocks, measurement.blocks)
    if key == "axis_unit":
        units = known.axis_units if known else AXIS_UNITS
        return Question(key, f"In which unit is the horizontal axis?{about}", units, units)
    if key == "quantity":
        labels = tuple(quantity.label for quantity in QUANTITIES.values())
        return Question(key, f"Which quantity was measured?{about}", tuple(QUANTITIES), labels)
    if key == "value_unit":
        units = tuple(unit or PLAIN for unit in (known.units if known else ("",)))
        labels = tuple({PLAIN: "a fraction (0 to 1)", "%": "per cent"}.get(u, u) for u in units)
        if len(units) == 1:
            labels = tuple("no unit" if u == PLAIN else u for u in units)
        what = measurement.quantity.replace("_", " ") or "value"
        return Question(key, f"In which unit is the {what}?{about}", units, labels)
    return Question(key, f"What is the {key}?{about}", (), ())
