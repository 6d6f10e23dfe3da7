"""Columns of text of other programs: units and quantities from words alone; the shipped data."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from test_spectra_encoders import (
    asks,
    axis_of,
    read,
)

from dmdstudio.base.errors import FileError
from dmdstudio.files.spectra import read_measurement

ROOT = Path(__file__).parents[2]

TEXTS = {
    "comma": "Wavenumber (cm-1),Absorbance\n400.5,0.25\n402,0.5\n404,0.75\n",
    "blanks after commas": "Wavenumber (cm-1), Absorbance\n400.5, 0.25\n402, 0.5\n404, 0.75\n",
    "European CSV": "Wavenumber (cm-1);Absorbance\n400,5;0,25\n402;0,5\n404;0,75\n",
    "quoted decimal commas": 'cm-1,Absorbance\n"400,5","0,25"\n402,"0,5"\n404,"0,75"\n',
    "tabs, decimal commas": "cm-1\tAbsorbance\n400,5\t0,25\n402\t0,5\n404\t0,75\n",
    "blanks, decimal commas": "cm-1  Absorbance\n400,5 0,25\n402,0 0,5\n404,0 0,75\n",
    "comment header": "# cm-1 Absorbance\n400.5 0.25\n402 0.5\n404 0.75\n",
    "per cent comments": "% made by hand\n% cm^-1 abs\n400.5 0.25\n402 0.5\n404 0.75\n",
    "semicolon comments": ";wavenumber absorbance\n400.5 0.25\n402 0.5\n404 0.75\n",
    "quotes as comments": '"a sample\nwavenumber absorbance\n400.5 0.25\n402 0.5\n404 0.75\n',
    "quoted names": '"Wavenumber (cm⁻¹)","Absorbance"\n400.5,0.25\n402,0.5\n404,0.75\n',
    "square brackets": "Wavenumber [cm-1],Absorbance [a.u.]\n400.5,0.25\n402,0.5\n404,0.75\n",
    "descending": "1/cm absorbance\n404 .75\n402 .5\n400.5 .25\n",
    "exponents": "1/cm absorbance\n4.005E+02 2.5D-01\n402 5e-1\n404 7.5e-1\n",
    "preamble": "Sample: ice\nOperator: me\n\nwavenumbers absorbance\n400.5 .25\n402 .5\n404 .75\n",
    "comments between": "1/cm absorbance\n400.5 .25\n# a remark\n402 .5\n\n404 .75\n# end\n",
    "CRLF, final comma": "cm-1,Absorbance,\r\n400.5,0.25,\r\n402,0.5,\r\n404,0.75,\r\n",
    "DOS end": "1/cm absorbance\n400.5 0.25\n402 0.5\n404 0.75\n\x1a",
    "underscores": "wavenumber_cm-1,absorbance\n400.5,0.25\n402,0.5\n404,0.75\n",
    "axis second": "Absorbance,Wavenumber (cm-1)\n0.25,400.5\n0.5,402\n0.75,404\n",
    "slash": "Wavenumber / cm-1;Absorbance\n400.5;0.25\n402;0.5\n404;0.75\n",
}


@pytest.mark.parametrize("variant", TEXTS)
def test_columns_of_text_are_read(tmp_path: Path, variant: str):
    found = read(tmp_path, TEXTS[variant])
    assert axis_of(found).tolist() == [400.5, 402, 404]
    assert found.value.tolist() == [0.25, 0.5, 0.75]
    assert (found.axis_unit, found.quantity, found.unit) == ("1/cm", "absorbance", "")
    assert not asks(found)


@pytest.mark.parametrize(
    ("header", "axis_unit", "quantity", "unit", "open_"),
    [
        ("", "", "", "", ["axis_unit", "quantity"]),
        ("x,y", "", "", "", ["axis_unit", "quantity"]),
        ("wavenumber,intensity", "1/cm", "", "", ["quantity"]),
        ("Wavenumber (1/m),absorbance", "", "absorbance", "", ["axis_unit"]),
        ("frequency,absorbance", "", "absorbance", "", ["axis_unit"]),
        ("Frequency (THz),n*alpha", "THz", "n_alpha", "1/cm", []),
        ("Frequency (THz),n*alpha (1/m)", "THz", "n_alpha", "", ["value_unit"]),
        ("energy (meV),epsilon''", "meV", "epsilon_imaginary", "", []),
        ("Photon energy / eV,Im(eps)", "eV", "epsilon_imaginary", "", []),
        ("Wavelength (nm),Abs", "nm", "absorbance", "", []),
        ("Wavelength/µm,Optical density", "um", "absorbance", "", []),
        ("Wavelength (microns),%T", "um", "transmittance", "%", []),
        ("cm-1,Transmittance", "1/cm", "transmittance", "", ["value_unit"]),
        ("cm-1,Transmittance (%)", "1/cm", "transmittance", "%", []),
        ("cm-1,Transmission (fraction)", "1/cm", "transmittance", "", []),
        ("Raman shift,Intensity", "1/cm", "raman_intensity", "", []),
        ("Raman shift (cm-1),counts", "1/cm", "raman_intensity", "", []),
        ("cm-1,absorption coefficient", "1/cm", "", "", ["quantity"]),
        ("cm-1,Reflectance (%)", "1/cm", "reflectance", "%", []),
    ],
)
def test_units_come_from_words_alone(tmp_path, header, axis_unit, quantity, unit, open_):
    found = read(tmp_path, f"{header}\n4000,95\n3998,96\n3996,97\n")
    assert (found.axis_unit, found.quantity, found.unit) == (axis_unit, quantity, unit)
    assert asks(found) == open_


def test_further_columns(tmp_path: Path):
    text = "cm-1;sample;absorbance;standard error;background\n1;9;2;0,1;7\n2;9;3;0,2;7\n"
    found = read(tmp_path, text)
    assert found.value.tolist() == [2, 3]
    assert found.error is not None and found.error.tolist() == [0.1, 0.2]
    assert found.conditions["columns left out"] == "sample, background"
    assert found.blocks == ("sample", "absorbance", "background") and asks(found) == []
    assert read(tmp_path, text, "background").value.tolist() == [7, 7]
    with pytest.raises(FileError, match="no column 'error'"):
        read(tmp_path, text, "error")
    found = read(tmp_path, "1 2 3\n4 5 6\n")
    assert (axis_of(found).tolist(), found.value.tolist()) == ([1, 4], [2, 5])
    assert found.conditions["columns left out"] == "column 3"
    assert asks(found) == ["block", "axis_unit", "quantity"]
    third = read(tmp_path, "1 2 3\n4 5 6\n", "column 3")
    assert third.value.tolist() == [3, 6] and asks(third) == ["axis_unit", "quantity"]


def test_gaps_duplicates_and_missing_points_are_told(tmp_path: Path):
    rows = [f"{x} {x / 10}" for x in [*range(0, 20), *range(60, 80), 79]]
    found = read(tmp_path, "cm-1 absorbance\n" + "\n".join(rows) + "\n80 nan\n")
    assert len(found.value) == 40
    assert found.conditions["gaps"] == "1 gap: 19 to 60 1/cm"
    assert found.conditions["averaged"].startswith("1 axis values")
    assert found.conditions["left out"].startswith("1 points that are not finite")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("4000,0,0,123\n3998,1,0,125\n", "line 1: decimal commas cannot be told"),
        ("cm-1 absorbance\n1 2\n3 four\n", "line 3: 'four' is not a number; every row needs 2"),
        ("cm-1 absorbance\n1 2\n3 4 5\n", "line 3: 3 columns; every row needs 2"),
        ("cm-1;absorbance\n1.234,5;2\n3;4\n", "line 2: '1.234,5' is not a number"),
        ("wavenumber absorbance\n", "no row of two numbers"),
        ("1 2\n", "has 1 point; a spectrum has at least two"),
        ("cm-1 absorbance\n5 2\n5 3\n", "a single abscissa, 5"),
        ("cm-1 absorbance error\n5 2 -1\n6 3 1\n", "standard error below 0"),
        ("1 " + "2" * 200_000 + "\n", "no row of two numbers"),
    ],
)
def test_text_that_cannot_be_used(tmp_path: Path, text: str, message: str):
    with pytest.raises(FileError, match=message) as caught:
        read(tmp_path, text)
    assert "spectrum.dat" in caught.value.message


@pytest.mark.parametrize("magic", [b"PK\x03\x04", b"\x1f\x8b\x08", b"BZh9", b"%PDF-1.4", b"Rar!"])
def test_archives_are_named(tmp_path: Path, magic: bytes):
    with pytest.raises(FileError, match="not a spectrum") as caught:
        read(tmp_path, magic + bytes(range(256)) * 40)
    assert "export the spectrum as text" in caught.value.advice


def test_the_shipped_spectrum_of_water_equals_its_reference():
    found = read_measurement(ROOT / "resources/examples/water-infrared/water-infrared-25C.csv")
    assert (found.quantity, found.unit, found.axis_unit) == ("n_alpha", "1/cm", "1/cm")
    assert found.source.startswith("Bertie & Lan, Appl. Spectrosc. 50, 1047 (1996)")
    assert len(found.value) == 539 and not asks(found)
    # The O-H stretch of water at 25 C: alpha = 4 pi nu k with k = 0.29 at 3390 1/cm (Bertie & Lan).
    stretch = (axis_of(found) > 3300) & (axis_of(found) < 3500)
    assert 1.2e4 < found.value[stretch].max() / 1.3 < 1.4e4
    folder = Path(os.environ.get("DMDSTUDIO_REFERENCES", ROOT.parent / "shared/references"))
    reference = folder / "water-infrared/experiment_n_alpha.csv"
    if not reference.exists():
        pytest.skip(f"no reference data at {reference} (set DMDSTUDIO_REFERENCES)")
    axis, value = np.loadtxt(reference, delimiter=",", skiprows=1).T
    np.testing.assert_array_equal(axis_of(found), axis)
    np.testing.assert_array_equal(found.value, value)
    plain = read_measurement(reference)
    assert (plain.quantity, plain.axis_unit, plain.unit) == ("n_alpha", "1/cm", "1/cm")
