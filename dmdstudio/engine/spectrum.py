"""From a correlation function to a spectrum, as fixed matrices; and experiments through the same.

    S(nu) = integral of w(t) C(t) cos(2 pi c nu t) dt over all t,   C even, w the apodisation

A window of length T resolves about 1/(2 c T), 17 cm^-1 for 1 ps, however finely S is drawn. So that
prediction and experiment are alike, a measured spectrum is transformed to its own C(t), cut by the
same w and transformed back (`smoothing`).

All in float64: at the lowest wavenumbers weights cancel (a few per cent in float32).
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.special import sici

from dmdstudio.base.units import BOLTZMANN, WAVENUMBER_OF_ENERGY, factor

Apodisation = Literal["hann", "blackman", "gaussian", "none"]
Quadrature = Literal["trapezoid", "filon"]
Correction = Literal["harmonic", "none", "standard", "schofield", "egelstaff"]

POINTS_PER_RESOLUTION = 4
"""Points of a predicted spectrum within what a window resolves: a line between them is smooth."""


def apodisation(kind: Apodisation, lags: int) -> np.ndarray:
    """Return the factors w [lag] of a correlation function: 1 at first, 0 just after the last.

    ``gaussian`` falls to exp(-9/2); ``none`` ends with a step, whose side lobes are 22 %.
    """
    share = np.arange(lags) / lags
    if kind == "hann":
        return 0.5 + 0.5 * np.cos(np.pi * share)
    if kind == "blackman":
        return 0.42 + 0.5 * np.cos(np.pi * share) + 0.08 * np.cos(2.0 * np.pi * share)
    if kind == "gaussian":
        return np.exp(-4.5 * share**2)
    return np.ones(lags)


def frequency(wavenumber: np.ndarray) -> np.ndarray:
    """Return angular frequencies, rad/fs, of wavenumbers in 1/cm."""
    return np.asarray(wavenumber, np.float64) * factor("1/cm", "rad/fs")


def highest_wavenumber(interval: float) -> float:
    """Return the highest wavenumber (1/cm) that frames ``interval`` fs apart resolve."""
    return np.pi / interval * factor("rad/fs", "1/cm")


def resolution(lags: int, interval: float) -> float:
    """Return about what a window of ``lags`` frames resolves, 1/cm."""
    return highest_wavenumber(interval) / lags


def cosine_transform(
    wavenumber: np.ndarray, weight: np.ndarray, interval: float, rule: Quadrature = "trapezoid"
) -> np.ndarray:
    """Return the matrix [point, lag] that makes S from C, fs.

    Args:
        wavenumber: 1/cm [point].
        weight: w [lag].
        interval: between lags, fs.
        rule: ``trapezoid``, exact for what the frames resolve; ``filon``, which takes C for a
            parabola over every two intervals and needs an odd number of lags. Source: M. P. Allen
            and D. J. Tildesley, Computer Simulation of Liquids (1987), appendix D.
    """
    lags = len(weight)
    omega = frequency(wavenumber)[:, None]
    phase = omega * (np.arange(lags) * interval)
    if rule == "trapezoid":
        share = np.ones(lags)
        share[0] = 0.5
        return 2.0 * interval * np.cos(phase) * share * weight
    theta = omega * interval
    alpha, beta, gamma = _filon(theta)
    ends = np.where(np.isin(np.arange(lags), (0, lags - 1)), 0.5, 1.0)
    share = np.where(np.arange(lags) % 2 == 0, beta * ends, gamma)
    matrix = share * np.cos(phase)
    matrix[:, -1] += (alpha * np.sin(phase[:, -1:]))[:, 0]
    return 2.0 * interval * matrix * weight


def _filon(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return Filon's alpha, beta and gamma; their series where the closed forms lose digits."""
    t = np.where(np.abs(theta) < 0.05, 1.0, theta)
    s, c = np.sin(t), np.cos(t)
    closed = (
        (t**2 + t * s * c - 2.0 * s**2) / t**3,
        2.0 * (t * (1.0 + c**2) - 2.0 * s * c) / t**3,
        4.0 * (s - t * c) / t**3,
    )
    u = theta
    series = (
        2.0 * u**3 / 45.0 - 2.0 * u**5 / 315.0 + 2.0 * u**7 / 4725.0,
        2.0 / 3.0 + 2.0 * u**2 / 15.0 - 4.0 * u**4 / 105.0 + 2.0 * u**6 / 567.0,
        4.0 / 3.0 - 2.0 * u**2 / 15.0 + u**4 / 210.0 - u**6 / 11340.0,
    )
    small = np.abs(theta) < 0.05
    return tuple(np.where(small, a, b) for a, b in zip(series, closed, strict=True))  # type: ignore


