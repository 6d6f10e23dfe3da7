"""Floor 2: the differentiable simulation, in JAX. No Qt, no disk.

64-bit numbers are switched on for the whole engine, because the integer lattice and the transforms
need them; every array of a simulation says its own dtype.
"""

from __future__ import annotations

import jax

jax.config.update("jax_enable_x64", True)
