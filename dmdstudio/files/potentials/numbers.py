"""The numbers of a potential's terms, checked and complete, for the formats that write them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from dmdstudio.base.errors import FileError
from dmdstudio.files.structures.topology import Topology
from dmdstudio.plan.impropers import ORDERS
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm, number_of


def option(term: PotentialTerm, name: str) -> float:
    """Return a setting that is a number, internal units; `FileError` where there is none."""
    value = term.options.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise FileError(f"{term.kind} has no number {name!r} (found {value!r}).")
    return float(value)


def parameter(term: PotentialTerm, name: str, owner: str) -> float:
    """Return a parameter of a type, bond or angle; `FileError` where there is none."""
    value = number_of(term.parameters.get(name, {}), owner)
    if value is None or not math.isfinite(value):
        raise FileError(
            f"{term.kind} has no {name} for {owner} (found {value!r}).",
            f"The recipe needs a parameter {name!r} of {owner!r}.",
        )
    return float(value)


def masses_of_types(structure: Structure) -> dict[str, float]:
    """Return the mass of every type, amu.

    Raises:
        FileError: atoms of one type differ.
    """
    found = {}
    for type_ in sorted(set(structure.types)):
        masses = np.unique(structure.masses[np.array(structure.types) == type_])
        if len(masses) > 1:
            raise FileError(
                f"{type_} has atoms of {len(masses)} masses ({masses[0]:g} to {masses[-1]:g} amu), "
                "but this format knows one mass per element."
            )
        found[type_] = float(masses[0])
    return found


def charges_of_types(term: PotentialTerm, structure: Structure) -> dict[str, float]:
    """Return the charge of every type, e; the one of ``balance`` makes the cell neutral."""
    types, balance = sorted(set(structure.types)), term.options.get("balance") or ""
    if balance and balance not in types:
        raise FileError(f"{term.kind}: the structure has no atom type {balance!r} for `balance`.")
    found = {type_: parameter(term, "charge", type_) for type_ in types if type_ != balance}
    if balance:
        assert isinstance(balance, str)
        others = sum(structure.types.count(type_) * q for type_, q in found.items())
        found[balance] = -others / structure.types.count(balance)
    return found


CHARGED = ("coulomb", "ewald")
"""Kinds of terms that give charges to atoms."""


def single_charges(
    terms: Sequence[PotentialTerm], structure: Structure, format_name: str
) -> dict[str, float]:
    """Return the charges of the one term that has some; none where no term has.

    Raises:
        FileError: several terms have charges.
    """
    charged = [term for term in terms if term.kind in CHARGED]
    if len(charged) > 1:
        raise FileError(
            f"Format {format_name!r} writes a single term with charges; there are {len(charged)}.",
            "Export to ase, which adds any number of terms.",
        )
    return charges_of_types(charged[0], structure) if charged else {}


def scale_14(term: PotentialTerm) -> float:
    """Return the factor of the energy of atoms three bonds apart, which is then not switched."""
    return option(term, "scale_14") if "scale_14" in term.options else 1.0


def order_of(term: PotentialTerm) -> str:
    """Return which dihedral angles of impropers a term takes, one of `ORDERS`."""
    found = term.options.get("order", "trefoil")
    if not isinstance(found, str) or found not in ORDERS:
        raise FileError(f"{term.kind}: no order is called {found!r}; one of {', '.join(ORDERS)}.")
    return found


def improper_wave(term: PotentialTerm, owner: str) -> tuple[float, float, int]:
    """Return k (eV) of one dihedral angle of an improper, its phase (0 or pi) and its waves."""
    barrier = parameter(term, "barrier", owner) / len(ORDERS[order_of(term)])
    phase = 0.0 if math.cos(parameter(term, "phase", owner)) > 0.0 else math.pi
    return barrier, phase, round(parameter(term, "multiplicity", owner))


def require_unswitched(term: PotentialTerm, topology: Topology, start: float) -> None:
    """Raise `FileError` where atoms three bonds apart are where other engines switch them off.

    Args:
        term: one whose energy of such atoms is not switched here.
        topology: of the structure.
        start: of the switch, angstrom.
    """
    if not len(topology.third_neighbours):
        return
    structure = topology.structure
    first, second = topology.third_neighbours.T
    between = structure.positions[second] - structure.positions[first]
    between = between @ np.linalg.inv(structure.cell)
    longest = np.linalg.norm((between - np.round(between)) @ structure.cell, axis=1).max()
    if longest > start:
        raise FileError(
            f"{term.kind}: atoms three bonds apart are up to {longest:.2f} angstrom from each "
            f"other, beyond {start:g}, where other engines switch them off.",
            "Raise switch_start and cutoff.",
        )


def owners_of(members: np.ndarray, topology: Topology, term: PotentialTerm) -> tuple[str, ...]:
    """Return the kinds of bonds or angles that a term has numbers for, sorted.

    Raises:
        FileError: there are no bonds or angles at all.
    """
    found = tuple(sorted(set(topology.names(members))))
    if not found:
        raise FileError(
            f"{term.kind} needs bonds, but the structure has none.",
            "Check that its coordinates are in angstrom.",
        )
    return found
