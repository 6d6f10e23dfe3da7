"""Certificates: exported files read back, and tried in the engines that they are for.

The reference is our own engine in float64 with the potential that was written. Ewald's sum is taken
as exact as it can be, for that is what every engine converges to; the run's own tolerance is one of
the recipe's settings.
"""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import msgspec
import numpy as np

from dmdstudio.base.errors import DmdError, FileError, RecipeError
from dmdstudio.base.units import BOLTZMANN, from_internal
from dmdstudio.engine.potentials.ewald import FINEST
from dmdstudio.files.certificates import write_certificate
from dmdstudio.files.potentials import ExportFormat, Provenance, export, export_formats
from dmdstudio.plan.certificate import (
    Certificate,
    CertifiedFile,
    ConfigurationNote,
    Differences,
    EngineCheck,
)
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm
from dmdstudio.service.engines import engines_of
from dmdstudio.service.export import refined_potential
from dmdstudio.service.other_engine import Evaluation, Exported, OtherEngine, other_engines
from dmdstudio.service.own_engine import own_evaluations
from dmdstudio.service.read_back import read_back
from dmdstudio.service.recomputed import recomputed

READ_BACK = "Read back"
"""What the row of our own reader is called."""

MOVED = 0.02
"""Standard deviation of every coordinate of a configuration about the structure, angstrom."""

MOST_ATOMS = 5000
"""Larger structures are certified where it is asked for."""

STRAINS = (0.0, 0.0, 0.004, 0.007, 0.01)
"""Of every length in a configuration; cells only grow, for many are as small as cutoffs allow."""

_THERMAL = BOLTZMANN * 300.0


def export_certified(
    run_dir: str | Path,
    format_name: str,
    output: str | Path,
    which: str | int = "best",
    certified: bool | None = None,
    targets: bool = False,
) -> tuple[list[Path], Certificate | None]:
    """Write a run's potential and try it in the engines that are for it.

    Args:
        run_dir: a run folder; it may be in use.
        format_name: a registered export format.
        output: the main file, or a folder.
        which: ``"best"``, ``"last"`` or the number of an iteration.
        certified: whether to certify; None for `MOST_ATOMS` at most, and where targets are.
        targets: whether to compute the targets again from trajectories of the engine.

    Returns:
        The files written, the main one first and the certificate's last; and the certificate, None
        where none was made: nothing runs or reads the format, or it was not wanted.

    Raises:
        RecipeError: targets are asked for, but no engine here runs trajectories of the format.
    """
    moving = _movers(format_name, certified) if targets else []
    terms, structure, provenance = refined_potential(run_dir, which)
    written = export(format_name, terms, structure, output, provenance)
    if certified is None:
        certified = targets or len(structure.symbols) <= MOST_ATOMS
    if not certified or not can_be_certified(format_name):
        return written, None
    certificate = certify(format_name, terms, structure, written, provenance)
    if targets:
        exported = Exported(written, terms, [structure], provenance)
        found = [recomputed(engine, run_dir, which, exported) for engine in moving]
        certificate = msgspec.structs.replace(certificate, targets=tuple(chain(*found)))
    return [*written, *write_certificate(certificate, written[0])], certificate


def _movers(format_name: str, certified: bool | None) -> list[OtherEngine]:
    """Return the engines here that run trajectories of a format; raise where there are none."""
    if certified is False:
        raise RecipeError("Targets are part of the certificate.", "Leave out --no-certify.")
    able = [engine for engine in engines_of(format_name) if engine.moves]
    if not able:
        known = [n for _, one in other_engines.items() if one.moves for n in one.formats]
        raise RecipeError(
            f"No engine runs trajectories of files of format {format_name!r}.",
            f"Formats that can: {', '.join(known)}.",
        )
    found = [engine for engine in able if engine.version() is not None]
    if not found:
        raise RecipeError(
            " ".join(_absence(engine) for engine in able), "Install it, or leave out --targets."
        )
    return found


def _absence(engine: OtherEngine) -> str:
    """Say why an engine cannot be asked."""
    if fault := engine.fault():
        return f"{engine.name} is installed here, but does not start: {fault}"
    return f"{engine.name} is not installed here."


def can_be_certified(format_name: str) -> bool:
    """Tell whether anything reads or runs files of a format, installed or not."""
    return bool(engines_of(format_name) or export_formats.get(format_name).reader)


