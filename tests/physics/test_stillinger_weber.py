"""Stillinger and Weber's silicon against LAMMPS."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from engines import WITHOUT_LAMMPS, lammps_environment, run_lammps

from dmdstudio.base.errors import PhysicsError
from dmdstudio.engine.core import configuration
from dmdstudio.engine.potentials.stillinger_weber import StillingerWeber

INPUT = """units metal
boundary p p p
read_data si.data
pair_style sw
pair_coeff * * si.sw Si
thermo_style custom pe pxx pyy pzz pxy pxz pyz
run 0
variable v equal vol/1.6021765e6
print "$(pe:%.17g) $(pxx*v_v:%.17g) $(pyy*v_v:%.17g) $(pzz*v_v:%.17g)" file energy.txt
write_dump all custom forces.txt id fx fy fz modify sort id format line "%d %.17g %.17g %.17g"
"""


@pytest.mark.skipif(lammps_environment() is None, reason=WITHOUT_LAMMPS)
def test_silicon_is_that_of_lammps(tmp_path):
    example = StillingerWeber.examples("float64", 64, "cpu")["silicon"]
    system, cell = example.system, example.system.cell
    own = {name: float(v[0]) for name, v in example.parameters.items()}
    numbers = [own["epsilon"], own["sigma"], example.potential.cutoff / own["sigma"],
               own["three_body"], own["decay"], float(np.cos(own["angle"])), own["strength"],
               own["repulsion"], 4.0, 0.0, 0.0]  # fmt: skip
    line = " ".join(f"{x:.17g}" for x in numbers)
    (tmp_path / "si.sw").write_text(f"# UNITS: metal\nSi Si Si {line}\n")
    lines = [
        "silicon", "", f"{system.atoms} atoms", "1 atom types",
        *(f"0 {cell[k, k]:.17g} {x}lo {x}hi" for k, x in enumerate("xyz")),
        f"{cell[1, 0]:.17g} {cell[2, 0]:.17g} {cell[2, 1]:.17g} xy xz yz",
        "", "Masses", "", "1 28.0855", "", "Atoms # atomic", "",
    ]  # fmt: skip
    for n, x in enumerate(example.positions, 1):
        lines.append(f"{n} 1 " + " ".join(f"{c:.17g}" for c in x))
    (tmp_path / "si.data").write_text("\n".join(lines) + "\n")
    (tmp_path / "si.in").write_text(INPUT)
    run_lammps(tmp_path / "si.in")
    expected, *pressures = np.loadtxt(tmp_path / "energy.txt")
    wanted = np.loadtxt(tmp_path / "forces.txt", skiprows=9)[:, 1:]

    where = configuration(system, system.to_lattice(jnp.asarray(example.positions)), cell)
    energy, force, virial = jax.jit(
        lambda p: (
            example.potential.energy(p, where),
            example.potential.force(p, where),
            example.potential.virial(p, where),
        )
    )(example.parameters)
    assert float(energy) == pytest.approx(expected, rel=1e-9)
    assert np.abs(force - wanted).max() < 1e-8 * np.abs(wanted).max()
    assert np.allclose(np.diag(virial), pressures, rtol=0, atol=1e-6 * np.abs(pressures).max())


def test_other_elements_are_refused():
    system = StillingerWeber.examples("float64", 64, "cpu")["silicon"].system
    types = np.arange(system.atoms) % 2
    with pytest.raises(PhysicsError, match=r"one type; the structure has Ge, Si"):
        StillingerWeber.build(
            StillingerWeber.Options(),
            dataclasses.replace(system, type_names=("Ge", "Si"), types=types),
        )
