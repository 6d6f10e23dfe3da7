"""What the engine process can be told. Numbered, so that an answer names its question."""

from __future__ import annotations

from msgspec import Struct


class Run(Struct, frozen=True, kw_only=True, tag="run"):
    """Start a refinement; ``recipe`` is TOML, relative paths start at ``folder``."""

    recipe: str
    folder: str
    run_dir: str


class Resume(Struct, frozen=True, kw_only=True, tag="resume"):
    """Go on with a stored run, for ``iterations`` more where that is not None."""

    run_dir: str
    iterations: int | None = None


class Pause(Struct, frozen=True, kw_only=True, tag="pause"):
    """Wait before the next piece of work, or go on."""

    paused: bool


class Stop(Struct, frozen=True, kw_only=True, tag="stop"):
    """End the command under way after the piece of work in hand; what is stored stays."""


class CheckGradient(Struct, frozen=True, kw_only=True, tag="check_gradient"):
    """Compare the gradient methods on a recipe."""

    recipe: str
    folder: str


class Diagnose(Struct, frozen=True, kw_only=True, tag="diagnose"):
    """Measure growth and signal-to-noise of the adjoint on a recipe."""

    recipe: str
    folder: str


class Evaluate(Struct, frozen=True, kw_only=True, tag="evaluate"):
    """Measure the observables of a recipe with fresh samples."""

    recipe: str
    folder: str
    replicas: int | None = None
    seed: int | None = None


class Replay(Struct, frozen=True, kw_only=True, tag="replay"):
    """Run the trajectory of one replica at an iteration of a stored run again and send its frames.

    ``replica`` counts from 0; at most ``frames`` frames, evenly spaced.
    """

    run_dir: str
    iteration: int
    replica: int
    frames: int = 200


class Shutdown(Struct, frozen=True, kw_only=True, tag="shutdown"):
    """Stop and leave."""


class Detach(Struct, frozen=True, kw_only=True, tag="detach"):
    """End a run under way without the window, which leaves; do nothing else any more."""


Command = (
    Run | Resume | Pause | Stop | CheckGradient | Diagnose | Evaluate | Replay | Shutdown | Detach
)


class Order(Struct, frozen=True):
    """A numbered command."""

    number: int
    command: Command
