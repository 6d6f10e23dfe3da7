"""The script that goes beside an OpenMM force field; filled in by `openmm`."""

SCRIPT = '''{about}
#
# Energy of the structure:  python {name}
# A run:                    python {name} --steps 10000 --temperature {temperature}

from argparse import ArgumentParser
from pathlib import Path
from xml.etree import ElementTree

import openmm
from openmm import app, unit

HERE = Path(__file__).resolve().parent
METHOD = app.{method}
TOLERANCE = {tolerance!r}  # of Ewald's sum or its mesh; 1e-5 is usual, and faster
CUTOFF = {cutoff}  # nm, of NonbondedForce
SWITCH_START = {switch_start}  # nm; its Lennard-Jones is switched to zero from here to the cutoff
LARGEST_CUTOFF = {largest_cutoff}  # nm, of all forces; formulas are zero from their own on


def build(pdb=HERE / "{pdb}", state=HERE / "{state}"):
    """Return topology, system and state (positions and box with every digit)."""
    state = openmm.XmlSerializer.deserialize(Path(state).read_text())
    topology = app.PDBFile(str(pdb)).topology
    topology.setPeriodicBoxVectors(state.getPeriodicBoxVectors())
    system = app.ForceField(str(HERE / "{force_field}")).createSystem(
        topology,
        nonbondedMethod=METHOD,
        nonbondedCutoff=LARGEST_CUTOFF * unit.nanometer,
        constraints=None,
        rigidWater=False,
        removeCMMotion=False,
    )
    for index, force in reversed(list(enumerate(system.getForces()))):
        if isinstance(force, openmm.NonbondedForce):
            system.addForce(finished(force, topology))
            system.removeForce(index)
        elif isinstance(force, openmm.CustomNonbondedForce):
            force.setUseLongRangeCorrection(False)
        else:
            force.setUsesPeriodicBoundaryConditions(True)
    return topology, system, state


def finished(force, topology):
    """Return a NonbondedForce with its cutoff and switch, whose only exceptions are exclusions.

    The force field makes pairs three bonds apart exceptions, which know neither cutoff nor switch.
    """
    tree = ElementTree.fromstring(openmm.XmlSerializer.serialize(force))
    tree.find("Exceptions").clear()
    found = openmm.XmlSerializer.deserialize(ElementTree.tostring(tree, "unicode"))
    around = [set() for _ in topology.atoms()]
    for first, second in topology.bonds():
        around[first.index].add(second.index)
        around[second.index].add(first.index)
    for atom, near in enumerate(around):
        for other in near.union(*(around[n] for n in near)):
            if other > atom:
                found.addException(atom, other, 0.0, 1.0, 0.0)
    found.setEwaldErrorTolerance(TOLERANCE)
    found.setCutoffDistance(CUTOFF * unit.nanometer)
    if SWITCH_START is not None:
        found.setUseSwitchingFunction(True)
        found.setSwitchingDistance(SWITCH_START * unit.nanometer)
    found.setUseDispersionCorrection(False)
    found.setExceptionsUsePeriodicBoundaryConditions(True)
    return found


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
