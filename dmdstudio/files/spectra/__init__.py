"""Measured data in and out: numbers and curves with unit, error, source and conditions.

A further format is one file: an object with the attributes of `MeasurementFormat`, registered with
`measurement_formats.add`, and its import below.
"""

from dmdstudio.files.spectra import annotated_text
from dmdstudio.files.spectra.format import (
    MeasurementFormat,
    measurement_formats,
    read_measurement,
)
from dmdstudio.files.spectra.writing import write_measurement

__all__ = [
    "MeasurementFormat",
    "annotated_text",
    "measurement_formats",
    "read_measurement",
    "write_measurement",
]
