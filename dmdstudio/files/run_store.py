"""A run on disk: a folder with the recipe, its inputs, an event log and numbered states.

    recipe.toml         the recipe, its paths pointing into inputs/
    inputs/             copies of the structure and of every data file
    events.jsonl        one event per line
    states/000012.h5    what is needed to go on after iteration 12
    refined/000012-eann.npz   arrays of a potential at iteration 12, where whole arrays are refined
    run.toml            version of this layout; written last, so a folder without it is no run
    label.txt           a name that the user gave it, where there is one

This module is the only writer of such folders. Everything it writes is whole after a kill at any
moment: an event is one appended line, of which a torn last one is ignored; a state is written aside
and renamed.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from urllib.parse import quote, unquote

import filelock
import numpy as np
import tomli_w

import dmdstudio
from dmdstudio.base.errors import RunError
from dmdstudio.files import event_log
from dmdstudio.files.event_log import EventTail
from dmdstudio.files.iterations import iteration_values
from dmdstudio.files.run_heartbeat import Heartbeat
from dmdstudio.files.run_inputs import copy_inputs, plan_inputs
from dmdstudio.files.run_lock import acquire, give_back
from dmdstudio.files.run_requests import forget_requests
from dmdstudio.files.state_file import read_state_file, write_state_file
from dmdstudio.files.whole import remove_leftovers, sync_folder, write_text, write_whole
from dmdstudio.plan.events import Event, encoder
from dmdstudio.plan.recipe import Recipe, read_recipe, recipe_to_toml

__all__ = ["RunStore", "iteration_values"]

FORMAT = 1
"""Version of the layout of a run folder."""

_logger = logging.getLogger(__name__)


class RunStore:
    """One run folder, open for reading or, by one process at a time, for writing.

    Made by `create` and `open`; a context manager that gives the lock back.

    Attributes:
        path: the folder.
        warnings: what was found damaged and stepped over, as sentences for the log.
    """

    def __init__(self, path: Path, lock: filelock.BaseFileLock | None) -> None:
        self.path = path
        self.warnings: list[str] = []
        self._lock = lock
        self._heartbeat = Heartbeat(path) if lock is not None else None

    @classmethod
    def create(cls, path: str | Path, recipe: Recipe) -> RunStore:
        """Make a new run folder, with copies of all files the recipe names, and hold its lock.

        Args:
            path: a folder that does not exist yet, or is empty.
            recipe: its ``folder`` says where its files lie.

        Raises:
            RunError: the folder is not empty or cannot be made.
            FileError: a file that the recipe names is missing.
        """
        path = Path(path)
        if path.exists() and not path.is_dir():
            raise RunError(f"{path} is a file, not a folder.", "Name another folder for the run.")
        if path.is_dir() and any(p.name != "run.lock" for p in path.iterdir()):
            what = "holds a run already" if (path / "run.toml").exists() else "is not empty"
            raise RunError(f"Folder {path} {what}.", "Resume it, or name another folder.")
        inputs = plan_inputs(recipe)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"Folder {path} cannot be made: {error}.") from None
        store = cls(path, acquire(path, beats=True))
        try:
            store._fill(recipe, inputs)
        except BaseException:
            store.release()
            for made in ("states", "inputs", "refined"):
                shutil.rmtree(path / made, ignore_errors=True)
            for made in ("recipe.toml", "events.jsonl", "run.toml"):
                (path / made).unlink(missing_ok=True)
            raise
        return store

    @classmethod
    def open(cls, path: str | Path, write: bool = False) -> RunStore:
        """Open a run folder; with ``write``, hold its lock and clear what a kill left behind.

        Raises:
            RunError: not a run folder, of a newer format, or another process is writing to it.
        """
        path = Path(path)
        _check_format(path)
        if not write:
            return cls(path, None)
        store = cls(path, acquire(path, beats=True))
        forget_requests(path)
        remove_leftovers(path)
        remove_leftovers(path / "states")
        remove_leftovers(path / "refined")
        store._truncate_torn_line()
        return store

    def _fill(self, recipe: Recipe, inputs: dict[Path, str]) -> None:
        """Write a new run's files; run.toml comes last and makes it a run."""
        (self.path / "states").mkdir()
        (self.path / "inputs").mkdir()
        stored = copy_inputs(recipe, inputs, self.path / "inputs")
        write_text(self.path / "recipe.toml", recipe_to_toml(stored))
        write_text(self.path / "events.jsonl", "")
        about = {
            "format": FORMAT,
            "dmdstudio": dmdstudio.__version__,
            "created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }
        write_text(self.path / "run.toml", tomli_w.dumps(about))

    @property
    def writable(self) -> bool:
        """Whether this store holds the run's lock."""
        return self._lock is not None

    def recipe(self) -> Recipe:
        """Return the run's recipe, its ``folder`` being the run folder."""
        return read_recipe(self.path / "recipe.toml")

    # Events

    def append(self, event: Event) -> None:
        """Add one event to the log; it is on the disk when this returns."""
        self._must_write()
        line = encoder.encode(event) + b"\n"
        with open(self._event_log, "ab", buffering=0) as file:
            start = file.tell()
            try:
                if file.write(line) != len(line):
                    raise OSError(f"{self._event_log}: the disk took only a part of an event")
                os.fsync(file.fileno())
            except OSError:
                file.truncate(start)  # or the next event would stand on the same line
                raise

    def events(self) -> list[Event]:
        """Return all whole events, oldest first; a torn last line is not one.

        A line that is not an event (a damaged disk, a newer version) is left out and named in
        ``warnings``.
        """
        tail = EventTail(self.path)
        found = tail.poll()
        for text in tail.warnings:
            self._warn(text)
        return found

    @property
    def _event_log(self) -> Path:
        return self.path / event_log.NAME

    def _truncate_torn_line(self) -> None:
        try:
            content = self._event_log.read_bytes()
        except FileNotFoundError:
            return
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            with open(self._event_log, "rb+") as file:
                file.truncate(whole)
                os.fsync(file.fileno())

    # States

    def write_state(self, number: int, arrays: Mapping[str, np.ndarray], keep: int = 3) -> None:
        """Store numbered arrays, then remove all but the newest ``keep`` states.

        States of a higher number are removed too: they belong to a past that this run left when
        it went on from an earlier state.

        Args:
            number: 0 or more; a state of that number is replaced.
            arrays: ``{name: array}``, returned by `read_state` with the same types and shapes.
            keep: how many states stay, at least 1.
        """
        self._must_write()
        if number < 0 or keep < 1:
            raise ValueError(f"state number {number}, keep {keep}: must be >= 0 and >= 1")
        write_state_file(self._state_path(number), number, arrays)
        numbers = self.state_numbers()
        newest = [n for n in numbers if n <= number][-keep:]
        for old in numbers:
            if old not in newest:
                self._state_path(old).unlink(missing_ok=True)
        sync_folder(self.path / "states")

    def read_state(self, number: int | None = None) -> tuple[int, dict[str, np.ndarray]]:
        """Return one state, or the newest one that is whole.

        Args:
            number: which; None steps back from the newest until one can be read, and names every
                damaged one in ``warnings``.

        Raises:
            RunError: there is no such state, or it is damaged.
        """
        numbers = self.state_numbers()
        if number is not None:
            if number not in numbers:
                raise RunError(
                    f"Run {self.path} has no state {number}.",
                    f"Stored: {', '.join(map(str, numbers)) or 'none'}.",
                )
            return number, read_state_file(self._state_path(number), number)
        for candidate in reversed(numbers):
            try:
                return candidate, read_state_file(self._state_path(candidate), candidate)
            except RunError as error:
                self._warn(f"{error.message} The one before it is used.")
        if numbers:
            raise RunError(f"Every state of run {self.path} is damaged.", "Start the run afresh.")
        raise RunError(f"Run {self.path} has no state yet.", "Start the run afresh.")

    def state_numbers(self) -> list[int]:
        """Return the numbers of the stored states, ascending."""
        paths = (self.path / "states").glob("*.h5")
        return sorted(int(p.stem) for p in paths if p.stem.isascii() and p.stem.isdigit())

    # Refined arrays

    def write_refined(self, number: int, files: Mapping[str, bytes]) -> None:
        """Store the parameter files of an iteration; those of later iterations go.

        Args:
            number: of the iteration that evaluates them.
            files: content by the key of the term.
        """
        self._must_write()
        if not files:
            return
        folder = self.path / "refined"
        folder.mkdir(exist_ok=True)
        for old in folder.glob("*.npz"):
            if old.name.split("-")[0].isdigit() and int(old.name.split("-")[0]) > number:
                old.unlink(missing_ok=True)
        for key, content in files.items():
            path = folder / f"{number:06d}-{quote(key, safe='')}.npz"
            write_whole(path, lambda aside, content=content: _write_bytes(aside, content))

    def refined(self, number: int) -> dict[str, str]:
        """Return the parameter files of an iteration, relative to the run, by key of the term.

        Raises:
            RunError: the run stores such files, but none of this iteration.
        """
        every = sorted((self.path / "refined").glob("*.npz"))
        own = [p for p in every if p.name.startswith(f"{number:06d}-")]
        if every and not own:
            raise RunError(f"Run {self.path} has no refined arrays of iteration {number}.")
        return {unquote(p.stem.partition("-")[2]): f"refined/{p.name}" for p in own}

    def _state_path(self, number: int) -> Path:
        return self.path / "states" / f"{number:06d}.h5"

    # Lock

    def release(self) -> None:
        """Give the lock back; reading goes on."""
        if self._lock is not None:
            if self._heartbeat is not None:
                self._heartbeat.stop()
            forget_requests(self.path)  # whoever writes next is not meant
            give_back(self._lock, self.path)
            self._lock = None

    def __enter__(self) -> RunStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def _must_write(self) -> None:
        if self._lock is None:
            raise RunError(f"Run {self.path} is open for reading only.", "Open it with write=True.")

    def _warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)
            _logger.warning(text)


def _write_bytes(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _check_format(path: Path) -> None:
    if not path.is_dir():
        raise RunError(f"There is no run folder at {path}.")
    try:
        about = tomllib.loads((path / "run.toml").read_text("utf-8"))
        found = about["format"]
    except FileNotFoundError:
        interrupted = (path / "states").is_dir() and (path / "inputs").is_dir()
        what = "was not finished when it was made" if interrupted else "is not a run folder"
        raise RunError(
            f"{path} {what}: it has no run.toml.", "Name the folder that a run was written to."
        ) from None
    except (OSError, ValueError, KeyError) as error:
        raise RunError(f"{path / 'run.toml'} is damaged ({error}).") from None
    if not isinstance(found, int) or not 1 <= found <= FORMAT:
        raise RunError(
            f"Run {path} has format {found!r}, but this version reads up to {FORMAT}.",
            "Update DMD Studio.",
        )
