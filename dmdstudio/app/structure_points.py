"""Many atoms as small flat discs: a picture in some milliseconds, for while it moves. No Qt."""

from __future__ import annotations

import numpy as np

from dmdstudio.app.structure_camera import Projected
from dmdstudio.app.structure_drawing import FOG_LEVELS, fog_levels
from dmdstudio.app.structure_shading import fogged

MOST_POINTS = 40_000
"""Of more atoms only every second or third is worth the time."""

MOST_PIXELS = 400_000
"""What all discs may cover together; they are smaller where there are many."""

_LARGEST = 28
_BRIGHTNESS = 0.85
"""Of a flat disc over the colour of its ball, which is darker at its rim."""


def points_picture(
    seen: Projected,
    radii: np.ndarray,
    colour: np.ndarray,
    shades: np.ndarray,
    reach: float | None,
    width: int,
    height: int,
) -> np.ndarray:
    """Return discs at the atoms, the near over the far, as pixels 0xAARRGGBB [row, column].

    Args:
        seen: the atoms in a picture of ``width`` by ``height`` pixels.
        radii: of the atoms [atom], angstrom.
        colour: row of ``shades`` [atom].
        shades: from `shades_of` [colour, fog level].
        reach: radius of what is seen, angstrom, over which fog gathers; None for no fog.
        width: pixels.
        height: pixels.
    """
    x, y = seen.xy[:, 0], seen.xy[:, 1]
    inside = np.flatnonzero((x >= 0) & (x < width) & (y >= 0) & (y < height))
    if not len(inside):
        return np.zeros((height, width), np.uint32)
    drawn = inside[
        np.argsort(_ranks(seen.depth[inside]), kind="stable")
    ]  # of 16 bits: a radix sort
    diameter = 2.0 * float(np.mean(radii[drawn] * seen.scale[drawn]))
    affordable = np.sqrt(MOST_PIXELS / len(drawn))
    margin = int(np.clip(0.5 * min(diameter, affordable, _LARGEST), 1.0, _LARGEST))
    level = fog_levels(seen.depth[drawn], reach) if reach else np.zeros(len(drawn), int)
    padded = np.zeros((height + 2 * margin, width + 2 * margin), np.uint32)
    stride = padded.shape[1]
    middle = (seen.xy[drawn, 1].astype(int) + margin) * stride + seen.xy[drawn, 0].astype(int)
    places = (middle + margin)[:, None] + _disc(min(diameter, affordable), margin, stride)
    # Where discs overlap, the last one counts: the nearest.
    padded.reshape(-1)[places] = shades[colour[drawn], level][:, None]
    return np.ascontiguousarray(padded[margin : margin + height, margin : margin + width])


def shades_of(palette: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Return pixels 0xAARRGGBB [colour, fog level] of colours [colour, rgb], 0 to 1."""
    shares = np.arange(FOG_LEVELS) / (FOG_LEVELS - 1)
    mixed = [[fogged(_BRIGHTNESS * c, background, share) for share in shares] for c in palette]
    red, green, blue = np.moveaxis(np.round(255.0 * np.array(mixed)).astype(np.uint32), 2, 0)
    return np.uint32(0xFF000000) | red << 16 | green << 8 | blue


def _ranks(depth: np.ndarray) -> np.ndarray:
    low, high = depth.min(), depth.max()
    return (65535.0 * (depth - low) / max(high - low, 1e-9)).astype(np.uint16)


def _disc(diameter: float, margin: int, stride: int) -> np.ndarray:
    """Return the steps in memory from the middle of a disc to all of its pixels."""
    line = np.arange(-margin, margin + 1)
    down, right = np.meshgrid(line, line, indexing="ij")
    within = down**2 + right**2 <= max(0.25 * diameter**2, 1.0)
    return down[within] * stride + right[within]
