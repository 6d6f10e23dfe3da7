"""Floor 3: from a recipe to a run: build, loop, engine process and its client."""
