"""The recipe that a structure begins: everything but what to refine, and against what. No Qt."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from dmdstudio.app.matter import Matter
from dmdstudio.plan.recipe import (
    DynamicsPlan,
    GradientPlan,
    Recipe,
    SamplingPlan,
    SystemPlan,
)

ROOM_TEMPERATURE = 298.15
"""Of the starts, K, until a measurement says another."""

_LENGTH_FS = 2000.0
"""Of a trajectory: two picoseconds hold the default window of every observable."""

_HYDROGEN, _NEON, _ARGON = 3.0, 20.0, 39.0
"""Masses, amu, below which atoms are as quick as hydrogen, neon and argon."""


def first_recipe(path: Path, matter: Matter) -> Recipe:
    """Return the draft of a refinement of a structure: no potential yet, and no target.

    Unbonded atoms are taken along in steps by the lightest of them; bonds vibrate faster, so that
    steps are shorter, frames closer, and the adjoint, which grows e-fold in 0.1 ps in flexible
    water, is cut at a horizon that is measured.

    Args:
        path: of the structure; paths are absolute until the recipe is saved.
        matter: what it is made of.
    """
    path = path.resolve()
    step, sampler, frames = _times(matter)
    bonded = bool(matter.bonds)
    return Recipe(
        system=SystemPlan(structure=str(path)),
        sampling=SamplingPlan(
            temperature=ROOM_TEMPERATURE,
            replicas=16 if bonded else 32,
            timestep=sampler,
            friction=2.0 if bonded else 1.0,
            equilibration_steps=round((5000.0 if bonded else 10000.0) / sampler),
            decorrelation_steps=round((1000.0 if bonded else 2000.0) / sampler),
        ),
        dynamics=DynamicsPlan(
            timestep=step,
            steps=round(_LENGTH_FS / step),
            record_every=round(frames / step),
            segments=2 if bonded else 1,
        ),
        gradient=GradientPlan(options={"truncation": "auto"} if bonded else {}),
        folder=str(path.parent),
    )


def _times(matter: Matter) -> tuple[float, float, float]:
    """Return the steps of dynamics and sampler and the time between frames, fs.

    Frames 4 fs apart resolve up to 4170 1/cm: every vibration there is.
    """
    lightest = min(matter.masses.values())
    if matter.bonds:
        return (0.5, 1.0, 4.0) if lightest < _HYDROGEN else (1.0, 2.0, 4.0)
    if lightest < _NEON:
        return 0.5, 1.0, 5.0
    return 1.0, 4.0 if lightest >= _ARGON else 2.0, 10.0


def at_temperature(recipe: Recipe, conditions: Mapping[str, str]) -> float | None:
    """Return the temperature of a measurement, K, where it differs from the recipe's.

    Args:
        recipe: under edit.
        conditions: what the measurement says of itself, such as ``{'temperature': '94.4 K'}``.
    """
    number, _, unit = conditions.get("temperature", "").strip().partition(" ")
    try:
        value = float(number)
    except ValueError:
        return None
    if unit.strip().lstrip("°") == "C":
        value += 273.15
    elif unit.strip() != "K":
        return None
    plausible = value > 0.0 and abs(value - recipe.sampling.temperature) > 0.005
    return round(value, 6) if plausible else None
