"""Types of atoms by their bonds: rules, force fields that need them, files for other engines."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
from engines import lammps_forces
from test_exports import PROVENANCE
from test_molecule_exports import in_openmm as exported_in_openmm
from test_molecule_exports import needs_lammps, needs_openmm, ours
from test_potential_reading import WATER, agree, in_openmm, written

from dmdstudio.base.errors import RecipeError
from dmdstudio.base.units import factor
from dmdstudio.files.potentials import export, export_formats
from dmdstudio.files.potentials.reading import read_potential
from dmdstudio.files.structures import lower_triangular, with_bonds, write_structure
from dmdstudio.plan.atom_types import names_by_rules, parse_rules
from dmdstudio.plan.recipe import TargetPlan, read_recipe
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import potential_terms
from dmdstudio.service.build import build

METHANOL = """<ForceField>
 <AtomTypes><Type name="opls_157" class="CT" element="C" mass="12.011"/>
 <Type name="opls_156" class="HC" element="H" mass="1.008"/>
 <Type name="opls_154" class="OH" element="O" mass="15.999"/>
 <Type name="opls_155" class="HO" element="H" mass="1.008"/></AtomTypes>
 <Residues><Residue name="MET"><Atom name="C" type="opls_157"/><Atom name="O" type="opls_154"/>
 <Atom name="H" type="opls_155"/><Atom name="H1" type="opls_156"/><Atom name="H2" type="opls_156"/>
 <Atom name="H3" type="opls_156"/><Bond from="0" to="1"/><Bond from="1" to="2"/>
 <Bond from="0" to="3"/><Bond from="0" to="4"/><Bond from="0" to="5"/></Residue></Residues>
 <HarmonicBondForce><Bond class1="CT" class2="OH" length="0.141" k="267776"/>
 <Bond class1="CT" class2="HC" length="0.109" k="284512"/>
 <Bond class1="OH" class2="HO" length="0.0945" k="462750"/></HarmonicBondForce>
 <HarmonicAngleForce><Angle class1="HC" class2="CT" class3="HC" angle="1.881" k="276.1"/>
 <Angle class1="HC" class2="CT" class3="OH" angle="1.911" k="292.9"/>
 <Angle class1="CT" class2="OH" class3="HO" angle="1.894" k="460.2"/></HarmonicAngleForce>
 <RBTorsionForce><Proper class1="HC" class2="CT" class3="OH" class4="HO" c0="0.9414" c1="2.8242"
  c2="0" c3="-3.7656" c4="0" c5="0"/></RBTorsionForce>
 <NonbondedForce coulomb14scale="0.5" lj14scale="0.5">
 <Atom type="opls_157" charge="0.145" sigma="0.35" epsilon="0.276144"/>
 <Atom type="opls_154" charge="-0.683" sigma="0.312" epsilon="0.71128"/>
 <Atom type="opls_155" charge="0.418" sigma="0.1" epsilon="0"/>
 <Atom type="opls_156" charge="0.04" sigma="0.25" epsilon="0.12552"/></NonbondedForce></ForceField>
