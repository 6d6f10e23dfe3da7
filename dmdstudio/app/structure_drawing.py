"""A structure as pieces in the order in which they are painted: balls, sticks, edges. No Qt.

Half a bond is one stick in the colour of its atom; it begins at the surface of the ball, so that a
picture painted from far to near is right where bonds point at the eye.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from dmdstudio.app.structure_camera import Camera
from dmdstudio.app.structure_scene import Frame, Scene

Colouring = Literal["element", "molecule"]

FOG_LEVELS = 10
STICK_RADIUS = 0.13
"""Of a bond, angstrom; never more than the balls."""

EDGE_PIECES = 18
"""An edge of the cell is cut into so many, each as near or far as its middle."""

EDGE_PIXELS = 1.5
SMALLEST_BALL, LARGEST_BALL = 2, 160
SIZES = np.unique(
    np.round(
        np.concatenate(
            [np.arange(SMALLEST_BALL, 48), 48.0 * (LARGEST_BALL / 48) ** np.linspace(0, 1, 25)]
        )
    ).astype(int)
)
"""Diameters of painted balls, pixels; a ball is painted with the nearest."""

STICK, EDGE = -1, -2
"""Sizes of pieces that are no balls."""

_HALFWAY = 0.5 * (SIZES[1:] + SIZES[:-1])


@dataclass(frozen=True)
class Style:
    """How a structure is drawn.

    Attributes:
        colouring: what the colours tell apart.
        size: radius of the balls over the van der Waals radius.
        bonds, edges: whether they are drawn.
        fog: whether what is far fades.
    """

    colouring: Colouring = "element"
    size: float = 0.25
    bonds: bool = True
    edges: bool = True
    fog: bool = True


@dataclass(frozen=True)
class Pieces:
    """What is painted, the farthest first.

    Attributes:
        colour: index into the palette [piece].
        fog: 0 near to ``FOG_LEVELS - 1`` far [piece].
        size: index into `SIZES` of a ball, `STICK` or `EDGE` [piece].
        xy: middle, pixels [piece, 2].
        extent: length along and across, pixels [piece, 2].
        angle: of a stick, degrees clockwise from the right, -90 to 90 [piece].
    """

    colour: np.ndarray
    fog: np.ndarray
    size: np.ndarray
    xy: np.ndarray
    extent: np.ndarray
    angle: np.ndarray

    def __len__(self) -> int:
        return len(self.colour)

    def chosen(self, which: np.ndarray | slice) -> Pieces:
        """Return some of the pieces, in a given order."""
        return Pieces(
            self.colour[which],
            self.fog[which],
            self.size[which],
            self.xy[which],
            self.extent[which],
            self.angle[which],
        )


class Model:
    """A frame in a style, ready to be looked at from anywhere.

    Args:
        scene: the atoms.
        frame: where they are shown.
        style: how.
        colours: how many colours tell molecules apart; the palette holds these or those of the
            elements, and last that of the edges.
    """

    def __init__(self, scene: Scene, frame: Frame, style: Style, colours: int) -> None:
        self.scene, self.frame, self.style = scene, frame, style
        self.radii = ball_radii(scene, style)
        colour = ball_colours(scene, style, colours)
        edge = len(scene.elements) if style.colouring == "element" else colours
        begins, ends, stick_colour = self._sticks(colour)
        edges = _edges(frame) if style.edges else np.zeros((0, 2, 3))
        self._balls, self._bonds, self._edges = len(colour), len(begins), len(edges)
        self._points = np.concatenate(
            [frame.positions, begins, edges[:, 0], ends, edges[:, 1]]
        )  # balls, beginnings of sticks, ends of sticks
        self._colour = np.concatenate([colour, stick_colour, np.full(len(edges), edge)])

    def _sticks(self, colour: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return beginnings and ends [half bond, xyz] and the colours of half bonds."""
        bonds = self.scene.bonds if self.style.bonds else self.scene.bonds[:0]
        first, second = bonds.T
        vectors = self.frame.bond_vectors(first, second)
        owner = np.concatenate([first, second])
        half = 0.5 * np.concatenate([vectors, -vectors])
        length = np.maximum(np.linalg.norm(half, axis=1, keepdims=True), 1e-9)
        ball = self.radii[owner, None]
        inside = np.sqrt(np.maximum(ball**2 - STICK_RADIUS**2, 0.0))
        seen = inside[:, 0] < length[:, 0]
        begins = self.frame.positions[owner] + half * (inside / length)
        ends = self.frame.positions[owner] + half
        return begins[seen], ends[seen], colour[owner][seen]

    def pieces(
        self, camera: Camera, width: float, height: float, ratio: float = 1.0, bonds: bool = True
    ) -> Pieces:
        """Return what is painted into a picture of so many pixels, the farthest first.

        Args:
            camera: from where it is seen.
            width: of the picture, pixels.
            height: of the picture, pixels.
            ratio: pixels per unit of length of lines that have the same width at any zoom.
            bonds: leave them out where there is no time for them.
        """
        n, sticks = self._balls, self._bonds + self._edges
        seen = camera.project(self._points, width, height)
        begin, end = seen.xy[n : n + sticks], seen.xy[n + sticks :]
        along = end - begin
        depth = np.concatenate(
            [seen.depth[:n], 0.5 * (seen.depth[n : n + sticks] + seen.depth[n + sticks :])]
        )
        scale = 0.5 * (seen.scale[n : n + sticks] + seen.scale[n + sticks :])
        across = 2.0 * STICK_RADIUS * scale
        across[self._bonds :] = 2.0 * EDGE_PIXELS * ratio  # half of its picture is empty
        diameter = 2.0 * self.radii * seen.scale[:n]
        extent = np.empty((n + sticks, 2))
        extent[:n] = diameter[:, None]
        extent[n:, 0] = np.hypot(along[:, 0], along[:, 1]) + 0.5 * ratio  # pieces overlap
        extent[n:, 1] = across
        angle = np.zeros(n + sticks)
        angle[n:] = np.degrees(np.arctan2(along[:, 1], along[:, 0]))
        angle = (angle + 90.0) % 180.0 - 90.0  # the light comes from above on every stick
        size = np.full(n + sticks, STICK)
        size[n + self._bonds :] = EDGE
        size[:n] = np.searchsorted(_HALFWAY, diameter)
        xy = np.concatenate([seen.xy[:n], 0.5 * (begin + end)])
        drawn = np.flatnonzero(_visible(xy, extent.max(axis=1), width, height))
        if not bonds:
            drawn = drawn[(drawn < n) | (drawn >= n + self._bonds)]
        order = drawn[np.argsort(depth[drawn], kind="stable")]
        fogs = self.style.fog
        fog = fog_levels(depth, camera.radius) if fogs else np.zeros(len(depth), int)
        return Pieces(self._colour, fog, size, xy, extent, angle).chosen(order)


