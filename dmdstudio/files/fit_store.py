"""A fit of a network on disk: a folder with its settings, log, state, networks and report.

    fit.json      settings, and the data files with their checksums
    log.jsonl     one line per epoch
    state.h5      what is needed to go on after the last epoch
    eann.npz      the best potential so far, or nequip.npz, ...; name it as `file` of its term
    dipole.npz    the best dipole surface so far, where the data have dipoles
    report.json   the errors of the best networks, once the fit has ended
    base.toml     the potential that the network corrects, with base-1.npz ... where it has files
    potential.toml  the tables of both, for a recipe

Whoever is killed leaves a folder that can be gone on with from the last state.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import filelock
import msgspec
import numpy as np
import tomli_w

import dmdstudio
from dmdstudio.base.errors import FileError, RunError
from dmdstudio.files.potentials.array_file import LIMIT_BYTES, write_arrays, write_bytes
from dmdstudio.files.run_lock import acquire, give_back
from dmdstudio.files.state_file import read_state_file, write_state_file
from dmdstudio.files.text import read_content
from dmdstudio.files.whole import write_text, write_whole
from dmdstudio.plan.arrays import ParameterArrays, units_of
from dmdstudio.plan.force_fit import BASE_FILE, SUM_FILE, ForceFitPlan
from dmdstudio.plan.recipe import PotentialPlan, terms_to_tables

FORMAT = 1
"""Version of the layout."""

SETTINGS = "fit.json"
LOG = "log.jsonl"
STATE = "state.h5"
REPORT = "report.json"


class _About(msgspec.Struct, frozen=True, kw_only=True):
    """What `SETTINGS` holds; ``data`` are checksums of the files by their names."""

    format: int
    version: str
    plan: ForceFitPlan
    data: dict[str, str]


class FitStore:
    """The folder of one fit, held by one process at a time; a context manager.

    Attributes:
        path: the folder.
    """

    def __init__(self, path: Path, about: _About, lock: filelock.BaseFileLock) -> None:
        self.path = path
        self._about = about
        self._lock = lock

    @property
    def plan(self) -> ForceFitPlan:
        """Settings, with absolute names of files."""
        return self._about.plan

    @classmethod
    def create(cls, path: str | Path, plan: ForceFitPlan, checksums: Mapping[str, str]) -> FitStore:
        """Make a new folder.

        Args:
            path: the folder.
            plan: settings.
            checksums: of the files of the plan, as `checksums_for` found them.

        Raises:
            RunError: it is not empty or cannot be made.
        """
        path = Path(path)
        _require_empty(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"Folder {path} cannot be made: {error}.") from None
        lock = acquire(path)
        about = _About(
            format=FORMAT,
            version=dmdstudio.__version__,
            plan=_absolute(plan),
            data=dict(checksums),
        )
        write_text(path / SETTINGS, _text(about))
        return cls(path, about, lock)

    @classmethod
    def open(cls, path: str | Path) -> FitStore:
        """Open a folder to go on with.

        Raises:
            RunError: it is none, is in use, or its data files have changed.
        """
        path = Path(path)
        try:
            about = msgspec.json.decode((path / SETTINGS).read_bytes(), type=_About)
        except OSError:
            raise RunError(
                f"There is no fit in {path}.", "Name the folder that fit-forces wrote."
            ) from None
        except msgspec.MsgspecError as error:
            raise RunError(f"{path / SETTINGS} is damaged ({error}).", "Begin a new fit.") from None
        if about.format > FORMAT:
            raise RunError(f"Fit {path} has a newer format.", "Update DMD Studio.")
        for name, checksum in about.data.items():
            if _checksum(path / name) != checksum:
                raise RunError(
                    f"{name} has changed since the fit {path} began.",
                    "Begin a new fit; --start fine-tunes the network of this one.",
                )
        if (path / BASE_FILE).exists():
            about = msgspec.structs.replace(
                about, plan=msgspec.structs.replace(about.plan, base=str(path / BASE_FILE))
            )
        return cls(path, about, acquire(path))

    def __enter__(self) -> FitStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        give_back(self._lock, self.path)

    def write_plan(self, plan: ForceFitPlan) -> None:
        """Replace the settings."""
        self._about = msgspec.structs.replace(self._about, plan=plan)
        write_text(self.path / SETTINGS, _text(self._about))

    def write_base(
        self,
        terms: Sequence[PotentialPlan],
        files: Mapping[str, Path],
        both: Sequence[PotentialPlan],
        types: str,
    ) -> None:
        """Write the potential that the network corrects, from which the fit can go on.

        Args:
            terms: of it; they name files in this folder.
            files: where those are now, by name.
            both: the terms with the network.
            types: rules for types of atoms, as `system.types`.
        """
        for name, source in files.items():
            content = read_content(source, "parameter file", LIMIT_BYTES)
            write_whole(self.path / name, lambda aside, c=content: write_bytes(aside, c))
        for name, some in ((SUM_FILE, both), (BASE_FILE, terms)):
            table: dict[str, Any] = {"system": {"types": types}} if types else {}
            table["potential"] = terms_to_tables(some)
            write_text(self.path / name, tomli_w.dumps(table))
        data = {k: v for k, v in self._about.data.items() if k != self.plan.base}
        data |= {name: _checksum(self.path / name) for name in (*files, BASE_FILE)}
        self._about = msgspec.structs.replace(self._about, data=data)
        write_text(self.path / SETTINGS, _text(self._about))

    def write_state(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Replace the state."""
        write_state_file(self.path / STATE, 0, arrays)

    def read_state(self) -> dict[str, np.ndarray] | None:
        """Return the state, None where the fit was killed before its first epoch ended."""
        path = self.path / STATE
        return read_state_file(path, 0) if path.exists() else None

    def start_log(self, epochs: int) -> None:
        """Keep the lines of so many epochs: those after the last state are done again."""
        path = self.path / LOG
        lines = path.read_text("utf-8").splitlines()[:epochs] if path.exists() else []
        write_text(path, "".join(f"{line}\n" for line in lines))

    def append(self, line: Any) -> None:
        """Add a line to the log."""
        with open(self.path / LOG, "ab") as file:
            file.write(msgspec.json.encode(line) + b"\n")

    def write_network(self, name: str, given: ParameterArrays) -> Path:
        """Write a parameter file into the folder."""
        content = write_arrays(given, units_of(given.kind, given.arrays))
        write_whole(self.path / name, lambda aside: write_bytes(aside, content))
        return self.path / name

    def write_report(self, report: Any) -> None:
        """Write what the fit has reached."""
        write_text(self.path / REPORT, _text(report))


