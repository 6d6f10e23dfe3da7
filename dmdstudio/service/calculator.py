"""A refined potential as an ASE calculator, computed by this project's own engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from ase.calculators.calculator import Calculator, all_changes

from dmdstudio.base.errors import RecipeError
from dmdstudio.engine import potentials as _potentials
from dmdstudio.engine.core import Configuration, System
from dmdstudio.engine.potential import ForceField, potentials
from dmdstudio.engine.potentials.ewald import MARGIN
from dmdstudio.files.potentials import parameter_files, read_parameters
from dmdstudio.files.structures import with_bonds
from dmdstudio.plan.atom_types import names_by_rules
from dmdstudio.plan.catalog import BONDED, options_from
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import number_of

_REGISTERED = _potentials  # importing it fills the registry


class RefinedPotential(Calculator):
    """Energy (eV), forces (eV/angstrom) and stress (eV/angstrom^3) in float64.

    Where a term belongs to bonds or angles and none are given, they are those that the first atoms
    it is asked about show by their distances, and stay as long as the chemical symbols do.

    Args:
        terms: of the potential: ``{"kind", "options", "parameters": {name: {owner: value}}}`` with
            values in angstrom, eV, e and radians; owners are types (``O``), bonds (``H-O``) and
            angles (``H-O-H``). Networks have ``"arrays": {name: array}`` as well.
        bonds: pairs of bonded atoms [bond, 2]; None to find them. Rules for types go by them, and
            by distances where there are none.
        types: rules for types of atoms, as ``system.types`` of a recipe has them; empty where
            elements tell atoms apart.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces", "stress"]

    def __init__(
        self,
        terms: Sequence[Mapping[str, Any]],
        bonds: np.ndarray | None = None,
        types: str = "",
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self.terms = tuple(terms)
        self._compiled: tuple[Any, np.ndarray, Any] | None = None
        self._built: tuple[Any, Any] | None = None
        self._given_bonds, self._types = bonds, types
        self._bonds: tuple[tuple[str, ...], np.ndarray, tuple[str, ...]] | None = None

    def calculate(
        self,
        atoms: Any = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """Compute everything for periodic atoms; `PhysicsError` where the cell is too small."""
        super().calculate(atoms, properties, system_changes)
        assert self.atoms is not None
        system, function = self._function(self.atoms)
        lattice = system.to_lattice(jnp.asarray(self.atoms.get_positions()))
        (energy, (force, virial)) = function(lattice, jnp.asarray(system.cell))
        stress = np.asarray(virial) / self.atoms.get_volume()
        self.results = {
            "energy": float(energy),
            "free_energy": float(energy),
            "forces": -np.asarray(force),
            "stress": stress[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]],
        }

    def _function(self, atoms: Any) -> tuple[System, Any]:
        if not all(atoms.pbc):
            raise RecipeError(
                "The calculator needs a cell that is periodic along all three vectors.",
                "Set atoms.pbc = True, with a cell that is large enough.",
            )
        system, field, theta = self._built_for(atoms)
        lattice = system.to_lattice(jnp.asarray(atoms.get_positions()))
        field = field.fitted(lattice, jnp.asarray(system.cell))
        types = self._bonds_of(atoms)[1]
        key = (types, *(getattr(term, "capacity", 0) for _, term in field.terms))
        lengths = np.linalg.norm(system.cell, axis=1)
        known = self._compiled
        if known is None or known[0] != key or np.any(lengths > MARGIN * known[1]):

            def energy(offset: Any, strain: Any, lattice: Any, cell: Any) -> Any:
                where = Configuration(lattice, offset, cell @ (jnp.eye(3) + strain))
                return sum(term.energy(theta[name], where) for name, term in field.terms)

            def evaluate(lattice: Any, cell: Any) -> Any:
                zero = jnp.zeros(lattice.shape), jnp.zeros((3, 3))
                return jax.value_and_grad(energy, argnums=(0, 1))(*zero, lattice, cell)

            self._compiled = known = (key, lengths, jax.jit(evaluate))
        return system, known[2]

    def _built_for(self, atoms: Any) -> tuple[System, ForceField, dict[str, dict[str, Any]]]:
        """Return system, force field and parameters; anew where more than positions differ."""
        symbols = tuple(atoms.get_chemical_symbols())
        cell, masses = np.array(atoms.cell[:], np.float64), atoms.get_masses()
        key = (symbols, cell.tobytes(), masses.tobytes())
        if self._built is None or self._built[0] != key:
            bonds, types = self._bonds_of(atoms)
            names = tuple(sorted(set(types)))
            system = System(
                names,
                np.array([names.index(type_) for type_ in types]),
                masses,
                cell,
                "float64",
                64,
                bonds=bonds,
                symbols=symbols,
            )
            # also checks the cutoff against the cell
            self._built = (key, (system, *force_field(self.terms, system)))
        return self._built[1]

    def _bonds_of(self, atoms: Any) -> tuple[np.ndarray, tuple[str, ...]]:
        """Return the bonds [bond, 2] and the types [atom] of atoms."""
        symbols = tuple(atoms.get_chemical_symbols())
        if self._bonds is None or self._bonds[0] != symbols:
            found = Structure(symbols, atoms.positions, atoms.cell[:], atoms.get_masses())
            given = self._given_bonds
            fields = (f for t in self.terms for f in potentials.get(t["kind"]).parameters)
            wanted = given is None and any(f.per in BONDED for f in fields)
            if given is not None and len(given):
                shown = given
            else:
                shown = with_bonds(found).bonds if wanted or self._types else found.bonds
            types = names_by_rules(self._types, symbols, shown) if self._types else symbols
            bonds = given if given is not None else shown if wanted else found.bonds
            self._bonds = (symbols, bonds, types)
        return self._bonds[1:]


def force_field(
    terms: Sequence[Mapping[str, Any]], system: System
) -> tuple[ForceField, dict[str, dict[str, Any]]]:
    """Return the force field and its parameters for terms as plain data."""
    built, theta = [], {}
    for index, term in enumerate(terms):
        kind = potentials.get(term["kind"])
        name = f"{index}.{kind.name}"
        options = options_from(kind.Options, dict(term["options"]), kind.name)
        built.append((name, kind.build(options, system)))
        derived = built[-1][1].derived()
        theta[name] = {}
        for field in kind.parameters:
            values = dict(term["parameters"].get(field.name, {}))
            values |= {owner: 0.0 for parameter, owner in derived if parameter == field.name}
            numbers = {owner: number_of(values, owner) for owner in system.owners(field.per)}
            if missing := [owner for owner, number in numbers.items() if number is None]:
                raise RecipeError(
                    f"The potential has no {field.name} for {missing[0]}.",
                    f"It knows: {', '.join(sorted(values)) or 'nothing'}.",
                )
            theta[name][field.name] = jnp.array(list(numbers.values()))
        theta[name] |= {k: jnp.asarray(v) for k, v in term.get("arrays", {}).items()}
    return ForceField(system, tuple(built)), theta


def calculator_from_terms(
    terms: Sequence[Mapping[str, Any]], folder: str | Path = ".", types: str = ""
) -> RefinedPotential:
    """Return a calculator for terms as plain data, as exported ``.py`` files hold them.

    Args:
        terms: as of `RefinedPotential`.
        folder: where the parameter files lie that their options name.
        types: as of `RefinedPotential`.
    """

    def whole(term: Mapping[str, Any]) -> Mapping[str, Any]:
        if term["kind"] not in parameter_files or not term["options"]["file"]:
            return term
        found = read_parameters(term["kind"], Path(folder) / term["options"]["file"])
        return {**term, "arrays": found.arrays}

    return RefinedPotential([whole(term) for term in terms], types=types)


def load_calculator(run_dir: str | Path, iteration: str | int = "best") -> RefinedPotential:
    """Return an ASE calculator with the parameters that a run found.

    Args:
        run_dir: a run folder.
        iteration: ``'best'``, ``'last'`` or a number.
    """
    from dmdstudio.service.export import refined_potential

    terms, structure, _ = refined_potential(run_dir, iteration)
    return RefinedPotential(
        [
            {"kind": t.kind, "options": t.options, "parameters": t.parameters, "arrays": t.arrays}
            for t in terms
        ],
        types=structure.type_rules,
    )
