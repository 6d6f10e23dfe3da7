"""Reads an HDF5 file in a process of its own: ``python -m`` this module, file, block.

The HDF5 library hangs or crashes on about one damaged file in a thousand (measured); here that ends
only this process. Only plain numbers of the file itself are read: links out of it, virtual and
external datasets and unknown filters are left alone.
"""

from __future__ import annotations

import contextlib
import os
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec import Struct

from dmdstudio.base.errors import FileError
from dmdstudio.files.spectra.assembly import MOST_POINTS, clean
from dmdstudio.files.spectra.format import LIMIT_BYTES
from dmdstudio.files.spectra.vocabulary import is_error, names_axis, quantity_of

READY = b"\0"
MOST_MEMORY = 4 * 2**30
_MOST_OBJECTS = 2000
_MOST_NAMED = 200
_MOST_CHUNKS = 20_000
_GZIP, _FLETCHER = 1, 3
_FILTERS = (_GZIP, 2, _FLETCHER, 5, 6, 32000)  # gzip, shuffle, checksum, n-bit, scale, LZF


class Extract(Struct, frozen=True, kw_only=True, tag="extract"):
    """What was found in a file: float64 as bytes, and the words about them."""

    axis: bytes
    value: bytes
    axis_words: str
    value_words: str
    error: bytes | None
    source: str
    conditions: dict[str, str]
    block: str
    blocks: list[str]
    undecided: bool


class Refusal(Struct, frozen=True, kw_only=True, tag="refusal"):
    """Why a file cannot be used."""

    message: str
    advice: str


def extract(path: Path, block: str) -> Extract | Refusal:
    """Read a file, whatever it holds."""
    import h5py

    try:
        with h5py.File(path, "r", locking=False) as file:
            return _read(file, path, block)
    except FileError as error:
        return Refusal(message=error.message, advice=error.advice)
    except Exception as error:  # damage shows as almost any error of h5py
        found = clean(str(error))[:160].rstrip(".") or type(error).__name__
        return Refusal(
            message=f"{path}, as HDF5: {found}.",
            advice="The file is damaged or cut off; export it again.",
        )


def main() -> None:
    """Say that the imports are done, then what the file holds that the arguments name."""
    import h5py  # noqa: F401

    _limit_memory()
    # What libraries print must not mix with the answer.
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    answer.write(READY)
    answer.flush()
    answer.write(msgspec.msgpack.encode(extract(Path(sys.argv[1]), sys.argv[2])))
    answer.flush()


