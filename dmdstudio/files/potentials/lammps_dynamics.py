"""The LAMMPS input that runs NVT and NVE and measures the self-diffusion coefficient."""

from __future__ import annotations

from pathlib import Path

from dmdstudio.files.potentials.provenance import Provenance


def dynamics_input(about: str, main: str, name: str, provenance: Provenance) -> str:
    """Return the text of an input that includes the main one.

    Args:
        about: comment lines.
        main: name of the main input.
        name: its own name.
        provenance: gives temperature and timestep to begin with.
    """
    stem = Path(main).stem.replace(" ", "_")  # in quotes LAMMPS would not fill in ${origin}
    temperature = 300.0 if provenance.temperature is None else provenance.temperature
    return f"""{about}
#
# Self-diffusion by Green-Kubo:  lmp -in {name} -var temperature {temperature!r} -var origins 50
# Each origin: Langevin NVT, then NVE, whose velocity autocorrelation (angstrom^2/ps^2 against
# the step) goes to {stem}_vacf_N.txt;
# D = 1/3 times its time integral, one line per origin in {stem}_diffusion.txt. Start it in this
# folder.

variable temperature index {temperature!r}
variable timestep_fs index {provenance.timestep_fs!r}
variable seed index 12345
variable equilibration index 20000
variable decorrelation index 2000
variable production index 2000
variable origins index 20

include "{main}"

variable timestep_ps equal v_timestep_fs/1000
timestep ${{timestep_ps}}
thermo 1000
velocity all create ${{temperature}} ${{seed}} mom yes rot no dist gaussian
fix motion all nve
fix bath all langevin ${{temperature}} ${{temperature}} 1.0 ${{seed}} zero yes
run ${{equilibration}}
unfix bath

print "# origin self_diffusion (1e-9 m2/s)" file {stem}_diffusion.txt
variable origin loop ${{origins}}
label next_origin
variable origin_seed equal v_seed+v_origin
fix bath all langevin ${{temperature}} ${{temperature}} 1.0 ${{origin_seed}} zero yes
run ${{decorrelation}}
unfix bath
velocity all zero linear
reset_timestep 0
compute autocorrelation all vacf
fix record all vector 1 c_autocorrelation[4]
fix curve all ave/time 1 1 1 c_autocorrelation[4] file {stem}_vacf_${{origin}}.txt
# 1 angstrom^2/ps = 10 * 1e-9 m2/s
variable self_diffusion equal 10*trap(f_record)*v_timestep_ps/3
run ${{production}}
print "${{origin}} $(v_self_diffusion)" append {stem}_diffusion.txt
variable self_diffusion delete
unfix curve
unfix record
uncompute autocorrelation
next origin
jump SELF next_origin
"""
