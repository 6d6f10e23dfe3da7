"""HDF5: names, attributes, choices, and files that reach out or unpack to more."""

from __future__ import annotations

import zlib
from pathlib import Path

import h5py
import numpy as np
import pytest
from test_spectra_encoders import (
    X,
    Y,
    asks,
)

from dmdstudio.base.errors import FileError
from dmdstudio.files.spectra import read_measurement


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
    with h5py.File(path, "w") as file:
        file["wavenumber"] = X
        bomb = file.create_dataset("absorbance", Y.shape, "f8", chunks=Y.shape, compression="gzip")
        bomb.id.write_direct_chunk((0,), zlib.compress(bytes(50_000_000), 9))
    with pytest.raises(FileError, match="unpacks to more than the 1448 bytes"):
        read_measurement(path)
