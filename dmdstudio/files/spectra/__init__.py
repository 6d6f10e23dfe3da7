"""Measured data in and out: numbers and curves with unit, error, source and conditions.

A further format is one file: an object with the attributes of `MeasurementFormat`, registered with
`measurement_formats.add`, and its import below. Formats are asked in this order, general ones last.
"""

from dmdstudio.files.spectra import (  # isort: skip
    opus,
    hdf5,
    jcamp,
    spc,
    plain_text,
    annotated_text,
)
from dmdstudio.files.spectra.conversion import (
    absorbance_from_transmittance,
    n_alpha_from_epsilon,
    to_wavenumber,
)
from dmdstudio.files.spectra.corrections import apply
from dmdstudio.files.spectra.format import (
    BlockFormat,
    MeasurementFormat,
    measurement_formats,
    read_measurement,
)
from dmdstudio.files.spectra.questions import Question, answer, open_questions, question_of
from dmdstudio.files.spectra.reading import completed, read_as
from dmdstudio.files.spectra.vocabulary import QUANTITIES, observable_of
from dmdstudio.files.spectra.writing import write_measurement

__all__ = [
    "QUANTITIES",
    "BlockFormat",
    "MeasurementFormat",
    "Question",
    "absorbance_from_transmittance",
    "annotated_text",
    "answer",
    "apply",
    "completed",
    "hdf5",
    "jcamp",
    "measurement_formats",
    "n_alpha_from_epsilon",
    "observable_of",
    "open_questions",
    "opus",
    "plain_text",
    "question_of",
    "read_as",
    "read_measurement",
    "spc",
    "to_wavenumber",
    "write_measurement",
]
