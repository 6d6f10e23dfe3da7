"""What we write for other engines is read back as the very potential."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from test_exports import CELLS, PROVENANCE, liquid, term
from test_molecule_exports import (
    BONDED,
    CHAINS,
    SKEWED,
    SUMS,
    VAN_DER_WAALS,
    example_of,
    peroxide,
    with_scale,
)
from test_molecule_exports import liquid as waters

from dmdstudio.base.errors import FileError
from dmdstudio.files.potentials import export, export_formats, read_parameters
from dmdstudio.files.potentials.numbers import charges_of_types
from dmdstudio.files.potentials.reading import read_potential
from dmdstudio.files.structures.topology import Topology
from dmdstudio.plan.recipe import read_recipe
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm, potential_terms

WATER = Path(__file__).parents[2] / "resources" / "examples" / "water-infrared"
NAMES = {"lammps": "it.in", "openmm": "it.xml", "gromacs": "it.top"}
LIKE = {"rel": 2e-15, "abs": 1e-300}
"""One or two rounding errors of the conversion of units."""


def read_back(name: str, terms, structure: Structure, folder: Path) -> list[PotentialTerm]:
    """Terms, in internal units, of the file that a format writes."""
    main = export(name, terms, structure, folder / NAMES[name], PROVENANCE)[0]
    found = read_potential(main, structure)
    recipe = msgspec.structs.replace(read_recipe(WATER), potential=found.terms, surface=())
    return potential_terms(recipe, structure.symbols, {})


@pytest.mark.parametrize("sum_", SUMS)
@pytest.mark.parametrize("name", ["lammps", "openmm"])
def test_molecules_come_back(tmp_path: Path, name: str, sum_: str):
    structure, charges = waters(SKEWED), SUMS[sum_]
    terms = (*BONDED, VAN_DER_WAALS, charges)
    found = read_back(name, terms, structure, tmp_path)
    assert [t.kind for t in found] == [t.kind for t in terms]
    for one, other in zip(found[:3], terms[:3], strict=True):
        for key, values in other.parameters.items():
            assert one.parameters[key] == pytest.approx(values, **LIKE), key
    assert found[2].options == VAN_DER_WAALS.options
    given = charges_of_types(charges, structure)
    assert found[3].parameters["charge"] == pytest.approx(given, **LIKE)
    if charges.kind == "coulomb":
        kept = {key: charges.options[key] for key in ("cutoff", "damping", "shift")}
        assert found[3].options == kept


@pytest.mark.parametrize("name", ["lammps", "openmm"])
@pytest.mark.parametrize("kinds", [("Ar",), ("Ar", "Ne")])
def test_atoms_come_back(tmp_path: Path, name: str, kinds: tuple[str, ...]):
    structure = liquid(CELLS["turned"], 1, kinds)
    (found,) = read_back(name, [term()], structure, tmp_path)
    for key, values in term().parameters.items():
        wanted = {type_: value for type_, value in values.items() if type_ in kinds}
        assert found.parameters[key] == pytest.approx(wanted, **LIKE)
    differs = {} if len(kinds) > 1 else {"mixing": found.options["mixing"]}  # nothing is mixed
    assert found.options == {**term().options, **differs}


def bonded(structure: Structure) -> PotentialTerm:
    """A term that holds all bonds, where another is tried."""
    owners = sorted(set(Topology(structure).names(Topology(structure).bonds)))
    return PotentialTerm(
        "harmonic_bond", {},
        {"length": dict.fromkeys(owners, 1.1), "stiffness": dict.fromkeys(owners, 40.0)},
    )  # fmt: skip


TRIED = {"coulomb", "ewald", "harmonic_angle", "harmonic_bond", "lennard_jones"}
EVERY = [
    (name, kind) for name in NAMES for kind in export_formats.get(name).kinds if kind not in TRIED
]


@pytest.mark.parametrize(("name", "kind"), EVERY)
def test_every_kind_comes_back(tmp_path: Path, name: str, kind: str):
    term, structure = example_of(kind)
    terms = (bonded(structure), term) if len(structure.bonds) and "bond" not in kind else (term,)
    found = next(t for t in read_back(name, terms, structure, tmp_path) if t.kind == kind)
    for key, values in term.parameters.items():
        wanted = dict.fromkeys(values, 1.0) if key.endswith("_factor") else values
        assert found.parameters[key] == pytest.approx(wanted, rel=2e-14, abs=1e-300), key
    unsaid = export_formats.get(name).unsaid
    options = {key: value for key, value in found.options.items() if key not in unsaid}
    if term.arrays:
        arrays = read_parameters(kind, str(options.pop("file"))).arrays
        for key, values in term.arrays.items():
            sort, _, owner = key.partition("_")
            factor = term.parameters.get(f"{sort}_factor", {}).get(owner, 1.0)
            assert arrays[key] == pytest.approx(factor * values, rel=1e-13)
    texts = {key: options.pop(key) for key in list(options) if isinstance(options[key], str)}
    assert texts == {key: term.options[key] for key in texts}
    assert options == pytest.approx({key: term.options[key] for key in options}, rel=1e-15)
    options |= texts
    assert set(term.options) - set(options) - set(unsaid) <= {
        "file", "fixed", "scale", "mixing", "scale_14",
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_scaled_pairs_come_back(tmp_path: Path, name: str):
    """Factors of atoms three bonds apart, of Lennard-Jones, of charges and of a second term."""
    structure = peroxide(SKEWED)
    scaled = [with_scale(VAN_DER_WAALS, 0.5), with_scale(SUMS["ewald"], 0.8333)]
    terms = [*CHAINS[:2], *scaled]
    terms[-1] = replace(terms[-1], parameters={"charge": {"O": -0.4, "H": 0.4}})
    if name == "openmm":
        terms.append(with_scale(CHAINS[3], 0.25))
    found = read_back(name, terms, structure, tmp_path)
    scales = {t.kind + str(t.options.get("mixing", "")): t.options.get("scale_14") for t in found}
    if name == "gromacs":  # by the settings beside it
        pairs, charges = found[-2:]
        assert pairs.options == scaled[0].options
        assert charges.options["cutoff"] == scaled[1].options["cutoff"]
    assert scales.pop("lennard_joneslorentz_berthelot") == 0.5
    assert scales.pop("ewald") == 0.8333
    assert scales.pop("lennard_jonesgeometric", 0.25) == 0.25


def test_charges_that_contradict_their_formula_are_refused(tmp_path: Path):
    terms = (*BONDED, VAN_DER_WAALS, SUMS["shifted"])
    for name, file, place in (("lammps", "it.data", "it.in"), ("openmm", "it.xml", "it.xml")):
        folder = tmp_path / name
        main = export(name, terms, waters(SKEWED), folder / NAMES[name], PROVENANCE)[0]
        text = (folder / file).read_text()
        (folder / file).write_text(text.replace("-0.8123456789", "-0.8123456780"))
        with pytest.raises(FileError, match=rf"{place}, line \d+: .*is not that of the charges"):
            read_potential(main, waters(SKEWED))
