"""Voigt's notation: six numbers, xx, yy, zz, yz, xz and xy, for a symmetric tensor."""

from __future__ import annotations

import numpy as np

VOIGT = np.array([[0, 5, 4], [5, 1, 3], [4, 3, 2]])
"""Where an element of a symmetric tensor stands [3, 3]."""

ROWS, COLUMNS = np.array([[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]])
"""Which elements of a tensor the six are [6]."""

STRAINS = np.where(np.arange(6)[:, None, None] == VOIGT, 0.5 + 0.5 * np.eye(3), 0.0)
"""The six strains of unit size [6, 3, 3]: lengths change by it, right angles by it."""