def _limit_memory() -> None:
    """Let the system refuse absurd memory, where it can."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


@dataclass
class _Column:
    """A dataset that may be an axis or a value."""

    path: str
    words: str
    dataset: Any

    @property
    def group(self) -> str:
        return self.path.rpartition("/")[0]

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


def _read(file: Any, path: Path, block: str) -> Extract:
    columns = _columns(file)
    clear, possible = _pairs(file, columns)
    pairs = clear + possible
    listed = ", ".join(f"/{c.path} [{c.dataset.size}]" for c in columns[:12]) or "none"
    blocks = [_name(pair) for pair in pairs[:_MOST_NAMED]]
    undecided = not block and len(clear or possible) > 1
    if block:
        pairs = (
            [p for p in pairs if block == _name(p)]
            or [p for p in pairs if block.strip("/ ") == p[0].group]
            or _by_name(columns, block)
        )
    if not pairs:
        raise FileError(
            f"{path}: no two datasets of one group and length are an axis and a value"
            + (f" for {block!r}" if block else "")
            + f". One-dimensional datasets of numbers: {listed}.",
            "Name them such as wavenumber and absorbance, or choose 'path of axis, path of value'.",
        )
    axis, value, error = pairs[0]
    conditions = {"block": _name(pairs[0])}
    if len(blocks) > 1:
        conditions["blocks"] = "; ".join(blocks[:20])
    for name in ("temperature", "date", "instrument", "sample"):
        conditions[name] = _attribute(file, name) or _attribute(value.dataset.parent, name)
    return Extract(
        axis=_numbers(axis, path).tobytes(),
        value=_numbers(value, path).tobytes(),
        axis_words=axis.words,
        value_words=value.words,
        error=None if error is None else _numbers(error, path).tobytes(),
        source=_attribute(file, "source") or _attribute(file, "title"),
        conditions=conditions,
        block=_name(pairs[0]),
        blocks=blocks if len(blocks) > 1 else [],
        undecided=undecided,
    )


def _columns(file: Any) -> list[_Column]:
    """Return the one-dimensional datasets of numbers that are safe to read."""
    import h5py

    found: list[_Column] = []
    seen = 0

    def visit(name: str, item: Any) -> bool | None:
        nonlocal seen
        seen += 1
        if isinstance(item, h5py.Dataset) and _is_plain(item):
            words = f"{name.rpartition('/')[2]} {_attribute(item, 'long_name')}".strip()
            unit = _attribute(item, "units") or _attribute(item, "unit")
            found.append(_Column(name, clean(f"{words} [{unit}]" if unit else words), item))
        return True if seen > _MOST_OBJECTS else None

    file.visititems(visit)
    return found


def _is_plain(dataset: Any) -> bool:
    """Tell whether a dataset is a column of numbers that the file itself holds."""
    if dataset.ndim != 1 or dataset.dtype.kind not in "fiu" or not 2 <= dataset.size <= MOST_POINTS:
        return False
    if dataset.is_virtual or dataset.external is not None:
        return False
    settings = dataset.id.get_create_plist()
    filters = [settings.get_filter(n)[0] for n in range(settings.get_nfilters())]
    return all(number in _FILTERS for number in filters)


def _attribute(item: Any, name: str) -> str:
    """Return an attribute as text, '' where there is none or it is large."""
    import h5py

    if name not in item.attrs:
        return ""
    attribute = h5py.h5a.open(item.id, name.encode())
    if attribute.get_storage_size() > 4096:
        return ""
    value = np.asarray(item.attrs[name])
    if value.size != 1 or value.dtype.kind not in "SUOfiu":
        return ""
    single = value.reshape(-1)[0]
    return clean(single.decode("utf-8", "replace") if isinstance(single, bytes) else str(single))


_Pair = tuple[_Column, _Column, _Column | None]
"""Axis, value and error."""


def _name(pair: _Pair) -> str:
    return f"/{pair[0].path}, /{pair[1].path}"


def _pairs(file: Any, columns: list[_Column]) -> tuple[list[_Pair], list[_Pair]]:
    """Return axis, value and error of each group that has them: clear cases, then others."""
    clear, possible = [], []
    for group in dict.fromkeys(column.group for column in columns):
        held = [c for c in columns if c.group == group]
        parent = file[group] if group else file
        signal, axes = _attribute(parent, "signal"), _attribute(parent, "axes")
        errors = [c for c in held if is_error(c.name) or c.name.lower().endswith("_errors")]
        axis = [c for c in held if c.name == axes] or [
            c for c in held if names_axis(c.words) and c not in errors
        ]
        values = [c for c in held if c not in axis and c not in errors]
        named = [c for c in values if c.name == signal] or [
            c for c in values if quantity_of(c.words)
        ]
        for a in axis[:1]:
            fitting = [v for v in (named or values) if v.dataset.size == a.dataset.size]
            if len(fitting) == 1 or named:
                for v in fitting:
                    error = next((e for e in errors if e.dataset.size == v.dataset.size), None)
                    (clear if named else possible).append((a, v, error))
    return clear, possible


def _by_name(columns: list[_Column], block: str) -> list[_Pair]:
    names = [name.strip().strip("/") for name in block.split(",")]
    chosen = [next((c for c in columns if c.path == name), None) for name in names]
    if len(chosen) == 2 and chosen[0] and chosen[1]:
        return [(chosen[0], chosen[1], None)]
    return []


def _numbers(column: _Column, path: Path) -> np.ndarray:
    """Return a dataset's numbers, after making sure that no chunk unpacks beyond its size."""
    dataset = column.dataset
    settings = dataset.id.get_create_plist()
    filters = [settings.get_filter(n)[0] for n in range(settings.get_nfilters())]
    if dataset.chunks is not None:
        size = int(np.prod([int(n) for n in dataset.chunks])) * dataset.dtype.itemsize
        if size > 16 * MOST_POINTS or dataset.id.get_num_chunks() > _MOST_CHUNKS:
            raise FileError(
                f"{path}, dataset /{column.path}: chunks of {size} bytes "
                f"for {dataset.size} points.",
                "The file is damaged; export it again.",
            )
        if _GZIP in filters:
            _check_chunks(dataset, filters.index(_GZIP), size, f"{path}, dataset /{column.path}")
    return np.asarray(dataset[()], dtype=float)


def _check_chunks(dataset: Any, place: int, size: int, where: str) -> None:
    for n in range(dataset.id.get_num_chunks()):
        info = dataset.id.get_chunk_info(n)
        if info.filter_mask >> place & 1:
            continue
        if info.size > LIMIT_BYTES:
            raise FileError(f"{where}: a chunk of {info.size} bytes.", "Export it again.")
        _, stored = dataset.id.read_direct_chunk(info.chunk_offset)
        unpacker = zlib.decompressobj()
        try:
            unpacked = unpacker.decompress(stored, size + 64)
        except zlib.error as error:
            raise FileError(
                f"{where}: chunk {n + 1} is damaged ({error}).", "Export it again."
            ) from None
        if len(unpacked) > size + 8 or unpacker.unconsumed_tail:
            raise FileError(
                f"{where}: chunk {n + 1} unpacks to more than the {size} bytes it should have.",
                "The file is damaged or was made to do harm; export it again.",
            )


if __name__ == "__main__":
    main()
