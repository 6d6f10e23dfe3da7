"""The frames of a fit, and the networks that it starts from: read, checked, split and measured."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dmdstudio.base.errors import FileError, RecipeError
from dmdstudio.engine.equivariant import Equivariant
from dmdstudio.engine.force_batches import Sample
from dmdstudio.engine.force_models import MODELS
from dmdstudio.engine.networks import Network, elements_of
from dmdstudio.engine.symmetry_functions import SymmetryNetwork
from dmdstudio.files import surfaces as _surfaces  # noqa: F401  registers its files
from dmdstudio.files.force_data import neighbours, read_frames
from dmdstudio.files.potentials import read_parameters
from dmdstudio.plan.arrays import ParameterArrays
from dmdstudio.plan.catalog import shown
from dmdstudio.plan.force_fit import ForceFitPlan, LabelledFrame
from dmdstudio.service.fit_base import Base

CUTOFF = 6.0
"""Of networks from scratch, angstrom."""


class FitData(NamedTuple):
    """Frames to train and to validate with, less what a base says, and what all networks share."""

    training: list[Sample]
    validation: list[Sample]
    elements: tuple[str, ...]
    cutoff: float
    base: Base | None


def read_data(plan: ForceFitPlan, starts: Mapping[str, ParameterArrays]) -> FitData:
    """Return what the data files hold."""
    frames = [frame for name in plan.data for frame in read_frames(name, plan)]
    apart = read_frames(plan.validation, plan) if plan.validation else []
    elements, cutoff = _elements(plan, starts, frames), _cutoff(plan, starts)
    _require_known(frames + apart, elements)
    base = Base.read(plan.base, frames) if plan.base else None
    if base is not None:
        frames, apart = ([base.less(frame) for frame in some] for some in (frames, apart))
    samples, others = (
        [_sample(frame, elements, cutoff) for frame in some] for some in (frames, apart)
    )
    return FitData(*_split(plan, samples, others), elements, cutoff, base)


def _sample(frame: LabelledFrame, elements: tuple[str, ...], cutoff: float) -> Sample:
    species = np.array([elements.index(symbol) for symbol in frame.symbols])
    return Sample(frame, species, neighbours(frame, cutoff))


def _require_known(frames: Sequence[LabelledFrame], elements: tuple[str, ...]) -> None:
    for frame in frames:
        if missing := sorted(set(frame.symbols) - set(elements)):
            raise FileError(
                f"{frame.name} holds {missing[0]}, but the network is for {' '.join(elements)}.",
                "Leave such frames out, or name all elements (--elements) of a new network.",
            )


def _split(
    plan: ForceFitPlan, samples: list[Sample], apart: list[Sample]
) -> tuple[list[Sample], list[Sample]]:
    """Return frames to train and frames to validate with."""
    if apart:
        return samples, apart
    if len(samples) < 2:
        raise FileError(
            "There is a single frame, so that none is left to validate with.",
            "Give more frames, or a file of others (--validation).",
        )
    order = np.random.default_rng(plan.seed).permutation(len(samples))
    kept = min(max(1, round(plan.validation_fraction * len(samples))), len(samples) - 1)
    return [samples[i] for i in sorted(order[kept:])], [samples[i] for i in sorted(order[:kept])]


def measured_sizes(
    samples: Sequence[Sample], elements: int, plan: ForceFitPlan
) -> dict[str, float]:
    """Return the root mean square of what the data hold, as of `FitError`."""

    def size(values: Sequence[np.ndarray]) -> float:
        return float(np.sqrt(np.mean(np.concatenate([np.ravel(v) for v in values]) ** 2)))

    found = {}
    frames = [sample.frame for sample in samples]
    if plan.energy_weight:
        energies = np.array([frame.energy for frame in frames], np.float64)
        rest = energies - _counts(samples, elements) @ solved(samples, elements, energies)
        found["energy"] = size([rest / [s.atoms for s in samples]])
    if plan.force_weight:
        found["forces"] = size([f.forces for f in frames if f.forces is not None])
    virials = [s.volume * s.frame.stress / s.atoms for s in samples if s.frame.stress is not None]
    dipoles = [s.frame.dipole / s.atoms for s in samples if s.frame.dipole is not None]
    for quantity, values in (("stress", virials), ("dipole", dipoles)):
        if values:
            found[quantity] = size(values)
    return found


def _counts(samples: Sequence[Sample], elements: int) -> np.ndarray:
    """Return how many atoms of every element frames have [frame, element]."""
    return np.array([np.bincount(s.species, minlength=elements) for s in samples], np.float64)


def solved(samples: Sequence[Sample], elements: int, energies: np.ndarray) -> np.ndarray:
    """Return the energies of atoms that fit the frames' best [element], the smallest ones."""
    return np.linalg.lstsq(_counts(samples, elements), energies, rcond=1e-10)[0]


