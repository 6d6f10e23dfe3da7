"""Spectra of other programs: every format by content, units and quantities from words alone."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import h5py
import numpy as np
import pytest
from test_spectra_encoders import (
    jcamp,
    jcamp_pairs,
    opus,
    opus_parameters,
    opus_type,
    spc,
    spc_old,
    spc_own_axes,
)

from dmdstudio.base.errors import FileError
from dmdstudio.files.spectra import open_questions, read_measurement
from dmdstudio.plan.structure import Measurement

ROOT = Path(__file__).parents[2]
X = np.linspace(400.0, 4000.0, 181)
Y = 2.5 + 2.0 * np.sin(X / 300.0)


def read(tmp_path: Path, content: str | bytes, block: str = "") -> Measurement:
    path = tmp_path / "spectrum.dat"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_measurement(path, block)


def axis_of(measurement: Measurement) -> np.ndarray:
    assert measurement.axis is not None
    return measurement.axis


def asks(measurement: Measurement) -> list[str]:
    return [question.key for question in open_questions(measurement)]


# ---- text

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
    found = read(tmp_path, "1 2 3\n4 5 6\n")
    assert (axis_of(found).tolist(), found.value.tolist()) == ([1, 4], [2, 5])
    assert found.conditions["columns left out"] == "column 3"


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


# ---- JCAMP-DX

TABLE_VII = [1, 2, 3, 3, 2, 1, 0, -1, -2, -3]
TABLE_VI = [0, 0, 0, 0, 2, 4, 4, 4, 7, 5, 4, 4, 5, 5, 7, 10, 11, 11, 6, 5, 7, 6, 9, 9, 7, 10, 10, 9,
            10, 11, 12, 15, 16, 16, 14, 17, 38, 38, 35, 38, 42, 47, 54, 59, 66, 75, 78, 88, 96, 104,
            110, 121, 128]  # fmt: skip
HEAD = "##TITLE=t\n##JCAMP-DX=4.24\n##XUNITS=1/CM\n##YUNITS=ABSORBANCE\n##XFACTOR=1\n##YFACTOR=1\n"


@pytest.mark.parametrize(
    "row", ["1 2 3 3 2 1 0 -1 -2 -3", "+1+2+3+3+2+1+0-1-2-3", "ABCCBA@abc", "AJJ%jjjjjj", "AJT%jX"]
)
def test_the_forms_of_the_standard(tmp_path: Path, row: str):
    """Source: McDonald and Wilks 1988, table VIIb, behind an abscissa."""
    text = f"{HEAD}##FIRSTX=10\n##LASTX=19\n##NPOINTS=10\n##XYDATA=(X++(Y..Y))\n10 {row}\n##END=\n"
    found = read(tmp_path, text)
    assert found.value.tolist() == TABLE_VII
    assert axis_of(found).tolist() == list(range(10, 20))


@pytest.mark.parametrize(
    "rows",
    [
        "599.860@VKT%TLkj%J%KLJ%njKjL%kL%jJULJ%kLK1%lLMNPNPRLJ0QTOJ1P\n700.158A28",
        "599.860 0 0 0 0 2 4 4 4 7 5 4 4 5 5 7 10 11 11 6 5 7 6 9 9 7\n"
        "648.081 10 10 9 10 11 12 15 16 16 14 17 38 38 35 38 42 47 54\n"
        "682.799  59  66  75  78  88  96 104 110 121 128",
    ],
)
def test_the_worked_example_of_the_standard(tmp_path: Path, rows: str):
    """Source: McDonald and Wilks 1988, table VI: as differences with the check, and as numbers."""
    head = f"{HEAD}##FIRSTX=599.860\n##LASTX=700.158\n##NPOINTS=53\n"
    text = f"{head}##XYDATA=(X++(Y..Y))\n{rows}\n##END="
    found = read(tmp_path, text)
    assert found.value.tolist() == TABLE_VI
    assert axis_of(found)[[0, -1]].tolist() == [599.860, 700.158]


COUNTS = np.round(Y * 1e4).astype(int)


@pytest.mark.parametrize("form", ["AFFN", "PAC", "SQZ", "SQZDUP", "DIF", "DIFDUP"])
@pytest.mark.parametrize("ends", [(400.0, 4000.0), (4000.0, 400.0)])
def test_jcamp_round_trips(tmp_path: Path, form: str, ends: tuple[float, float]):
    found = read(tmp_path, jcamp(COUNTS, *ends, form=form))
    expected = COUNTS if ends[0] < ends[1] else COUNTS[::-1]
    np.testing.assert_allclose(found.value, expected * 1e-4, rtol=1e-14)
    np.testing.assert_allclose(axis_of(found), X, rtol=1e-12)
    assert (found.axis_unit, found.quantity, asks(found)) == ("1/cm", "absorbance", [])
    assert found.source == "test; nowhere; nobody"
    assert "check" not in found.conditions


def test_jcamp_checks(tmp_path: Path):
    good = jcamp(COUNTS, 400.0, 4000.0, form="DIFDUP")
    rows = good.split("\n")
    first = rows.index("##XYDATA= (X++(Y..Y))") + 1
    lost = "\n".join(rows[: first + 4] + rows[first + 5 :])
    wrong_x = good.replace(rows[first + 4], "1" + rows[first + 4])
    plain = jcamp(COUNTS, 400.0, 4000.0, form="PAC").split("\n")
    lost_plain = "\n".join(plain[: first + 4] + plain[first + 5 :])
    for text, message in [
        (lost, f"line {first + 5}: the check of the ordinate fails"),
        (wrong_x, f"line {first + 5}: begins with X ="),
        (lost_plain, "has 172 points, ##NPOINTS= says 181"),
        (good.replace("NPOINTS= 181", "NPOINTS= 180"), "more than the 180 points|has 181"),
        (good.replace("NPOINTS= 181", "NPOINTS= 99999999999"), r"1e\+11 points are claimed"),
        (good.replace("NPOINTS= 181", "NPOINTS= many"), "##NPOINTS= is 'many', not a number"),
        (good.replace("LASTX= 4000.0", "LASTX= 400.0"), "no ##LASTX="),
        (
            good.replace("##END", rows[first] + "s999999999\n##END"),
            "more than the 181 points",
        ),
        (good.replace("(X++(Y..Y))", "(X++(R..R))"), "is not one of"),
        (good.replace(rows[first], rows[first] + "&"), "character '&' belongs to no form"),
    ]:
        with pytest.raises(FileError, match=message):
            read(tmp_path, text)
    noted = read(tmp_path, jcamp(COUNTS, 400.0, 4000.0, MAXY="77"))
    assert noted.conditions["check"] == "MAXY says 77, the data reach 4.4998"


def test_jcamp_without_a_spectrum(tmp_path: Path):
    peaks = "##TITLE=p\n##JCAMP-DX=4.24\n##PEAK TABLE=(XY..XY)\n100,1\n200,2\n##END=\n"
    with pytest.raises(FileError, match="a table of peaks, which has positions but no line shapes"):
        read(tmp_path, peaks)
    with pytest.raises(FileError, match="NTUPLES"):
        read(tmp_path, "##TITLE=n\n##NTUPLES=NMR FID\n##END=\n")


def test_jcamp_pairs_missing_values_and_raman(tmp_path: Path):
    found = read(tmp_path, jcamp_pairs(X**1.1, Y))
    np.testing.assert_array_equal(found.value, Y)
    np.testing.assert_array_equal(axis_of(found), X**1.1)
    assert found.quantity == "raman_intensity"
    text = jcamp(COUNTS, 400.0, 4000.0, form="AFFN").replace(f" {COUNTS[20]}", " ?")
    assert read(tmp_path, text).conditions["left out"].startswith("1 points")


def test_jcamp_blocks(tmp_path: Path):
    inner = [
        jcamp(COUNTS * n, 400.0, 4000.0, TITLE=f"part {n}", YUNITS="TRANSMITTANCE") for n in (1, 2)
    ]
    peaks = (
        "##TITLE= peaks\n##DATA TYPE= INFRARED PEAK TABLE\n##PEAK TABLE= (XY..XY)\n1,2\n##END=\n"
    )
    text = "##TITLE= all\n##DATA TYPE= LINK\n##BLOCKS= 4\n" + peaks + "".join(inner) + "##END=\n"
    found = read(tmp_path, text)
    assert found.conditions["block"] == "3: part 1"
    assert "4: part 2 (infrared spectrum)" in found.conditions["blocks"]
    assert asks(found) == ["value_unit"]
    for choice in ("4", "part 2", "4: part 2"):
        np.testing.assert_allclose(read(tmp_path, text, choice).value, COUNTS * 2e-4)
    with pytest.raises(FileError, match="no spectrum '2'") as caught:
        read(tmp_path, text, "2")
    assert "4: part 2" in caught.value.advice


# ---- OPUS


def test_opus_prefers_absorbance(tmp_path: Path):
    parts = [(1, 1, Y * 5, 4000, 400), (5, 3, Y / 9, 4000, 400), (4, 3, Y, 4000, 400)]
    content = opus(parts)
    found = read(tmp_path, content)
    np.testing.assert_array_equal(found.value, Y[::-1].astype("f4"))
    np.testing.assert_allclose(axis_of(found), X, rtol=1e-14)
    assert (found.axis_unit, found.quantity, found.source) == ("1/cm", "absorbance", "ice")
    assert found.conditions["blocks"] == "absorbance; transmittance; single channel, sample"
    assert read(tmp_path, content, "transmittance").quantity == "transmittance"
    assert read(tmp_path, opus(parts[:2])).quantity == "transmittance"
    assert read(tmp_path, opus(parts[:1])).quantity == "single_channel"
    assert read(tmp_path, opus(parts, unit="MI")).axis_unit == "um"
    assert asks(read(tmp_path, opus(parts, unit="XX"))) == ["axis_unit"]
    np.testing.assert_allclose(read(tmp_path, opus(parts, CSF=2.0)).value, found.value * 2)
    with pytest.raises(FileError, match=r"no block 'phase'.*It has: absorbance; trans"):
        read(tmp_path, content, "phase")


def test_opus_to_the_byte(tmp_path: Path):
    """A file written out by hand: header, directory, status with its parameters, two floats."""
    status = (
        b"DPF\0" b"\x00\x00\x02\x00" b"\x01\x00\x00\x00"
        b"NPT\0" b"\x00\x00\x02\x00" b"\x02\x00\x00\x00"
        b"FXV\0" b"\x01\x00\x04\x00" b"\x00\x00\x00\x00\x00\x40\xaf\x40"  # 4000
        b"LXV\0" b"\x01\x00\x04\x00" b"\x00\x00\x00\x00\x00\x00\x79\x40"  # 400
        b"CSF\0" b"\x01\x00\x04\x00" b"\x00\x00\x00\x00\x00\x00\xf0\x3f"  # 1
        b"DXU\0" b"\x03\x00\x02\x00" b"WN\0\0"
        b"END\0" b"\x00\x00\x00\x00"
    )  # fmt: skip
    place = 24 + 24
    content = (
        b"\n\n\xfe\xfe" + struct.pack("<d", 920622.0)
        + b"\x18\x00\x00\x00" b"\x28\x00\x00\x00" b"\x02\x00\x00\x00"
        + b"\x0f\x10\x00\x00" b"\x02\x00\x00\x00" + struct.pack("<i", place)
        + b"\x1f\x10\x00\x00" + struct.pack("<ii", len(status) // 4, place + 8)
        + b"\x00\x00\x80\x3f" b"\x00\x00\x00\x40" + status
    )  # fmt: skip
    found = read(tmp_path, content)
    assert (axis_of(found).tolist(), found.value.tolist()) == ([400, 4000], [2, 1])
    assert (found.axis_unit, found.quantity, asks(found)) == ("1/cm", "absorbance", [])


def test_opus_that_cannot_be_used(tmp_path: Path):
    spectrum = [(4, 3, Y, 4000, 400)]
    good = opus(spectrum)
    only_status = struct.pack("<diii", 1.0, 24, 40, 1) + struct.pack(
        "<Iii", opus_type(3, 3, 1, 4), 4, 40
    )
    for content, message in [
        (good[:600], "byte 36: block 2 of 4 is said to reach byte"),
        (good[:10], "byte 4: the header takes 20 bytes, but the file ends at byte 10"),
        (good[:20] + struct.pack("<i", 10**6) + good[24:], "byte 20: 1000000 blocks are claimed"),
        (opus(spectrum, NPT=10**8), "100000000 points are claimed"),
        (opus(spectrum, NPT=182), "NPT says 182 points, but the data block has 181"),
        (opus(spectrum, FXV=400.0), "FXV and LXV are both 400"),
        (opus(spectrum, FXV=float("nan")), "parameter FXV of absorbance is nan"),
        (opus(spectrum, unit="PNT"), "abscissa of absorbance is in point numbers"),
        (b"\n\n\xfe\xfe" + only_status + opus_parameters(NPT=2), "no spectrum with its parameters"),
    ]:
        with pytest.raises(FileError, match=message):
            read(tmp_path, content)


# ---- SPC


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("kind", "error"), [("float", 3e-7), ("int32", 2e-9), ("int16", 2e-4)])
@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("explicit", [False, True])
def test_spc_round_trips(tmp_path: Path, order, kind, error, several, explicit):
    parts = [Y, Y / 2] if several else [Y]
    x = X**1.01 if explicit else None
    content = spc(parts, 400, 4000, kind, x=x, order=order)
    found = read(tmp_path, content)
    np.testing.assert_allclose(found.value, Y, atol=error)
    np.testing.assert_allclose(axis_of(found), X if x is None else x, rtol=1e-6)
    assert (found.axis_unit, found.quantity, found.source) == ("1/cm", "absorbance", "a comment")
    assert found.conditions["date"] == "2020-07-14"
    if several:
        assert found.conditions["block"] == "subfile 1 of 2"
        np.testing.assert_allclose(read(tmp_path, content, "2").value, Y / 2, atol=error)
    with pytest.raises(FileError, match="no subfile '3'"):
        read(tmp_path, content, "3")


@pytest.mark.parametrize(("bits", "error"), [(32, 2e-9), (16, 2e-4)])
def test_spc_of_the_old_format(tmp_path: Path, bits: int, error: float):
    found = read(tmp_path, spc_old(Y - 3.0, 4000, 400, bits=bits))
    np.testing.assert_allclose(found.value, (Y - 3.0)[::-1], atol=error)
    np.testing.assert_allclose(axis_of(found), X)
    assert (found.axis_unit, found.quantity) == ("1/cm", "absorbance")
    assert found.conditions["date"] == "1991-03-04"


def test_spc_subfiles_with_their_own_axes(tmp_path: Path):
    content = spc_own_axes([(X, Y), (X[:50] * 2, Y[:50])])
    found = read(tmp_path, content)
    np.testing.assert_allclose(found.value, Y, atol=1e-6)
    assert (found.axis_unit, found.quantity) == ("1/cm", "raman_intensity")
    np.testing.assert_allclose(axis_of(read(tmp_path, content, "2")), X[:50] * 2)


def test_spc_to_the_byte(tmp_path: Path):
    """Two points of 32 bits with exponent 1: 0x40000000 2^(1-32) = 0.5; old ones swap words."""
    head = b"\x00\x4b\x00\x01\x02\x00\x00\x00" + struct.pack("<dd", 400, 500)
    head += b"\x01\x00\x00\x00\x01\x02"
    values = b"\x00\x00\x00\x40\x00\x00\x00\xc0"
    found = read(tmp_path, head.ljust(512, b"\0") + b"\0" * 32 + values)
    assert (axis_of(found).tolist(), found.value.tolist()) == ([400, 500], [0.5, -0.5])
    old = b"\x00\x4d\x01\x00" + struct.pack("<fff", 2, 400, 500) + b"\x01\x02"
    swapped = b"\x00\x40\x00\x00\x00\xc0\x00\x00"
    found = read(tmp_path, old.ljust(256, b"\0") + swapped)
    assert (axis_of(found).tolist(), found.value.tolist()) == ([400, 500], [0.5, -0.5])


def test_spc_units_and_what_is_open(tmp_path: Path):
    assert asks(read(tmp_path, spc([Y], 1, 9, y_type=128))) == ["value_unit"]
    assert asks(read(tmp_path, spc([Y], 1, 9, x_type=0, y_type=0))) == ["axis_unit", "quantity"]
    assert read(tmp_path, spc([Y], 1, 9, x_type=3)).axis_unit == "nm"
    assert read(tmp_path, spc([Y], 1, 9, x_type=13, y_type=4)).quantity == "raman_intensity"
    own = read(tmp_path, spc([Y], 1, 9, x_type=0, labels=b"Wavelength (nm)\0%T\0"))
    assert (own.axis_unit, own.quantity, own.unit) == ("nm", "transmittance", "%")
    good = spc([Y], 400, 4000)
    for content, message in [
        (good[:700], "the table of ordinates takes 724 bytes, but the file ends at byte 700"),
        (good[:300], "the header takes 512 bytes"),
        (good[:4] + b"\xff\xff\xff\x7f" + good[8:], "2147483647 points are claimed"),
        (good[:8] + struct.pack("<d", np.inf) + good[16:], "the first abscissa is inf"),
        (
            spc([Y], 400, 4000, "int32")[:3] + b"\x7f" + good[4:],
            "the exponent of the ordinates is 127",
        ),
    ]:
        with pytest.raises(FileError, match=message):
            read(tmp_path, content)


# ---- HDF5


def test_hdf5(tmp_path: Path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.attrs["title"] = "ice"
        group = file.create_group("entry/data")
        group.create_dataset("frequency", data=X[::-1]).attrs["units"] = "THz"
        group.create_dataset("absorbance", data=Y[::-1], compression="gzip", shuffle=True)
        group.create_dataset("errors", data=Y)
        group.create_dataset("error", data=Y[::-1] / 10)
        group.create_dataset("names", data=[b"a", b"b"])
    found = read_measurement(path)
    np.testing.assert_array_equal(found.value, Y)
    assert found.error is not None
    np.testing.assert_allclose(found.error, Y / 10)
    assert (found.axis_unit, found.quantity, found.source) == ("THz", "absorbance", "ice")
    chosen = read_measurement(path, "entry/data/frequency, entry/data/errors")
    assert asks(chosen) == ["quantity"]
    with pytest.raises(FileError, match="for 'nothing'"):
        read_measurement(path, "nothing")


def test_hdf5_nexus_attributes(tmp_path: Path):
    path = tmp_path / "a.nxs"
    with h5py.File(path, "w") as file:
        group = file.create_group("entry")
        group.attrs["signal"], group.attrs["axes"] = "counts", "shift"
        group.create_dataset("shift", data=X).attrs["units"] = "1/cm"
        group.create_dataset("counts", data=Y)
        group.create_dataset("other", data=Y)
    found = read_measurement(path)
    assert (found.axis_unit, asks(found)) == ("1/cm", ["quantity"])


def test_hdf5_that_reaches_out_of_its_file_or_unpacks_to_more(tmp_path: Path):
    path, secret = tmp_path / "a.h5", tmp_path / "secret.bin"
    secret.write_bytes(Y.tobytes())
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["y"] = Y
    layout = h5py.VirtualLayout(shape=Y.shape, dtype="f8")
    layout[:] = h5py.VirtualSource(tmp_path / "b.h5", "y", shape=Y.shape)
    with h5py.File(path, "w") as file:
        file["wavenumber"] = X
        file.create_virtual_dataset("absorbance", layout)
        file["linked absorbance"] = h5py.ExternalLink("b.h5", "y")
        file.create_dataset(
            "outside absorbance", Y.shape, "f8", external=[(str(secret), 0, Y.nbytes)]
        )
        file.create_dataset("big absorbance", (10**12,), "f8", chunks=(1000,))
    with pytest.raises(FileError, match=r"numbers: /wavenumber \[181\]\."):
        read_measurement(path)
    import zlib

    with h5py.File(path, "w") as file:
        file["wavenumber"] = X
        bomb = file.create_dataset("absorbance", Y.shape, "f8", chunks=Y.shape, compression="gzip")
        bomb.id.write_direct_chunk((0,), zlib.compress(bytes(50_000_000), 9))
    with pytest.raises(FileError, match="unpacks to more than the 1448 bytes"):
        read_measurement(path)


# ---- the shipped spectrum


def test_the_shipped_spectrum_of_water_equals_its_reference():
    found = read_measurement(ROOT / "resources/data/water-infrared-25C.csv")
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
