"""Floor 1: frozen data that every floor above shares. No JAX, no Qt."""
