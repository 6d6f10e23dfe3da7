"""The script beside a compiled potential: all that its user needs, JAX and NumPy apart."""

LOADER = '''{about}
#
# Needs jax and numpy, with the package flatbuffers, by which JAX reads its exports; nothing else.
# It switches JAX to 64-bit numbers. In Python:
#   from {module} import energy_and_forces
#   energy, forces = energy_and_forces(positions, cell)  # eV, eV/angstrom
# Energy of the structure:  python {name}

import hashlib
import json
from pathlib import Path

import jax
import numpy as np
from jax import export

jax.config.update("jax_enable_x64", True)

_HERE = Path(__file__).resolve()
ABOUT = json.loads(_HERE.with_suffix(".json").read_text("utf-8"))
SYMBOLS = ABOUT["symbols"]  # of the atoms, in the order of all positions


def _load():
    content = _HERE.with_suffix(".stablehlo").read_bytes()
    if hashlib.sha256(content).hexdigest() != ABOUT["sha256"]:
        raise ValueError(f"{_HERE.stem}.stablehlo is not the file that {_HERE.stem}.json tells of.")
    return jax.jit(export.deserialize(bytearray(content)).call)


_evaluate = _load()


def evaluate(positions, cell):
    """Return energy (eV), forces [atom, xyz] (eV/angstrom) and stress [3, 3] (eV/angstrom^3).

    Args:
        positions: of the atoms, in the order of SYMBOLS [atom, xyz], angstrom; in any image.
        cell: its vectors as rows [3, xyz], angstrom; periodic along all three.
    """
    positions, cell = np.asarray(positions, np.float64), np.asarray(cell, np.float64)
    if positions.shape != (len(SYMBOLS), 3) or cell.shape != (3, 3):
        raise ValueError(
            f"Positions are {positions.shape} and the cell is {cell.shape}; this potential is for "
            f"({len(SYMBOLS)}, 3) and (3, 3)."
        )
    if not (np.isfinite(positions).all() and np.isfinite(cell).all()):
        raise ValueError("Positions and cell must be finite numbers.")
    volume = abs(np.linalg.det(cell))
    sides = np.linalg.norm(np.cross(cell[[1, 2, 0]], cell[[2, 0, 1]]), axis=1)
    narrowest, longest = ABOUT["cell"]["narrowest"], ABOUT["cell"]["longest"]
    if not volume or (volume / sides).min() < narrowest:
        raise ValueError(f"The cell must be at least {narrowest} angstrom wide.")
    if longest is not None and (np.linalg.norm(cell, axis=1) > longest).any():
        raise ValueError(f"The vectors of the cell must not be longer than {longest} angstrom.")
    energy, forces, slope = (np.asarray(found) for found in _evaluate(positions, cell))
    if not (np.isfinite(energy) and np.isfinite(forces).all()):
        raise ValueError("The energy is no number: atoms are on top of each other, or crowded.")
    return float(energy), forces, slope / volume


def energy_and_forces(positions, cell):
    """Return energy (eV) and forces [atom, xyz] (eV/angstrom); see `evaluate`."""
    return evaluate(positions, cell)[:2]


if __name__ == "__main__":
    print("Potential energy:", energy_and_forces(ABOUT["positions"], ABOUT["vectors"])[0], "eV")
'''
