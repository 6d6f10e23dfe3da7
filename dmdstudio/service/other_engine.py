"""Other people's engines that run exported files, each in a child process that may crash. No JAX.

A further engine is one file: a subclass of `OtherEngine`, registered with `other_engines.add`.
"""

from __future__ import annotations

import abc
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from dmdstudio.base.errors import EngineError
from dmdstudio.base.registry import Registry
from dmdstudio.files.potentials.provenance import Provenance
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm

TIMEOUT_S = 120.0
"""After which an engine is given up."""


@dataclass(frozen=True)
class Evaluation:
    """What an engine finds for one configuration, in the frame of that configuration.

    Attributes:
        energy: eV.
        forces: [atom, xyz], eV/angstrom.
        pressure: of the forces alone, without the kinetic part, eV/angstrom^3.
    """

    energy: float
    forces: np.ndarray
    pressure: float


@dataclass(frozen=True)
class Exported:
    """What is handed to an engine.

    Attributes:
        files: copies of the written files, the main one first, in a folder that may be written to.
        terms: of the potential.
        configurations: the first is the structure in the files.
        provenance: for structure files that are written for the others.
        careful: whether to go around a known limit of the engine.
    """

    files: Sequence[Path]
    terms: Sequence[PotentialTerm]
    configurations: Sequence[Structure]
    provenance: Provenance
    careful: bool = False


@dataclass(frozen=True)
class Motion:
    """Trajectories that are wanted of an engine, one after the other.

    Attributes:
        pieces: how many.
        steps: of each, at constant energy.
        timestep_fs: of them.
        record_every: steps between two frames; the first is where the piece begins.
        temperature: of the heat bath before every piece, K.
        friction: of the bath, 1/ps.
        bath_timestep_fs: of its steps.
        equilibration: steps in it before the first piece.
        decorrelation: steps in it before every other.
        pressure: bar, that the volume follows in the bath; None where it stays.
        seed: of the bath.
    """

    pieces: int
    steps: int
    timestep_fs: float
    record_every: int
    temperature: float
    friction: float
    bath_timestep_fs: float
    equilibration: int
    decorrelation: int
    pressure: float | None
    seed: int


@dataclass(frozen=True)
class Piece:
    """A trajectory of an engine, in the frame of the structure.

    Attributes:
        positions: [frame, atom, xyz], angstrom; in any image.
        velocities: [frame, atom, xyz], angstrom/fs.
        growth: of all lengths of the cell over those of the structure.
    """

    positions: np.ndarray
    velocities: np.ndarray
    growth: float


class OtherEngine(abc.ABC):
    """An engine that can run one export format.

    Attributes:
        name: as a certificate calls it.
        formats: names of the export formats that it runs.
        moves: whether `trajectories` can be asked of it.
    """

    name: ClassVar[str]
    formats: ClassVar[tuple[str, ...]]
    moves: ClassVar[bool] = False

    @abc.abstractmethod
    def version(self) -> str | None:
        """Return its version, None where it is not installed or does not start."""

    def fault(self) -> str:
        """Return why it does not start, in its last words; empty where it does or is not there."""
        return ""

    @abc.abstractmethod
    def evaluate(self, exported: Exported) -> tuple[list[Evaluation], str] | None:
        """Run the files for every configuration, and say how in a note.

        Nothing where care is asked for, and none would change anything.

        Raises:
            EngineError: the engine failed; the message holds its last words.
        """

    def trajectories(self, exported: Exported, motion: Motion) -> Iterator[Piece]:
        """Run trajectories from the structure in the files.

        Raises:
            EngineError: it failed, or cannot.
        """
        raise EngineError(f"{self.name} is not asked for trajectories.")


other_engines: Registry[OtherEngine] = Registry("engine")


def run_child(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str] | None = None,
    timeout_s: float = TIMEOUT_S,
    words: str = "",
) -> str:
    """Run a program in a folder, with words on its standard input, and return its output.

    Raises:
        EngineError: it does not start, takes too long, or ends with an error.
    """
    name = Path(command[0]).name
    try:
        done = subprocess.run(
            list(command),
            cwd=folder,
            env=dict(environment or os.environ),
            input=words,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired:
        raise EngineError(f"{name} took longer than {timeout_s:g} s and was stopped.") from None
    except OSError as error:
        raise EngineError(f"{name} does not start: {error}.") from None
    if done.returncode:
        said = " ".join((done.stderr.strip() or done.stdout.strip()).split())[-400:]
        raise EngineError(f"{name} ended with status {done.returncode}: {said or 'no word'}")
    return done.stdout


def single_thread() -> dict[str, str]:
    """Return this process' environment for a child that uses one thread."""
    return dict(os.environ, OMP_NUM_THREADS="1", OPENMM_CPU_THREADS="1")


def python() -> str | None:
    """Return the interpreter for children; None where the program is frozen and there is none."""
    return None if getattr(sys, "frozen", False) else sys.executable