def smoothing(
    wavenumber: np.ndarray, measured: np.ndarray, weight: np.ndarray, interval: float
) -> np.ndarray:
    """Return the matrix [point, measured point] that sends a measured spectrum through the window.

        S_w = F_w C,   C(t) = (1/pi) integral of S(omega) cos(omega t) d omega

    The integral is the trapezoid's over the measured points, from 0 to the first by the first's
    value; beyond the last the spectrum is taken as zero, so that points closer to the end than the
    resolution come out too low.

    Args:
        wavenumber: where it is wanted, 1/cm [point].
        measured: where it was measured, ascending, 1/cm [measured point].
        weight: w [lag].
        interval: between lags, fs.
    """
    omega = frequency(measured)
    width = np.zeros(len(omega))
    width[1:] += 0.5 * np.diff(omega)
    width[:-1] += 0.5 * np.diff(omega)
    width[0] += omega[0]
    times = np.arange(len(weight)) * interval
    back = np.cos(times[:, None] * omega) * width / np.pi
    return cosine_transform(wavenumber, weight, interval) @ back


def thermal_time(temperature: float) -> float:
    """Return hbar/kT, fs: 25.5 at 300 K. Times an angular frequency it is x = hbar omega/kT."""
    return 1.0 / (WAVENUMBER_OF_ENERGY * BOLTZMANN * temperature * factor("1/cm", "rad/fs"))


def correction(kind: Correction, wavenumber: np.ndarray, temperature: float) -> np.ndarray:
    """Return the factor [point] of a classical absorption spectrum, n alpha.

    The absorption is omega (1 - exp(-x)) times the spectrum of the quantum correlation function of
    the dipole, x = hbar omega / kT, which is Q(x) times the classical one:

        harmonic    Q = x/(1 - exp(-x))     factor 1: exact for harmonic motion
        none        Q = 1                   factor (1 - exp(-x))/x
        standard    Q = 2/(1 + exp(-x))     factor (2/x) tanh(x/2)
        schofield   Q = exp(x/2)            factor (2/x) sinh(x/2)
        egelstaff   Q = exp(x/2)            alike, of a correlation at other times: see `egelstaff`

    All absorb the detailed balance only, egelstaff also the recoil of free motion; shifts of bands
    by zero-point motion and anharmonicity stay in what is refined. Source: R. Ramirez, T.
    Lopez-Ciudad, P. Kumar P and D. Marx, J. Chem. Phys. 121, 3973 (2004), doi 10.1063/1.1774986,
    table I.

    Args:
        kind: of the correction.
        wavenumber: 1/cm.
        temperature: K.
    """
    x = frequency(wavenumber) * thermal_time(temperature)
    x = np.maximum(x, 1e-12)
    if kind == "none":
        return -np.expm1(-x) / x
    if kind == "standard":
        return 2.0 * np.tanh(0.5 * x) / x
    if kind in ("schofield", "egelstaff"):
        return 2.0 * np.sinh(0.5 * x) / x
    return np.ones_like(x)


def egelstaff(lags: int, interval: float, temperature: float) -> np.ndarray:
    """Return the matrix [lag, lag] that sends the correlation V of a velocity to imaginary time.

    Egelstaff takes the correlation C of the quantity itself, V = -C'', at complex times, C(y) with
    y^2 = t^2 + a^2, a = hbar/2kT, whose spectrum is exp(-x/2) that of the quantum correlation.
    The velocity's correlation then is, with C' and all following from V,

        -d^2/dt^2 C(y) = V(y) t^2/y^2 + (a^2/y^3) integral of V from 0 to y

    V between the lags is the series of sincs that has nothing above the highest wavenumber which
    the lags resolve; it must have faded at the last. Exact for free particles, meant for what
    relaxes slowly: a vibration of frequency omega keeps its band, times exp(x/2) as Schofield's,
    and gets a wrong background below it. Source: P. A. Egelstaff, Adv. Phys. 11, 203 (1962).

    Args:
        lags: of the correlation, multiplied by its apodisation.
        interval: between lags, fs.
        temperature: K.
    """
    half = 0.5 * thermal_time(temperature)
    times, index = np.arange(lags) * interval, np.arange(lags)
    y = np.sqrt(times**2 + half**2)[:, None]
    share, place = (times[:, None] / y) ** 2, y / interval
    below, above = place - index, place + index
    once = np.where(index == 0, 0.5, 1.0)  # lag 0 is no pair of -lag and lag
    at = (np.sinc(below) + np.sinc(above)) * once
    until = (sici(np.pi * below)[0] + sici(np.pi * above)[0]) * once * interval / np.pi
    return share * at + half**2 / y**3 * until
