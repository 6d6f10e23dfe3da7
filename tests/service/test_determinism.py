"""The same bits at every run, and the compiler is asked for them where it matters."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from dmdstudio.engine import replicas
from dmdstudio.files.run_store import RunStore
from dmdstudio.plan.settings import with_settings
from dmdstudio.service import loop, machine
from dmdstudio.service.control import Control

SHORT = [
    "sampling.equilibration_steps=40",
    "dynamics.steps=40",
    "target.window=0.02",
    "optimizer.kind=gauss_newton",
    "refinement.iterations=1",
]
"""Every compiled function: the sampler, trajectories, adjoint, tangents and the loss."""


def test_every_program_of_a_refinement_is_compiled_as_asked(tiny_recipe, tmp_path, monkeypatch):
    """And on a CPU both runs give the same bits."""
    asked, compile_plain = [], jax.jit

    def watched(function, **settings):
        asked.append(settings.get("compiler_options"))
        return compile_plain(function, **settings)

    monkeypatch.setattr(jax, "jit", watched)
    states = []
    for choice, expected in (("true", replicas.SAME_BITS), ("false", None)):
        asked.clear()
        recipe = with_settings(tiny_recipe, [*SHORT, f"execution.deterministic={choice}"])
        list(loop.refine(recipe, tmp_path / choice, Control()))
        assert len(asked) > 6 and all(options == expected for options in asked)
        states.append(RunStore.open(tmp_path / choice).read_state()[1])
    one, other = states
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert np.array_equal(other[name], value), name


def test_the_compiler_reads_the_options(monkeypatch):
    """One that it does not know is an error, so those that it is given are known to it."""
    devices = machine.devices("cpu")[:1]
    plain = replicas.Replicas.plan(2, 0, devices, deterministic=True)
    values = np.arange(2.0)
    (doubled,) = [plain.compile(lambda _, x: 2.0 * x)((), *part) for part in plain.split(values)]
    assert doubled.tolist() == [0.0, 2.0]
    monkeypatch.setattr(replicas, "SAME_BITS", {"xla_gpu_no_such_option": True})
    with pytest.raises(jax.errors.JaxRuntimeError, match="xla_gpu_no_such_option"):
        plain.compile(lambda _, x: 3.0 * x)((), *next(plain.split(values)))
