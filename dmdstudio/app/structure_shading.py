"""Balls and sticks as shaded pictures, and colours that can be seen on a background. No Qt."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

LIGHT = np.array([-0.42, 0.55, 0.72])
"""Where the light comes from: left, above, and behind the eye; of length one within 1 %."""

AMBIENT, DIFFUSE, GLOSS, SHINE = 0.46, 0.62, 0.42, 24
RIM = 0.34
"""How much darker a ball is at its rim, so that balls in front of each other can be told apart."""

FARTHEST = 0.62
"""Share of the background in the colour of what is farthest."""

LEAST_CONTRAST = 1.35
STICK_LENGTH, STICK_WIDTH, EDGE_WIDTH = 16, 14, 4
"""Of the pictures of sticks and edges, pixels; one row at either side is empty."""


def readable(colour: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Return a colour [rgb] moved away from the background until it can be seen on it.

    The contrast is that of WCAG 2, (L1 + 0.05) / (L2 + 0.05) of relative luminances.
    """
    away = np.zeros(3) if _luminance(background) > 0.4 else np.ones(3)
    for share in np.linspace(0.0, 1.0, 21):
        moved = (1.0 - share) * colour + share * away
        if contrast(moved, background) >= LEAST_CONTRAST:
            return moved
    return away


def contrast(one: np.ndarray, other: np.ndarray) -> float:
    """Return the contrast of two colours [rgb], 1 to 21."""
    bright, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return float((bright + 0.05) / (dark + 0.05))


def _luminance(colour: np.ndarray) -> float:
    linear = np.where(colour <= 0.04045, colour / 12.92, ((colour + 0.055) / 1.055) ** 2.4)
    return float(linear @ (0.2126, 0.7152, 0.0722))


def fogged(colour: np.ndarray, background: np.ndarray, share: float) -> np.ndarray:
    """Return a colour as it is seen at a share of the way to what is farthest."""
    mix = FARTHEST * share
    return (1.0 - mix) * colour + mix * background


def ball(size: int, colour: np.ndarray, background: np.ndarray, share: float) -> np.ndarray:
    """Return a ball of a diameter in pixels as premultiplied RGBA bytes [size, size, 4]."""
    shade, gloss, opaque = _ball_light(size)
    return _picture(shade, gloss, opaque, colour, background, share)


def stick(colour: np.ndarray, background: np.ndarray, share: float) -> np.ndarray:
    """Return a piece of a stick, to be stretched, as premultiplied RGBA bytes."""
    across = (np.arange(STICK_WIDTH) + 0.5) / STICK_WIDTH * 2.0 - 1.0
    across = np.clip(across * STICK_WIDTH / (STICK_WIDTH - 2), -1.0, 1.0)[:, None]
    towards = np.sqrt(1.0 - across**2)
    light = LIGHT[1] * -across + LIGHT[2] * towards
    light = np.maximum(light / np.hypot(LIGHT[1], LIGHT[2]), 0.0)
    shade = (AMBIENT + DIFFUSE * light) * (1.0 - RIM * (1.0 - towards) ** 2)
    gloss = 0.6 * GLOSS * light**SHINE
    opaque = np.ones((STICK_WIDTH, 1))
    opaque[[0, -1]] = 0.0
    wide = [np.repeat(part, STICK_LENGTH, axis=1) for part in (shade, gloss, opaque)]
    return _picture(wide[0], wide[1], wide[2], colour, background, share)


def edge(colour: np.ndarray, background: np.ndarray, share: float) -> np.ndarray:
    """Return a piece of a plain line, to be stretched, as premultiplied RGBA bytes."""
    opaque = np.ones((EDGE_WIDTH, STICK_LENGTH))
    opaque[[0, -1]] = 0.0
    shade = np.ones_like(opaque)
    return _picture(shade, 0.0 * shade, opaque, colour, background, share)


@lru_cache(maxsize=256)
def _ball_light(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the shade, the gloss and the coverage of a ball's pixels [size, size]."""
    radius = 0.5 * size
    line = (np.arange(size) + 0.5 - radius) / radius
    x, y = line[None, :], -line[:, None]
    squared = x**2 + y**2
    z = np.sqrt(np.maximum(1.0 - squared, 0.0))
    light = np.maximum(LIGHT[0] * x + LIGHT[1] * y + LIGHT[2] * z, 0.0)
    mirrored = 2.0 * light * z - LIGHT[2]  # towards the eye of the mirrored ray
    gloss = GLOSS * np.maximum(mirrored, 0.0) ** SHINE
    shade = (AMBIENT + DIFFUSE * light) * (1.0 - RIM * (1.0 - z) ** 2)
    opaque = np.clip((1.0 - np.sqrt(squared)) * radius + 0.5, 0.0, 1.0)
    return shade, gloss, opaque


def _picture(
    shade: np.ndarray,
    gloss: np.ndarray,
    opaque: np.ndarray,
    colour: np.ndarray,
    background: np.ndarray,
    share: float,
) -> np.ndarray:
    lit = np.clip(colour * shade[..., None] + gloss[..., None], 0.0, 1.0)
    lit = fogged(lit, background, share)
    picture = np.empty((*opaque.shape, 4), np.uint8)
    picture[..., :3] = np.round(255.0 * lit * opaque[..., None])
    picture[..., 3] = np.round(255.0 * opaque)
    return picture
