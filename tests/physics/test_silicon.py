"""Potentials of silicon; against LAMMPS they are tried where they are exported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dmdstudio.base.errors import RecipeError
from dmdstudio.engine.potentials.stillinger_weber import StillingerWeber
from dmdstudio.engine.potentials.tersoff import Tersoff, TersoffOptions
from dmdstudio.plan.recipe import read_recipe
from dmdstudio.service.build import build

SILICON = Path(__file__).parents[2] / "resources" / "examples" / "silicon"


@pytest.mark.parametrize(
    ("kind", "options", "words"),
    [
        (StillingerWeber, {"pair_cutoffs": "Ga-N 3.0; N-Ga 3.0"}, "'Ga-N' is named twice"),
        (StillingerWeber, {"pair_cutoffs": "Ga-Si 3.0"}, r"'Ga-Si' is nothing.*'Ga-N'"),
        (StillingerWeber, {"pair_cutoffs": "N-N wide"}, r"'N-N wide': N-N and a distance are"),
        (StillingerWeber, {"pair_cutoffs": "N-N 0"}, "N-N 0': N-N and a distance are expected"),
        (StillingerWeber, {"pair_cutoffs": "N-N 4.0"}, r"N-N ends at 4 angstrom, beyond.*3.77"),
        (Tersoff, {"ranges": "C-C 2.0 1.9"}, "and 2 distances, none below the one before"),
        (Tersoff, {"ranges": "C(C,C) 1.9 2.0"}, r"'C\(C,C\)' is nothing that the structure has"),
        (Tersoff, {"ranges": "C(Si,C) 2.8 3.1"}, r"C\(Si,C\) is switched.*Set cutoff = 3.1"),
    ],
)
def test_ranges_of_pairs_are_refused_in_words(kind, options, words):
    *_, mixture = kind.examples("float64", 64, "cpu").values()
    with pytest.raises(RecipeError, match=words):
        kind.build(kind.Options(**options), mixture.system)


def test_an_energy_of_nothing_cannot_be_refined():
    nitride = StillingerWeber.examples("float64", 64, "cpu")["nitride"]
    values = {"epsilon": np.array([1.0, 0.0, 1.0])}
    nitride.potential.check(values, {"epsilon": np.array([True, False, True])})
    with pytest.raises(RecipeError, match="epsilon is 0 and free"):
        nitride.potential.check(values, {"epsilon": np.array([False, True, False])})


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


@pytest.mark.parametrize("file", sorted(path.name for path in SILICON.glob("*.toml")))
def test_the_examples_follow_what_was_measured(file):
    """C44 and the acoustic phonon at L are watched: the potential has no number left for them."""
    problem, _ = build(read_recipe(SILICON / file))
    values = {t.key: float(t.experiment[0]) for t in problem.targets if t.compared}
    watched = {t.key for t in problem.targets if not t.compared}
    if file == "recipe-elastic.toml":
        assert values == {"density": 2.329, "C11": 165.7, "C12": 63.9}
        assert watched == {"C44"}
    else:
        assert len(values) == 5 and watched == {"acoustic at L"}
    assert sum(problem.free) == 3
