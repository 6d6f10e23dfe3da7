"""Run as a program: evaluates an exported OpenMM script on several structures, in double precision.

    python openmm_probe.py SCRIPT RESULT.npz own|others [PDB STATE]...

With ``own`` those that the script names come first. OpenMM has no virial: the pressure is minus the
derivative of the energy by the volume, all positions and the box scaled alike, by five points.
"""

from __future__ import annotations

import importlib.util
import sys
from typing import Any

import numpy as np
import openmm
from openmm.unit import md_unit_system as md

SMALL_STEP, STEP = 1e-4, 1e-3
"""Relative change of all lengths between two points: small where forces have kinks at a cutoff, not
so small where energies have jumps there, as Ewald's sums have (of a part in 1e8 here)."""


def main(script: str, result: str, first: str, *others: str) -> None:
    """Write energies, forces [configuration, atom, xyz] and slopes by the volume; kJ/mol, nm."""
    spec = importlib.util.spec_from_file_location("exported", script)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    pairs: list[Any] = list(zip(others[::2], others[1::2], strict=True))
    if first == "own":
        pairs.insert(0, ())
    found = [_evaluate(*module.build(*pair)[1:]) for pair in pairs]
    energies, forces, slopes = zip(*found, strict=True)
    with open(result, "wb") as file:
        np.savez(
            file,
            energies=energies,
            slopes=slopes,
            version=openmm.version.full_version,
            **{f"forces{n}": array for n, array in enumerate(forces)},
        )


def _evaluate(system: Any, state: Any) -> tuple[float, np.ndarray, float]:
    box = np.array(state.getPeriodicBoxVectors(asNumpy=True).value_in_unit_system(md))
    positions = np.array(state.getPositions(asNumpy=True).value_in_unit_system(md))
    system.setDefaultPeriodicBoxVectors(*box)  # Ewald's sum and its mesh are chosen by it
    context = openmm.Context(
        system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference")
    )

    def at(scale: float, forces: bool = False) -> Any:
        context.setPeriodicBoxVectors(*(box * scale))
        context.setPositions(positions * scale)
        return context.getState(getEnergy=True, getForces=forces)

    def energy(scale: float) -> float:
        return at(scale).getPotentialEnergy().value_in_unit_system(md)

    sums = (openmm.NonbondedForce.Ewald, openmm.NonbondedForce.PME)
    jumps = any(
        isinstance(force, openmm.NonbondedForce) and force.getNonbondedMethod() in sums
        for force in system.getForces()
    )
    step = STEP if jumps else SMALL_STEP
    near = energy(1 + step) - energy(1 - step)
    far = energy(1 + 2 * step) - energy(1 - 2 * step)
    by_scale = (8 * near - far) / (12 * step)
    here = at(1.0, forces=True)
    forces = here.getForces(asNumpy=True).value_in_unit_system(md)
    total = here.getPotentialEnergy().value_in_unit_system(md)
    return total, np.array(forces), by_scale / (3 * abs(np.linalg.det(box)))


if __name__ == "__main__":
    main(*sys.argv[1:])
