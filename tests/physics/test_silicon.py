"""Potentials of silicon; against LAMMPS they are tried where they are exported."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from dmdstudio.base.errors import PhysicsError, RecipeError
from dmdstudio.engine.potentials.stillinger_weber import StillingerWeber
from dmdstudio.engine.potentials.tersoff import Tersoff, TersoffOptions


def test_other_elements_are_refused():
    system = StillingerWeber.examples("float64", 64, "cpu")["silicon"].system
    types = np.arange(system.atoms) % 2
    with pytest.raises(PhysicsError, match=r"one type; the structure has Ge, Si"):
        StillingerWeber.build(
            StillingerWeber.Options(),
            dataclasses.replace(system, type_names=("Ge", "Si"), types=types),
        )


def test_a_length_decay_of_nothing_can_be_refined_where_it_has_a_slope():
    given = Tersoff.examples("float64", 64, "cpu")["silicon"]
    values = {name: np.asarray(value) for name, value in given.parameters.items()}
    values["length_decay"] = np.zeros(1)
    free = {name: np.array([name == "length_decay"]) for name in values}
    for exponent in (1, 3):
        term = Tersoff.build(TersoffOptions(length_exponent=exponent), given.system)
        if exponent == 1:
            term.check(values, free)
            continue
        with pytest.raises(RecipeError, match="length_decay is 0 and free"):
            term.check(values, free)
