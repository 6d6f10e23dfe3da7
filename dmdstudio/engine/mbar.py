"""Weights of samples that were drawn with several sets of parameters."""

from __future__ import annotations

import numpy as np

from dmdstudio.base.errors import PhysicsError

TOLERANCE = 1e-12
"""Largest error of the self-consistent equations, relative to the number of samples."""

LEAST_CURVATURE = 1e-3
"""One over the variance of a free energy, in (kT)^2, below which the samples do not tell it."""

ITERATIONS = 200
HALVINGS = 30


class OverlapError(PhysicsError):
    """Samples of different references that have nothing in common, or energies of no value."""


def free_energies(reduced: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Solve for the relative free energies of the references.

        f_k = -log sum over n of exp(-u_kn) / sum over j of N_j exp(f_j - u_jn)

    by Newton's method on their convex objective, its steps halved until they bring the equations
    closer, with a self-consistent iteration where none does; f_0 = 0. Source: Shirts & Chodera,
    J. Chem. Phys. 129, 124105 (2008), equations 11 and C9.

    Args:
        reduced: u_kn = beta U_k(x_n) [reference, sample]; a constant may be added per sample.
        counts: N_k, samples drawn with every reference [reference], none of them zero.

    Returns:
        f_k [reference].

    Raises:
        OverlapError: the equations have no solution that the samples determine.
    """
    log_counts = np.log(counts)
    reduced = reduced - reduced[0]  # small numbers keep all their digits
    offset = reduced.mean(axis=1)
    reduced -= offset[:, None]

    def shares(f: np.ndarray) -> np.ndarray:
        """Return the probability that a sample came from a reference [reference, sample]."""
        terms = (log_counts + f)[:, None] - reduced
        with np.errstate(invalid="ignore"):  # where a step went too far: not closer, so not taken
            return np.exp(terms - np.logaddexp.reduce(terms, axis=0))

    def missing(share: np.ndarray) -> np.ndarray:
        return share.sum(axis=1) - counts

    f = np.zeros(len(counts))
    for _ in range(ITERATIONS):
        share = shares(f)
        off = missing(share)
        size = np.abs(off).max()
        if not np.isfinite(size):
            break
        curvature = (np.diag(share.sum(axis=1)) - share @ share.T)[1:, 1:]
        if size <= TOLERANCE * counts.sum():
            if np.any(np.linalg.eigvalsh(curvature) < LEAST_CURVATURE):
                break
            return f - f[0] + offset
        step = np.append(0.0, -np.linalg.lstsq(curvature, off[1:], rcond=None)[0])
        tried = (f + 0.5**n * step for n in range(HALVINGS))
        closer = (g for g in tried if np.abs(missing(shares(g))).max() < size)
        better = next(closer, None)
        f = _iterated(reduced, log_counts, f) if better is None else better
    raise OverlapError(
        f"Samples of {len(counts)} parameter sets overlap too little to be weighed together.",
        "Draw them afresh, or set sampling.references = 1.",
    )


def _iterated(reduced: np.ndarray, log_counts: np.ndarray, f: np.ndarray) -> np.ndarray:
    """Return one self-consistent iteration from f [reference]."""
    mixture = np.logaddexp.reduce((log_counts + f)[:, None] - reduced, axis=0)
    f = -np.logaddexp.reduce(-reduced - mixture, axis=1)
    return f - f[0]


def mixture_weights(reduced: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Return the weights of samples under the parameters that energies are measured from.

        w_n ~ 1 / sum over k of N_k exp(f_k - [u_kn - u_n])

    Args:
        reduced: u_kn - u_n, reduced energies with the references less those with the parameters
            that are asked about [reference, sample].
        counts: samples drawn with every reference [reference].

    Returns:
        w_n, summing to one [sample].
    """
    f = free_energies(reduced, counts)
    exponent = -np.logaddexp.reduce((np.log(counts) + f)[:, None] - reduced, axis=0)
    return np.exp(exponent - np.logaddexp.reduce(exponent))
