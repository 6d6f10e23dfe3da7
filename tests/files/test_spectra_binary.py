"""Bruker OPUS and Galactic SPC: files written to the byte, round trips, damage."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from test_spectra_encoders import (
    X,
    Y,
    asks,
    axis_of,
    opus,
    opus_parameters,
    opus_type,
    read,
    spc,
    spc_old,
    spc_own_axes,
)

from dmdstudio.base.errors import FileError


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
