"""Errors that a user can act on: what was asked, what was found, what to do."""

from __future__ import annotations


class DmdError(Exception):
    """Something the user can put right.

    The message is one or two plain sentences; ``advice`` says what to do next. The command line
    prints both and exits with ``exit_code``; the window shows both and keeps the user's work.
    ``shared`` says that all processes of a run know of it already.
    """

    exit_code = 2
    shared = False

    def __init__(self, message: str, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".strip()


class RecipeError(DmdError):
    """A recipe that cannot be read, or asks for something that does not exist."""


class UnitError(DmdError):
    """A unit that is unknown, or of another dimension than the one wanted."""


class FileError(DmdError):
    """A file that is missing, damaged, of an unknown format or without a needed entry."""


class RunError(DmdError):
    """A run folder that is in use, incomplete or of a newer format."""


class PhysicsError(DmdError):
    """A simulation that cannot give the number asked for (overlap, too large a step, too short)."""

    exit_code = 3


class DivergenceError(PhysicsError):
    """Energies, the loss, its gradient or a cell went where nothing can be computed any more.

    With other parameters they may not.
    """


class EngineError(DmdError):
    """The engine stopped, ran out of memory or does not answer."""

    exit_code = 4


class LostError(EngineError):
    """Another process of the run is gone."""


class OutOfMemoryError(EngineError):
    """A device, or the machine, has no room for what is computed together."""


class CapacityExceeded(EngineError):  # noqa: N818 - said as it is caught
    """A list of fixed length, of neighbours for example, was too short; what it gave is void.

    Attributes:
        capacity: the length that was needed.
    """

    def __init__(self, message: str, capacity: int, advice: str = "") -> None:
        super().__init__(message, advice)
        self.capacity = capacity


_NO_MEMORY = ("RESOURCE_EXHAUSTED", "CUDA_ERROR_OUT_OF_MEMORY", "STATUS_ALLOC_FAILED")
"""What XLA, the CUDA driver and its libraries call a lack of memory."""


def understood(error: Exception) -> DmdError | None:
    """Return an error of a library in our words, or None where it is not one that we know."""
    if isinstance(error, DmdError):
        return error
    if isinstance(error, MemoryError) or any(sign in str(error) for sign in _NO_MEMORY):
        return OutOfMemoryError(
            "The engine ran out of memory.",
            "Use fewer replicas (sampling.replicas), a smaller execution.batch, or record fewer "
            "frames (dynamics.record_every).",
        )
    return None


def nearest(word: str, known: list[str]) -> str:
    """``'adam'`` from ``'adma'``: advice that names the likely word, else all that are known."""
    import difflib

    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"Did you mean {close[0]!r}?"
    return f"Known: {', '.join(sorted(known))}." if known else "None is known."
