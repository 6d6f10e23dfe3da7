"""Templates of compiled loops; `kernels` runs them once per variant."""
