"""Where the engine computes, as it last said itself. No Qt, no JAX."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dmdstudio.app.preferences import device_preference
from dmdstudio.app.run_folders import settings
from dmdstudio.plan.events import Failed, Ready

Standing = Literal["good", "quiet", "attention", "bad"]
"""How a finding is coloured, by the theme's name of the colour."""

_NVIDIA = Path("/proc/driver/nvidia/version")


@dataclass(frozen=True)
class Finding:
    """The answer of the device check.

    Attributes:
        standing: good, still unknown, improvable or broken.
        words: what was found.
        advice: what could be done about it.
    """

    standing: Standing
    words: str
    advice: str = ""


def remember_device(ready: Ready) -> None:
    """Keep what the engine said, for the next start."""
    answer = {"device": ready.device, "memory_bytes": ready.memory_bytes}
    settings().setValue("device_check", json.dumps(answer))


def find_device(ready: Ready | None, problem: Failed | None) -> Finding:
    """Return what is known of the device now; before the engine is ready, what it said last."""
    if problem is not None:
        return Finding("bad", problem.message, problem.advice)
    if ready is not None:
        return Finding("good", _words(ready.device, ready.memory_bytes), _advice(ready))
    last = _remembered()
    if last is None:
        return Finding("quiet", "The engine is starting and will tell…")
    return Finding("quiet", f"{last} the last time; the engine is starting…")


def _remembered() -> str | None:
    try:
        stored = json.loads(str(settings().value("device_check", "")))
        return _words(str(stored["device"]), int(stored["memory_bytes"]))
    except (ValueError, KeyError, TypeError):
        return None  # nothing was kept, or by another version


def _words(device: str, memory_bytes: int) -> str:
    memory = f", {memory_bytes / 2**30:.0f} GiB of memory" if memory_bytes else ""
    return f"{device}{memory}"


def _advice(ready: Ready) -> str:
    if ready.device.startswith("CPU") and device_preference() == "auto" and _NVIDIA.exists():
        return "An NVIDIA GPU is here, but JAX does not find it: pip install 'dmdstudio[cuda]'."
    return ""
