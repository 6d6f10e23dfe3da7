"""Runs exported topologies in GROMACS, in double precision: `gmx_d` on the path."""

from __future__ import annotations

import functools
import re
import shutil
from pathlib import Path

import numpy as np

from dmdstudio.base.errors import EngineError
from dmdstudio.base.units import factor
from dmdstudio.files.potentials import export_formats
from dmdstudio.files.structures import lower_triangular
from dmdstudio.service.other_engine import (
    Evaluation,
    Exported,
    OtherEngine,
    other_engines,
    run_child,
    single_thread,
)

PROGRAM = "gmx_d"
"""In mixed precision, `gmx`, energies and forces have six digits or fewer."""

_TERMS = ("Potential", "Vir-XX", "Vir-YY", "Vir-ZZ")
_OUTPUT = "\nnstenergy = 1\nnstcalcenergy = 1\nnstfout = 1\n"
_TRR = 1993
"""The number that frames of its trajectories begin with."""


class Gromacs(OtherEngine):
    """GROMACS, by a run of no steps from the exported run settings."""

    name = f"GROMACS ({PROGRAM})"
    formats = ("gromacs",)

    def version(self) -> str | None:
        """Return the version that is installed."""
        return _started()[0]

    def fault(self) -> str:
        """Return why it does not start."""
        return _started()[1]

    def evaluate(self, exported: Exported) -> tuple[list[Evaluation], str] | None:
        """Run the topology for every structure."""
        if exported.careful:
            return None
        top, gro, mdp = exported.files
        folder, environment = top.parent, single_thread()
        settings = folder / "probe.mdp"
        settings.write_text(mdp.read_text() + _OUTPUT)
        format_ = export_formats.get("gromacs")
        evaluations = []
        for number, structure in enumerate(exported.configurations):
            where = gro
            if number:
                path = folder / f"configuration{number}.top"
                (where,) = format_.write_structure(
                    exported.terms, structure, path, exported.provenance
                )
            inputs = ["-f", settings.name, "-c", where.name, "-p", top.name]
            # it warns of what suits a run, such as a list without a buffer
            run_child(
                [PROGRAM, "grompp", *inputs, "-o", "probe.tpr", "-maxwarn", "10"],
                folder,
                environment,
            )
            run_child(
                [PROGRAM, "mdrun", "-deffnm", "probe", "-ntmpi", "1", "-ntomp", "1"],
                folder,
                environment,
            )
            energy, virial = _energies(folder, environment)
            turned, rotation = lower_triangular(structure)
            order = format_.order(structure)
            forces = np.empty((len(order), 3))
            forces[order] = last_forces((folder / "probe.trr").read_bytes())
            evaluations.append(
                Evaluation(
                    energy * factor("kJ/mol", "eV"),
                    forces @ rotation.T * factor("kJ/mol/nm", "eV/angstrom"),
                    # its virial is minus half of the sum of r.F
                    -2.0 / 3.0 * virial * factor("kJ/mol", "eV") / turned.volume,
                )
            )
            for file in folder.glob("probe.*"):
                if file != settings:
                    file.unlink()
        return evaluations, "A run of no steps with the settings as written, in double precision."


other_engines.add("gromacs", Gromacs())


def _energies(folder: Path, environment: dict[str, str]) -> tuple[float, float]:
    """Return the potential energy and the trace of the virial, kJ/mol."""
    words = [PROGRAM, "energy", "-f", "probe.edr", "-dp", "-o", "probe.xvg"]
    run_child(words, folder, environment, words="\n".join(_TERMS) + "\n")
    text = (folder / "probe.xvg").read_text().splitlines()
    rows = [line for line in text if line and line[0] not in "#@"]
    _, energy, *virial = map(float, rows[-1].split())
    return energy, sum(virial)


def last_forces(content: bytes) -> np.ndarray:
    """Return the forces of the only frame of a .trr file [atom, xyz], kJ/mol/nm.

    Raises:
        EngineError: it is none in double precision, or has no forces.
    """
    numbers = np.frombuffer(content[:8], ">i4")
    if len(numbers) < 2 or numbers[0] != _TRR:
        raise EngineError("GROMACS wrote a trajectory that is no .trr file.")
    start = 12 + (int(np.frombuffer(content[8:12], ">i4")[0]) + 3) // 4 * 4
    sizes = np.frombuffer(content[start : start + 40], ">i4")
    box, coordinates, velocities, forces = (int(sizes[n]) for n in (2, 7, 8, 9))
    atoms = int(np.frombuffer(content[start + 40 : start + 44], ">i4")[0])
    if forces != 24 * atoms:
        raise EngineError("GROMACS wrote no forces in double precision.")
    # behind the sizes: atoms, step, nre, time and lambda; then virials come after the box
    data = start + 40 + 3 * 4 + 2 * 8
    skipped = box + int(sizes[3]) + int(sizes[4]) + coordinates + velocities
    first = data + skipped
    return np.frombuffer(content[first : first + forces], ">f8").reshape(atoms, 3).astype(float)


@functools.cache
def _started() -> tuple[str | None, str]:
    """Return its version, or why it does not start; neither where it is not installed."""
    if shutil.which(PROGRAM) is None:
        return None, ""
    try:
        text = run_child([PROGRAM, "--version", "-quiet"], Path.cwd(), single_thread(), 60)
    except EngineError as error:
        return None, error.message
    found = re.search(r"GROMACS version:\s*(\S+)", text)
    return (found[1], "") if found else (None, f"{PROGRAM} --version names no version of GROMACS.")
