"""The engines that run exported files, by the format. No JAX."""

from __future__ import annotations

from dmdstudio.service import engine_gromacs as _gromacs
from dmdstudio.service import engine_jax as _jax
from dmdstudio.service import engine_lammps as _lammps
from dmdstudio.service import engine_openmm as _openmm
from dmdstudio.service.other_engine import OtherEngine, other_engines

_REGISTERED = _gromacs, _jax, _lammps, _openmm  # importing them fills the registry


def engines_of(format_name: str) -> list[OtherEngine]:
    """Return the engines that run a format, installed or not."""
    return [engine for _, engine in other_engines.items() if format_name in engine.formats]
