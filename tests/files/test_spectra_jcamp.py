"""JCAMP-DX: every packed form, by the published examples and by round trips; checks; blocks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from test_spectra_encoders import (
    X,
    Y,
    asks,
    axis_of,
    jcamp,
    jcamp_pairs,
    read,
)

from dmdstudio.base.errors import FileError

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
    assert asks(found) == ["block", "value_unit"]
    assert found.blocks == ("3: part 1", "4: part 2") and found.block == "3: part 1"
    assert asks(read(tmp_path, text, "4: part 2")) == ["value_unit"]
    for choice in ("4", "part 2", "4: part 2"):
        np.testing.assert_allclose(read(tmp_path, text, choice).value, COUNTS * 2e-4)
    with pytest.raises(FileError, match="no spectrum '2'") as caught:
        read(tmp_path, text, "2")
    assert "4: part 2" in caught.value.advice
