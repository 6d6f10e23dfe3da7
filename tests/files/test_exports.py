"""Exported potentials in the engines they are for, against a plain double-precision sum."""

from __future__ import annotations

import importlib.util
import itertools
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from engines import (
    KJ_PER_MOL,
    WITHOUT_LAMMPS,
    in_openmm,
    lammps_environment,
    lammps_forces,
    run_lammps,
)

from dmdstudio.base.errors import FileError, RecipeError
from dmdstudio.files.potentials import ParameterChange, Provenance, export, export_formats, formats
from dmdstudio.files.structures import lower_triangular
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm

needs_lammps = pytest.mark.skipif(lammps_environment() is None, reason=WITHOUT_LAMMPS)
needs_openmm = pytest.mark.skipif(
    importlib.util.find_spec("openmm") is None, reason="openmm is not installed"
)

PROVENANCE = Provenance(
    title="Argon & neon, 94 K -- größer &",
    run="argon-1",
    iteration=7,
    version="0.1.0",
    date="2025-01-31",
    loss=0.1 + 0.2,
    parameters=(ParameterChange("lennard_jones.sigma[Ar]", "angstrom", 3.38, 3.4012345678901),),
    temperature=94.4,
)

CELLS = {
    "cubic": np.diag([23.0, 23.0, 23.0]),
    "orthorhombic": np.diag([21.0, 22.5, 24.0]),
    "triclinic": np.array([[23.0, 0, 0], [5.0, 22.0, 0], [-4.0, 3.5, 24.0]]),
    "turned": np.array([[20.0, 9.0, 3.0], [-8.0, 21.0, 4.0], [2.0, -7.0, 23.0]]),
    "left-handed, steep": np.array([[1.0, 23.0, 0.5], [25.0, 6.0, 1.0], [26.0, 30.0, 24.0]]),
}


STEEP = np.array([[23.0, 0, 0], [7.0, 22.0, 0], [-6.0, 5.0, 24.0]])
"""So tilted and so tight that OpenMM's Reference platform misses pairs; the others do not."""


def liquid(cell: np.ndarray, seed: int, kinds: tuple[str, ...] = ("Ar",)) -> Structure:
    """A liquid-like configuration: a rattled lattice at liquid density, some atoms outside."""
    random = np.random.default_rng(seed)
    steps = 6
    grid = np.stack(np.meshgrid(*[np.arange(steps)] * 3), -1).reshape(-1, 3) / steps
    fractional = grid + random.uniform(-0.02, 0.02, grid.shape) + random.integers(-1, 2, grid.shape)
    symbols = tuple(random.choice(kinds, len(grid)))
    masses = {"Ar": 39.948, "Ne": 20.1797}
    return Structure(
        symbols, fractional @ cell, cell, np.array([masses[s] for s in symbols]), "liquid"
    )


def term(mixing: str = "lorentz_berthelot") -> PotentialTerm:
    return PotentialTerm(
        "lennard_jones",
        {"cutoff": 10.0, "switch_start": 8.5, "mixing": mixing},
        {
            "sigma": {"Ar": 3.4012345678901, "Ne": 2.7891234567},
            "epsilon": {"Ar": 0.010321098765432, "Ne": 0.0031415926535},
        },
    )


def reference(structure: Structure, term: PotentialTerm) -> tuple[float, np.ndarray]:
    """The formula itself, summed over pairs and images in double precision."""
    cutoff, start = term.options["cutoff"], term.options["switch_start"]
    assert isinstance(cutoff, float) and isinstance(start, float)
    sigma = np.array([term.parameters["sigma"][s] for s in structure.symbols])
    epsilon = np.array([term.parameters["epsilon"][s] for s in structure.symbols])
    if term.options["mixing"] == "geometric":
        sigma = np.sqrt(sigma[:, None] * sigma)
    else:
        sigma = (sigma[:, None] + sigma) / 2
    epsilon = np.sqrt(epsilon[:, None] * epsilon)
    inverse = np.linalg.inv(structure.cell)
    between = (structure.positions[:, None] - structure.positions[None]) @ inverse
    between -= np.round(between)
    energy, forces = 0.0, np.zeros_like(structure.positions)
    for image in itertools.product((-1, 0, 1), repeat=3):
        vectors = (between + image) @ structure.cell
        r = np.linalg.norm(vectors, axis=-1)
        inside = (r < cutoff) & (r > 0)
        safe = np.where(inside, r, cutoff)
        x = np.clip((safe - start) / (cutoff - start), 0, 1)
        switch = 1 - 10 * x**3 + 15 * x**4 - 6 * x**5
        slope = (-30 * x**2 + 60 * x**3 - 30 * x**4) / (cutoff - start)
        power = (sigma / safe) ** 6
        plain = 4 * epsilon * (power**2 - power)
        derivative = 4 * epsilon * (-12 * power**2 + 6 * power) / safe
        energy += 0.5 * np.sum(np.where(inside, plain * switch, 0))
        pull = np.where(inside, -(derivative * switch + plain * slope) / safe, 0)
        forces += np.einsum("ij,ijx->ix", pull, vectors)
    return float(energy), forces


