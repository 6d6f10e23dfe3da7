"""Published force fields, offered where they fit what a structure is made of. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dmdstudio.app.matter import Matter
from dmdstudio.base.units import AVOGADRO, BOLTZMANN_SI

Table = dict[str, Any]


@dataclass(frozen=True)
class Preset:
    """A force field with its numbers.

    Attributes:
        label: how it is called.
        source: citation.
        types, bonds: what it is for, sorted; a structure must have just these.
        terms: potential tables as in a recipe; cutoffs are lowered to what the cell allows.
    """

    label: str
    source: str
    types: tuple[str, ...]
    bonds: tuple[str, ...]
    terms: tuple[Table, ...]

    def fits(self, matter: Matter) -> bool:
        """Whether a structure is made of what this is for."""
        return matter.owners("type") == self.types and matter.owners("bond") == self.bonds


_LENNARD_JONES: Table = {"kind": "lennard_jones", "cutoff": 10.0, "switch_start": 9.0}


def _argon(label: str, source: str, sigma: float, epsilon: float) -> Preset:
    parameters = [
        {"name": "sigma", "value": sigma, "unit": "angstrom", "lower": 3.2, "upper": 3.6},
        {"name": "epsilon", "value": epsilon, "unit": "kJ/mol", "lower": 0.7, "upper": 1.2},
    ]
    term = {**_LENNARD_JONES, "parameter": parameters}
    return Preset(label, source, ("Ar",), (), (term,))


def _water(label: str, source: str, length: float, angle: float, charge: float) -> Preset:
    """Return a model of the SPC/Fw family, whose members share all but geometry and charge.

    Bonds and bends are refined, as in the infrared example: classical nuclei put the bands of a
    model elsewhere, and the refined numbers take that up.
    """
    bond: list[Table] = [
        {"name": "length", "value": length, "unit": "angstrom", "lower": 0.9, "upper": 1.1},
        {
            "name": "stiffness",
            "value": 1059.162,
            "unit": "kcal/mol/angstrom2",
            "lower": 500.0,
            "upper": 2000.0,
        },
    ]
    bend: list[Table] = [
        {"name": "angle", "value": angle, "unit": "degree", "free": False},
        {
            "name": "stiffness",
            "value": 75.9,
            "unit": "kcal/mol/rad2",
            "lower": 30.0,
            "upper": 150.0,
        },
    ]
    oxygen = {"name": "sigma", "of": "O", "value": 3.165492, "lower": 2.9, "upper": 3.4}
    well = {"name": "epsilon", "of": "O", "value": 0.1554252, "unit": "kcal/mol", "free": False}
    hydrogen = [
        {"name": "sigma", "of": "H", "value": 1.0, "unit": "angstrom", "free": False},
        {"name": "epsilon", "of": "H", "value": 0.0, "unit": "kcal/mol", "free": False},
    ]
    charges = {"name": "charge", "of": "O", "value": charge, "lower": -1.0, "upper": -0.7}
    terms: tuple[Table, ...] = (
        {"kind": "harmonic_bond", "parameter": [{"of": "H-O", **p} for p in bond]},
        {"kind": "harmonic_angle", "parameter": [{"of": "H-O-H", **p} for p in bend]},
        {**_LENNARD_JONES, "parameter": [{**oxygen, "unit": "angstrom"}, well, *hydrogen]},
        {
            "kind": "coulomb",
            "cutoff": 10.0,
            "damping": 0.2,
            "balance": "H",
            "parameter": [{**charges, "unit": "e"}],
        },
    )
    return Preset(label, source, ("H", "O"), ("H-O",), terms)


PRESETS = (
    _argon(
        "Argon, start of the shipped example",
        "The start of the argon example, after Han & Yu, Nat. Commun. 16, 816 (2025), "
        "doi 10.1038/s41467-025-56061-z",
        3.38,
        0.893795,
    ),
    _argon(
        "Argon, Rahman",
        "A. Rahman, Phys. Rev. 136, A405 (1964), doi 10.1103/PhysRev.136.A405",
        3.4,
        round(120.0 * BOLTZMANN_SI * AVOGADRO * 1e-3, 6),  # epsilon/k = 120 K
    ),
    _water(
        "Flexible water, q-SPC/Fw",
        "F. Paesani, W. Zhang, D. A. Case, T. E. Cheatham III, G. A. Voth, J. Chem. Phys. 125, "
        "184507 (2006), doi 10.1063/1.2386157",
        1.0,
        112.0,
        -0.84,
    ),
    _water(
        "Flexible water, SPC/Fw",
        "Y. Wu, H. L. Tepper, G. A. Voth, J. Chem. Phys. 124, 024503 (2006), doi 10.1063/1.2136877",
        1.012,
        113.24,
        -0.82,
    ),
)


def fitting(matter: Matter | None) -> tuple[Preset, ...]:
    """Return the force fields for what a structure is made of; none while that is not known."""
    return tuple(p for p in PRESETS if matter is not None and p.fits(matter))
