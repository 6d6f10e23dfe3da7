"""Writes a measurement as annotated text that `read_measurement` gives back unchanged."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from dmdstudio.files.whole import write_text
from dmdstudio.plan.structure import Measurement


def write_measurement(measurement: Measurement, path: str | Path) -> None:
    """Write a measurement as annotated, comma-separated text in UTF-8.

    Args:
        measurement: a number or a curve; every digit is kept, line breaks in its texts are not.
        path: the file to make or replace.
    """
    about = {"quantity": measurement.quantity, "source": measurement.source}
    about |= measurement.conditions
    lines = [f"# {key}: {' '.join(text.split())}" for key, text in about.items() if text.strip()]
    columns = [(measurement.quantity, measurement.unit, measurement.value)]
    if measurement.axis is not None:
        columns.insert(0, ("axis", measurement.axis_unit, measurement.axis))
    if measurement.error is not None:
        columns.append(("standard_error", measurement.unit, measurement.error))
    lines.append(",".join(f"{name} [{unit or '1'}]" for name, unit, _ in columns))
    for row in zip(*(np.atleast_1d(values) for _, _, values in columns), strict=True):
        lines.append(",".join(repr(float(x)) for x in row))
    write_text(Path(path), "\n".join(lines) + "\n")
