"""Where the engine computes: devices, threads and the cache of compiled programs."""

from __future__ import annotations

import contextlib
import functools
import os
from typing import TYPE_CHECKING

import jax
import platformdirs
import psutil

from dmdstudio.base.errors import EngineError
from dmdstudio.engine.processes import Processes

if TYPE_CHECKING:
    from jaxlib._jax import Device


@functools.cache
def prepare() -> None:
    """Set JAX up, once, before its first array: one CPU device per core, and a disk cache.

    In a process that has used JAX already, its devices stay as they are.
    """
    with contextlib.suppress(RuntimeError):
        jax.config.update("jax_num_cpu_devices", cores())
    folder = os.environ.get("JAX_COMPILATION_CACHE_DIR") or platformdirs.user_cache_dir(
        "dmdstudio", appauthor=False
    )
    jax.config.update("jax_compilation_cache_dir", folder)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)


def join(
    coordinator: str | None = None, processes: int | None = None, process_id: int | None = None
) -> None:
    """Join the other processes of a run, before the first use of JAX.

    Without arguments: those that the environment names (``JAX_COORDINATOR_ADDRESS``,
    ``JAX_NUM_PROCESSES``, ``JAX_PROCESS_ID``), or that ``srun`` started in one SLURM step; else
    this process stays alone.

    Args:
        coordinator: ``host:port`` of process 0.
        processes: how many there are.
        process_id: which one this is.

    Raises:
        EngineError: they did not all come together.
    """
    told: tuple[str | None, int | None, int | None] = (coordinator, processes, process_id)
    named = [
        os.environ.get(f"JAX_{n}") for n in ("COORDINATOR_ADDRESS", "NUM_PROCESSES", "PROCESS_ID")
    ]
    if told == (None, None, None) and None not in named:
        told = (named[0], int(named[1] or 1), int(named[2] or 0))
    started = int(os.environ.get("SLURM_STEP_NUM_TASKS", "1"))  # set by srun, not by sbatch
    if told == (None, None, None) and started < 2:
        return
    if None in told and told != (None, None, None):
        raise EngineError(
            "--coordinator, --processes and --process-id belong together.",
            "Give all three, or none under srun.",
        )
    prepare()
    try:
        jax.distributed.initialize(
            *told, cluster_detection_method="slurm" if None in told else None
        )
    except (RuntimeError, ValueError) as error:
        raise EngineError(
            f"The processes did not come together: {str(error).splitlines()[0]}",
            "Start all of them with the same --coordinator and --processes; the port must be free.",
        ) from None


def processes() -> Processes:
    """Return the processes that work together, one where nothing was joined."""
    prepare()
    return Processes(jax.process_count(), jax.process_index())


def cores() -> int:
    """Return the number of physical cores this process may use."""
    try:
        allowed = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        allowed = os.cpu_count() or 1
    return max(1, min(allowed, psutil.cpu_count(logical=False) or allowed))


def devices(wanted: str) -> tuple[Device, ...]:
    """Return the devices for ``auto``, ``cpu`` or ``gpu``.

    Raises:
        EngineError: a GPU is asked for and JAX finds none.
    """
    prepare()
    if wanted == "auto":
        return tuple(jax.local_devices())
    try:
        return tuple(jax.local_devices(backend=wanted))
    except RuntimeError:
        raise EngineError(
            f"execution.device is {wanted!r}, but JAX finds no such device.",
            "Install the `cuda` extra (pip install 'dmdstudio[cuda]') and a driver, or set it "
            "to auto.",
        ) from None


def platform(chosen: tuple[Device, ...]) -> str:
    """Return ``cpu`` or ``gpu``."""
    return "cpu" if chosen[0].platform == "cpu" else "gpu"


def memory_bytes(chosen: tuple[Device, ...]) -> int:
    """Return the memory of a device: the machine's, or what JAX may use of a GPU; 0 if unknown."""
    if platform(chosen) == "cpu":
        return psutil.virtual_memory().total
    return int((chosen[0].memory_stats() or {}).get("bytes_limit", 0))


def description(chosen: tuple[Device, ...], processes: int = 1) -> str:
    """Return the devices in words: ``'CPU, 2 cores'``, ``'NVIDIA H100'``."""
    if processes > 1:
        return f"{processes} processes, each {description(chosen)}"
    if platform(chosen) == "cpu":
        return f"CPU, {len(chosen)} core{'s' if len(chosen) > 1 else ''}"
    names = {device.device_kind for device in chosen}
    return f"{len(chosen)} x {', '.join(names)}" if len(chosen) > 1 else ", ".join(names)
