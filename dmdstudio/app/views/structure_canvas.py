"""The picture of a structure that is turned, moved and pointed at with the mouse or the keys."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QKeySequence, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QWidget

from dmdstudio.app.structure_camera import pick
from dmdstudio.app.structure_measures import MOST_ATOMS
from dmdstudio.app.views.structure_picture import StructurePicture

_TURN_PER_PIXEL = 0.009
_TURN_PER_KEY = np.radians(15.0)
_MOVE_PER_KEY = 24.0
_ZOOM_PER_NOTCH = 1.15
_CLICK_PIXELS = 4.0
_REACH = 5.0


class StructureCanvas(StructurePicture):
    """The left button turns the scene, the right one moves it, the wheel zooms.

    Signals:
        play_asked: Space was pressed.
        copy_asked: the keys for copying were pressed.
    """

    play_asked = Signal()
    copy_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self._pressed: QPointF | None = None
        self._last = QPointF()

    # -- the mouse

    def atom_at(self, place: QPointF) -> int | None:
        """Return the atom at a place in the picture."""
        if self.atoms is None:
            return None
        return pick(self._seen(), self.atoms.radii, place.x(), place.y(), _REACH)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Begin to turn, to move, or to choose."""
        self._pressed = self._last = event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Turn or move what is held, else say what is pointed at."""
        place, buttons = event.position(), event.buttons()
        if self.scene is None:
            return
        if buttons == Qt.MouseButton.NoButton:
            self._point_at(self.atom_at(place))
            return
        step = place - self._last
        self._last = place
        if self._pressed is not None and _length(place - self._pressed) >= _CLICK_PIXELS:
            self._pressed = None
        if self._pressed is not None:
            return
        self._in_motion()
        held = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
        if held or not buttons & Qt.MouseButton.LeftButton:
            self._look(self.camera.moved(step.x(), step.y(), self.width(), self.height()))
        elif event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._look(self.camera.turned(0.0, 0.0, step.x() * _TURN_PER_PIXEL))
        else:
            turn = step * _TURN_PER_PIXEL
            self._look(self.camera.turned(turn.x(), turn.y()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Choose the atom that was clicked; nothing clicked lets go of all."""
        if self._pressed is not None and event.button() == Qt.MouseButton.LeftButton:
            self.choose(self.atom_at(event.position()))
        self._pressed = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        """Look at all of it again where nothing is."""
        if self.atom_at(event.position()) is None:
            self.reset_view()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802
        """Come closer to what is under the mouse."""
        if self.scene is None:
            return
        self._in_motion()
        factor = _ZOOM_PER_NOTCH ** (event.angleDelta().y() / 120.0)
        place = event.position()
        self._look(self.camera.zoomed(factor, self.width(), self.height(), place.x(), place.y()))
        event.accept()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        """Point at nothing."""
        self._point_at(None)

    # -- the keys

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        """Turn with the arrows, move with Shift, zoom with + and -, go through the atoms."""
        key = Qt.Key
        arrows = {
            key.Key_Left: (-1, 0), key.Key_Right: (1, 0), key.Key_Up: (0, -1), key.Key_Down: (0, 1)
        }  # fmt: skip
        pressed = Qt.Key(event.key())
        if self.scene is None:
            super().keyPressEvent(event)
        elif event.matches(QKeySequence.StandardKey.Copy):
            self.copy_asked.emit()
        elif pressed in arrows:
            self._arrow(*arrows[pressed], event.modifiers())
        elif pressed in (key.Key_Plus, key.Key_Equal):
            self.zoom(_ZOOM_PER_NOTCH)
        elif pressed == key.Key_Minus:
            self.zoom(1.0 / _ZOOM_PER_NOTCH)
        elif pressed in (key.Key_PageDown, key.Key_N):
            self._step(1)
        elif pressed in (key.Key_PageUp, key.Key_P):
            self._step(-1)
        elif pressed in (key.Key_Return, key.Key_Enter) and self.current is not None:
            self.choose(self.current)
        elif pressed == key.Key_Escape and self.chosen:
            self.choose(None)
        elif pressed == key.Key_Space:
            self.play_asked.emit()
        elif pressed == key.Key_Home:
            self.reset_view()
        elif pressed in (key.Key_A, key.Key_B, key.Key_C):
            self.look_along("ABC".index(pressed.name[-1]))
        else:
            super().keyPressEvent(event)

    def _arrow(self, right: int, down: int, modifiers: Qt.KeyboardModifier) -> None:
        if modifiers & Qt.KeyboardModifier.ShiftModifier:
            step = right * _MOVE_PER_KEY, down * _MOVE_PER_KEY
            self._look(self.camera.moved(*step, self.width(), self.height()))
        elif modifiers & Qt.KeyboardModifier.ControlModifier:
            self._look(self.camera.turned(0.0, 0.0, (right + down) * _TURN_PER_KEY))
        else:
            self._look(self.camera.turned(right * _TURN_PER_KEY, down * _TURN_PER_KEY))

    def _step(self, way: int) -> None:
        assert self.scene is not None
        before = self.current if self.current is not None else (-1 if way > 0 else 0)
        self._point_at((before + way) % len(self.scene.symbols))

    # -- choosing

    def _point_at(self, atom: int | None) -> None:
        if atom != self.current:
            self.current = atom
            self.update()
            self._tell()

    def choose(self, atom: int | None) -> None:
        """Take an atom into what is measured or out of it; None lets go of all.

        A fifth atom begins anew.
        """
        if atom is None or self.scene is None:
            self.chosen = []
        elif atom in self.chosen:
            self.chosen.remove(atom)
        elif len(self.chosen) == MOST_ATOMS:
            self.chosen = [atom]
        else:
            self.chosen.append(atom)
        self.update()
        self._tell()


def _length(step: QPointF) -> float:
    return float(np.hypot(step.x(), step.y()))
