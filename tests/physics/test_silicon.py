"""Stillinger and Weber's silicon; against LAMMPS it is tried where it is exported."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dmdstudio.base.errors import PhysicsError
from dmdstudio.engine.potentials.stillinger_weber import StillingerWeber


def test_other_elements_are_refused():
    system = StillingerWeber.examples("float64", 64, "cpu")["silicon"].system
    types = np.arange(system.atoms) % 2
    with pytest.raises(PhysicsError, match=r"one type; the structure has Ge, Si"):
        StillingerWeber.build(
            StillingerWeber.Options(),
            dataclasses.replace(system, type_names=("Ge", "Si"), types=types),
        )
