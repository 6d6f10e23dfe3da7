"""Certificates: right files agree, changed ones do not, and engines may fail or be missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from test_molecule_exports import SKEWED, TURNED_CHAINS, example_of, peroxide

from dmdstudio.engine.water import water
from dmdstudio.files.certificates import certificate_page, read_certificate, write_certificate
from dmdstudio.files.potentials import Provenance, export
from dmdstudio.plan.certificate import Certificate
from dmdstudio.plan.recipe import TargetPlan
from dmdstudio.plan.settings import with_settings
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm
from dmdstudio.service import loop
from dmdstudio.service.certificate import certify
from dmdstudio.service.control import Control
from dmdstudio.service.other_engine import other_engines

PROVENANCE = Provenance("Water & <ions>", "water-1", 3, "0.1.0", "2025-01-31", 0.5)
TERMS = (
    PotentialTerm("harmonic_bond", {}, {"length": {"H-O": 1.012}, "stiffness": {"H-O": 45.9}}),
    PotentialTerm(
        "lennard_jones",
        {"cutoff": 6.1, "switch_start": 5.0, "mixing": "lorentz_berthelot"},
        {"sigma": {"H": 1.1, "O": 3.165492}, "epsilon": {"H": 0.0004, "O": 0.0067398745}},
    ),
    PotentialTerm(
        "coulomb",
        {"cutoff": 6.5, "damping": 0.2, "shift": "force", "balance": "H"},
        {"charge": {"O": -0.81}},
    ),
)
CELL = np.array([[14.0, 0.0, 0.0], [2.5, 14.5, 0.0], [-2.0, 1.5, 14.5]])


@pytest.fixture
def liquid() -> Structure:
    """27 waters in a skewed cell."""
    system, positions = water(CELL, 3)
    symbols = tuple(system.type_names[type_] for type_ in system.types)
    return Structure(symbols, positions, CELL, system.masses, "water", system.bonds)


def certified(liquid: Structure, name: str, main: Path, change: tuple[str, str] | None = None):
    written = export(name, TERMS, liquid, main, PROVENANCE)
    if change:
        text = written[0].read_text()
        assert change[0] in text
        written[0].write_text(text.replace(*change))
    return written, certify(name, TERMS, liquid, written, PROVENANCE)


def installed(name: str) -> None:
    if other_engines.get(name).version() is None:
        pytest.skip(f"{name} is not installed")


def test_right_files_agree_and_the_certificate_can_be_read_again(liquid, tmp_path):
    installed("openmm")
    written, found = certified(liquid, "openmm", tmp_path / "water.xml")
    assert found.verdict == "agrees", found.engines
    (check,) = found.engines
    for one in (check, found.read_back):
        assert one.worst and one.worst.energy < 1e-12 and one.worst.forces < 1e-12
    assert len(check.differences) == len(found.configurations) == 5
    data, page = write_certificate(found, written[0])
    assert read_certificate(data.read_bytes()) == found
    assert msgspec.json.decode(data.read_bytes())["verdict"] == "agrees"
    shown = page.read_text()
    assert "Water &amp; &lt;ions&gt;" in shown and "OpenMM 8" in shown and "Read back" in shown
    assert not written[0].read_text().startswith("<!--")


def test_a_changed_file_is_noticed_and_marked(liquid, tmp_path):
    """A bond that is longer by 1e-5 angstrom."""
    installed("lammps")
    written, found = certified(liquid, "lammps", tmp_path / "my water.in", ("1.012 ", "1.01201 "))
    assert found.verdict == "differs"
    for check in found.checks:
        assert check.worst is not None and 1e-6 < check.worst.forces < 1e-2
    write_certificate(found, written[0])
    first, *rest = written[0].read_text().splitlines()
    assert first.startswith("# NOT CERTIFIED") and "my water.certificate.html" in first
    assert rest[0].startswith("# Written by DMD Studio")


def test_an_engine_that_fails_or_is_missing_says_so(liquid, tmp_path, monkeypatch):
    installed("lammps")
    _, found = certified(liquid, "lammps", tmp_path / "w.in", ("pair_style", "no_such_style"))
    (check,) = found.engines
    assert (found.verdict, check.verdict) == ("differs", "failed")
    assert "no_such_style" in check.note
    assert found.read_back and found.read_back.verdict == "not read"
    monkeypatch.setattr(type(other_engines.get("lammps")), "version", lambda _: None)
    _, found = certified(liquid, "lammps", tmp_path / "w.in")
    assert (found.verdict, found.engines[0].verdict) == ("reads back", "not installed")
    assert "LAMMPS is not installed here" in certificate_page(found)
    monkeypatch.setattr(type(other_engines.get("lammps")), "fault", lambda _: "No <libmpi>.")
    _, found = certified(liquid, "lammps", tmp_path / "w.in", ("1.012 ", "1.01201 "))
    assert (found.verdict, found.read_back.verdict) == ("differs", "differs")
    assert found.engines[0].verdict == "not started"
    page = certificate_page(found)
    assert "Does not start" in page and "does not start: No &lt;libmpi&gt;." in page


@pytest.mark.parametrize(
    ("name", "kind"),
    [("lammps", "pair_spline"), ("openmm", "buckingham"), ("gromacs", ""), ("dmff", "eann")],
)
def test_every_format_with_a_reader_is_read_back(name, kind, tmp_path, monkeypatch):
    """Where no engine is at hand; the cutoffs of GROMACS stand in its settings."""
    for _, engine in other_engines.items():
        monkeypatch.setattr(type(engine), "version", lambda _: None)
    if kind:
        term, structure = example_of(kind)
        terms = (term,)
    else:
        structure, terms = peroxide(SKEWED), TURNED_CHAINS[:-1]
    written = export(name, terms, structure, tmp_path / "it", PROVENANCE)
    found = certify(name, terms, structure, written, PROVENANCE)
    assert found.verdict == "reads back", found.read_back
    assert found.read_back.worst.forces < 1e-9 and len(found.configurations) >= 5


@pytest.mark.parametrize(("verdict", "status"), [("agrees", 0), ("failed", 5)])
def test_the_command_line_ends_with_the_verdict(verdict, status, tmp_path, monkeypatch, capsys):
    from dmdstudio.cli import main
    from dmdstudio.plan.certificate import EngineCheck

    check = EngineCheck(engine="LAMMPS", version="1", verdict=verdict, note="It burns.")
    found = Certificate(
        title="", run="r", iteration=0, version="", date="", format="lammps", formula="H",
        files=(), configurations=(), engines=(check,),
    )  # fmt: skip
    answer = ([tmp_path / "a.in", tmp_path / "a.certificate.html"], found)
    monkeypatch.setattr("dmdstudio.service.certificate.export_certified", lambda *_: answer)
    words = ["export", "run", "--format", "lammps", "--output", "a.in"]
    assert main(words) == status
    shown = capsys.readouterr()
    assert ("It burns." in shown.out) == (status == 5)
    assert ("not the same potential" in shown.err) == (status == 5)
    assert main([*words, "--json"]) == status
    decoded = msgspec.json.decode(capsys.readouterr().out)
    assert decoded["certificate"]["verdict"] == found.verdict


def test_targets_are_computed_again_by_the_engine(tiny_recipe, tmp_path, monkeypatch, capsys):
    """Diffusion, and the energy and pressure of frames; faster atoms are noticed."""
    installed("lammps")
    from dmdstudio.cli import main

    watched = ("self_diffusion", "potential_energy", "pressure")
    settings = ["refinement.iterations=1", "sampling.replicas=4", "dynamics.steps=100"]
    settings += ["sampling.equilibration_steps=2000", "sampling.decorrelation_steps=250"]
    recipe = with_settings(tiny_recipe, settings)
    recipe = msgspec.structs.replace(
        recipe,
        target=(recipe.target[0], *(TargetPlan(observable=name) for name in watched[1:])),
    )
    run = tmp_path / "run"
    list(loop.refine(recipe, run, Control()))
    pieces = []
    engine = type(other_engines.get("lammps"))
    plain = engine.trajectories
    monkeypatch.setattr(
        engine, "trajectories", lambda *given: (pieces.append(p) or p for p in plain(*given))
    )
    words = ["export", str(run), "--format", "lammps", "--targets", "--json", "--output"]
    assert main([*words, str(tmp_path / "a.in")]) == 0
    found = msgspec.json.decode(capsys.readouterr().out)["certificate"]
    assert [check["target"] for check in found["targets"]] == list(watched)
    for check in found["targets"]:
        assert check["deviation"] < 4.0 and check["their_error"][0] > 0.0, check
    assert "Pressure (pressure)" in (tmp_path / "a.certificate.html").read_text()

    hot = [replace(piece, velocities=1.5 * piece.velocities) for piece in pieces]
    monkeypatch.setattr(engine, "trajectories", lambda *_: iter(hot))
    assert main([*words, str(tmp_path / "b.in")]) == 5
    found = msgspec.json.decode(capsys.readouterr().out)
    assert found["certificate"]["targets"][0]["deviation"] > 4.0
    assert (tmp_path / "b.in").read_text().startswith("# NOT CERTIFIED")
    assert main([*words[:3], "openmm", *words[4:], str(tmp_path / "c.xml")]) == 2
    assert "Formats that can: lammps" in capsys.readouterr().out
