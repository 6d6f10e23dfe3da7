"""Frequencies of waves: of waves that are made."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dmdstudio.base.errors import RecipeError
from dmdstudio.engine.core import Phase, System, configuration
from dmdstudio.engine.observable import Clock
from dmdstudio.engine.observables.phonon_frequency import PhononFrequency, PhononFrequencyOptions

CELL = np.array([[11.0, 0.0, 0.0], [2.0, 12.0, 0.0], [-1.5, 1.0, 10.5]])
CLOCK = Clock(10.0, 81)


def crystal() -> tuple[System, np.ndarray]:
    """Sixty-four atoms of two masses on a skewed lattice, and their fractions [atom, 3]."""
    sites = np.stack(np.meshgrid(*[np.arange(4)] * 3, indexing="ij"), -1).reshape(-1, 3) / 4
    types = np.arange(64) % 2
    return System(("A", "B"), types, 20.0 + 15.0 * types, CELL, "float64", 64), sites


def found(waves: str, polarisation: str, direction: np.ndarray, terahertz: float) -> np.ndarray:
    """The mean current squared, and the frequency, of the wave (1 0 1) along a direction."""
    system, sites = crystal()
    options = PhononFrequencyOptions(
        waves=waves, polarisation=polarisation, window=0.8, low=0.0, high=700.0
    )
    observable = PhononFrequency.build(options, system, CLOCK, 300.0)
    turn, place = 2.0 * np.pi * terahertz * 1e-3, 2.0 * np.pi * sites @ [1.0, 0.0, 1.0]

    def frame(time):
        size = 1e-4 / jnp.sqrt(jnp.asarray(system.masses))
        moved = (size * jnp.cos(place - turn * time))[:, None] * direction
        speed = (turn * size * jnp.sin(place - turn * time))[:, None] * direction
        where = configuration(system, system.to_lattice(sites @ CELL + moved), CELL)
        return observable.frame(Phase(where, speed))

    mean = observable.summary(jax.vmap(frame)(jnp.arange(CLOCK.frames) * CLOCK.interval))
    return np.array([mean[0], observable.curve(mean)[0]])


def test_a_wave_has_its_frequency_where_its_motion_counts():
    along = np.linalg.inv(CELL).T[0] + np.linalg.inv(CELL).T[2]
    along /= np.linalg.norm(along)
    across = np.cross(along, [0.3, -0.2, 0.9])
    across /= np.linalg.norm(across)
    for polarisation, direction in (("longitudinal", along), ("transverse", across)):
        other = "transverse" if polarisation == "longitudinal" else "longitudinal"
        all_, frequency = found("1 0 1", "all", direction, 9.0)
        assert frequency == pytest.approx(9.0, rel=2e-3)
        size, frequency = found("0 0 2; -1 0 -1", polarisation, direction, 9.0)
        assert size == pytest.approx(all_, rel=1e-6)
        assert frequency == pytest.approx(9.0, rel=2e-3)
        assert found("1 0 1", other, direction, 9.0)[0] < 1e-12 * all_
    assert found("0 1 0", "all", along, 9.0)[0] < 1e-6 * all_


@pytest.mark.parametrize("waves", ["", "1 0", "0 0 0", "1 0 0; 1 0 x", "1 0 1.5", "1 0 101"])
def test_waves_are_refused_in_words(waves: str):
    system, _ = crystal()
    with pytest.raises(RecipeError, match=r"three whole numbers.*found .*Write 2 0 0"):
        PhononFrequency.build(PhononFrequencyOptions(waves=waves), system, CLOCK, 300.0)