def fog_levels(depth: np.ndarray, radius: float) -> np.ndarray:
    """Return 0 near to ``FOG_LEVELS - 1`` far for depths towards the eye from the centre."""
    share = 0.5 - 0.5 * depth / radius
    return np.clip((share * FOG_LEVELS).astype(int), 0, FOG_LEVELS - 1)


def ball_radii(scene: Scene, style: Style) -> np.ndarray:
    """Return the radii of the painted balls [atom], angstrom."""
    return style.size * scene.radii[scene.element]


def ball_colours(scene: Scene, style: Style, colours: int) -> np.ndarray:
    """Return the place of every atom's colour in the palette [atom]."""
    return scene.element if style.colouring == "element" else scene.molecules % colours


def _visible(xy: np.ndarray, size: np.ndarray, width: float, height: float) -> np.ndarray:
    x, y, reach = xy[:, 0], xy[:, 1], 0.5 * size
    return (x > -reach) & (x < width + reach) & (y > -reach) & (y < height + reach)


def cell_edges(frame: Frame) -> np.ndarray:
    """Return the twelve edges of the cell [edge, end, xyz], angstrom."""
    corners = np.indices((2, 2, 2)).reshape(3, -1).T
    pairs = [(i, i + step) for axis, step in enumerate((4, 2, 1)) for i in range(8)
             if corners[i][axis] == 0]  # fmt: skip
    return frame.corners[np.array(pairs)]


def _edges(frame: Frame) -> np.ndarray:
    """Return the twelve edges of the cell in short pieces [piece, end, xyz]."""
    ends = cell_edges(frame)
    share = np.linspace(0.0, 1.0, EDGE_PIECES + 1)
    points = ends[:, None, 0] + share[:, None] * (ends[:, 1] - ends[:, 0])[:, None]
    return np.stack([points[:, :-1], points[:, 1:]], axis=2).reshape(-1, 2, 3)


def bounding_ball(frame: Frame, radii: np.ndarray) -> tuple[np.ndarray, float]:
    """Return centre and radius of a ball round the cell and its atoms, angstrom."""
    centre = 0.5 * frame.cell.sum(axis=0)
    corners = np.linalg.norm(frame.corners - centre, axis=1).max()
    atoms = np.linalg.norm(frame.positions - centre, axis=1) + radii
    return centre, float(max(corners, atoms.max()))
