"""Inputs of LAMMPS that run trajectories from an exported one, piece by piece."""

from __future__ import annotations

from dmdstudio.service.other_engine import Motion

FRAMES, EDGE, LAST = "frames.txt", "edge.txt", "last.dump"
"""Files that a piece leaves: positions and velocities of all frames, the cell's first edge
(angstrom), and where it ended."""

PIECE_TIMEOUT_S = 3600.0
"""After which a piece is given up."""

PRESSURE_DAMPING = 1.0
"""How fast the volume follows, ps."""


def piece_input(main: str, motion: Motion, number: int) -> str:
    """Return the input of a piece: a heat bath as ours is, then constant energy.

    Args:
        main: name of the exported input.
        motion: what is wanted.
        number: of the piece; all but the first begin where the last one ended.
    """
    heat, seed = motion.temperature, motion.seed + 7 * number + 1
    if number:
        begin = f"read_dump {LAST} {motion.steps} x y z vx vy vz box yes replace yes"
    else:
        begin = f"velocity all create {heat!r} {seed} mom yes rot no dist gaussian"
    follow = "nve"
    if motion.pressure is not None:
        follow = f"nph iso {motion.pressure!r} {motion.pressure!r} {PRESSURE_DAMPING!r}"
    return f"""include "{main}"
{begin}
timestep {motion.bath_timestep_fs / 1000.0!r}
fix motion all {follow}
fix bath all langevin {heat!r} {heat!r} {1.0 / motion.friction!r} {seed} zero yes
run {motion.decorrelation if number else motion.equilibration}
unfix bath
unfix motion
velocity all zero linear
reset_timestep 0
timestep {motion.timestep_fs / 1000.0!r}
fix motion all nve
dump frames all custom {motion.record_every} {FRAMES} x y z vx vy vz
dump_modify frames sort id header no format line "%.12g %.12g %.12g %.12g %.12g %.12g"
run {motion.steps}
write_dump all custom {LAST} id x y z vx vy vz modify sort id format float %.17g
print "$(lx:%.17g)" file {EDGE}
"""
