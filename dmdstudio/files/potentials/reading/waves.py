"""Torsions in other forms as waves k [1 + cos(n phi - d)], and notes on them and impropers."""

from __future__ import annotations

from collections.abc import Sequence

from dmdstudio.files.potentials.reading.force_field import Number, Numbers

ONE_ORDER = (
    "Harmonic impropers of the file take one order of the three neighbours; here all three count "
    "by a third each, the same near the plane."
)
"""A note on what is approximated."""

CONSTANT = 1e-9
"""Relative to the largest wave: a smaller constant is rounding."""


def wave(barrier: float, energy: str, count: int, phase: float) -> Numbers:
    """Return one wave; the phase in degrees."""
    return {
        "barrier": Number(barrier, energy),
        "phase": Number(phase, "degree"),
        "multiplicity": Number(float(count), "1"),
    }


def fourier(barriers: Sequence[float], energy: str) -> tuple[Numbers, ...]:
    """Return the waves of sum over n of k_n [1 - (-1)^n cos(n phi)], those that are not zero."""
    return tuple(
        wave(barrier, energy, n, 0.0 if n % 2 else 180.0)
        for n, barrier in enumerate(barriers, 1)
        if barrier
    )


def ryckaert_bellemans(c: Sequence[float], energy: str) -> tuple[tuple[Numbers, ...], float]:
    """Return the waves of sum over n of c_n cos^n(phi - 180 degrees), and the constant left out.

    Powers of the cosine are cosines of multiples: cos^2 x = (1 + cos 2x)/2, cos^3 x = (3 cos x +
    cos 3x)/4, cos^4 x = (3 + 4 cos 2x + cos 4x)/8, cos^5 x = (10 cos x + 5 cos 3x + cos 5x)/16.
    Source: J.-P. Ryckaert and A. Bellemans, Chem. Phys. Lett. 30, 123 (1975),
    doi 10.1016/0009-2614(75)85513-8.

    Args:
        c: six numbers.
        energy: their unit.
    """
    c0, c1, c2, c3, c4, c5 = c
    first = -(c1 + 0.75 * c3 + 0.625 * c5)
    second = 0.5 * c2 + 0.5 * c4
    third = -(0.25 * c3 + 0.3125 * c5)
    barriers = (first, -second, third, -0.125 * c4, -0.0625 * c5)
    constant = c0 + 0.5 * c2 + 0.375 * c4 - sum(barriers)
    largest = max(map(abs, barriers))
    return fourier(barriers, energy), constant if abs(constant) > CONSTANT * largest else 0.0


def constant_note(constant: float, energy: str) -> str:
    """Return what to say of a constant that was left out."""
    return f"A constant of {constant:g} {energy} for every torsion is left out: it is in no force."