def checksums_for(path: str | Path, plan: ForceFitPlan) -> dict[str, str]:
    """Return the checksums of a plan's files, before they are read for a fit in a new folder.

    Raises:
        RunError: the folder is not empty.
        FileError: a file cannot be read.
    """
    _require_empty(Path(path))
    return {name: _checksum(name) for name in _files(_absolute(plan))}


def _require_empty(path: Path) -> None:
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RunError(f"{path} is not an empty folder.", "Name another, or go on with --resume.")


def _text(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value)).decode() + "\n"


def _absolute(plan: ForceFitPlan) -> ForceFitPlan:
    def whole(name: str) -> str:
        return str(Path(name).resolve()) if name else ""

    return msgspec.structs.replace(
        plan,
        data=tuple(map(whole, plan.data)),
        validation=whole(plan.validation),
        start=whole(plan.start),
        start_dipole=whole(plan.start_dipole),
        base=whole(plan.base),
    )


def _files(plan: ForceFitPlan) -> list[str]:
    named = (*plan.data, plan.validation, plan.start, plan.start_dipole)
    base = Path(plan.base)  # what is read of a folder is copied into that of the fit
    return [name for name in named if name] + [str(base)] * (plan.base != "" and base.is_file())


def _checksum(name: str | Path) -> str:
    try:
        with open(name, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FileError(
            f"{name} cannot be read: {error.strerror or error}.", "Check the name."
        ) from None
