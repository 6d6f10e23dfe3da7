"""Floor 2, beside the engine: everything that reads or writes a disk. No JAX, no Qt."""
