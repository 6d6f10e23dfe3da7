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


@dataclass(frozen=True)
class Question:
    """One thing that the file does not say.

    Attributes:
        key: ``'axis_unit'``, ``'quantity'`` or ``'value_unit'``.
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
    return tuple(_question(key, measurement) for key in needs)


def answer(measurement: Measurement, answers: dict[str, str]) -> Measurement:
    """Return a measurement with questions answered and the answers noted in its conditions.

    Args:
        measurement: as read from a file.
        answers: question keys to choices, such as ``{'axis_unit': '1/cm'}``; a quantity that
            comes in several units opens the question of its unit.

    Raises:
        FileError: no such question is open, or the answer is none of its choices.
    """
    for key in ("axis_unit", "quantity", "value_unit"):
        if key in answers:
            measurement = _answered(measurement, key, answers[key])
    unknown = [key for key in answers if key not in ("axis_unit", "quantity", "value_unit")]
    if unknown:
        raise FileError(
            f"There is no question {unknown[0]!r} about a data file.",
            nearest(unknown[0], ["axis_unit", "quantity", "value_unit"]),
        )
    return measurement


def _answered(measurement: Measurement, key: str, choice: str) -> Measurement:
    asked = {question.key: question for question in open_questions(measurement)}
    if key not in asked:
        raise FileError(
            f"The {key.replace('_', ' ')} of this measurement is not in question.",
            f"Open: {', '.join(asked)}." if asked else "Nothing is open.",
        )
    if choice not in asked[key].choices:
        raise FileError(
            f"{choice!r} is no answer to: {asked[key].text}",
            f"Choices: {', '.join(repr(c) for c in asked[key].choices)}.",
        )
    open_keys = [k for k in asked if k != key]
    changes: dict[str, str] = {}
    if key == "axis_unit":
        changes["axis_unit"] = choice
    elif key == "value_unit":
        changes["unit"] = choice
    else:
        units = QUANTITIES[choice].units
        changes = {"quantity": choice, "unit": units[0]}
        if len(units) > 1:
            open_keys.append("value_unit")
    conditions = {k: v for k, v in measurement.conditions.items() if k != NEEDS}
    told = f"{key} = {choice or '1'}"
    conditions["told"] = f"{conditions['told']}; {told}" if "told" in conditions else told
    if open_keys:
        conditions[NEEDS] = ", ".join(open_keys)
    return replace(measurement, conditions=conditions, **changes)


def _question(key: str, measurement: Measurement) -> Question:
    said = measurement.conditions.get(f"{key} words", "")
    about = f" The file says {said!r}." if said else ""
    if key == "axis_unit":
        return Question(
            key, f"In which unit is the horizontal axis?{about}", AXIS_UNITS, AXIS_UNITS
        )
    if key == "quantity":
        labels = tuple(quantity.label for quantity in QUANTITIES.values())
        return Question(key, f"Which quantity was measured?{about}", tuple(QUANTITIES), labels)
    if key == "value_unit":
        known = QUANTITIES.get(measurement.quantity)
        units = known.units if known else ("",)
        labels = tuple({"": "a fraction (0 to 1)", "%": "per cent"}.get(u, u) for u in units)
        if len(units) == 1:
            labels = tuple(u or "no unit" for u in units)
        return Question(key, f"In which unit is the {measurement.quantity}?{about}", units, labels)
    return Question(key, f"What is the {key}?{about}", (), ())