"""
SKEWED = np.array([[16.0, 0.0, 0.0], [2.0, 15.5, 0.0], [-1.5, 2.0, 15.0]])
RULES = "opls_155 = H(O); opls_156 = H(C)"


def methanol(seed: int = 3) -> Structure:
    """27 molecules, turned and stirred at random, whole."""
    random = np.random.default_rng(seed)
    grid = np.array(list(itertools.product(range(3), repeat=3))) / 3
    shape = np.array([[0, 0, 0], [1.41, 0, 0], [1.72, 0.89, 0], [-0.36, 1.02, 0.1],
                      [-0.36, -0.51, 0.89], [-0.36, -0.51, -0.89]])  # fmt: skip
    turns = np.linalg.qr(random.normal(size=(27, 3, 3)))[0]
    positions = (grid @ SKEWED)[:, None] + shape @ turns
    positions += random.normal(scale=0.03, size=positions.shape)
    masses = np.tile([12.011, 15.999, 1.008, 1.008, 1.008, 1.008], 27)
    return Structure(("C", "O", "H", "H", "H", "H") * 27, positions.reshape(-1, 3), SKEWED, masses)


def test_rules_name_atoms_by_their_surroundings():
    bonded = with_bonds(methanol())
    names = names_by_rules(RULES, bonded.symbols, bonded.bonds)
    assert names[:6] == ("C", "O", "opls_155", "opls_156", "opls_156", "opls_156")
    deep = names_by_rules("HA = H(C(H,O(H),H)); M = C | N", ("N", *bonded.symbols),
                          bonded.bonds + 1)  # fmt: skip
    assert deep[:6] == ("M", "M", "O", "H", "HA", "HA")
    for text, words in (
        ("H(O)", "no rule with a name"),
        ("a-b = H(O)", "no rule with a name"),
        ("a = H(O; b = C", "lacks a closing bracket"),
        ("a = H(O))", "is too much"),
        ("a = h", "an element is expected at 'h'"),
        ("a = " + "C(" * 30, "no more than 6 bonds deep"),
        ("a = H(O); b = H", r"atom 3 \\(H\\) fits a and b"),
        ("a = H(N)", r"no atom fits a = H\\(N\\)"),
        ("C = H(C)", "C is the name of an element"),
    ):
        with pytest.raises(RecipeError, match=words.replace("\\\\", "\\")):
            names_by_rules(text, bonded.symbols, bonded.bonds)
    assert parse_rules(" ") == {}


@needs_openmm
@needs_lammps
def test_a_molecule_with_two_sorts_of_hydrogen_goes_in_and_out(tmp_path: Path):
    """From a file of OpenMM into a recipe, and on to three engines, with the same forces."""
    structure = methanol()
    found = read_potential(written(tmp_path, METHANOL), structure)
    assert found.type_rules == RULES
    assert found.types == {
        "C": ("opls_157",), "O": ("opls_154",), "opls_155": ("opls_155",), "opls_156": ("opls_156",)
    }  # fmt: skip
    bonded = with_bonds(structure)
    names = names_by_rules(RULES, bonded.symbols, bonded.bonds)
    bonded = replace(bonded, names=names, type_rules=RULES)
    recipe = msgspec.structs.replace(read_recipe(WATER), potential=found.terms, surface=())
    terms = potential_terms(recipe, bonded.types, {})
    fine = [
        replace(t, options={**t.options, "tolerance": 1e-9}) if t.kind == "ewald" else t
        for t in terms
    ]
    energy, forces, _ = ours(fine, bonded)
    per_mol = factor("eV", "kJ/mol")
    agree(
        (energy * per_mol, forces * per_mol),
        in_openmm(tmp_path / "ff.xml", found, structure, "MET"),
    )

    main = export("lammps", terms, bonded, tmp_path / "it.in", PROVENANCE)[0]
    theirs = lammps_forces(main)
    turn = lower_triangular(bonded)[1]
    agree((theirs.energy, theirs.forces @ turn.T), (energy, forces))
    script = export("openmm", terms, bonded, tmp_path / "it.xml", PROVENANCE)[-1]
    order = export_formats.get("openmm").order(bonded)
    agree(exported_in_openmm(script, "Reference")[:2], (energy, forces[order]))
    top = export("gromacs", terms, bonded, tmp_path / "it.top", PROVENANCE)[0]
    for file in (main, tmp_path / "it.xml", top):
        again = read_potential(file, structure)
        assert len(parse_rules(again.type_rules)) == 2
        assert [t.kind for t in again.terms] == [t.kind for t in found.terms]

    write_structure(structure, tmp_path / "methanol.extxyz")
    system = {"structure": "methanol.extxyz", "types": RULES}
    plan = msgspec.structs.replace(
        recipe, folder=str(tmp_path),
        target=(TargetPlan(observable="self_diffusion", options={"window": 0.1}),),
        system=msgspec.convert(system, type(recipe.system)),
    )  # fmt: skip
    problem, complete = build(plan, refined=False)
    assert problem.system.type_names == ("C", "O", "opls_155", "opls_156")
    assert problem.system.bond_names == ("C-O", "C-opls_156", "O-opls_155")
    assert complete.system.types == RULES
