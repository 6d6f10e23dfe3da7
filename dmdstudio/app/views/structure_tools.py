"""The controls above the picture of a structure: where from and how it is seen, and saving it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QMenu, QPushButton, QSlider, QWidget

from dmdstudio.app.structure_drawing import Style
from dmdstudio.app.structure_scene import Placement, Scene
from dmdstudio.app.views.structure_canvas import StructureCanvas

DPI = (96, 150, 300, 600)
BONDED_SIZE, LONELY_SIZE = 25, 50
"""Radius of a ball in percent of the van der Waals radius: with bonds, and without any."""


class StructureTools(QWidget):
    """Buttons, colours, sizes and switches that act on a picture.

    Args:
        canvas: the picture.
        actions: of the window; those that concern the view are connected here.

    Signals:
        placement_changed: molecules are to be kept whole, or no longer.
        picture_wanted: a picture of so many dots per inch is to be saved.
        copy_wanted: the picture is to be put on the clipboard.
        frame_wanted: the atoms that are shown are to be written to a file.
        trajectory_wanted: all frames are to be written to a file.
        about_to_save: say by ``save_trajectory`` whether there are any.
    """

    placement_changed = Signal()
    picture_wanted = Signal(int)
    copy_wanted = Signal()
    frame_wanted = Signal()
    trajectory_wanted = Signal()
    about_to_save = Signal()

    def __init__(
        self,
        canvas: StructureCanvas,
        actions: Mapping[str, QAction],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._canvas = canvas
        self._size_chosen = False
        self.colouring = QComboBox()
        self.colouring.setAccessibleName("Colours of the atoms")
        self.colouring.addItem("By element", "element")
        self.colouring.addItem("By molecule", "molecule")
        self.colouring.currentIndexChanged.connect(self._restyle)
        self.ball_size = QSlider(Qt.Orientation.Horizontal)
        self.ball_size.setAccessibleName("Size of the atoms, percent of the van der Waals radius")
        self.ball_size.setToolTip("Size of the atoms; at the right end they touch")
        self.ball_size.setRange(5, 100)
        self.ball_size.setValue(BONDED_SIZE)
        self.ball_size.setFixedWidth(90)
        self.ball_size.valueChanged.connect(self._restyle)
        self.ball_size.actionTriggered.connect(self._keep_size)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        for button in self._view_buttons(actions):
            row.addWidget(button)
        row.addStretch(1)
        row.addWidget(self.colouring)
        row.addWidget(self.ball_size)
        row.addWidget(self._display_button())
        row.addWidget(self._save_button())

    @property
    def placement(self) -> Placement:
        """Where atoms are to be shown."""
        return "whole" if self.switches["whole"].isChecked() else "wrapped"

    def suit(self, scene: Scene | None) -> None:
        """Offer what makes sense for a scene; sizes that were chosen stay."""
        bonded = scene is not None and len(scene.bonds) > 0
        if scene is not None and not self._size_chosen:
            self.ball_size.setValue(BONDED_SIZE if bonded else LONELY_SIZE)
        self.save.setEnabled(scene is not None)
        self.colouring.setEnabled(bonded)
        for name in ("bonds", "whole"):
            self.switches[name].setEnabled(bonded)

    def _view_buttons(self, actions: Mapping[str, QAction]) -> list[QPushButton]:
        buttons = []
        canvas = self._canvas
        for name, words, handler in (
            ("reset_structure", "Reset", canvas.reset_view),
            ("view_a", "a", lambda: canvas.look_along(0)),
            ("view_b", "b", lambda: canvas.look_along(1)),
            ("view_c", "c", lambda: canvas.look_along(2)),
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
            buttons.append(button)
        return buttons

    def _display_button(self) -> QPushButton:
        button = QPushButton("Display")
        button.setToolTip("What is drawn, and how")
        menu = QMenu(button)
        self.switches = {
            name: _switch(menu, words, True, handler)
            for name, words, handler in (
                ("perspective", "Perspective", self._canvas.set_perspective),
                ("fog", "Fade what is far", self._restyle),
                ("bonds", "Bonds", self._restyle),
                ("edges", "Cell and axes", self._restyle),
                ("whole", "Keep molecules whole", lambda _: self.placement_changed.emit()),
            )
        }
        button.setMenu(menu)
        return button

    def _save_button(self) -> QPushButton:
        self.save = QPushButton("Save")
        self.save.setToolTip("Write the picture or the atoms to a file, or copy the picture")
        menu = QMenu(self.save)
        menu.addAction("Copy picture\tCtrl+C", self.copy_wanted.emit)
        self.transparent = _switch(menu, "Transparent background", False, lambda _: None)
        menu.addSeparator()
        for dpi in DPI:
            action = menu.addAction(f"Picture, PNG, {dpi} dpi…")
            action.triggered.connect(lambda _=False, dpi=dpi: self.picture_wanted.emit(dpi))
        menu.addSeparator()
        menu.addAction("Atoms shown, extended XYZ…", self.frame_wanted.emit)
        self.save_trajectory = menu.addAction("Trajectory, extended XYZ…")
        self.save_trajectory.triggered.connect(lambda _=False: self.trajectory_wanted.emit())
        menu.aboutToShow.connect(self.about_to_save)
        self.save.setMenu(menu)
        return self.save

    def _keep_size(self) -> None:
        self._size_chosen = True

    def _restyle(self, _: object = None) -> None:
        switches = self.switches
        self._canvas.set_style(
            Style(
                colouring=self.colouring.currentData(),
                size=self.ball_size.value() / 100.0,
                bonds=switches["bonds"].isChecked(),
                edges=switches["edges"].isChecked(),
                fog=switches["fog"].isChecked(),
            )
        )


def _switch(menu: QMenu, words: str, on: bool, handler: Callable[[bool], Any]) -> QAction:
    action = menu.addAction(words)
    action.setCheckable(True)
    action.setChecked(on)
    action.toggled.connect(handler)
    return action
