"""Where a structure that is shown comes from: a recipe, or the starts that a run stored. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dmdstudio.app.structure_scene import Frame, Scene, scene_of
from dmdstudio.base.errors import PhysicsError, RunError
from dmdstudio.plan.events import Frames
from dmdstudio.plan.recipe import Recipe

MOST_ATOMS = 150_000
"""A picture of larger systems that is saved or copied would hold up the window for a second."""


@dataclass(frozen=True)
class Replicas:
    """Atoms of several replicas on the lattice.

    Attributes:
        lattice: fractional coordinates as signed integers, a whole turn being the cell
            [replica, atom, 3].
        cells: lattice vectors as rows [replica, 3, xyz], angstrom.
    """

    lattice: np.ndarray
    cells: np.ndarray

    def __len__(self) -> int:
        return len(self.lattice)

    def frame(self, number: int) -> Frame:
        """Return one of them, counted from 0."""
        cell = np.asarray(self.cells[number], float)
        turn = 2.0 ** (8 * self.lattice.dtype.itemsize)
        return Frame(self.lattice[number] / turn @ cell, cell)


class Trajectory:
    """The frames of one replica, as far as they have come.

    Attributes:
        count: of all frames.
        come: how many are here.
        interval: from one to the next, ps.
    """

    def __init__(self, first: Frames) -> None:
        self.iteration, self.replica = first.iteration, first.replica
        self.count, self.interval, self.come = first.count, first.interval, 0
        self._cell = np.array(first.cell)
        self._lattice = np.zeros((first.count, first.atoms, 3), np.int32)
        self.take(first)

    def take(self, piece: Frames) -> None:
        """Add the frames that follow."""
        frames = np.frombuffer(piece.lattice, "<i4").reshape(-1, piece.atoms, 3)
        self._lattice[piece.first : piece.first + len(frames)] = frames
        self.come = piece.first + len(frames)

    def frame(self, number: int) -> Frame:
        """Return one of the frames that have come, counted from 0."""
        return Replicas(self._lattice[number : number + 1], self._cell[None]).frame(0)


def recipe_scene(recipe: Recipe) -> Scene:
    """Return the structure of a recipe as it goes into the engine: replicated, at its density.

    While no potential says what belongs to bonds, molecules keep their shape at another density.

    Raises:
        DmdError: its file is missing or damaged, or does not fit.
    """
    from dmdstudio.service.structure import structure_of

    structure = structure_of(recipe, bonds=not recipe.potential)
    if len(structure.symbols) > MOST_ATOMS:
        raise PhysicsError(
            f"{len(structure.symbols):,} atoms are too many for a picture that can be turned.",
            f"Up to {MOST_ATOMS:,} are shown; with fewer copies in system.replicate they fit.",
        )
    return scene_of(structure)


def stored_starts(run_dir: str | Path) -> list[int]:
    """Return the iterations whose starts a run still holds, ascending."""
    from dmdstudio.files.run_store import RunStore

    # A state is numbered by the iteration that follows it; before the first there are no starts.
    return [number - 1 for number in RunStore.open(run_dir).state_numbers() if number > 0]


def run_starts(run_dir: str | Path, iteration: int) -> Replicas:
    """Return the starts of all replicas at an iteration of a run.

    Raises:
        RunError: the run holds them no longer, or they are damaged.
    """
    from dmdstudio.files.run_store import RunStore

    _, arrays = RunStore.open(run_dir).read_state(iteration + 1)
    if "pool/lattice" not in arrays:
        raise RunError(f"Run {run_dir} holds no starts of iteration {iteration}.")
    return Replicas(arrays["pool/lattice"], arrays["pool/cell"])


def run_scene(run_dir: str | Path) -> Scene:
    """Return the structure of the recipe that a run was made with."""
    from dmdstudio.files.run_store import RunStore

    return recipe_scene(RunStore.open(run_dir).recipe())
