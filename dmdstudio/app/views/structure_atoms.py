"""The atoms of a picture: where they are seen, in which colours, painted with more or less care."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from PySide6.QtGui import QColor, QImage, QPainter, QPen

from dmdstudio.app.structure_camera import Camera, Projected
from dmdstudio.app.structure_drawing import (
    EDGE_PIXELS,
    Model,
    Pieces,
    Style,
    ball_colours,
    ball_radii,
    bounding_ball,
    cell_edges,
)
from dmdstudio.app.structure_points import MOST_POINTS, points_picture, shades_of
from dmdstudio.app.structure_scene import Frame, Scene
from dmdstudio.app.structure_shading import readable
from dmdstudio.app.theme import theme
from dmdstudio.app.views.structure_sprites import Sprites

LARGE = 12_000
"""Balls and half bonds from which a picture with all care would hold up the window."""


class Atoms:
    """A scene at an instant in a style; ``like`` are those shown before.

    Attributes:
        scene: the atoms.
        frame: where they are.
        style: how they are drawn.
        radii: of the painted balls [atom], angstrom.
    """

    def __init__(self, scene: Scene, frame: Frame, style: Style, like: Atoms | None = None) -> None:
        self.scene, self.frame, self.style = scene, frame, style
        self.radii = ball_radii(scene, style)
        self._model: Model | None = None
        self._sprites: Sprites | None = None
        if like and like.scene is scene and like.style.colouring == style.colouring:
            self._sprites = like._sprites

    def recolour(self) -> None:
        """Take the colours of another theme."""
        self._sprites = None

    @property
    def is_large(self) -> bool:
        """Whether a picture with all care takes longer than the window can wait."""
        bonds = 2 * len(self.scene.bonds) if self.style.bonds else 0
        return len(self.scene.symbols) + bonds > LARGE

    # -- where they are seen

    def seen(self, camera: Camera, width: float, height: float) -> Projected:
        """Return where the atoms are in a picture."""
        return camera.project(self.frame.positions, width, height)

    def fitted(self, camera: Camera, width: float, height: float) -> Camera:
        """Return a camera whose picture they fill."""
        centre, radius = bounding_ball(self.frame, self.radii)
        camera = replace(camera, centre=centre, radius=radius)
        points = np.concatenate([self.frame.corners, self.frame.positions])
        radii = np.concatenate([np.full(8, 0.02 * radius), self.radii])
        return camera.fitted(points, radii, width, height)

    # -- colours

    def palette(self) -> np.ndarray:
        """Return the colours of atoms [colour, rgb], and last that of the edges."""
        background = _rgb(theme().panel)
        if self.style.colouring == "molecule":
            own = [_rgb(colour) for colour in theme().series]
        else:
            own = [readable(colour, background) for colour in self.scene.colours]
        return np.array([*own, _rgb(theme().edge)])

    @property
    def sprites(self) -> Sprites:
        """The pictures of balls and sticks in these colours."""
        if self._sprites is None:
            self._sprites = Sprites(self.palette(), _rgb(theme().panel))
        return self._sprites

    # -- painting

    def paint(
        self,
        image: QImage,
        ratio: float,
        camera: Camera,
        *,
        bonds: bool = True,
        smooth: bool = True,
    ) -> None:
        """Paint all of them at once."""
        model = self._made(len(theme().series))
        pieces = model.pieces(camera, image.width(), image.height(), ratio, bonds=bonds)
        painter = QPainter(image)
        self.sprites.paint(painter, pieces, smooth=smooth)
        painter.end()

    def work(self, width: int, height: int, ratio: float, camera: Camera) -> Callable[[], Pieces]:
        """Return what another thread does before they are painted with all care."""
        colours = len(theme().series)
        return lambda: self._made(colours).pieces(camera, width, height, ratio)

    def _made(self, colours: int) -> Model:
        """Return the model, made once, in whichever thread first needs it."""
        if self._model is None:
            self._model = Model(self.scene, self.frame, self.style, colours)
        return self._model

    def paint_points(self, image: QImage, camera: Camera) -> None:
        """Paint so many of them as there is time for as small discs, and the edges of the cell."""
        width, height = image.width(), image.height()
        colours = ball_colours(self.scene, self.style, len(theme().series))
        some = slice(None, None, 1 + len(self.radii) // (MOST_POINTS + 1))
        pixels = points_picture(
            camera.project(self.frame.positions[some], width, height),
            self.radii[some],
            colours[some],
            shades_of(self.palette(), _rgb(theme().panel)),
            camera.radius if self.style.fog else None,
            width,
            height,
        )
        painter = QPainter(image)
        form = QImage.Format.Format_ARGB32_Premultiplied
        painter.drawImage(0, 0, QImage(pixels.data, width, height, 4 * width, form))
        if self.style.edges:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(QColor(theme().edge), EDGE_PIXELS))
            ends = camera.project(cell_edges(self.frame).reshape(-1, 3), width, height).xy
            for x1, y1, x2, y2 in ends.reshape(-1, 4).tolist():
                painter.drawLine(int(x1), int(y1), int(x2), int(y2))
        painter.end()


def _rgb(colour: str) -> np.ndarray:
    """Return a colour of the theme as [rgb], 0 to 1."""
    made = QColor(colour)
    return np.array([made.redF(), made.greenF(), made.blueF()])
