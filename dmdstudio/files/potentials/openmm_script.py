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
SCALES_14 = {scales_14!r}  # of NonbondedForce, for atoms three bonds apart: Lennard-Jones, charges
SCALED = {scaled!r}  # alike, of the formulas (eV, angstrom), where they count by a part


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
    near = within_bonds(topology)
    scaled = SCALED[::-1]
    for index, force in reversed(list(enumerate(system.getForces()))):
        if isinstance(force, openmm.NonbondedForce):
            system.addForce(finished(force, near))
            system.removeForce(index)
        elif isinstance(force, openmm.CustomTorsionForce):
            system.addForce(in_all_orders(force, near))
            system.removeForce(index)
        elif isinstance(force, openmm.CustomNonbondedForce):
            force.setUseLongRangeCorrection(False)
            if is_formula(force) and (part := scaled.pop(0)):
                system.addForce(scaled_pairs(force, near, *part))
        else:
            force.setUsesPeriodicBoundaryConditions(True)
    return topology, system, state


def within_bonds(topology):
    """Return for every atom those one, two and three bonds away."""
    around = [set() for _ in topology.atoms()]
    for first, second in topology.bonds():
        around[first.index].add(second.index)
        around[second.index].add(first.index)
    found = []
    for atom in range(len(around)):
        shells = [{{atom}}]
        for _ in range(3):
            near = set().union(*(around[other] for other in shells[-1]))
            shells.append(near.difference(*shells))
        found.append(shells[1:])
    return found


def finished(force, near):
    """Return a NonbondedForce with its cutoff and switch, and the exceptions that are meant.

    The force field makes all pairs three bonds apart exceptions, which know neither cutoff nor
    switch.
    """
    tree = ElementTree.fromstring(openmm.XmlSerializer.serialize(force))
    tree.find("Exceptions").clear()
    found = openmm.XmlSerializer.deserialize(ElementTree.tostring(tree, "unicode"))
    for atom, (first, second, third) in enumerate(near):
        for other in first | second | (third if SCALES_14 != (1.0, 1.0) else set()):
            if other > atom:
                scales = SCALES_14 if other in third else (0.0, 0.0)
                (q, s, e), (q2, s2, e2) = (force.getParticleParameters(n) for n in (atom, other))
                depth = scales[0] * unit.sqrt(e * e2)
                found.addException(atom, other, scales[1] * q * q2, (s + s2) / 2, depth)
    found.setEwaldErrorTolerance(TOLERANCE)
    found.setCutoffDistance(CUTOFF * unit.nanometer)
    if SWITCH_START is not None:
        found.setUseSwitchingFunction(True)
        found.setSwitchingDistance(SWITCH_START * unit.nanometer)
    found.setUseDispersionCorrection(False)
    found.setExceptionsUsePeriodicBoundaryConditions(True)
    return found


def in_all_orders(force, near):
    """Return impropers in the three orders of the atoms about a centre, which comes first."""
    found = openmm.CustomTorsionForce(force.getEnergyFunction())
    for n in range(force.getNumPerTorsionParameters()):
        found.addPerTorsionParameter(force.getPerTorsionParameterName(n))
    for n in range(force.getNumTorsions()):
        centre, i, j, k, numbers = force.getTorsionParameters(n)
        if len(near[centre][0]) == 3:
            for order in ((i, j, k), (j, k, i), (k, i, j)):
                found.addTorsion(centre, *order, numbers)
    found.setUsesPeriodicBoundaryConditions(True)
    return found


def is_formula(force):
    return force.getTabulatedFunctionName(0) != "b"  # of a spline


def scaled_pairs(force, near, formula, scale):
    """Return a force between atoms three bonds apart by a part of a formula without its cutoff."""
    energy, *rest = formula.split(";")
    units = ("angstroms=r*10", f"scale={{{kj_per_mol!r} * scale!r}}")
    found = openmm.CustomBondForce(";".join([f"scale*({{energy}})", *rest, *units]))
    tables = []
    for n in range(force.getNumTabulatedFunctions()):
        size, _, values = force.getTabulatedFunction(n).getFunctionParameters()
        found.addPerBondParameter(force.getTabulatedFunctionName(n).removesuffix("_of"))
        tables.append((size, values))
    kinds = [round(force.getParticleParameters(n)[0]) for n in range(force.getNumParticles())]
    for atom, (_, _, third) in enumerate(near):
        for other in third:
            if other > atom:
                numbers = [v[kinds[atom] + size * kinds[other]] for size, v in tables]
                found.addBond(atom, other, numbers)
    found.setUsesPeriodicBoundaryConditions(True)
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
