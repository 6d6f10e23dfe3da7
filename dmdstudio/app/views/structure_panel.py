"""The structure of the recipe, or of a replica of the run, with all that its picture can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QSizePolicy,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from dmdstudio.app.background import in_background
from dmdstudio.app.session import Session
from dmdstudio.app.structure_drawing import Style
from dmdstudio.app.structure_scene import Frame, Placement, Scene, placed
from dmdstudio.app.structure_source import (
    Replicas,
    recipe_scene,
    run_scene,
    run_starts,
    stored_starts,
)
from dmdstudio.app.views.file_dialogs import choose_new_file
from dmdstudio.app.views.panel import Panel
from dmdstudio.app.views.structure_canvas import StructureCanvas
from dmdstudio.base.errors import DmdError

SCREEN_DPI = 96.0
DPI = (96, 150, 300, 600)
BONDED_SIZE, LONELY_SIZE = 25, 50
"""Radius of a ball in percent of the van der Waals radius: with bonds, and without any."""

_KEYS = (
    "Drag to turn (Ctrl: in the plane), with the right button or Shift to move, wheel to zoom. "
    "Click up to four atoms to measure. Keys: arrows, Shift and arrows, + and -, A B C, Home; "
    "N and P go through the atoms, Enter chooses, Esc lets go."
)


class StructurePanel(Panel):
    """A picture, and above it where it comes from and how it is drawn.

    Args:
        session: what is open.
        actions: of the window; those that concern the view are connected here.
    """

    def __init__(
        self, session: Session, actions: Mapping[str, QAction], parent: QWidget | None = None
    ) -> None:
        super().__init__(session, parent)
        self.canvas = StructureCanvas()
        self._scene: Scene | None = None
        self._frame: Frame | None = None
        self._replicas: Replicas | None = None
        self._wanted: object = None
        self._listed: object = None
        self._run_scene: tuple[str, Scene] | None = None
        self._placement: Placement = "whole"
        self._size_chosen = False
        self._heading = QLabel()
        self._heading.setObjectName("figure")
        self._heading.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.source = QComboBox()
        self.source.setAccessibleName("What is shown")
        self.source.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.source.currentIndexChanged.connect(lambda _: self.draw())
        self.readout = QLabel()
        self.readout.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.readout.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.canvas.setToolTip("")
        self.canvas.setWhatsThis(_KEYS)
        self.canvas.told.connect(self._show_readout)
        top = QHBoxLayout()
        top.setSpacing(12)
        top.addWidget(self._heading, 1)
        top.addWidget(self.source)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 14, 16, 12)
        layout.setSpacing(10)
        layout.addLayout(top)
        layout.addLayout(self._tools(actions))
        layout.addWidget(self.canvas, 1)
        layout.addLayout(self._replica_row())
        layout.addWidget(self.readout)
        self._show_readout("")

    # -- the controls

    def _tools(self, actions: Mapping[str, QAction]) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(6)
        for name, words, handler in (
            ("reset_structure", "Reset", self.canvas.reset_view),
            ("view_a", "a", lambda: self.canvas.look_along(0)),
            ("view_b", "b", lambda: self.canvas.look_along(1)),
            ("view_c", "c", lambda: self.canvas.look_along(2)),
        ):
            action = actions[name]
            action.triggered.connect(lambda _=False, handler=handler: handler())
            button = QPushButton(words)
            button.setAccessibleName(action.text())
            button.setToolTip(action.toolTip())
            button.clicked.connect(action.trigger)
            if len(words) == 1:
                button.setFixedWidth(36)
                button.setStyleSheet("padding: 6px 0px;")
            row.addWidget(button)
        row.addStretch(1)
        self.colouring = QComboBox()
        self.colouring.setAccessibleName("Colours of the atoms")
        self.colouring.addItem("By element", "element")
        self.colouring.addItem("By molecule", "molecule")
        self.colouring.currentIndexChanged.connect(lambda _: self._restyle())
        row.addWidget(self.colouring)
        self.ball_size = QSlider(Qt.Orientation.Horizontal)
        self.ball_size.setAccessibleName("Size of the atoms, percent of the van der Waals radius")
        self.ball_size.setToolTip("Size of the atoms; at the right end they touch")
        self.ball_size.setRange(5, 100)
        self.ball_size.setValue(BONDED_SIZE)
        self.ball_size.setFixedWidth(90)
        self.ball_size.valueChanged.connect(lambda _: self._restyle())
        self.ball_size.sliderMoved.connect(self._keep_size)
        row.addWidget(self.ball_size)
        row.addWidget(self._display_button())
        row.addWidget(self._save_button())
        return row

    def _display_button(self) -> QPushButton:
        button = QPushButton("Display")
        button.setToolTip("What is drawn, and how")
        menu = QMenu(button)
        self.switches = {
            name: _switch(menu, words, on, handler)
            for name, words, on, handler in (
                ("perspective", "Perspective", True, self.canvas.set_perspective),
                ("fog", "Fade what is far", True, lambda _: self._restyle()),
                ("bonds", "Bonds", True, lambda _: self._restyle()),
                ("edges", "Cell and axes", True, lambda _: self._restyle()),
                ("whole", "Keep molecules whole", True, self._place),
            )
        }
        button.setMenu(menu)
        return button

    def _save_button(self) -> QPushButton:
        self.save = QPushButton("Save picture")
        self.save.setToolTip("Write the picture as PNG")
        menu = QMenu(self.save)
        self.transparent = _switch(menu, "Transparent background", False, lambda _: None)
        menu.addSeparator()
        for dpi in DPI:
            action = menu.addAction(f"PNG, {dpi} dpi…")
            action.triggered.connect(lambda _=False, dpi=dpi: self._choose_picture(dpi))
        self.save.setMenu(menu)
        return self.save

    def _replica_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(10)
        self._replica_words = QLabel("Replica")
        self._replica_words.setObjectName("quiet")
        self.replica = QSlider(Qt.Orientation.Horizontal)
        self.replica.setAccessibleName("Replica")
        self.replica.setMinimum(1)
        self.replica.setPageStep(1)
        self.replica.valueChanged.connect(lambda _: self._show_replica())
        self._replica_number = QLabel()
        row.addWidget(self._replica_words)
        row.addWidget(self.replica, 1)
        row.addWidget(self._replica_number)
        return row

    def _keep_size(self) -> None:
        self._size_chosen = True

    def _restyle(self) -> None:
        switches = self.switches
        self.canvas.set_style(
            Style(
                colouring=self.colouring.currentData(),
                size=self.ball_size.value() / 100.0,
                bonds=switches["bonds"].isChecked(),
                edges=switches["edges"].isChecked(),
                fog=switches["fog"].isChecked(),
            )
        )

    def _place(self, whole: bool) -> None:
        self._placement = "whole" if whole else "wrapped"
        if self._scene is not None and self._frame is not None:
            self.canvas.show_frame(placed(self._scene, self._frame, self._placement))

    # -- what is shown

    def draw(self) -> None:
        """Show what the session has open, once it has been read."""
        recipe, started = self.session.recipe, self.session.view.started
        if recipe is None:
            self._wanted = None
            self._say(self.why_empty("The structure"))
            return
        run_dir = started.run_dir if started is not None else ""
        self._list_starts(run_dir)
        iteration = self.source.currentData()
        if iteration is None:
            bonded = any("-" in p.of for term in recipe.terms for p in term.parameter)
            wanted = (recipe.folder, recipe.system, bonded)
            self._read(wanted, lambda: (recipe_scene(recipe), None))
        else:
            known = self._run_scene if self._run_scene and self._run_scene[0] == run_dir else None

            def read() -> tuple[Scene, Replicas]:
                scene = known[1] if known else run_scene(run_dir)
                return scene, run_starts(run_dir, iteration)

            self._read((run_dir, iteration), read)

    def _list_starts(self, run_dir: str) -> None:
        """Offer the iterations whose starts are stored, anew after each of them."""
        latest = self.session.view.latest
        wanted = (run_dir, latest.iteration if latest is not None else -1)
        if wanted == self._listed:
            return
        self._listed = wanted
        if not run_dir:
            self._offer([])
            return

        def done(iterations: list[int]) -> None:
            if self._listed == wanted:
                self._offer(iterations)

        in_background(self, lambda: stored_starts(run_dir), done, lambda _: self._offer([]))

    def _offer(self, iterations: list[int]) -> None:
        before = self.source.currentData()
        self.source.blockSignals(True)
        self.source.clear()
        self.source.addItem("Structure of the recipe", None)
        for iteration in reversed(iterations):
            self.source.addItem(f"Starts of iteration {iteration}", iteration)
        if before is not None and iterations:  # the nearest that is still there
            place = min(range(len(iterations)), key=lambda i: abs(iterations[i] - before))
            self.source.setCurrentIndex(len(iterations) - place)
        self.source.blockSignals(False)
        self.source.setVisible(bool(iterations))
        if self.source.currentData() != before and self.isVisible():
            self.draw()

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

    def _say(self, words: str) -> None:
        self._scene = self._frame = self._replicas = None
        self.canvas.show_words(words)
        self._heading.clear()
        self._show_rows()

    def _show(self, scene: Scene, replicas: Replicas | None) -> None:
        """Show what was read; the view stays where it shows the same atoms as before."""
        before, self._replicas = self._scene, replicas
        same = before is not None and before.symbols == scene.symbols
        self._scene = scene
        if replicas is not None and self.session.view.started is not None:
            self._run_scene = (self.session.view.started.run_dir, scene)
        if not self._size_chosen:
            self.ball_size.setValue(BONDED_SIZE if len(scene.bonds) else LONELY_SIZE)
        self._restyle()
        if replicas is not None:
            self.replica.blockSignals(True)
            self.replica.setMaximum(len(replicas))
            self.replica.blockSignals(False)
            self._frame = replicas.frame(self.replica.value() - 1)
        else:
            self._frame = scene.frame
        shown = placed(scene, self._frame, self._placement)
        if same:
            self.canvas.scene = scene
            self.canvas.show_frame(shown)
        else:
            self.canvas.show_scene(scene, shown)
        self._show_rows()

    def _show_replica(self) -> None:
        if self._scene is None or self._replicas is None:
            return
        self._frame = self._replicas.frame(self.replica.value() - 1)
        self.canvas.show_frame(placed(self._scene, self._frame, self._placement))
        self._show_rows()

    def _show_rows(self) -> None:
        several = self._replicas is not None
        for widget in (self._replica_words, self.replica, self._replica_number):
            widget.setVisible(several)
        if self._replicas is not None:
            self._replica_number.setText(f"{self.replica.value()} of {len(self._replicas)}")
        if self._scene is not None and self._frame is not None:
            self._heading.setText(_heading(self._scene, self._frame))
            self._heading.setToolTip(self._scene.title)
        self.save.setEnabled(self._scene is not None)
        has_molecules = self._scene is not None and len(self._scene.bonds) > 0
        self.colouring.setEnabled(has_molecules)

    def _show_readout(self, words: str) -> None:
        self.readout.setObjectName("" if words else "quiet")
        self.readout.style().polish(self.readout)
        self.readout.setText(words or "Drag to turn; click up to four atoms to measure")
        self.readout.setToolTip(words or _KEYS)

    # -- pictures

    def _choose_picture(self, dpi: int) -> None:
        folder = Path(self.session.recipe.folder) if self.session.recipe else Path.home()
        name = self._scene.formula if self._scene is not None else "structure"
        choose_new_file(
            self,
            "Save the picture as",
            folder / f"{name}.png",
            "Pictures (*.png)",
            lambda paths: self.save_picture(paths[0], dpi),
        )

    def save_picture(self, path: Path, dpi: int) -> None:
        """Write the picture as it is seen; 96 dpi are one pixel per unit of length."""
        path = path if path.suffix.lower() == ".png" else path.with_name(path.name + ".png")
        image = self.canvas.picture(dpi / SCREEN_DPI, self.transparent.isChecked())
        per_metre = round(dpi / 0.0254)
        image.setDotsPerMeterX(per_metre)
        image.setDotsPerMeterY(per_metre)
        if image.save(str(path)):
            self._show_readout(f"Saved {image.width()} × {image.height()} pixels to {path}")
        else:
            self._show_readout(f"The picture cannot be written to {path}")


def _switch(menu: QMenu, words: str, on: bool, handler: Callable[[bool], Any]) -> QAction:
    action = menu.addAction(words)
    action.setCheckable(True)
    action.setChecked(on)
    action.toggled.connect(handler)
    return action


def _heading(scene: Scene, frame: Frame) -> str:
    a, b, c = frame.lengths
    count = f"{len(scene.symbols):,} atoms"
    cell = f"{a:.3f} × {b:.3f} × {c:.3f} Å"
    if abs(frame.angles - 90.0).max() > 1e-3:
        cell += ", " + ", ".join(f"{angle:.1f}°" for angle in frame.angles)
    return f"{scene.formula}, {count}, {cell}"
