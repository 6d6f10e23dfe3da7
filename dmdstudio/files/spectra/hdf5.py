"""HDF5 files with an abscissa and an ordinate as two datasets of one group.

Which is which comes from NeXus attributes (``signal``, ``axes``) or from names and ``units``
attributes, such as wavenumber [1/cm] and absorbance. The file is opened in a process of its own,
since the HDF5 library hangs or crashes on some damaged files.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import numpy as np

from dmdstudio.base.errors import FileError
from dmdstudio.files.spectra.assembly import Spectrum, measured
from dmdstudio.files.spectra.format import LIMIT_BYTES, measurement_formats
from dmdstudio.files.spectra.hdf5_child import READY, Extract, Refusal
from dmdstudio.files.text import read_content
from dmdstudio.plan.structure import Measurement

MAGIC = b"\x89HDF\r\n\x1a\n"
MODULE = "dmdstudio.files.spectra.hdf5_child"
START_SECONDS = 60.0
"""How long a new process may take to import; a busy machine is slow at it."""
READ_SECONDS = 3.0
"""How long it may take to read a file."""

_DAMAGED = "The file is damaged; export it again."


class Hdf5:
    """HDF5 and NeXus files."""

    label = "HDF5, NeXus"
    suffixes: tuple[str, ...] = (".h5", ".hdf5", ".nxs")
    general = False

    def sniff(self, head: bytes) -> bool:
        """Tell whether it has the signature of HDF5, at its begin or behind a user block."""
        return any(head[n:].startswith(MAGIC) for n in (0, 512, 1024, 2048))

    def read(self, path: Path) -> Measurement:
        """Read the only pair of datasets that fit; raise `FileError` that lists what there is."""
        return self.read_block(path, "")

    def read_block(self, path: Path, block: str) -> Measurement:
        """Read a group, or two datasets given as ``'path of axis, path of value'``."""
        read_content(path, "data file", LIMIT_BYTES)  # refuses what is too large or not there
        found = _extract(path, block)
        if isinstance(found, Refusal):
            raise FileError(found.message, found.advice)
        return measured(
            path,
            Spectrum(
                axis=np.frombuffer(found.axis),
                value=np.frombuffer(found.value),
                axis_words=found.axis_words,
                value_words=found.value_words,
                error=None if found.error is None else np.frombuffer(found.error),
                source=found.source,
                conditions=found.conditions,
                block=found.block if found.blocks else "",
                blocks=tuple(found.blocks),
                undecided=found.undecided,
            ),
        )


measurement_formats.add("hdf5", Hdf5())


def _extract(path: Path, block: str) -> Extract | Refusal:
    """Have a file read by a process that may die of it."""
    environment = dict(os.environ)
    package = str(Path(__file__).resolve().parents[3])
    paths = [package, *filter(None, [environment.get("PYTHONPATH")])]
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    environment |= {"OPENBLAS_NUM_THREADS": "1", "HDF5_PLUGIN_PRELOAD": "::"}  # load no plugins
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", MODULE, str(path.resolve()), block],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except (OSError, ValueError) as error:
        raise FileError(
            f"{path} is HDF5, and the process that reads such files does not start: {error}.",
            "Export the spectrum as text (CSV).",
        ) from None
    with process:
        first = _read_within(START_SECONDS, process, len(READY))
        rest = _read_within(READ_SECONDS, process, -1)
    if first != READY:
        raise FileError(
            f"{path} is HDF5, and the process that reads such files stopped at its start.",
            "Run `dmdstudio doctor`, or export the spectrum as text (CSV).",
        )
    try:
        return msgspec.msgpack.decode(rest, type=Extract | Refusal)
    except msgspec.DecodeError:
        raise FileError(
            f"{path}, as HDF5: the library stops or hangs at what the file holds.", _DAMAGED
        ) from None


def _read_within(seconds: float, process: subprocess.Popen[bytes], size: int) -> bytes:
    """Return what a process writes, up to a size or its end; end it when the time is over."""
    assert process.stdout is not None
    alarm = threading.Timer(seconds, process.kill)
    alarm.start()
    try:
        return process.stdout.read(size)
    finally:
        alarm.cancel()
