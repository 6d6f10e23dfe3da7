"""Measured data: what is tolerated, what is refused, and that nothing is lost on the way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dmdstudio.base.errors import FileError
from dmdstudio.base.units import units_of
from dmdstudio.files.spectra import format as spectra_format
from dmdstudio.files.spectra import measurement_formats, read_measurement, write_measurement
from dmdstudio.plan.structure import Measurement

NUMBER = """# quantity: self_diffusion
# source: A. Author, J. Chem. Phys. 36, 2710 (1962): table 2
# temperature: 94.4 K

self_diffusion [1e-9 m2/s], standard_error [1e-9 m2/s]
2.36, 0.05
"""

CURVE = """# quantity: velocity_autocorrelation
time [ps],vacf [angstrom2/fs2],standard_error [angstrom2/fs2]
0,1.0,0
0.1,0.5,0.01
0.2,-0.25,0.02
"""


def read(tmp_path: Path, content: str | bytes) -> Measurement:
    path = tmp_path / "data.txt"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_measurement(path)


def same(a: Measurement, b: Measurement) -> bool:
    def equal(x: np.ndarray | None, y: np.ndarray | None) -> bool:
        return (x is None) == (y is None) and (x is None or np.array_equal(x, y))

    plain = ("quantity", "unit", "axis_unit", "source", "conditions")
    return all(getattr(a, n) == getattr(b, n) for n in plain) and all(
        equal(getattr(a, n), getattr(b, n)) for n in ("value", "error", "axis")
    )


def test_a_number(tmp_path: Path):
    found = read(tmp_path, NUMBER)
    assert (found.quantity, found.unit, found.axis) == ("self_diffusion", "1e-9 m2/s", None)
    assert found.value.tolist() == [2.36]
    assert found.error is not None and found.error.tolist() == [0.05]
    assert found.source == "A. Author, J. Chem. Phys. 36, 2710 (1962): table 2"
    assert found.conditions == {"temperature": "94.4 K"}


def test_a_curve(tmp_path: Path):
    found = read(tmp_path, CURVE)
    assert (found.unit, found.axis_unit) == ("angstrom2/fs2", "ps")
    assert found.axis is not None and found.axis.tolist() == [0, 0.1, 0.2]
    assert found.value.tolist() == [1, 0.5, -0.25]


def test_a_number_alone(tmp_path: Path):
    found = read(tmp_path, "density [g/cm^3]\n1,374\n")
    assert (found.quantity, found.unit, found.value.tolist()) == ("density", "g/cm3", [1.374])
    assert found.error is None


VARIANTS = {
    "semicolons, decimal commas": CURVE.replace(",", ";").replace(".", ","),
    "tabs": CURVE.replace(",", "\t"),
    "tabs, decimal commas": CURVE.replace(",", "\t").replace(".", ","),
    "blanks": CURVE.replace(",", "   ").replace("\n0", "\n   0"),
    "commas and blanks": CURVE.replace(",", " , "),
    "round brackets": CURVE.replace("[", "(").replace("]", ")"),
    "no final line end": CURVE.rstrip(),
    "CRLF": CURVE.replace("\n", "\r\n"),
    "CR": CURVE.replace("\n", "\r"),
    "blank lines": CURVE.replace("\n", "\n\n \n"),
    "spreadsheet padding": CURVE.replace("correlation\n", "correlation,,\n") + ",,\n,,\n",
    "trailing separators": CURVE.replace("\n", ",\n"),
    "quotes": CURVE.replace("time [ps]", '"time [ps]"').replace("0.5", '"0.5"'),
    "Fortran": CURVE.replace("0.01", "1.0D-02"),
    "typeset minus": CURVE.replace("-0.25", "\u22120.25"),
    "error without a unit": CURVE.replace("standard_error [angstrom2/fs2]", "standard_error"),
    "descending": "\n".join([*CURVE.split("\n")[:2], *CURVE.split("\n")[4:1:-1]]),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_programs_write_is_tolerated(tmp_path: Path, variant: str):
    assert same(read(tmp_path, VARIANTS[variant]), read(tmp_path, CURVE))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("length", [3, 3000])
def test_every_usual_encoding_is_read(tmp_path: Path, encoding: str, length: int):
    rows = "\n".join(f"{n},{n / 7!r},0.1" for n in range(length))
    text = f"# source: Müller, 5 Å\ntime [ps],vacf [m2/s2],error [m2/s2]\n{rows}\n"
    found = read(tmp_path, text.encode(encoding))
    assert found.source == "Müller, 5 Å"
    assert found.value.tolist() == [n / 7 for n in range(length)]


def test_a_character_cut_by_the_head_does_not_matter(tmp_path: Path):
    for padding in range(4):
        text = "# source: " + "x" * padding + "ü" * 5000 + "\ndensity [g/cm3]\n1.0\n"
        assert read(tmp_path, text).value.tolist() == [1.0]


def test_the_quantity_picks_its_column(tmp_path: Path):
    text = "# quantity: b\ntime [ps] a [1] b [m2/s2] error [angstrom2/fs2]\n1 2 3 4\n"
    found = read(tmp_path, text)
    assert (found.value.tolist(), found.unit) == ([3.0], "m2/s2")
    assert found.error is not None
    assert found.error[0] == pytest.approx(4e10)  # 1 angstrom/fs = 1e5 m/s


def test_points_that_stand_twice_are_averaged_and_said_so(tmp_path: Path):
    found = read(tmp_path, "time [ps],x [1],error [1]\n1,2,0.3\n0,5,0.1\n1,4,0.4\n")
    assert found.axis is not None and found.axis.tolist() == [0, 1]
    assert found.value.tolist() == [5, 3]
    assert found.error is not None and found.error.tolist() == [0.1, 0.25]
    assert "1 axis values stood more than once" in found.conditions["averaged"]


def test_repeated_notes_are_kept(tmp_path: Path):
    found = read(tmp_path, "# source: one\n# source: two\n# just words\n" + NUMBER[26:])
    assert found.source.startswith("one; two; A. Author")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        (b"\x00\x01\x02\x80" * 50, "unknown format"),
        ("##TITLE= a spectrum\n##JCAMP-DX= 4.24\n", "line 1: 'a spectrum' holds no ##XYDATA="),
        ("# quantity: x\n", "no row that names its columns"),
        ("density [g/cm3]\n", "no rows of numbers"),
        ("# quantity: x\n0 1\n1 2\n", "line 2: numbers, before any row"),
        ("# quantity: x\n# time [ps], x\n0,1\n", "line 3: numbers, before any row"),
        ("a [1]" + " " * 30_000 + "b [1]\n0,1\n", "line 1: 30,010 characters"),
        ("time [ps],x [1]\n0,1\n1,nan\n", r"line 3: column 'x' is 'nan'"),
        ("time [ps],x [1]\n0,1\n1,inf\n", "line 3: column 'x' is 'inf'"),
        ("time [ps],x [1]\n0,1\n1,1e999\n", "line 3: column 'x' is '1e999'"),
        ("time [ps],x [1]\n0,1\n\n1,\n", "line 4: column 'x' is empty"),
        ("time [ps],x [1]\n0,1\n1\n", "line 3: 1 columns, but 2 are named"),
        ("time [ps],x [1]\n0,1\n1,2,3\n", "line 3: 3 columns, but 2 are named"),
        ("time [ps];x [1]\n0;1.234,5\n", r"line 2: column 'x' is '1\.234,5'"),
        ("time [ps],x [1]\n0,1_000\n", "line 2: column 'x' is '1_000'"),
        ("time [parsec],x [1]\n0,1\n", r"line 1: column 'time': Unit 'parsec' is unknown"),
        ("time [ps],[1]\n0,1\n", r"line 1: column '\[1\]' is not of the form"),
        ("x [1]\n1\n2\n", "2 values of 'x' but no axis"),
        ("t [ps],x [1],y [1]\n0,1,2\n", "which one is the quantity is not clear"),
        ("t [ps],x [1],error [1]\n0,1,-2\n", "line 2: the standard error is below 0"),
        ("t [ps],x [m2/s],error [K]\n0,1,2\n", "do not fit"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_line(tmp_path, content, message: str):
    with pytest.raises(FileError, match=message) as caught:
        read(tmp_path, content)
    assert "data.txt" in caught.value.message


def test_huge_and_missing_files(tmp_path: Path):
    with open(tmp_path / "huge.csv", "wb") as file:
        file.truncate(65 * 2**20)
    with pytest.raises(FileError, match="up to 64 MB can be read"):
        read_measurement(tmp_path / "huge.csv")
    with pytest.raises(FileError, match="There is no data file"):
        read_measurement(tmp_path / "nowhere.csv")


def test_a_further_format_is_asked_first(tmp_path: Path):
    class Particular:
        label, suffixes, general = "particular", (".p",), False

        def sniff(self, head: bytes) -> bool:
            return head.startswith(b"PARTICULAR")

        def read(self, path: Path) -> Measurement:
            return Measurement("found", np.ones(1), "")

    measurement_formats.add("particular", Particular())
    try:
        assert read(tmp_path, "PARTICULAR,x\n0,1\n").quantity == "found"
        assert read(tmp_path, NUMBER).quantity == "self_diffusion"
    finally:
        measurement_formats.remove("particular")
    assert spectra_format.HEAD_BYTES <= 4096


numbers = st.floats(-1e150, 1e150)
words = st.text(st.characters(exclude_categories=["C"]), max_size=20).map(
    lambda text: " ".join(text.split()).rstrip(",; ")
)


@st.composite
def measurements(draw: st.DrawFn) -> Measurement:
    axis = draw(st.none() | st.lists(numbers, min_size=1, max_size=8, unique=True))
    points = len(axis) if axis else 1

    def column(values: st.SearchStrategy[float]) -> np.ndarray:
        return np.array(draw(st.lists(values, min_size=points, max_size=points)))

    conditions = draw(
        st.dictionaries(st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True), words, max_size=2)
    )
    return Measurement(
        quantity=draw(st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True)),
        value=column(numbers),
        unit=draw(st.sampled_from(units_of("diffusion"))),
        error=draw(st.none() | st.just(column(numbers.map(abs)))),
        axis=np.sort(axis) if axis else None,
        axis_unit=draw(st.sampled_from(units_of("time"))) if axis else "",
        source=draw(words),
        conditions={k: v for k, v in conditions.items() if v and k not in ("quantity", "source")},
    )


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(measurement=measurements())
def test_what_is_written_is_read_back(tmp_path: Path, measurement: Measurement):
    write_measurement(measurement, tmp_path / "data.csv")
    found = read_measurement(tmp_path / "data.csv")
    if measurement.axis is not None and len(set(measurement.axis + 0.0)) < len(measurement.axis):
        return  # 0.0 and -0.0
    assert same(found, measurement)


@pytest.mark.parametrize("separator", [",", ";", "\t", " "])
def test_a_long_table_is_read_as_a_short_one_is(tmp_path, separator):
    x = np.arange(1.0, 5001.0)
    y = np.cos(x) * 1e-7
    name = separator.join(("wavenumber [1/cm]", "n_alpha [1/cm]"))
    rows = [f"{a:g}{separator}{b:.9e}" for a, b in zip(x, y, strict=True)]
    long, short = tmp_path / "long.csv", tmp_path / "short.csv"
    long.write_text("\n".join(["# quantity: n_alpha", name, *rows, ""]), "utf-8")
    short.write_text("\n".join(["# quantity: n_alpha", name, *rows[:1500]]), "utf-8")
    found, known = read_measurement(long), read_measurement(short)
    assert len(found.value) == 5000 and (found.value[:1500] == known.value).all()
    assert (found.axis[:1500] == known.axis).all() and found.unit == known.unit
    for wrong in ("7,8,9", "nan,1", "1e999,1", "--1,2"):
        bad = [*rows[:3000], wrong.replace(",", separator), *rows[3000:]]
        long.write_text("\n".join(["# quantity: n_alpha", name, *bad]), "utf-8")
        with pytest.raises(FileError, match="line 3003"):
            read_measurement(long)
    commented = [*rows[:3000], "# note: in the middle", *rows[3000:]]
    long.write_text("\n".join(["# quantity: n_alpha", name, *commented]), "utf-8")
    assert read_measurement(long).conditions["note"] == "in the middle"
