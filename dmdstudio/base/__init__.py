"""Floor 0: units, errors and the registry. Imports nothing else of the house."""
