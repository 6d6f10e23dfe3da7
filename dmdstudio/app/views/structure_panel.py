"""The structure of the recipe, or of a replica of the run, at its start and on its trajectory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from PySide6.QtCore import QBuffer, QIODevice, Qt
from PySide6.QtGui import QAction, QGuiApplication, QImage
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from dmdstudio.app.background import in_background
from dmdstudio.app.run_folders import documents_folder
from dmdstudio.app.session import Session
from dmdstudio.app.structure_scene import Frame, Scene, placed
from dmdstudio.app.structure_source import (
    Replicas,
    Trajectory,
    recipe_scene,
    run_scene,
    run_starts,
    stored_starts,
)
from dmdstudio.app.views.file_dialogs import choose_new_file
from dmdstudio.app.views.panel import Panel
from dmdstudio.app.views.plot_menu import tell_unwritable
from dmdstudio.app.views.structure_canvas import StructureCanvas
from dmdstudio.app.views.structure_player import StructurePlayer
from dmdstudio.app.views.structure_tools import StructureTools
from dmdstudio.base.errors import DmdError
from dmdstudio.files.whole import write_whole
from dmdstudio.plan.events import Frames
from dmdstudio.plan.structure import Structure

SCREEN_DPI = 96.0

_KEYS = (
    "Drag to turn (Ctrl: in the plane), with the right button or Shift to move, wheel to zoom. "
    "Click up to four atoms to measure. Keys: arrows, Shift and arrows, + and -, A B C, Home; "
    "N and P go through the atoms, Enter chooses, Esc lets go; Space plays a trajectory, Ctrl+C "
    "copies the picture."
)

Replay = Callable[[str, int, int], None]
"""Asks for the trajectory of a run's replica: folder, iteration, replica from 0."""


