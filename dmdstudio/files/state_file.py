"""One state of a run as an HDF5 file of named arrays, with a checksum of its content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from dmdstudio.base.errors import RunError
from dmdstudio.files.whole import write_whole

FORMAT = 1
"""Version of the layout of a state."""


def write_state_file(path: Path, number: int, arrays: Mapping[str, np.ndarray]) -> None:
    """Write named arrays, whole or not at all.

    Args:
        path: the file to make or replace.
        number: the state's own number, kept inside.
        arrays: ``{name: array}`` of numbers or truth values; a ``/`` in a name makes a group.

    Raises:
        ValueError: a name is empty, has an empty part, or is a group as well as an array.
        TypeError: an array holds no plain numbers.
    """
    plain = {name: np.asarray(array) for name, array in arrays.items()}
    _check_names(plain)
    for name, array in plain.items():
        if array.dtype.kind not in "biufc":
            raise TypeError(f"State array {name!r} has type {array.dtype}, which is not a number.")

    def write(aside: Path) -> None:
        with h5py.File(aside, "w", libver="v110", locking=False) as file:
            file.attrs["format"] = FORMAT
            file.attrs["number"] = number
            file.attrs["sha256"] = _checksum(number, plain)
            for name, array in plain.items():
                file.create_dataset(name, data=array)

    write_whole(path, write)


def read_state_file(path: Path, number: int) -> dict[str, np.ndarray]:
    """Read the arrays of one state and check them.

    Raises:
        RunError: the file is missing, damaged, of another number or of a newer format.
    """
    if not path.is_file():
        raise RunError(f"There is no state {number} at {path}.")
    arrays: dict[str, np.ndarray] = {}
    try:
        with h5py.File(path, "r", locking=False) as file:
            about: dict[str, Any] = dict(file.attrs)
            format_ = int(about["format"])
            if format_ > FORMAT:
                raise RunError(
                    f"State {path} has format {format_}, but this version reads up to {FORMAT}.",
                    "Update DMD Studio.",
                )
            found, checksum = int(about["number"]), str(about["sha256"])

            def take(name: str, item: object) -> None:
                if isinstance(item, h5py.Dataset):
                    arrays[name] = np.asarray(item[()])

            file.visititems(take)
    except RunError:
        raise
    except Exception as error:  # h5py raises many sorts on a damaged file
        raise RunError(f"State {path} is damaged ({error}).") from None
    if found != number or checksum != _checksum(number, arrays):
        raise RunError(f"State {path} is damaged: its content does not match its checksum.")
    return arrays


def _check_names(arrays: Mapping[str, np.ndarray]) -> None:
    for name in arrays:
        parts = name.split("/")
        if "" in parts or "." in parts:
            raise ValueError(f"State array name {name!r} has an empty part.")
        for length in range(1, len(parts)):
            if "/".join(parts[:length]) in arrays:
                raise ValueError(f"State array {name!r} lies inside another array.")


def _checksum(number: int, arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256(f"{number}\n".encode())
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name}\n{array.dtype.str}\n{array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()
