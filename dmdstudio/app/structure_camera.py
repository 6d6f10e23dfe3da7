"""From where a structure is seen: rotation, zoom, perspective, and which atom is where. No Qt."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

EYE_DISTANCE = 4.0
"""Of the eye from the centre in perspective, in radii of what is seen."""

MARGIN = 0.94
"""Share of the picture that a fitted structure fills."""

SMALLEST_ZOOM, LARGEST_ZOOM = 0.05, 200.0


@dataclass(frozen=True)
class Projected:
    """Points in a picture.

    Attributes:
        xy: pixels from the left upper corner [point, 2].
        depth: towards the eye from the centre, angstrom [point].
        scale: pixels per angstrom at the point [point].
    """

    xy: np.ndarray
    depth: np.ndarray
    scale: np.ndarray


@dataclass(frozen=True)
class Camera:
    """An eye that looks at a ball in space; every change returns another camera.

    Attributes:
        rotation: rows are right, up and towards the eye [3, xyz].
        centre: of the ball [xyz], angstrom.
        radius: of the ball, angstrom.
        zoom: 1 fits the ball into the picture.
        pan: where the centre is drawn, right and up from the middle, angstrom.
        perspective: whether what is near looks larger.
    """

    rotation: np.ndarray = field(default_factory=lambda: np.eye(3))
    centre: np.ndarray = field(default_factory=lambda: np.zeros(3))
    radius: float = 1.0
    zoom: float = 1.0
    pan: tuple[float, float] = (0.0, 0.0)
    perspective: bool = True

    def pixels_per_angstrom(self, width: float, height: float) -> float:
        """Return the scale at the centre of a picture of so many pixels."""
        return self.zoom * MARGIN * min(width, height) / (2.0 * self.radius)

    def project(self, points: np.ndarray, width: float, height: float) -> Projected:
        """Return where points [point, xyz] (angstrom) lie in a picture of so many pixels."""
        # So rather than from the right: several times faster for many points.
        right, up, depth = self.rotation @ points.T - (self.rotation @ self.centre)[:, None]
        scale = np.full(len(points), self.pixels_per_angstrom(width, height))
        if self.perspective:
            eye = EYE_DISTANCE * self.radius
            scale *= eye / np.maximum(eye - depth, 0.1 * eye)
        x = 0.5 * width + scale * (right + self.pan[0])
        y = 0.5 * height - scale * (up + self.pan[1])
        return Projected(np.stack([x, y], axis=1), depth, scale)

    def turned(self, right: float, down: float, roll: float = 0.0) -> Camera:
        """Return the camera after what is seen was turned, by angles in radians.

        ``right`` and ``down`` move its front so; ``roll`` turns it clockwise in the picture.
        """
        cr, sr = np.cos(right), np.sin(right)
        cd, sd = np.cos(down), np.sin(down)
        cz, sz = np.cos(roll), np.sin(roll)
        about_up = np.array([[cr, 0.0, sr], [0.0, 1.0, 0.0], [-sr, 0.0, cr]])
        about_right = np.array([[1.0, 0.0, 0.0], [0.0, cd, -sd], [0.0, sd, cd]])
        about_eye = np.array([[cz, sz, 0.0], [-sz, cz, 0.0], [0.0, 0.0, 1.0]])
        return replace(
            self, rotation=_orthonormal(about_eye @ about_right @ about_up @ self.rotation)
        )

    def zoomed(
        self, factor: float, width: float, height: float, x: float | None = None, y: float = 0.0
    ) -> Camera:
        """Return a closer camera; what is drawn at pixel (x, y) stays there, else the middle."""
        zoom = float(np.clip(self.zoom * factor, SMALLEST_ZOOM, LARGEST_ZOOM))
        closer = replace(self, zoom=zoom)
        if x is None:
            return closer
        before = self.pixels_per_angstrom(width, height)
        after = closer.pixels_per_angstrom(width, height)
        change = 1.0 / after - 1.0 / before
        pan = (
            self.pan[0] + change * (x - 0.5 * width),
            self.pan[1] - change * (y - 0.5 * height),
        )
        return replace(closer, pan=pan)

    def moved(self, right: float, down: float, width: float, height: float) -> Camera:
        """Return the camera after what is seen was moved by so many pixels."""
        scale = self.pixels_per_angstrom(width, height)
        return replace(self, pan=(self.pan[0] + right / scale, self.pan[1] - down / scale))

    def along(self, cell: np.ndarray, axis: int) -> Camera:
        """Return a camera that looks down a lattice vector, the next one to the right."""
        towards = cell[axis] / np.linalg.norm(cell[axis])
        up = cell[(axis + 2) % 3]
        up = up - (up @ towards) * towards
        up = up / np.linalg.norm(up)
        return replace(self, rotation=np.array([np.cross(up, towards), up, towards]))

    def fitted(
        self, points: np.ndarray, radii: float | np.ndarray, width: float, height: float
    ) -> Camera:
        """Return a camera whose picture is filled by balls [point, xyz] of radii (angstrom)."""
        plain = replace(self, zoom=1.0, pan=(0.0, 0.0))
        seen = plain.project(points, width, height)
        reach = (seen.scale * radii)[:, None]
        low, high = (seen.xy - reach).min(axis=0), (seen.xy + reach).max(axis=0)
        zoom = MARGIN * min(np.array([width, height]) / np.maximum(high - low, 1e-9))
        # Pan is in angstrom at the centre, whatever the perspective.
        away = 0.5 * (low + high) - 0.5 * np.array([width, height])
        scale = plain.pixels_per_angstrom(width, height)
        pan = (-float(away[0]) / scale, float(away[1]) / scale)
        return replace(self, zoom=float(np.clip(zoom, SMALLEST_ZOOM, LARGEST_ZOOM)), pan=pan)


def oblique(cell: np.ndarray) -> np.ndarray:
    """Return the rotation from which a view begins: all three lattice vectors can be told apart.

    The third one points up; the eye is somewhat above, between the first two.
    """
    return Camera().along(cell, 0).turned(-0.5, 0.0).turned(0.0, 0.3).rotation


def pick(seen: Projected, radii: np.ndarray, x: float, y: float, reach: float = 0.0) -> int | None:
    """Return the atom whose surface is nearest to the eye at a pixel; None where there is none.

    Args:
        seen: the atoms.
        radii: of the atoms [atom], angstrom.
        x: of the pixel, from the left.
        y: of the pixel, from above.
        reach: how far beside an atom a pixel may be, if it is on none.
    """
    squared = np.sum((seen.xy - (x, y)) ** 2, axis=1)
    pixels = seen.scale * radii
    inside = np.flatnonzero(squared <= pixels**2)
    if len(inside):
        bulge = np.sqrt(pixels[inside] ** 2 - squared[inside]) / seen.scale[inside]
        return int(inside[np.argmax(seen.depth[inside] + bulge)])
    beside = np.sqrt(squared) - pixels
    if len(beside) and beside.min() <= reach:
        return int(np.argmin(beside))
    return None


def _orthonormal(rotation: np.ndarray) -> np.ndarray:
    """Return the rotation without the rounding that many small turns gather."""
    left, _, right = np.linalg.svd(rotation)
    return left @ right
