"""The networks of a fit: what they are, and what new ones begin with."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from dmdstudio.base.errors import FileError, RecipeError
from dmdstudio.engine.equivariant import Equivariant, random_equivariant
from dmdstudio.engine.force_batches import Sample
from dmdstudio.engine.force_models import (
    EmbeddedDensities,
    ForceModel,
    Messages,
    SymmetryFunctions,
)
from dmdstudio.engine.networks import SHELLS, elements_of, random_network
from dmdstudio.engine.symmetry_functions import (
    CUTOFF_FUNCTIONS,
    SMOOTH,
    SymmetryNetwork,
    functions_of,
    inputs_of,
    random_symmetry_network,
    standard_functions,
)
from dmdstudio.plan.arrays import ParameterArrays
from dmdstudio.plan.force_fit import NETWORK_FILES, ForceFitPlan

INTERACTIONS, CHANNELS, DEGREE = 3, 16, 2
"""Of a new NequIP network where the plan leaves them open."""

_ONLY_OF = {
    "interactions": "nequip",
    "channels": "nequip",
    "degree": "nequip",
    "functions": "behler_parrinello",
}
"""Settings that one kind of networks has."""


def model_of(
    plan: ForceFitPlan,
    start: ParameterArrays | None,
    elements: tuple[str, ...],
    cutoff: float,
    samples: Sequence[Sample],
) -> ForceModel:
    """Return the network of the potential as a function of its arrays.

    Args:
        plan: settings.
        start: the network to fine-tune.
        elements: chemical symbols in the order of the arrays.
        cutoff: angstrom.
        samples: frames to train with.

    Raises:
        FileError, RecipeError: start and settings do not fit together.
    """
    for name, kind in _ONLY_OF.items():
        if getattr(plan, name) not in (None, "") and plan.kind != kind:
            raise RecipeError(
                f"{name} is a setting of {kind} networks; this one is {plan.kind}.",
                f"Choose --kind {kind}, or leave it out.",
            )
    if plan.kind == "eann":
        return EmbeddedDensities(cutoff)
    if plan.kind == "nequip":
        return Messages(cutoff, _neighbours(start, samples))
    model = _symmetry_functions(plan, start, elements, cutoff)
    if (last := max(function.shape.cutoff for function in model.functions)) > cutoff:
        raise RecipeError(
            f"The cutoff is {cutoff:g} angstrom, but a symmetry function ends at {last:g}.",
            f"Give --cutoff {last:g}.",
        )
    return model


def _neighbours(start: ParameterArrays | None, samples: Sequence[Sample]) -> float:
    """Return the usual number of neighbours."""
    if start is None:
        pairs = sum(len(sample.pairs.first) for sample in samples)
        return max(1.0, round(pairs / sum(s.atoms for s in samples), 2))
    told = start.settings.get("neighbours")
    if not isinstance(told, (int, float)) or not 0.0 < told < math.inf:
        raise _silent("its usual number of neighbours", start.kind)
    return float(told)


def _symmetry_functions(
    plan: ForceFitPlan, start: ParameterArrays | None, elements: tuple[str, ...], cutoff: float
) -> SymmetryFunctions:
    """Return a network of symmetry functions: those of the start, the plan's, or standard ones."""
    ends, activation = next(iter(CUTOFF_FUNCTIONS)), SMOOTH[0]
    if start is None:
        found = standard_functions(len(elements), cutoff, plan.radials)
        if plan.functions:
            found = functions_of(plan.functions, elements, "functions")
        return SymmetryFunctions(cutoff, elements, found, ends, activation)
    if plan.functions:
        raise RecipeError(
            "The network to start from has symmetry functions of its own.",
            "Leave out --functions: a network keeps those that it was made for.",
        )
    said = (start.settings.get(name) for name in ("functions", "cutoff_function", "activation"))
    text, ends, activation = map(str, said)
    if ends not in CUTOFF_FUNCTIONS or activation not in SMOOTH:
        raise _silent("its cutoff function and activation", start.kind)
    where = "The file to start from"
    found = functions_of(text, elements, where)
    if (held := SymmetryNetwork.of(start.arrays, where).inputs) != inputs_of(found):
        raise FileError(
            f"{where} is a network of {held} symmetry functions, but says {inputs_of(found)}."
        )
    return SymmetryFunctions(cutoff, elements, found, ends, activation)


def _silent(what: str, kind: str) -> FileError:
    return FileError(
        f"The file to start from does not say {what}.",
        f"Name the {NETWORK_FILES[kind]} that a fit, a run or an export wrote.",
    )


def new_network(
    plan: ForceFitPlan, name: str, elements: int, model: ForceModel, size: float
) -> dict[str, np.ndarray]:
    """Return the arrays of a new network.

    Args:
        plan: settings.
        name: ``potential`` or ``dipole``.
        elements: how many there are.
        model: the network of the potential.
        size: of the output.
    """
    try:
        widths = tuple(int(word) for word in elements_of(plan.widths))
    except ValueError:
        widths = ()
    if not widths or not all(1 <= width <= 1024 for width in widths):
        raise RecipeError(
            f"widths is {plan.widths!r}; it should be numbers of units, 1 to 1024.",
            "Write --widths '64 64' for two hidden layers.",
        )
    vector = name == "dipole"
    if isinstance(model, Messages) and not vector:
        shape = Equivariant(
            elements,
            channels=plan.channels or CHANNELS,
            layers=plan.interactions or INTERACTIONS,
            degree=DEGREE if plan.degree is None else plan.degree,
            radials=plan.radials,
            widths=widths,
        )
        return random_equivariant(shape, plan.seed, size)
    if isinstance(model, SymmetryFunctions) and not vector:
        shape = SymmetryNetwork(elements, inputs_of(model.functions), widths)
        return random_symmetry_network(shape, plan.seed, size)
    found = random_network(
        elements, plan.radials, widths, model.cutoff, plan.seed + vector, SHELLS, size, vector
    )
    if not vector:
        found["atom_energy"] = np.zeros(1)
    return found