def read_starts(plan: ForceFitPlan) -> dict[str, ParameterArrays]:
    """Return the networks to fine-tune."""
    named = {"potential": plan.start, "dipole": plan.start_dipole}
    kinds = {"potential": plan.kind, "dipole": "eann_dipole"}
    found = {name: read_parameters(kinds[name], file) for name, file in named.items() if file}
    for name, given in found.items():
        network_of(given.kind, given.arrays, Path(named[name]).name)
    return found


def network_of(
    kind: str, arrays: Mapping[str, Any], file: str = "the network"
) -> Network | Equivariant | SymmetryNetwork:
    """Return the shape of a network; raise `FileError` where its arrays do not fit together."""
    if kind == "eann_dipole":
        return Network.of(arrays, file, vector=True)
    return MODELS[kind].shape_of(arrays, file)


def _elements(
    plan: ForceFitPlan, starts: Mapping[str, ParameterArrays], frames: Sequence[LabelledFrame]
) -> tuple[str, ...]:
    """Return the elements in the order of the arrays."""
    told = [plan.elements, *(str(g.settings.get("elements", "")) for g in starts.values())]
    said = [elements_of(text) for text in told if text]
    if len(set(said)) > 1:
        raise RecipeError(
            f"The elements are said to be {' '.join(said[0])}, and also {' '.join(said[1])}.",
            "Leave out --elements, or fit the networks one by one.",
        )
    if not said and starts:
        raise RecipeError(
            "The file to start from does not say its elements.",
            "Give --elements in the order of its arrays, such as --elements 'H O'.",
        )
    found = said[0] if said else tuple(sorted({s for f in frames for s in f.symbols}))
    for given in starts.values():
        count = network_of(given.kind, given.arrays).elements
        if count != len(found):
            raise RecipeError(
                f"The file to start from is for {count} elements, but {len(found)} are named: "
                f"{' '.join(found)}.",
                "Name them all, in the order of its arrays (--elements).",
            )
    return found


def _cutoff(plan: ForceFitPlan, starts: Mapping[str, ParameterArrays]) -> float:
    told = set[float]()
    for given in starts.values():
        if (cutoff := given.settings.get("cutoff")) is None:
            continue
        if not isinstance(cutoff, (int, float)) or not 0.0 < cutoff < math.inf:
            raise FileError(
                f"The file to start from says that its cutoff is {shown(str(cutoff))}; a number of "
                "angstrom above 0 is expected."
            )
        told.add(float(cutoff))
    if plan.cutoff is not None:
        told.add(plan.cutoff)
    if len(told) > 1:
        raise RecipeError(
            f"The cutoff is said to be {' and also '.join(f'{c:g}' for c in sorted(told))} "
            "angstrom.",
            "Leave out --cutoff: a network keeps the one that it was made for.",
        )
    if not told and starts:
        raise RecipeError(
            "The file to start from does not say its cutoff.", "Give --cutoff 6, say."
        )
    return told.pop() if told else CUTOFF
