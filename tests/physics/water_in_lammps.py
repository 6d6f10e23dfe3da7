"""Flexible water in LAMMPS: trajectories at constant energy, as arrays.

Run as a program, in a process that finds LAMMPS (`engines.lammps_environment`), it makes them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np

PAIRS = ("1 1", "1 2", "2 2")
ORDER = ("xx", "yy", "zz", "xy", "xz", "yz")
TIMESTEP_FS = 0.5
BATH_TIMESTEP_FS = 0.25
"""At 0.5 fs the stretches of velocity Verlet have 3 % less kinetic energy than their potential
energy calls for; a thermostat that holds the mean then makes all else hotter."""
BATH_PS = 0.2
"""Of Langevin's thermostat. Nose and Hoover's holds the mean alone: stretches that begin hot, for
their length has changed, stayed 200 K too hot for 100 ps."""
SAMPLE_EVERY = 100
"""Steps between two densities."""


class Recorded(NamedTuple):
    """What LAMMPS has of several pieces of a trajectory.

    Attributes:
        cell: edges [piece, xyz], angstrom.
        density: while the pressure was constant [sample], g/cm3.
        positions: inside the cell [piece, frame, atom, xyz], angstrom.
        velocities: [piece, frame, atom, xyz], angstrom/ps.
        pressure: [piece, frame, 3, 3], bar, the kinetic part too.
    """

    cell: np.ndarray
    density: np.ndarray
    positions: np.ndarray
    velocities: np.ndarray
    pressure: np.ndarray


def record(
    problem,
    complete,
    folder: Path,
    *,
    pieces: int,
    steps: int,
    every: int,
    warm: int = 0,
    between: int = 0,
    pressure: float | None = None,
    velocities: np.ndarray | None = None,
) -> Recorded:
    """Run pieces at constant energy, each after a while in a heat bath, or at constant pressure.

    The charges' closed form, which LAMMPS reads as text at every pair, becomes its own table of
    it first: nine times as fast, the same energy to 13 digits.

    Args:
        problem: flexible water with shifted charges.
        complete: its recipe with every setting.
        folder: an empty one.
        pieces: number of pieces.
        steps: of each.
        every: steps from frame to frame.
        warm: steps in the bath, half as long, before the first piece; 0 for no bath at all.
        between: steps in it before every other piece.
        pressure: of the bath in bar, where it has one.
        velocities: to begin with [atom, xyz], angstrom/fs; None draws them.
    """
    from engines import lammps_environment

    from dmdstudio.files.potentials import Provenance, export
    from dmdstudio.plan.terms import potential_terms
    from dmdstudio.service.structure import structure_of

    structure = structure_of(complete)
    temperature = complete.sampling.temperature
    note = Provenance("test", "test", 0, "0", "2025-01-01", temperature=temperature)
    terms = potential_terms(complete, structure.symbols, {})
    export("lammps", terms, structure, folder / "water.in", note)
    if velocities is not None:
        np.save(folder / "velocities.npy", velocities * 1e3)
    cutoff = next(t.options["cutoff"] for t in terms if t.kind == "coulomb")
    plan = {
        "temperature": temperature,
        "pressure": pressure,
        "cutoff": cutoff,
        "atoms": problem.system.atoms,
        "pieces": pieces,
        "steps": steps,
        "every": every,
        "warm": warm,
        "between": between,
    }
    done = subprocess.run(
        [sys.executable, __file__, json.dumps(plan)],
        env=lammps_environment(),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=7200,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = np.load(folder / "recorded.npz")
    return Recorded(*(found[name] for name in Recorded._fields))


def main(plan: dict) -> None:
    """Make the trajectories in LAMMPS and write them into the folder."""
    import lammps

    temperature, every, atoms = plan["temperature"], plan["every"], plan["atoms"]
    engine = lammps.lammps(cmdargs=["-nocite", "-screen", "none", "-log", "water.log"])
    table = f"6000 rsq 0.3 {plan['cutoff']} pairs.table"
    engine.commands_list(
        [
            "include water.in",
            *(f"pair_write {p} {table} P{p[0]}{p[2]}" for p in PAIRS),
            "pair_style table spline 6000",
            *(f"pair_coeff {p} pairs.table P{p[0]}{p[2]}" for p in PAIRS),
            f"timestep {TIMESTEP_FS * 1e-3}",
            f"thermo {every}",
            f"thermo_style custom step pe density {' '.join(f'p{at}' for at in ORDER)}",
            f"velocity all create {temperature} 4928 mom yes rot no dist gaussian",
            "fix motion all nve",
        ]
    )
    if Path("velocities.npy").exists():
        wanted = np.load("velocities.npy").ravel()
        engine.scatter_atoms("v", 1, 3, (lammps.c_double * len(wanted))(*wanted))
    found = {name: [] for name in Recorded._fields}
    for piece in range(plan["pieces"]):
        densities = []
        if plan["warm"]:
            _bathe(engine, plan, piece, densities)
        kept = {name: [] for name in ("x", "v", "p")}
        for frame in range(plan["steps"] // every + 1):
            engine.command(f"run {every} pre no post no" if frame else "run 0 post no")
            for name in ("x", "v"):
                gathered = np.array(engine.gather_atoms(name, 1, 3), np.float32)
                kept[name].append(gathered.reshape(atoms, 3))
            kept["p"].append([engine.get_thermo(f"p{at}") for at in ORDER])
        found["cell"].append([engine.get_thermo(f"l{axis}") for axis in "xyz"])
        found["density"].extend(densities)
        for name, own in (("positions", "x"), ("velocities", "v"), ("pressure", "p")):
            found[name].append(kept[own])
    arrays = {name: np.array(values) for name, values in found.items()}
    arrays["pressure"] = arrays["pressure"][..., np.array([[0, 3, 4], [3, 1, 5], [4, 5, 2]])]
    np.savez("recorded.npz", **arrays)


def _bathe(engine, plan: dict, piece: int, densities: list[float]) -> None:
    """Run in the bath, and note the densities of constant pressure after the first half."""
    length, heat = plan["between"] if piece else plan["warm"], plan["temperature"]
    engine.command(f"timestep {BATH_TIMESTEP_FS * 1e-3}")
    after = [f"timestep {TIMESTEP_FS * 1e-3}", "unfix bath", "velocity all zero linear"]
    engine.command(f"fix bath all langevin {heat} {heat} {BATH_PS} {100 + piece} zero yes")
    if plan["pressure"] is None:
        engine.commands_list([f"run {length}", *after])
        return
    press = plan["pressure"]
    engine.commands_list(["unfix motion", f"fix motion all nph iso {press} {press} 0.5"])
    for k in range(length // SAMPLE_EVERY):
        engine.command(f"run {SAMPLE_EVERY} {'pre no post no' if k else 'post no'}")
        if piece or 2 * k * SAMPLE_EVERY > length:
            densities.append(engine.get_thermo("density"))
    engine.commands_list(["unfix motion", "fix motion all nve", *after])


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
