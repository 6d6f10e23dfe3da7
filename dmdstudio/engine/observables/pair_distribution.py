"""Pair distribution function g(r)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array
from msgspec import Struct

from dmdstudio.base.errors import PhysicsError, RecipeError
from dmdstudio.engine.core import Phase, System
from dmdstudio.engine.observable import Clock, Observable, observables
from dmdstudio.plan.catalog import setting


class PairDistributionOptions(Struct, frozen=True, kw_only=True):
    """Settings of `PairDistribution`."""

    pair: Annotated[
        str, setting("Pair", "Two atom types, such as O-H; empty for all atoms alike.")
    ] = ""
    largest_distance: Annotated[
        float, setting("Largest distance", "The curve ends here.", "angstrom", gt=0)
    ] = 8.0
    bin_width: Annotated[float, setting("Bin width", "Of the histogram.", "angstrom", gt=0)] = 0.1


@dataclass(frozen=True, eq=False)
class PairDistribution(Observable):
    """g(r) = V n(r) / (N_a N_b 4 pi r^2 dr): pairs at a distance over those of an ideal gas.

    n(r) counts ordered pairs (a, b) within a bin, over the exact volume of its shell. For like
    atoms N_a N_b is N (N - 1). Source: D. Frenkel and B. Smit, Understanding Molecular Simulation
    (2002), section 4.4.
    """

    options: PairDistributionOptions
    edges: np.ndarray
    chosen: np.ndarray | None
    pairs: int

    name: ClassVar[str] = "pair_distribution"
    label: ClassVar[str] = "Pair distribution function"
    doc: ClassVar[str] = (
        "How much more often than in an ideal gas two atoms are found at a distance, for all atoms "
        "or for one pair of types."
    )
    source: ClassVar[str] = "Frenkel & Smit (2002), section 4.4"
    unit: ClassVar[str] = "1"
    axis_label: ClassVar[str] = "Distance"
    axis_unit: ClassVar[str] = "angstrom"
    feature: ClassVar[str] = "pair_distribution"
    static: ClassVar[bool] = True
    Options = PairDistributionOptions

    @classmethod
    def build(
        cls, options: Any, system: System, clock: Clock, temperature: float
    ) -> PairDistribution:
        """Check the distance against the cell and the pair against the atom types."""
        if options.largest_distance > system.largest_cutoff:
            raise PhysicsError(
                f"{cls.name} looks up to {options.largest_distance:g} angstrom, but half the "
                f"narrowest width of the cell is {system.largest_cutoff:.3f} angstrom.",
                "Lower its largest_distance, or set system.replicate.",
            )
        bins = int(options.largest_distance / options.bin_width + 1e-9)
        if bins < 2:
            raise RecipeError(
                f"{cls.name}: bin_width {options.bin_width:g} angstrom leaves {bins} bins below "
                f"{options.largest_distance:g} angstrom.",
                "Lower it.",
            )
        edges = np.arange(bins + 1) * options.bin_width
        if not options.pair:
            return cls(options, edges, None, system.atoms * (system.atoms - 1))
        first, second = _types(options.pair, system)
        is_first, is_second = system.types == first, system.types == second
        chosen = is_first[:, None] & is_second
        np.fill_diagonal(chosen, False)
        if not chosen.any():
            raise PhysicsError(f"{cls.name}: there is no pair {options.pair!r} in the structure.")
        return cls(options, edges, chosen, int(chosen.sum()))

    @property
    def axis(self) -> np.ndarray:
        """Centres of the bins [bin], angstrom."""
        return 0.5 * (self.edges[1:] + self.edges[:-1])

    def frame(self, phase: Phase) -> Array:
        """Return g(r) of one configuration [bin]."""
        vectors = phase.configuration.displacements()
        distance = jnp.sqrt(jnp.sum(vectors * vectors, axis=-1))
        bins = len(self.edges) - 1
        index = jnp.floor(distance / self.options.bin_width).astype(jnp.int32)
        index = jnp.minimum(index, bins)
        if self.chosen is None:
            here = jnp.where(np.eye(len(index), dtype=bool), bins, index)
        else:
            here = jnp.where(self.chosen, index, bins)
        counts = jnp.zeros(bins + 1).at[here.reshape(-1)].add(1.0)[:bins]
        shells = 4.0 / 3.0 * np.pi * (self.edges[1:] ** 3 - self.edges[:-1] ** 3)
        volume = jnp.abs(jnp.linalg.det(phase.configuration.cell.astype(jnp.float64)))
        return counts * volume / (self.pairs * shells)

    def curve(self, mean: Array) -> Array:
        """Return g(r) [bin]."""
        return mean


def _types(pair: str, system: System) -> tuple[int, int]:
    names = [name.strip() for name in pair.split("-")]
    known = ", ".join(system.type_names)
    if len(names) != 2:
        raise RecipeError(
            f"pair_distribution: pair = {pair!r} is not two atom types.",
            f"Write two of {known} with a hyphen between them.",
        )
    for name in names:
        if name not in system.type_names:
            raise RecipeError(
                f"pair_distribution: the structure has no atom type {name!r}.", f"It has: {known}."
            )
    return system.type_names.index(names[0]), system.type_names.index(names[1])


observables.add(PairDistribution.name, PairDistribution)
