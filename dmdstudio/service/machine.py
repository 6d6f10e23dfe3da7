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


def description(chosen: tuple[Device, ...]) -> str:
    """Return the devices in words: ``'CPU, 2 cores'``, ``'NVIDIA H100'``."""
    if platform(chosen) == "cpu":
        return f"CPU, {len(chosen)} core{'s' if len(chosen) > 1 else ''}"
    names = {device.device_kind for device in chosen}
    return f"{len(chosen)} x {', '.join(names)}" if len(chosen) > 1 else ", ".join(names)
