"""Floor 4: the window. Qt, never JAX."""


def run(files: tuple[str, ...] | list[str] = ()) -> int:
    """Open the window, with ``files`` as if they had been dropped on it; return the exit status."""
    from dmdstudio.app.main import run as run_window

    return run_window(list(files))
