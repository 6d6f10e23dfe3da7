"""A network fitted to ab initio energies, forces, stresses and dipoles: data, settings, report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from msgspec import Meta, Struct

from dmdstudio.plan.catalog import Entry, fields_of, setting

QUANTITIES = ("energy", "forces", "stress", "dipole")
"""What a frame may be labelled with."""

NETWORK_FILES = {
    "eann": "eann.npz",
    "nequip": "nequip.npz",
    "behler_parrinello": "behler_parrinello.npz",
}
"""The fitted potential in the folder of a fit, by its kind."""

DIPOLE_FILE = "dipole.npz"
"""The fitted dipole surface beside it, where the data have dipoles."""

BASE_FILE = "base.toml"
"""What the network corrects, as the data were without it."""

SUM_FILE = "potential.toml"
"""The tables of that and the network, for a recipe."""

_Weight = Annotated[float, Meta(ge=0)]


class ForceFitPlan(Struct, frozen=True, kw_only=True):
    """Settings of a fit."""

    data: tuple[str, ...]
    """Extended XYZ files."""

    validation: Annotated[
        str,
        setting("Validation data", "Extended XYZ file to validate with; empty keeps some frames."),
    ] = ""
    validation_fraction: Annotated[
        Annotated[float, Meta(gt=0, lt=1)],
        setting("Validation fraction", "Share of the frames, drawn at random, to validate with."),
    ] = 0.1
    kind: Annotated[
        Literal["eann", "nequip", "behler_parrinello"],
        setting(
            "Network",
            "`eann` has compiled loops on CPUs; `nequip` passes messages between neighbours and "
            "takes longer for a step; `behler_parrinello` has symmetry functions.",
        ),
    ] = "eann"
    start: Annotated[
        str,
        setting(
            "Start",
            "Parameter file to fine-tune (.npz, or .pickle of DMFF); empty begins from scratch.",
        ),
    ] = ""
    start_dipole: Annotated[
        str,
        setting("Start of the dipole", "Parameter file of an eann_dipole surface to fine-tune."),
    ] = ""
    base: Annotated[
        str,
        setting(
            "Base",
            "Recipe, run or potential file that the network corrects: its energies, forces and "
            "stresses are taken away first, and both are added in potential.toml.",
        ),
    ] = ""
    elements: Annotated[
        str,
        setting(
            "Elements",
            "In the order of the arrays, such as 'H O'; empty takes the start's, or the data's.",
        ),
    ] = ""
    cutoff: Annotated[
        Annotated[float, Meta(gt=0)] | None,
        setting(
            "Cutoff", "Neighbours count up to here; empty takes the start's, or 6.", "angstrom"
        ),
    ] = None
    radials: Annotated[
        Annotated[int, Meta(ge=1, le=64)],
        setting(
            "Radial functions",
            "Of a network from scratch; with behler_parrinello of every neighbour's element.",
        ),
    ] = 12
    widths: Annotated[
        str,
        setting(
            "Layers",
            "Units of the hidden layers of a network from scratch; of its radial nets with nequip.",
        ),
    ] = "64 64"
    interactions: Annotated[
        Annotated[int, Meta(ge=1, le=8)] | None,
        setting(
            "Interactions",
            "Of nequip from scratch, how often atoms hand on what they know; empty is 3.",
        ),
    ] = None
    channels: Annotated[
        Annotated[int, Meta(ge=1, le=512)] | None,
        setting("Channels", "Of nequip from scratch, features of every degree; empty is 16."),
    ] = None
    degree: Annotated[
        Annotated[int, Meta(ge=0, le=3)] | None,
        setting(
            "Degree",
            "Of nequip from scratch, the largest angular momentum of the features: 1 has vectors, "
            "2 tensors; empty is 2.",
        ),
    ] = None
    functions: Annotated[
        str,
        setting(
            "Symmetry functions",
            "Of behler_parrinello from scratch, as lines of RuNNer in angstrom: 'H 2 O eta s "
            "cutoff; H 3 O O eta lambda zeta cutoff; ...'; empty takes standard ones.",
        ),
    ] = ""
    fixed: Annotated[
        str,
        setting(
            "Fixed arrays",
            "Arrays that stay as they start, as names or patterns: 'radial_*'. Where output_bias "
            "is among them, energies of the atoms by themselves are not fitted either.",
        ),
    ] = ""
    energy_weight: Annotated[
        _Weight,
        setting(
            "Weight of energies",
            "At 1, an error of 1 meV per atom counts as much as one of 5 meV/angstrom of forces.",
        ),
    ] = 1.0
    force_weight: Annotated[
        _Weight, setting("Weight of forces", "Errors are taken relative to the forces' own size.")
    ] = 1.0
    stress_weight: Annotated[
        _Weight,
        setting(
            "Weight of stresses",
            "At 1, an error of 4 meV per atom of the virial counts as 1 meV/angstrom of forces.",
        ),
    ] = 1.0
    dipole_weight: Annotated[
        _Weight, setting("Weight of dipoles", "They have a network of their own.")
    ] = 1.0
    formal_charges: Annotated[
        str,
        setting(
            "Formal charges",
            "Whole charges that the dipole has at the atoms, such as 'Na 1, Cl -1'; for ions.",
        ),
    ] = ""
    epochs: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000)],
        setting("Epochs", "Times that all frames are gone through, at most."),
    ] = 200
    batch: Annotated[Annotated[int, Meta(ge=1)], setting("Batch", "Frames of one step.")] = 4
    learning_rate: Annotated[
        Annotated[float, Meta(gt=0, le=1)],
        setting("Learning rate", "Of Adam; falls along a cosine to a hundredth."),
    ] = 5e-3
    patience: Annotated[
        Annotated[int, Meta(ge=1)],
        setting("Patience", "Epochs without a better validation after which the fit ends."),
    ] = 50
    seed: Annotated[
        Annotated[int, Meta(ge=0, lt=2**32)],
        setting("Seed", "Of the split, of the order of the frames, and of new networks."),
    ] = 0
    precision: Annotated[
        Literal["float32", "float64"], setting("Precision", "Of the training; files hold float64.")
    ] = "float32"
    device: Annotated[Literal["auto", "cpu", "gpu"], setting("Device", "Where to compute.")] = (
        "auto"
    )
    energy_unit: Annotated[
        str, setting("Unit of energies", "In the data, virials too: eV, hartree, kcal/mol, ...")
    ] = "eV"
    length_unit: Annotated[
        str, setting("Unit of lengths", "Of positions and cells in the data: angstrom, bohr, nm.")
    ] = "angstrom"
    force_unit: Annotated[
        str, setting("Unit of forces", "In the data: eV/angstrom, hartree/bohr, kJ/mol/nm, ...")
    ] = "eV/angstrom"
    stress_unit: Annotated[
        str, setting("Unit of stresses", "In the data: eV/angstrom3, GPa, bar.")
    ] = "eV/angstrom3"
    dipole_unit: Annotated[
        str, setting("Unit of dipoles", "In the data: e angstrom, e bohr, D.")
    ] = "e angstrom"
    energy_key: Annotated[str, setting("Energies", "Their name in the data.")] = "energy"
    forces_key: Annotated[str, setting("Forces", "Their name in the data.")] = "forces"
    stress_key: Annotated[
        str, setting("Stresses", "Their name in the data; `virial` is taken where there is none.")
    ] = "stress"
    dipole_key: Annotated[str, setting("Dipoles", "Their name in the data.")] = "dipole"

    @property
    def weights(self) -> dict[str, float]:
        """The weights by quantity."""
        given = (self.energy_weight, self.force_weight, self.stress_weight, self.dipole_weight)
        return dict(zip(QUANTITIES, given, strict=True))


def entry() -> Entry:
    """Describe the fit for the catalog."""
    return Entry(
        section="training",
        name="fit-forces",
        label="Networks from ab initio data",
        doc="Fits or fine-tunes an EANN, NequIP or Behler-Parrinello potential, and a dipole "
        "surface where the data have dipoles, to energies, forces and stresses in extended XYZ "
        "files.",
        fields=fields_of(ForceFitPlan),
        source="Zhang, Hu & Jiang, J. Phys. Chem. Lett. 10, 4962 (2019), "
        "doi 10.1021/acs.jpclett.9b02037; Batzner et al., Nat. Commun. 13, 2453 (2022), "
        "doi 10.1038/s41467-022-29939-5; Behler, J. Chem. Phys. 134, 074106 (2011), "
        "doi 10.1063/1.3553717",
    )


@dataclass(frozen=True, eq=False)
class LabelledFrame:
    """Atoms with what an ab initio calculation says of them; internal units, None where nothing.

    Attributes:
        name: file and number, for errors.
        symbols: chemical symbols [atom].
        positions: [atom, xyz], angstrom.
        cell: lattice vectors as rows [3, xyz], angstrom.
        periodic: along which of them.
        energy: eV.
        forces: [atom, xyz], eV/angstrom.
        stress: derivative of the energy by the strain over the volume [3, 3], eV/angstrom^3.
        dipole: [xyz], e angstrom.
    """

    name: str
    symbols: tuple[str, ...]
    positions: np.ndarray
    cell: np.ndarray
    periodic: tuple[bool, bool, bool]
    energy: float | None = None
    forces: np.ndarray | None = None
    stress: np.ndarray | None = None
    dipole: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Pairs:
    """All neighbours within a cutoff, periodic images too, sorted by the first atom.

    Attributes:
        first: atom whose neighbour it is [pair].
        second: atom that it is an image of [pair].
        images: lattice vectors from that atom to the image [pair, 3], whole numbers.
    """

    first: np.ndarray
    second: np.ndarray
    images: np.ndarray
