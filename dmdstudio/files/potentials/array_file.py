"""Arrays of a potential in a file of our own: a NumPy archive that says what it holds.

An ``.npz`` file with one array per name, float64, in angstrom and eV, and a text ``about`` (JSON)
with the potential's kind, settings such as the cutoff, the unit of every array, and where the
numbers come from. ``numpy.load(file)["layer1_weight"]`` reads it without us.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dmdstudio.base.errors import FileError
from dmdstudio.base.registry import Registry
from dmdstudio.files.potentials.provenance import Provenance
from dmdstudio.files.text import read_content
from dmdstudio.plan.arrays import ParameterArrays, units_of
from dmdstudio.plan.terms import PotentialTerm

LIMIT_BYTES = 64 * 2**20
"""Larger parameter files are refused, packed or not."""

FORMAT = 1
"""Version of the layout."""

ABOUT = "about"
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, ValueError, KeyError, TypeError, EOFError, OSError,
    NotImplementedError, RuntimeError, MemoryError, SyntaxError, RecursionError,
)  # fmt: skip

Reader = Callable[[bytes, str], ParameterArrays]

parameter_files: Registry[Reader] = Registry("potential with a parameter file")
"""How the parameter files of a kind of potential are read: from bytes and a name for errors."""


def read_parameters(kind: str, path: str | Path) -> ParameterArrays:
    """Return the arrays of a potential's parameter file.

    Args:
        kind: registered name of the potential.
        path: the file; told apart by content.

    Raises:
        FileError: missing, damaged, too large, of another potential or of an unknown format.
    """
    content = read_content(path, "parameter file", LIMIT_BYTES)
    return parameter_files.get(kind)(content, f"Parameter file {Path(path).name}")


def write_arrays(given: ParameterArrays, units: Mapping[str, str]) -> bytes:
    """Return the bytes of a file; `archived` gives the same numbers back.

    Args:
        given: what to write.
        units: of the arrays, by name, for whoever reads the file by other means.
    """
    about = {
        "format": FORMAT,
        "kind": given.kind,
        "settings": dict(given.settings),
        "units": dict(units),
        "about": list(given.about),
    }
    stream = io.BytesIO()
    plain: dict[str, Any] = {k: np.asarray(v, np.float64) for k, v in given.arrays.items()}
    np.savez(stream, **{ABOUT: np.array(json.dumps(about))}, **plain)
    return stream.getvalue()


def term_file(term: PotentialTerm, provenance: Provenance) -> bytes:
    """Return the bytes of a file of our own for the arrays of a term."""
    settings = {k: v for k, v in term.options.items() if k not in ("file", "fixed")}
    given = ParameterArrays(term.kind, term.arrays, settings, tuple(provenance.lines()))
    return write_arrays(given, units_of(term.kind, term.arrays))


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes, as `whole.write_whole` wants it done."""
    path.write_bytes(content)


def kind_told(content: bytes, name: str) -> str:
    """Return the potential whose arrays an archive of our own says it holds; '' of others.

    Raises:
        FileError: it is damaged.
    """
    found = archived(content, name) if is_archive(content) else {}
    try:
        return str(json.loads(str(found[ABOUT]))["kind"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def is_archive(content: bytes) -> bool:
    """Tell whether bytes are those of an ``.npz`` file."""
    return content[:4] in (b"PK\x03\x04", b"PK\x05\x06")


def archived(content: bytes, name: str) -> dict[str, np.ndarray]:
    """Return the arrays of an ``.npz`` file by name, as they stand; nothing in it can run.

    Raises:
        FileError: it is damaged, or unpacks to more than `LIMIT_BYTES`.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > LIMIT_BYTES:
                raise FileError(f"{name} unpacks to more than {LIMIT_BYTES // 2**20} MB.")
            if len(members) > 1000 or len({m.filename for m in members}) < len(members):
                raise FileError(f"{name} is an archive of {len(members)} files, some alike.")
            return {
                member.filename.removesuffix(".npy"): _array(archive.read(member))
                for member in members
            }
    except FileError:
        raise
    except _DAMAGE as error:
        raise FileError(
            f"{name} is a damaged archive ({type(error).__name__}: {str(error)[:120]}).",
            "Export it again, or copy it anew.",
        ) from None


def _array(content: bytes) -> np.ndarray:
    """Return the array of a ``.npy`` file; its header is checked against its length first."""
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"an array of version {version}")
    read = (np.lib.format.read_array_header_1_0, np.lib.format.read_array_header_2_0)
    shape, fortran, dtype = read[version[0] - 1](stream)
    left = content[stream.tell() :]
    if dtype.kind not in "biufU" or math.prod(shape) * dtype.itemsize != len(left):
        raise ValueError(f"{len(left)} bytes for an array of {dtype} and shape {shape}"[:100])
    return np.frombuffer(left, dtype).reshape(shape, order="F" if fortran else "C").copy()


def own_arrays(found: Mapping[str, np.ndarray], kind: str, name: str) -> ParameterArrays:
    """Return what an archive of our own holds.

    Args:
        found: its arrays, ``about`` among them.
        kind: of the potential that is wanted.
        name: of the file, for errors.

    Raises:
        FileError: it is of another potential or of a newer version.
    """
    try:
        about = json.loads(str(found[ABOUT]))
        held, format_, settings = about["kind"], int(about["format"]), dict(about["settings"])
        lines = tuple(str(line) for line in about.get("about", ()))
        arrays = {k: np.asarray(v, np.float64) for k, v in found.items() if k != ABOUT}
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise FileError(f"{name} does not say what it holds ({str(error)[:120]}).") from None
    if format_ > FORMAT:
        raise FileError(
            f"{name} has format {format_}, but this version reads up to {FORMAT}.",
            "Update DMD Studio.",
        )
    if held != kind:
        raise FileError(f"{name} holds arrays of {str(held)[:60]!r}, not of {kind!r}.")
    return ParameterArrays(kind, arrays, settings, lines)