class StructurePanel(Panel):
    """A picture, above it where it comes from and how it is drawn, below it replicas and frames.

    Args:
        session: what is open.
        actions: of the window.
        replay: has the engine run a trajectory, whose frames `take` is given.
    """

    def __init__(
        self,
        session: Session,
        actions: Mapping[str, QAction],
        replay: Replay,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(session, parent)
        self._replay = replay
        self._scene: Scene | None = None
        self._frame: Frame | None = None
        self._replicas: Replicas | None = None
        self._trajectory: Trajectory | None = None
        self._wanted: object = None
        self._listed: object = None
        self._run_scene: tuple[str, Scene] | None = None
        self.canvas = StructureCanvas()
        self.canvas.setWhatsThis(_KEYS)
        self.canvas.told.connect(self._show_readout)
        self.tools = StructureTools(self.canvas, actions)
        self.tools.placement_changed.connect(lambda: self._place())
        self.tools.picture_wanted.connect(self._choose_picture)
        self.tools.copy_wanted.connect(self.copy_picture)
        self.tools.frame_wanted.connect(self._choose_frame)
        self.tools.trajectory_wanted.connect(self._choose_trajectory)
        self.tools.about_to_save.connect(self._offer_trajectory)
        self.canvas.copy_asked.connect(self.copy_picture)
        self.player = StructurePlayer()
        self.player.replica_chosen.connect(self._show_replica)
        self.player.frame_chosen.connect(self._show_frame)
        self.player.run_wanted.connect(self._run_trajectory)
        self.canvas.play_asked.connect(self.player.toggle)
        self.source = QComboBox()
        self.source.setAccessibleName("What is shown")
        self.source.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.source.addItem("Structure of the recipe", None)
        self.source.hide()
        self.source.currentIndexChanged.connect(lambda _: self.draw())
        self._heading, self.readout = _line(), _line()
        self._heading.setObjectName("figure")
        self.readout.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        top = QHBoxLayout()
        top.setSpacing(12)
        top.addWidget(self._heading, 1)
        top.addWidget(self.source)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 12)
        layout.setSpacing(10)
        layout.addLayout(top)
        layout.addWidget(self.tools)
        layout.addWidget(self.canvas, 1)
        layout.addWidget(self.player)
        layout.addWidget(self.readout)
        self._show_readout("")

    # -- where it comes from

    def draw(self) -> None:
        """Show what the session has open, once it has been read."""
        recipe, run_dir = self.session.recipe, self._run_dir
        if recipe is None:
            self._wanted = None
            self._say(self.why_empty("The structure"))
            return
        self._list_starts(run_dir)
        iteration = self.source.currentData()
        if iteration is None:
            bonded = any("-" in p.of for term in recipe.terms for p in term.parameter)
            wanted = (recipe.folder, recipe.system, bonded, bool(recipe.potential))
            self._read(wanted, lambda: (recipe_scene(recipe), None))
        else:
            known = self._run_scene if self._run_scene and self._run_scene[0] == run_dir else None

            def read() -> tuple[Scene, Replicas]:
                scene = known[1] if known else run_scene(run_dir)
                return scene, run_starts(run_dir, iteration)

            self._read((run_dir, iteration), read)

    @property
    def _run_dir(self) -> str:
        started = self.session.view.started
        return started.run_dir if started is not None else ""

    def _list_starts(self, run_dir: str) -> None:
        """Offer the iterations whose starts are stored, anew after each of them."""
        view = self.session.view
        latest = view.latest.iteration if view.latest is not None else -1
        wanted = (run_dir, latest, view.running)
        if wanted == self._listed:
            return
        self._listed = wanted

        def done(iterations: list[int]) -> None:
            if self._listed == wanted:
                self._offer(iterations)

        if run_dir:
            in_background(self, lambda: stored_starts(run_dir), done, lambda _: done([]))
        else:
            done([])

    def _offer(self, iterations: list[int]) -> None:
        """Put iterations on offer; one that was chosen and is stored no longer gives way."""
        before = self.source.currentData()
        self.source.blockSignals(True)
        while self.source.count() > 1:
            self.source.removeItem(1)
        for iteration in reversed(iterations):
            self.source.addItem(f"Replicas at iteration {iteration}", iteration)
        if before is not None and iterations:
            nearest = min(iterations, key=lambda iteration: abs(iteration - before))
            self.source.setCurrentIndex(self.source.findData(nearest))
        self.source.blockSignals(False)
        self.source.setVisible(bool(iterations))
        if self.source.currentData() != before:
            self._ask()

    def _read(self, wanted: object, work: Callable[[], tuple[Scene, Replicas | None]]) -> None:
        if wanted == self._wanted:
            return
        self._wanted = wanted

        def done(read: tuple[Scene, Replicas | None]) -> None:
            if self._wanted == wanted:
                self._show(*read)

        def failed(error: DmdError) -> None:
            if self._wanted == wanted:
                self._say(f"{error.message}\n{error.advice}".strip())

        if self._scene is None:
            self._say("Reading the structure…")
        in_background(self, work, done, failed)

    # -- what is shown

    def _say(self, words: str) -> None:
        self._scene = self._frame = self._replicas = self._trajectory = None
        self.canvas.show_words(words)
        self._heading.clear()
        self.tools.suit(None)
        self.player.show_replicas(0)

    def _show(self, scene: Scene, replicas: Replicas | None) -> None:
        """Show what was read; the view stays where it shows the same atoms as before."""
        before, self._scene = self._scene, scene
        self._replicas, self._trajectory = replicas, None
        self.tools.suit(scene)
        self.player.show_replicas(len(replicas) if replicas is not None else 0)
        if replicas is None:
            self._frame = scene.frame
        else:
            self._run_scene = (self._run_dir, scene)
            self._frame = replicas.frame(self.player.chosen)
        shown = placed(scene, self._frame, self.tools.placement)
        if before is not None and before.symbols == scene.symbols:
            self.canvas.show_alike(scene, shown)
        else:
            self.canvas.show_scene(scene, shown)
        self._head()

    def _place(self, passing: bool = False) -> None:
        """Show the same instant, its atoms where they are wanted."""
        if self._scene is not None and self._frame is not None:
            shown = placed(self._scene, self._frame, self.tools.placement)
            self.canvas.show_frame(shown, passing)

    def _show_replica(self, number: int) -> None:
        self._trajectory = None
        if self._replicas is not None:
            self._frame = self._replicas.frame(number)
            self._place()
            self._head()

    def _head(self) -> None:
        if self._scene is not None and self._frame is not None:
            self._heading.setText(_heading(self._scene, self._frame))
            self._heading.setToolTip(self._scene.title)

    def _show_readout(self, words: str) -> None:
        self.readout.setObjectName("" if words else "quiet")
        self.readout.style().polish(self.readout)
        self.readout.setText(words or "Drag to turn; click up to four atoms to measure")
        self.readout.setToolTip(words or _KEYS)

    # -- the trajectory

    def _run_trajectory(self) -> None:
        iteration = self.source.currentData()
        if self._replicas is not None and iteration is not None:
            self._trajectory = None
            self.player.drop_trajectory()
            self._replay(self._run_dir, iteration, self.player.chosen)

    def take(self, piece: Frames) -> None:
        """Take in frames of the trajectory; those of another replica than is shown are too late."""
        asked = (self.source.currentData(), self.player.chosen)
        if self._replicas is None or asked != (piece.iteration, piece.replica):
            return
        if piece.first == 0:
            self._trajectory = Trajectory(piece)
            self.player.show_trajectory(self._trajectory)
        elif self._trajectory is not None and piece.first == self._trajectory.come:
            self._trajectory.take(piece)

    def _show_frame(self, number: int) -> None:
        if self._trajectory is not None:
            self._frame = self._trajectory.frame(number)
            self._place(passing=self.player.playing)

    # -- files

    def _choose(self, title: str, suffix: str, kind: str, write: Callable[[Path], None]) -> None:
        """Ask where to write what is shown; the suffix is added where it is missing."""
        name = self._scene.formula if self._scene is not None else "structure"
        start = documents_folder() / f"{name}{suffix}"
        words = f"{kind} (*{suffix})"
        choose_new_file(self, title, start, words, lambda paths: write(_ending(paths[0], suffix)))

    def _offer_trajectory(self) -> None:
        trajectory = self._trajectory
        whole = trajectory is not None and trajectory.come == trajectory.count
        self.tools.save_trajectory.setEnabled(whole)

    def _choose_frame(self) -> None:
        self._choose("Save the atoms as", ".extxyz", "Extended XYZ", self.save_frame)

    def _choose_trajectory(self) -> None:
        self._choose("Save the trajectory as", ".extxyz", "Extended XYZ", self.save_trajectory)

    def save_frame(self, path: Path) -> None:
        """Write the atoms as they are shown."""
        if self._scene is not None and self._frame is not None:
            shown = placed(self._scene, self._frame, self.tools.placement)
            self._write_frames([self._scene.structure(shown, self._scene.title)], path)

    def save_trajectory(self, path: Path) -> None:
        """Write all frames of the trajectory, their atoms placed as they are shown."""
        scene, trajectory, how = self._scene, self._trajectory, self.tools.placement
        if scene is None or trajectory is None:
            return
        name = f"replica {trajectory.replica + 1} at iteration {trajectory.iteration}"
        frames = (
            scene.structure(
                placed(scene, trajectory.frame(number), how),
                f"{name}, {number * trajectory.interval:.6g} ps",
            )
            for number in range(trajectory.come)
        )
        self._write_frames(frames, path)

    def _write_frames(self, frames: Iterable[Structure], path: Path) -> None:
        def work() -> None:
            from dmdstudio.files.structures import write_frames

            try:
                write_frames(frames, path)
            except OSError as error:
                raise DmdError(f"{path} cannot be written: {error.strerror or error}.") from None

        in_background(
            self,
            work,
            lambda _: self._show_readout(f"Saved to {path}"),
            lambda error: self._show_readout(str(error)),
        )

    def _choose_picture(self, dpi: int) -> None:
        self._choose(
            "Save the picture as", ".png", "Pictures", lambda path: self.save_picture(path, dpi)
        )

    def save_picture(self, path: Path, dpi: int) -> None:
        """Write the picture as it is seen; 96 dpi are one pixel per unit of length."""
        image = self._picture(dpi)
        content = QBuffer()
        content.open(QIODevice.OpenModeFlag.WriteOnly)
        image.save(content, "PNG")  # type: ignore[call-overload]
        pixels = bytes(content.data().data())

        def fill(aside: Path) -> None:
            aside.write_bytes(pixels)

        try:
            write_whole(path, fill)
        except OSError as error:
            tell_unwritable(self, path, error)
        else:
            self._show_readout(f"Saved {image.width()} × {image.height()} pixels to {path}")

    def copy_picture(self) -> None:
        """Put the picture on the clipboard, twice as fine as it is seen."""
        if self._scene is not None:
            QGuiApplication.clipboard().setImage(self._picture(2.0 * SCREEN_DPI))
            self._show_readout("The picture is on the clipboard")

    def _picture(self, dpi: float) -> QImage:
        image = self.canvas.picture(dpi / SCREEN_DPI, self.tools.transparent.isChecked())
        per_metre = round(dpi / 0.0254)
        image.setDotsPerMeterX(per_metre)
        image.setDotsPerMeterY(per_metre)
        return image


def _ending(path: Path, suffix: str) -> Path:
    return path if path.suffix.lower() == suffix else path.with_name(path.name + suffix)


def _line() -> QLabel:
    """Return a label of one line that never widens the window."""
    label = QLabel()
    label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label


def _heading(scene: Scene, frame: Frame) -> str:
    a, b, c = frame.lengths
    count = f"{len(scene.symbols):,} atoms"
    cell = f"{a:.3f} × {b:.3f} × {c:.3f} Å"
    if abs(frame.angles - 90.0).max() > 1e-3:
        cell += ", " + ", ".join(f"{angle:.1f}°" for angle in frame.angles)
    return f"{scene.formula}, {count}, {cell}"
