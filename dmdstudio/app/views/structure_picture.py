"""The picture of a structure: painted with as much care as there is time for, and its view."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from dmdstudio.app.structure_camera import Camera, Projected, oblique
from dmdstudio.app.structure_drawing import Style
from dmdstudio.app.structure_measures import measure, measure_words, steps_between
from dmdstudio.app.structure_scene import Frame, Scene
from dmdstudio.app.theme import theme, theme_changed
from dmdstudio.app.views.structure_atoms import Atoms
from dmdstudio.app.views.structure_overlay import (
    paint_axes,
    paint_legend,
    paint_measure,
    paint_rings,
)
from dmdstudio.app.views.structure_still import StillPainter

_SLOW_SECONDS = 0.035
"""A picture that takes longer is painted with less care while it is being turned."""

_CALM_MILLISECONDS = 180
_FULL, _COARSE, _WITHOUT_BONDS, _POINTS = range(4)


class StructurePicture(QWidget):
    """Shows a scene, or words instead, from a camera; `StructureCanvas` is what one works with.

    Signals:
        told: what is pointed at or chosen, in words.

    Attributes:
        camera: from where it is seen.
        style_drawn: how it is drawn.
        atoms: that are shown; None while there are words instead.
        chosen: the atoms that are measured.
        current: the atom that is pointed at.
    """

    told = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMinimumSize(QSize(240, 200))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setAccessibleName("Picture of the structure")
        self.camera = Camera()
        self.style_drawn = Style()
        self.atoms: Atoms | None = None
        self.chosen: list[int] = []
        self.current: int | None = None
        self._image: QImage | None = None
        self._image_ratio = 1.0
        self._care = _FULL
        self._painted_care = _FULL
        self._projected: Projected | None = None
        self._moving = False
        self._to_fit = False
        self._words = self._told = ""
        self._calm = QTimer(self, singleShot=True, interval=_CALM_MILLISECONDS)
        self._calm.timeout.connect(self._finish)
        self.still = StillPainter(self)
        self.still.done.connect(self._take_still)
        theme_changed().changed.connect(self._recolour)

    # -- what is shown

    @property
    def scene(self) -> Scene | None:
        """The atoms; None while there are words instead."""
        return self.atoms.scene if self.atoms is not None else None

    @property
    def frame(self) -> Frame | None:
        """Where they are."""
        return self.atoms.frame if self.atoms is not None else None

    def show_scene(self, scene: Scene, frame: Frame) -> None:
        """Show other atoms, from a view that holds all of them."""
        self.chosen, self.current = [], None
        self._care = _FULL
        self.show_alike(scene, frame)
        self.reset_view()

    def show_alike(self, scene: Scene, frame: Frame) -> None:
        """Show a scene of the same atoms, as seen before."""
        self.atoms = Atoms(scene, frame, self.style_drawn, self.atoms)
        self._stale()
        self._tell()

    def show_frame(self, frame: Frame, passing: bool = False) -> None:
        """Show the same atoms elsewhere, as seen before; ``passing`` if another follows soon."""
        assert self.scene is not None
        if passing:
            self._in_motion()
        self.show_alike(self.scene, frame)

    def show_words(self, words: str) -> None:
        """Show a sentence instead of atoms."""
        self.atoms = None
        self.chosen, self.current = [], None
        self._words = words
        self._stale()
        self.setAccessibleDescription(words.replace("\n", " "))
        self._told = ""
        self.told.emit("")

    def set_style(self, style: Style) -> None:
        """Draw it in another way."""
        self.style_drawn = style
        if self.atoms is not None:
            self.atoms = Atoms(self.atoms.scene, self.atoms.frame, style, self.atoms)
        self._stale()

    def _recolour(self) -> None:
        if self.atoms is not None:
            self.atoms.recolour()
        self._stale()

    def _stale(self) -> None:
        self._image = self._projected = None
        self.still.cancel()
        self.update()

    # -- the view

    def reset_view(self) -> None:
        """Look at all of it, obliquely."""
        if self.frame is not None:
            self._look(replace(self.camera, rotation=oblique(self.frame.cell)), fit=True)

    def look_along(self, axis: int) -> None:
        """Look down a lattice vector."""
        if self.frame is not None:
            self._look(self.camera.along(self.frame.cell, axis), fit=True)

    def set_perspective(self, on: bool) -> None:
        """Let what is near look larger, or not."""
        self._look(replace(self.camera, perspective=on))

    def zoom(self, factor: float) -> None:
        """Come closer to the middle."""
        self._look(self.camera.zoomed(factor, self.width(), self.height()))

    def _look(self, camera: Camera, fit: bool = False) -> None:
        self.camera = camera
        self._to_fit = self._to_fit or fit
        self._stale()

    def _fit(self) -> None:
        """Fill the picture, once its size is known."""
        if self._to_fit and self.atoms is not None:
            self.camera = self.atoms.fitted(self.camera, self.width(), self.height())
            self._to_fit, self._projected = False, None

    def _in_motion(self) -> None:
        self._moving = True
        self._calm.start()

    def _finish(self) -> None:
        """Paint once more with all care after the last movement."""
        self._moving = False
        if self._painted_care == _FULL or self.atoms is None:
            return
        if self.atoms.is_large:
            ratio = self.devicePixelRatioF()
            image = self._blank(ratio)
            work = self.atoms.work(image.width(), image.height(), ratio, self.camera)
            self.still.begin(work, self.atoms.sprites, image)
        else:
            self._stale()

    # -- painting

    def picture(self, ratio: float, transparent: bool = False) -> QImage:
        """Return the picture with so many pixels per unit of length, legend and axes included."""
        form = QImage.Format.Format_ARGB32_Premultiplied
        image = QImage(round(self.width() * ratio), round(self.height() * ratio), form)
        image.fill(Qt.GlobalColor.transparent if transparent else QColor(theme().panel))
        if self.atoms is not None:
            self._fit()
            self.atoms.paint(image, ratio, self.camera)
            painter = QPainter(image)
            painter.scale(ratio, ratio)
            painter.setFont(self.font())
            self._paint_over(painter)
            painter.end()
        return image

    def _blank(self, ratio: float) -> QImage:
        size = QSize(round(self.width() * ratio), round(self.height() * ratio))
        image = QImage(size, QImage.Format.Format_RGB32)
        image.fill(QColor(theme().panel))
        return image

    def _render(self, ratio: float) -> QImage:
        """Return what can be painted at once: of many atoms a simple picture; a better follows."""
        assert self.atoms is not None
        self._fit()
        if self.atoms.is_large:
            image = self._blank(1.0)
            self.atoms.paint_points(image, self.camera)
            self._painted_care = _POINTS
            self._calm.start()
            return image
        image = self._blank(ratio)
        care = self._care if self._moving else _FULL
        began = time.perf_counter()
        self.atoms.paint(
            image, ratio, self.camera, bonds=care < _WITHOUT_BONDS, smooth=care == _FULL
        )
        if self._moving and time.perf_counter() - began > _SLOW_SECONDS:
            self._care = min(self._care + 1, _WITHOUT_BONDS)
        self._painted_care = care
        image.setDevicePixelRatio(ratio)
        return image

    def _take_still(self, image: QImage) -> None:
        """Show the picture with all care."""
        image.setDevicePixelRatio(self.devicePixelRatioF())
        self._image, self._painted_care = image, _FULL
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        """Paint the picture and what is written over it."""
        painter = QPainter(self)
        if self.atoms is None:
            self._paint_words(painter)
            return
        ratio = self.devicePixelRatioF()
        if self._image is None or self._image_ratio != ratio:  # or on another screen
            self._image, self._image_ratio = self._render(ratio), ratio
        painter.drawImage(0, 0, self._image)
        self._paint_over(painter)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QColor(theme().accent))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def _paint_words(self, painter: QPainter) -> None:
        painter.fillRect(self.rect(), QColor(theme().panel))
        painter.setPen(QColor(theme().quiet))
        wrap = Qt.TextFlag.TextWordWrap | Qt.AlignmentFlag.AlignCenter
        painter.drawText(self.rect().adjusted(32, 32, -32, -32), wrap, self._words)

    def _paint_over(self, painter: QPainter) -> None:
        assert self.atoms is not None
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colours, frame, radii = theme(), self.atoms.frame, self.atoms.radii
        paint_legend(painter, colours, self.legend())
        if self.style_drawn.edges:
            painter.save()
            paint_axes(painter, colours, self.camera, frame.cell, self.height())
            painter.restore()
        marked = [*self.chosen, *([] if self.current is None else [self.current])]
        if marked:
            paint_rings(painter, colours, self._seen(), radii, self.chosen, self.current)
        if found := measure(frame, self.chosen):
            steps = steps_between(frame, self.chosen)
            path = frame.positions[self.chosen[0]] + np.cumsum([np.zeros(3), *steps], axis=0)
            places = self.camera.project(path, self.width(), self.height())
            pixels = radii[self.chosen] * places.scale
            paint_measure(
                painter, colours, places.xy, pixels, self._seen().xy[self.chosen], found.words
            )

    def legend(self) -> list[tuple[np.ndarray | None, str, str]]:
        """Return colour, name and number of every element, or the number of molecules."""
        assert self.atoms is not None
        scene = self.atoms.scene
        if self.style_drawn.colouring == "molecule":
            number = int(scene.molecules.max()) + 1
            return [(None, "Molecules", f"{number:,}")]
        palette = self.atoms.palette()
        return [
            (palette[place], element, f"{number:,}")
            for place, (element, number) in enumerate(scene.counts)
        ]

    def _seen(self) -> Projected:
        """Return where the atoms are in the picture."""
        assert self.atoms is not None
        self._fit()
        if self._projected is None:
            self._projected = self.atoms.seen(self.camera, self.width(), self.height())
        return self._projected

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        """Paint anew."""
        self._stale()

    def _tell(self) -> None:
        """Say what is pointed at and what is measured."""
        if self.scene is None or self.frame is None:
            return
        parts = [measure_words(self.scene, self.frame, self.chosen)]
        if self.current is not None and [self.current] != self.chosen:
            parts.append(measure_words(self.scene, self.frame, [self.current]))
        words = "   |   ".join(part for part in parts if part)
        counts = ", ".join(f"{number} {element}" for element, number in self.scene.counts)
        self.setAccessibleDescription(words or f"{counts} in a cell")
        if words != self._told:  # a trajectory that is played has nothing to say at every frame
            self._told = words
            self.told.emit(words)