def certify(
    format_name: str,
    terms: Sequence[PotentialTerm],
    structure: Structure,
    written: Sequence[Path],
    provenance: Provenance,
) -> Certificate:
    """Read written files back, run them in every engine that is for them, and compare.

    Args:
        format_name: of the export.
        terms: the potential that was written.
        structure: the atoms that were written.
        written: the files, the main one first.
        provenance: as in the files.

    Raises:
        PhysicsError: our own engine cannot evaluate the structure.
    """
    configurations, about = _configurations(structure)
    reference = own_evaluations(terms, configurations)
    format_ = export_formats.get(format_name)
    again = None
    if format_.reader:
        again = _read_again(format_, terms, configurations, reference, written)
    checks = tuple(
        _checked(engine, terms, configurations, reference, written, provenance)
        for engine in engines_of(format_name)
    )
    notes = ["Pressures are those of the forces alone, without the kinetic part."]
    if any(term.kind == "ewald" for term in terms):
        notes.append(
            f"Ewald's sum was taken to a tolerance of {FINEST['float64']:g} here, "
            "whatever the run's own was."
        )
    return Certificate(
        title=provenance.title,
        run=provenance.run,
        iteration=provenance.iteration,
        version=provenance.version,
        date=provenance.date,
        format=format_name,
        formula=structure.formula,
        files=tuple(
            CertifiedFile(name=p.name, sha256=hashlib.sha256(p.read_bytes()).hexdigest())
            for p in written
        ),
        configurations=tuple(
            ConfigurationNote(
                about=words,
                energy=found.energy,
                largest_force=float(np.abs(found.forces).max()),
                pressure=from_internal(found.pressure, "bar"),
            )
            for words, found in zip(about, reference, strict=True)
        ),
        engines=checks,
        read_back=again,
        notes=tuple(notes),
    )


def _configurations(structure: Structure) -> tuple[list[Structure], list[str]]:
    """Return the structure, and copies moved at random and strained, with words for each."""
    random = np.random.default_rng(2025)
    found, about = [structure], ["as written"]
    for strain in STRAINS[1:]:
        shift = random.normal(scale=MOVED, size=structure.positions.shape)
        found.append(
            replace(
                structure,
                positions=(structure.positions + shift) * (1.0 + strain),
                cell=structure.cell * (1.0 + strain),
            )
        )
        words = f"moved by {MOVED:g} angstrom"
        about.append(words + (f", lengths + {100 * strain:.1f} %" if strain else ""))
    return found, about


def _read_again(
    format_: ExportFormat,
    terms: Sequence[PotentialTerm],
    configurations: Sequence[Structure],
    reference: Sequence[Evaluation],
    written: Sequence[Path],
) -> EngineCheck:
    check = EngineCheck(engine=READ_BACK, version="", verdict="failed")
    with tempfile.TemporaryDirectory() as folder:
        copies = [Path(shutil.copy(path, folder)) for path in written]
        try:
            found, rules = read_back(format_, copies[0], terms, configurations[0])
        except FileError as error:
            note = f"DMD Studio's own reader refuses the file: {error}"
            return msgspec.structs.replace(check, verdict="not read", note=note)
        try:
            plain = [replace(one, names=(), type_rules=rules) for one in configurations]
            again = own_evaluations(found, plain)
        except DmdError as error:
            return msgspec.structs.replace(check, note=str(error))
    note = "The files were read as if they were somebody else's, and evaluated here."
    if format_.unsaid:
        note += f" What the format cannot say was told: {', '.join(format_.unsaid)}."
    return _compared(check, configurations, reference, again, note)


def _checked(
    engine: OtherEngine,
    terms: Sequence[PotentialTerm],
    configurations: Sequence[Structure],
    reference: Sequence[Evaluation],
    written: Sequence[Path],
    provenance: Provenance,
) -> EngineCheck:
    version = engine.version()
    if version is None:
        verdict = "not started" if engine.fault() else "not installed"
        note = f"{_absence(engine)} The files were not tried in it."
        return EngineCheck(engine=engine.name, version="", verdict=verdict, note=note)
    check = EngineCheck(engine=engine.name, version=version, verdict="failed")
    for careful in (False, True):  # where an engine has a way around its own limits, try it too
        with tempfile.TemporaryDirectory() as folder:
            copies = [Path(shutil.copy(path, folder)) for path in written]
            exported = Exported(copies, terms, configurations, provenance, careful)
            try:
                answer = engine.evaluate(exported)
            except DmdError as error:
                return msgspec.structs.replace(check, note=str(error))
        if answer is None:
            break
        found, note = answer
        check = _compared(check, configurations, reference, found, note)
        if check.verdict == "agrees":
            break
    return check


def _compared(
    check: EngineCheck,
    configurations: Sequence[Structure],
    reference: Sequence[Evaluation],
    found: Sequence[Evaluation],
    note: str,
) -> EngineCheck:
    # of all of them, for in a crystal at rest there are none
    largest = max(float(np.abs(ours.forces).max()) for ours in reference) or 1.0
    differences = tuple(
        _differences(structure, ours, theirs, largest)
        for structure, ours, theirs in zip(configurations, reference, found, strict=True)
    )
    agree = all(difference.agree for difference in differences)
    verdict = "agrees" if agree else "differs"
    return msgspec.structs.replace(check, verdict=verdict, differences=differences, note=note)


def _differences(
    structure: Structure, ours: Evaluation, theirs: Evaluation, largest: float
) -> Differences:
    thermal = len(structure.symbols) * _THERMAL
    pressure = max(abs(ours.pressure), thermal / structure.volume)
    return Differences(
        energy=float(abs(theirs.energy - ours.energy) / max(abs(ours.energy), thermal)),
        forces=float(np.abs(theirs.forces - ours.forces).max()) / largest,
        pressure=float(abs(theirs.pressure - ours.pressure) / pressure),
    )
