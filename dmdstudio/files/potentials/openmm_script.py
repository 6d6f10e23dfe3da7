"""The script that goes beside an OpenMM force field; filled in by `openmm`."""

SCRIPT = '''{about}
#
# Energy of the structure:  python {name}
# A run:                    python {name} --steps 10000 --temperature {temperature}

from argparse import ArgumentParser
from pathlib import Path

import openmm
from openmm import app, unit

HERE = Path(__file__).resolve().parent
CUTOFF = {cutoff}  # nm
SWITCH_START = {switch_start}  # nm; switched to zero between here and the cutoff


def build():
    """Return topology, system and state (positions and box with every digit)."""
    state = openmm.XmlSerializer.deserialize((HERE / "{state}").read_text())
    topology = app.PDBFile(str(HERE / "{pdb}")).topology
    topology.setPeriodicBoxVectors(state.getPeriodicBoxVectors())
    system = app.ForceField(str(HERE / "{force_field}")).createSystem(
        topology,
        nonbondedMethod=app.CutoffPeriodic,
        nonbondedCutoff=CUTOFF * unit.nanometer,
        removeCMMotion=False,
    )
    for force in system.getForces():
        force.setUseSwitchingFunction(True)
        force.setSwitchingDistance(SWITCH_START * unit.nanometer)
        if isinstance(force, openmm.NonbondedForce):
            force.setUseDispersionCorrection(False)
        else:
            force.setUseLongRangeCorrection(False)
    return topology, system, state


def main():
    parser = ArgumentParser()
    parser.add_argument("--steps", type=int, default=0, help="steps of Langevin NVT")
    parser.add_argument("--temperature", type=float, default={temperature}, help="K")
    parser.add_argument("--timestep", type=float, default={timestep_fs}, help="fs")
    options = parser.parse_args()
    topology, system, state = build()
    integrator = openmm.LangevinMiddleIntegrator(
        options.temperature * unit.kelvin,
        1 / unit.picosecond,
        options.timestep * unit.femtosecond,
    )
    simulation = app.Simulation(topology, system, integrator)
    simulation.context.setPeriodicBoxVectors(*state.getPeriodicBoxVectors())
    simulation.context.setPositions(state.getPositions())
    energy = simulation.context.getState(getEnergy=True).getPotentialEnergy()
    print("Potential energy:", energy)
    if options.steps:
        simulation.context.setVelocitiesToTemperature(options.temperature * unit.kelvin)
        simulation.reporters.append(
            app.StateDataReporter(
                "{name}.log", 100, step=True, potentialEnergy=True, temperature=True
            )
        )
        simulation.step(options.steps)


if __name__ == "__main__":
    main()
'''
"""To be filled by `str.format`."""
