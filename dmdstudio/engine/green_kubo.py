"""Time integrals of correlation functions, as Green's and Kubo's formulas take them.

Both are the trapezoid's over the recorded frames.
"""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import Array


def trapezoid(lags: int, interval: float) -> np.ndarray:
    """Return the weights [lag] of an integral over lags, fs, that are ``interval`` fs apart."""
    weights = np.full(lags, interval)
    weights[[0, -1]] *= 0.5
    return weights


def running_integral(values: Array, interval: float) -> Array:
    """Return the integral up to every lag [lag], fs times the unit of the values [lag]."""
    steps = 0.5 * (values[1:] + values[:-1]) * interval
    return jnp.concatenate([jnp.zeros(1, values.dtype), jnp.cumsum(steps)])