def difference(structure, term_, energy: float, forces: np.ndarray) -> tuple[float, float]:
    """Relative differences of the energy and of the forces (by the largest) from `reference`."""
    wanted, pulls = reference(structure, term_)
    largest = np.abs(pulls).max()
    return abs(energy / wanted - 1), float(np.abs(forces - pulls).max() / largest)


def test_the_reference_is_its_own_derivative():
    structure, h = liquid(CELLS["turned"], 0), 1e-5
    _, forces = reference(structure, term())
    for atom, axis in ((0, 0), (17, 1), (101, 2)):
        energies = []
        for step in (h, -h):
            moved = structure.positions.copy()
            moved[atom, axis] += step
            energies.append(reference(replace(structure, positions=moved), term())[0])
        slope = (energies[1] - energies[0]) / (2 * h)
        assert slope == pytest.approx(forces[atom, axis], abs=1e-7 * np.abs(forces).max())


MIXTURES = {
    "Ar": (("Ar",), "lorentz_berthelot"),
    "Ar, Ne": (("Ar", "Ne"), "lorentz_berthelot"),
    "Ar, Ne geometric": (("Ar", "Ne"), "geometric"),
}
CASES = [
    *[(cell, "Ar") for cell in CELLS],
    ("turned", "Ar, Ne"),
    ("cubic", "Ar, Ne geometric"),
]


@needs_lammps
@pytest.mark.parametrize(("cell", "mixture"), [*CASES, ("steep", "Ar")])
def test_lammps_gives_the_same_energy_and_forces(tmp_path, cell, mixture):
    kinds, mixing = MIXTURES[mixture]
    structure = liquid(CELLS.get(cell, STEEP), len(cell), kinds)
    written = export("lammps", [term(mixing)], structure, tmp_path / "my liquid.in", PROVENANCE)
    result = lammps_forces(written[0])
    _, rotation = lower_triangular(structure)
    found = difference(structure, term(mixing), result.energy, result.forces @ rotation.T)
    assert found[0] < 1e-12
    assert found[1] < 1e-12


@needs_openmm
@pytest.mark.parametrize(("cell", "mixture"), CASES)
def test_openmm_gives_the_same_energy_and_forces(tmp_path, cell, mixture):
    kinds, mixing = MIXTURES[mixture]
    structure = liquid(CELLS[cell], len(cell), kinds)
    written = export("openmm", [term(mixing)], structure, tmp_path / "liquid.xml", PROVENANCE)
    energy, forces, masses = in_openmm(written[-1], "Reference")
    _, rotation = lower_triangular(structure)
    found = difference(structure, term(mixing), energy, forces @ rotation.T)
    assert found[0] < 1e-12
    assert found[1] < 1e-12
    assert masses == structure.masses.tolist()


@needs_openmm
@pytest.mark.parametrize("mixing", ["lorentz_berthelot", "geometric"])
def test_openmm_in_a_steep_and_tight_cell(tmp_path: Path, mixing: str):
    structure = liquid(STEEP, 0)
    written = export("openmm", [term(mixing)], structure, tmp_path / "liquid.xml", PROVENANCE)
    assert "Reference platform can miss" in written[-1].read_text()
    energy, forces, _ = in_openmm(written[-1], "CPU")
    found = difference(structure, term(mixing), energy, forces)
    assert found[0] < 1e-6
    assert found[1] < 2e-5  # this platform computes in float32


