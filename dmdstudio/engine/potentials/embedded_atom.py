"""Embedded atoms: metals, by tabulated functions and factors of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from msgspec import Struct

from dmdstudio.base.errors import FileError, RecipeError
from dmdstudio.engine.core import Parameters, System
from dmdstudio.engine.crystal import SKEWED, crystal
from dmdstudio.engine.nearest import Nearest, NearestPotential
from dmdstudio.engine.potential import ArrayField, Example, potentials
from dmdstudio.plan.catalog import ParameterField, setting

FEWEST = 6
"""Points that a table must have for its slopes."""


class EmbeddedAtomOptions(Struct, frozen=True, kw_only=True):
    """Settings of `EmbeddedAtom`."""

    file: Annotated[
        str, setting("Parameter file", "Tables of the functions: eam/alloy (setfl), or our own.")
    ] = ""
    cutoff: Annotated[
        float | None, setting("Cutoff", "Zero from here on; the file says it.", "angstrom")
    ] = None
    spacing: Annotated[
        float | None,
        setting("Spacing", "Between points by distance; the file says it.", "angstrom"),
    ] = None
    density_spacing: Annotated[
        float | None, setting("Density spacing", "Between points by density; the file says it.")
    ] = None


@dataclass(frozen=True, eq=False)
class EmbeddedAtom(NearestPotential):
    """U = sum over i of e_i F_i(rho_i) + 1/2 sum over i and j of p_ij z_ij(r_ij)/r_ij.

    rho_i = sum over j of d_j rho_j(r_ij). F, rho and z are read from tables; between points they
    are cubic with the slopes that differences of fourth order give, as in LAMMPS. F goes on as a
    straight line beyond its table. The factors e, d (of types) and p (of pairs) are refined; a
    `pair_spline` beside it changes the shape of the pairs.

    Source: M. S. Daw and M. I. Baskes, Phys. Rev. B 29, 6443 (1984),
    doi 10.1103/PhysRevB.29.6443, eq. 9; the interpolation is that of LAMMPS' pair_style eam.
    """

    options: EmbeddedAtomOptions
    system: System
    capacity: int = 0

    name: ClassVar[str] = "embedded_atom"
    label: ClassVar[str] = "Embedded atom (EAM)"
    doc: ClassVar[str] = (
        "Metals and alloys: an energy of every atom in the electron density of its neighbours, and "
        "of pairs, by the tables of a `file`; factors of all three functions are refined."
    )
    source: ClassVar[str] = (
        "M. S. Daw and M. I. Baskes, Phys. Rev. B 29, 6443 (1984), doi 10.1103/PhysRevB.29.6443"
    )
    smooth: ClassVar[int] = 1
    """Derivatives that are continuous at the cutoff, as far as the tables end there."""
    Options = EmbeddedAtomOptions
    parameters = (
        ParameterField(
            name="embedding_factor", unit="1", label="e", doc="Of the embedding energy F.",
            lower=0.0, typical=1.0,
        ),
        ParameterField(
            name="density_factor", unit="1", label="d", doc="Of the electron density.", lower=0.0,
            typical=1.0,
        ),
        ParameterField(
            name="pair_factor", unit="1", label="p", doc="Of the energy of pairs.", lower=0.0,
            typical=1.0, per="pair",
        ),
    )  # fmt: skip

    @classmethod
    def build(cls, options: Any, system: System) -> EmbeddedAtom:
        """Check the file and the cutoff and return the term."""
        if not (options.cutoff and options.spacing and options.density_spacing):
            raise RecipeError(
                "embedded_atom: no tables are named.",
                "Set file = 'Cu.eam.alloy', say.",
            )
        system.require_cutoff(options.cutoff, cls.name)
        return cls(options, system).sized()

    @classmethod
    def examples(cls, precision: str, lattice_bits: int, platform: str) -> dict[str, Example]:
        """Return an alloy, disturbed in a skewed cell, with smooth functions in tables."""
        types = {"Cu": 63.546, "Ni": 58.693}
        system, positions = crystal(types, SKEWED, precision, lattice_bits, platform)
        points, cutoff = 4000, 6.0
        spacing, density_spacing = cutoff / (points - 1), 2.0 / (points - 1)
        options = EmbeddedAtomOptions(
            file="small.npz", cutoff=cutoff, spacing=spacing, density_spacing=density_spacing
        )
        r, rho = spacing * np.arange(points), density_spacing * np.arange(points)
        end = (1.0 - r / cutoff) ** 4
        arrays: dict[str, np.ndarray] = {}
        for n, name in enumerate(system.type_names):
            arrays[f"embedding_{name}"] = -(1.0 + 0.1 * n) * np.sqrt(rho + 0.05)
            arrays[f"density_{name}"] = (1.2 - 0.2 * n) * end * np.exp(-0.3 * r)
        for n, name in enumerate(system.pair_names):
            arrays[f"pair_{name}"] = 30.0 * end * np.exp(-(0.8 + 0.1 * n) * r) * (1.0 - 0.1 * r)
        factors = {
            "embedding_factor": [1.1, 0.9], "density_factor": [1.0, 1.05],
            "pair_factor": [1.0, 0.95, 1.2],
        }  # fmt: skip
        parameters = {k: jnp.asarray(v) for k, v in (factors | arrays).items()}
        return {"alloy": Example(system, cls.build(options, system), parameters, positions)}

    def arrays(self, given: Mapping[str, np.ndarray]) -> tuple[ArrayField, ...]:
        """Check the tables of a file and describe them; see `Potential.arrays`."""
        fields = []
        for name, unit in self._tables():
            if name not in given:
                raise FileError(
                    f"embedded_atom: {self.options.file!r} has no table {name}, which the "
                    "structure needs.",
                    "Take a file for all its elements.",
                )
            if given[name].ndim != 1 or len(given[name]) < FEWEST:
                raise FileError(
                    f"embedded_atom: table {name} has shape {given[name].shape}; {FEWEST} or more "
                    "points are expected."
                )
            fields.append(ArrayField(name, unit, False))
        for sort in ("embedding", "density", "pair"):
            sizes = {len(given[name]) for name, _ in self._tables() if name.startswith(sort)}
            if len(sizes) > 1:
                raise FileError(f"embedded_atom: tables of {sort} have {sizes} points.")
        return tuple(fields)

    def _tables(self) -> list[tuple[str, str]]:
        """Return the names of the tables and their units."""
        names = self.system.type_names
        return [
            *((f"embedding_{name}", "eV") for name in names),
            *((f"density_{name}", "1") for name in names),
            *((f"pair_{name}", "eV angstrom") for name in self.system.pair_names),
        ]

    def in_precision(self, parameters: Parameters, dtype: Any) -> Parameters:
        """Leave tables in float64: of rounded ones, second differences are mere noise."""
        tables = {name for name, _ in self._tables()}
        return {
            name: jnp.asarray(value, jnp.float64 if name in tables else dtype)
            for name, value in parameters.items()
        }

    def energy_of(self, parameters: Parameters, near: Nearest) -> Array:
        """Return the sum over atoms and pairs, eV."""
        system = self.system
        kinds, dtype = jnp.asarray(system.types), near.distance.dtype
        others = kinds[near.index]
        places = near.distance / dtype.type(self.options.spacing)
        density = self._table(parameters, "density", system.type_names)
        rho = parameters["density_factor"][others] * density.at(others, places)
        rho = jnp.sum(jnp.where(near.inside, rho, 0.0), axis=1)

        embedding = self._table(parameters, "embedding", system.type_names)
        place = rho / dtype.type(self.options.density_spacing)
        last = embedding.cubics.shape[1]
        beyond = jnp.maximum(place - last, 0.0) * embedding.last_slope.astype(dtype)[kinds]
        inside = embedding.at(kinds, jnp.minimum(place, last)) + beyond
        energy = jnp.sum(parameters["embedding_factor"][kinds] * inside)

        pairs = jnp.asarray(system.pair_kinds)[kinds[:, None], others]
        table = self._table(parameters, "pair", system.pair_names)
        z = parameters["pair_factor"][pairs] * table.at(pairs, places)
        energy = energy + 0.5 * jnp.sum(jnp.where(near.inside, z / near.distance, 0.0))
        return near.checked(energy)

    def _table(self, parameters: Parameters, sort: str, names: tuple[str, ...]) -> Tables:
        """Return all tables of a sort."""
        return Tables.through(jnp.stack([parameters[f"{sort}_{name}"] for name in names]))


class Tables(NamedTuple):
    """Functions that are cubic between the points of tables.

    Attributes:
        cubics: of t, t^2, t^3 from one point to the next, and before them the value [table,
            interval, power].
        last_slope: per point, at the last one [table].
    """

    cubics: Array
    last_slope: Array

    @classmethod
    def through(cls, values: Array) -> Tables:
        """Return them from their values [table, point]."""
        inner = (values[:, :-4] - values[:, 4:] + 8.0 * (values[:, 3:-1] - values[:, 1:-3])) / 12.0
        edges = [
            values[:, 1] - values[:, 0],
            0.5 * (values[:, 2] - values[:, 0]),
            0.5 * (values[:, -1] - values[:, -3]),
            values[:, -1] - values[:, -2],
        ]
        first, second, third, fourth = (edge[:, None] for edge in edges)
        slopes = jnp.concatenate([first, second, inner, third, fourth], axis=1)
        rise, s, e = values[:, 1:] - values[:, :-1], slopes[:, :-1], slopes[:, 1:]
        powers = [values[:, :-1], s, 3.0 * rise - 2.0 * s - e, s + e - 2.0 * rise]
        return cls(jnp.stack(powers, axis=-1), slopes[:, -1])

    def at(self, which: Array, place: Array) -> Array:
        """Return what they have between their points, in the precision of the places.

        Args:
            which: tables [...].
            place: numbers of points, with fractions, alike; none is beyond the last.
        """
        count = self.cubics.shape[1]
        low = jnp.clip(place.astype(int), 0, count - 1)
        t = place - low.astype(place.dtype)  # unclipped: at 0, a clip would halve the slope
        flat = self.cubics.astype(place.dtype).reshape(-1, 4)
        f, s, c, d = jnp.moveaxis(flat[which * count + low], -1, 0)
        return f + t * (s + t * (c + t * d))


potentials.add(EmbeddedAtom.name, EmbeddedAtom)