@needs_openmm
def test_the_openmm_script_runs(tmp_path: Path):
    written = export("openmm", [term()], liquid(CELLS["cubic"], 1), tmp_path / "a.xml", PROVENANCE)
    done = subprocess.run(
        [sys.executable, written[-1], "--steps", "2"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    energy = float(done.stdout.split(":")[1].split()[0])
    wanted = reference(liquid(CELLS["cubic"], 1), term())[0] * KJ_PER_MOL
    assert energy == pytest.approx(wanted, rel=1e-5)  # the default platform computes in float32


@needs_lammps
def test_the_lammps_run_measures_diffusion(tmp_path: Path):
    structure = liquid(np.diag([22.0, 22.0, 22.0]), 3)
    written = export("lammps", [term()], structure, tmp_path / "my argon.in", PROVENANCE)
    settings = {"equilibration": 5000, "decorrelation": 300, "production": 200, "origins": 2}
    log = run_lammps(written[2], settings)
    warnings = [line for line in log.splitlines() if "WARNING" in line]
    assert all("No fixes with time integration" in line for line in warnings)  # run 0
    lines = (tmp_path / "my_argon_diffusion.txt").read_text().splitlines()
    values = [float(line.split()[1]) for line in lines[1:]]
    assert len(values) == 2
    for origin, value in enumerate(values, start=1):
        curve = np.loadtxt(tmp_path / f"my_argon_vacf_{origin}.txt")
        assert len(curve) == 201
        # 1 angstrom^2/ps = 1e-8 m2/s, steps of 0.001 ps
        assert value == pytest.approx(10 * np.trapezoid(curve[:, 1]) * 0.001 / 3, rel=1e-5)
        assert curve[0, 1] == pytest.approx(3 * 8.617e-5 * 94.4 / (39.948 * 1.0364e-4), rel=0.3)


def test_the_ase_file_holds_every_digit(tmp_path: Path):
    structure = liquid(CELLS["turned"], 1)
    written = export("ase", [term()], structure, tmp_path / "argon.py", PROVENANCE)
    space: dict[str, object] = {"__file__": str(written[0]), "__name__": "argon"}
    exec(compile(written[0].read_text(), "argon.py", "exec"), space)
    assert space["TERMS"] == [
        {"kind": "lennard_jones", "options": term().options, "parameters": term().parameters}
    ]


def test_the_ase_calculator_gives_the_same_energy_and_forces(tmp_path: Path):
    if importlib.util.find_spec("dmdstudio.service.calculator") is None:
        pytest.skip("dmdstudio.service.calculator is not there")
    structure = liquid(CELLS["turned"], 1)
    written = export("ase", [term()], structure, tmp_path / "argon.py", PROVENANCE)
    space: dict = {"__file__": str(written[0]), "__name__": "argon"}
    exec(compile(written[0].read_text(), "argon.py", "exec"), space)
    atoms, random = space["structure"](), np.random.default_rng(2)
    for _ in range(5):
        moved = replace(structure, positions=atoms.positions.copy())
        found = difference(moved, term(), atoms.get_potential_energy(), atoms.get_forces())
        assert found[0] < 1e-6
        assert found[1] < 1e-6
        stress = atoms.get_stress(voigt=False)
        atoms.positions += random.normal(scale=0.02, size=atoms.positions.shape)
    h, energies = 1e-5, []
    for scale in (1.0 + h, 1.0 - h):
        scaled = replace(moved, positions=scale * moved.positions, cell=scale * moved.cell)
        energies.append(reference(scaled, term())[0])
    slope = (energies[0] - energies[1]) / (2.0 * h)
    assert np.trace(stress) * structure.volume == pytest.approx(slope, rel=1e-6)


# Provenance, names and refusals


@pytest.mark.parametrize("name", ["lammps", "openmm", "ase"])
def test_every_file_says_where_it_comes_from(tmp_path: Path, name: str):
    structure = liquid(CELLS["cubic"], 0)
    for path in export(name, [term()], structure, tmp_path / "new" / "folder", PROVENANCE):
        assert path.parent == tmp_path / "new" / "folder"
        text = path.read_text("ascii")
        if path.suffix == ".xyz":
            continue
        for words in (
            "Title: Argon & neon, 94 K - groer\n",
            "argon-1, iteration 7, loss 0.30000000000000004",
            "3.38 -> 3.4012345678901 angstrom",
            "10.1038/s41467-025-56061-z",
        ):
            one_line = path.suffix == ".data"
            assert (words.rstrip("\n") if one_line else words) in text, (path, words)
        if path.suffix == ".xml":
            ElementTree.fromstring(text)


def test_a_hostile_title_stays_within_its_comment(tmp_path: Path):
    title = 'x\nshell touch hacked\r\n--> <Bad/> """ \u2028quit &'
    hostile = replace(PROVENANCE, title=title, run="a\x85b&")
    structure = liquid(CELLS["cubic"], 0)
    for name in ("lammps", "openmm", "ase"):
        good = export(name, [term()], structure, tmp_path / name / "good", PROVENANCE)
        bad = export(name, [term()], structure, tmp_path / name / "bad", hostile)
        for harmless, path in zip(good, bad, strict=True):
            lines = path.read_text("ascii").splitlines()
            assert len(lines) == len(harmless.read_text("ascii").splitlines())
            assert not any(line.startswith(("shell", "quit")) for line in lines)
            assert not any("shell" in line and line.endswith("&") for line in lines)
            if path.suffix == ".xml":
                assert "Bad" not in {e.tag for e in ElementTree.parse(path).iter()}
            if path.suffix == ".py":
                compile(path.read_text(), path.name, "exec")


def test_the_catalog_lists_the_formats():
    assert [(e.section, e.name) for e in formats()] == [
        ("export", "ase"),
        ("export", "behler_parrinello"),
        ("export", "eann"),
        ("export", "dmff"),
        ("export", "gromacs"),
        ("export", "lammps"),
        ("export", "nequip"),
        ("export", "openmm"),
        ("export", "jax"),
    ]
    assert all(e.label and e.doc for e in formats())
    binary = {name for name, one in export_formats.items() if one.comment is None}
    assert binary == {
        "behler_parrinello",
        "dmff",
        "eann",
        "nequip",
    }  # a mismatch writes nothing into these


def test_what_cannot_be_written_is_refused(tmp_path: Path):
    structure, path = liquid(CELLS["cubic"], 0), tmp_path / "a.in"

    def refused(message: str, *terms: PotentialTerm, name: str = "lammps", **changes) -> None:
        with pytest.raises(FileError, match=message):
            export(name, terms, replace(structure, **changes), path, PROVENANCE)
        assert not list(tmp_path.iterdir())

    good = term()
    refused("'lammps' cannot write a term of kind 'eann'", PotentialTerm("eann", {}, {}))
    other = PotentialTerm("painn", {}, {})
    refused("'ase' cannot write a term of kind 'painn'", other, name="ase")
    refused("no term")
    refused("no sigma for Ar", replace(good, parameters={"epsilon": {"Ar": 1.0}}))
    refused("no number 'cutoff'", replace(good, options={"switch_start": 9.0}))
    refused("not between", replace(good, options={**good.options, "switch_start": 11.0}))
    refused("mixing rule 'kong'", replace(good, options={**good.options, "mixing": "kong"}))
    refused("no epsilon for Xe", good_without_xenon(), symbols=("Xe",) * 216)
    refused("masses", good, masses=np.linspace(39, 40, 216))
    refused("at least twice as wide", good, name="openmm", cell=np.diag([19.0, 23.0, 23.0]))
    with pytest.raises(RecipeError, match="no export format called 'lamps'"):
        export("lamps", [good], structure, path, PROVENANCE)
    with pytest.raises(FileError, match="beside the main one"):
        export("lammps", [good], structure, tmp_path / "a.data", PROVENANCE)
    with pytest.raises(FileError, match="cannot be the name"):
        export("lammps", [good], structure, tmp_path / "a$(b).in", PROVENANCE)
    (tmp_path / "file").write_text("")
    with pytest.raises(FileError, match="cannot be written"):
        export("lammps", [good], structure, tmp_path / "file" / "a.in", PROVENANCE)


def good_without_xenon() -> PotentialTerm:
    return replace(term(), parameters={"sigma": {"Xe": 3.9}, "epsilon": {"Ar": 0.01}})
