"""Every event survives the log (JSON) and the pipe (msgpack)."""

from __future__ import annotations

import io
import math
from typing import get_args

import msgspec
import pytest

from dmdstudio.plan import commands, events
from dmdstudio.plan.catalog import Catalog, Entry, fields_of
from dmdstudio.plan.recipe import SamplingPlan
from dmdstudio.service import wire

PARAMETER = events.ParameterReport(
    key="lennard_jones.sigma[Ar]", unit="angstrom", value=3.38, lower=3.2, gradient=-1e-300
)
CURVE = events.Curve(
    name="c", label="C", axis=[0.0, 1.0], axis_label="Time", axis_unit="ps", value=[1.0, 0.5],
    unit="m2/s2", error=[0.1, 0.1],
)  # fmt: skip
TARGET = events.TargetReport(
    name="d", observable="self_diffusion", label="D", unit="1e-9 m2/s", value=[2.4], error=[0.1],
    experiment=[2.36], source="doi 10.1038/…", weight=1.0, loss=1e-3, curves=(CURVE,),
)  # fmt: skip
FIT_ERROR = events.FitError(
    quantity="forces", label="force", unit="eV/angstrom", count=3, error=0.1, size=1.0
)
REPORT = events.StepReport(
    iteration=3, loss=0.1 + 0.2, loss_error=5e-324, parameters=(PARAMETER,), targets=(TARGET,),
    gradient_norm=1.7976931348623157e308, learning_rate=0.004, effective_sample_fraction=1.0,
    resampled=True, reversal_residual=0.0, energy_drift=-0.0, temperature=94.4, seconds=1.0,
)  # fmt: skip
ENTRY = Entry(
    section="sampling", name="s", label="S", doc="It samples.", fields=fields_of(SamplingPlan)
)
UNCERTAINTY = events.Uncertainty(
    iteration=3,
    parameters=(
        events.ParameterUncertainty(
            key="k", unit="angstrom", value=3.4, error=0.01, lower=3.38, upper=3.42,
            experiment=0.008, sampling=0.006, prior=0.0, remaining=-0.001,
        ),
        events.ParameterUncertainty(
            key="l", unit="", value=0.0, error=None, lower=None, upper=None,
            experiment=0.0, sampling=0.0, prior=0.0, remaining=0.0,
        ),
    ),
    covariance=[[1e-4, 0.0], [0.0, 0.0]],
    correlation=[[1.0, 0.0], [0.0, 0.0]],
    undetermined=(events.Direction(changes={"k": 0.0, "l": 1.0}, held=False),),
    sensitivities=(
        events.TargetSensitivity(
            name="d", label="D", unit="1e-9 m2/s", derivative=[[-8.5], [0.1]], error=[[0.4], [0.2]]
        ),
    ),
    notes=("Mind this.",),
    replicas=4,
)  # fmt: skip
EVENTS = [
    events.Started(
        run_dir="runs/Größe 1",
        recipe="[system]\n",
        title="τ\n",
        formula="Ar108",
        atoms=108,
        replicas=4,
        iterations=3,
        first_iteration=0,
        device="CPU, 2 cores",
        precision="float32",
        method="reversible_adjoint",
        parameters=(PARAMETER,),
        targets=(TARGET,),
        version="0",
        time=1.7e9,
    ),
    events.Phase(name="sampling", iteration=2, detail="x"),
    events.Progress(fraction=0.5, seconds_left=None),
    events.Iterated(report=REPORT),
    events.Iterated(report=msgspec.structs.replace(REPORT, reversal_residual=None)),
    events.Log(level="info", text="\u2028 line"),
    events.Paused(paused=True),
    events.Finished(reason="completed", iterations=3, best_iteration=-1, seconds=3.0),
    events.Failed(message="No.", advice="Do.", details="Traceback …"),
    events.Ready(catalog=Catalog((ENTRY,)), device="CPU", devices=("a",), version="0", seconds=1.0),
    events.GradientChecked(
        rows=(events.GradientRow(key="k", unit="", values={"a": 1.0}, errors={"a": 0.0}),),
        reversal_residual=None,
        precision="float64",
        replicas=4,
        steps=200,
        seconds={"a": 1.0},
    ),
    events.Evaluated(
        targets=(TARGET,),
        parameters=(PARAMETER,),
        loss=0.1,
        loss_error=0.1,
        replicas=4,
        seed=2,
        iteration=-1,
        temperature=94.4,
        energy_drift=1e-6,
        uncertainty=UNCERTAINTY,
    ),
    UNCERTAINTY,
    events.Frames(
        iteration=3,
        replica=1,
        first=10,
        count=200,
        atoms=1,
        interval=0.02,
        lattice=b"\x00\x01\n\xff" * 3,
        cell=[[9.0, 0.0, 0.0], [1.0, 8.0, 0.0], [0.0, 0.0, 7.0]],
    ),
    events.Replayed(iteration=3, replica=1, frames=200, interval=0.02, seconds=1.5),
    events.Trained(
        epoch=1,
        loss=0.5,
        validation=0.4,
        errors={"forces": 80.0},
        learning_rate=1e-3,
        better=True,
        seconds=2.0,
    ),
    events.Fitted(
        folder="fit",
        files=("fit/eann.npz",),
        reason="converged",
        epochs=9,
        best_epochs={"potential": 4},
        numbers=700,
        training_frames=9,
        validation_frames=1,
        training=(),
        validation=(FIT_ERROR,),
        seconds=20.0,
    ),
    events.Diagnosed(
        lag=[0.0, 0.02],
        growth=[1.0, 1.04],
        growth_low=[1.0, 1.03],
        growth_high=[1.0, 1.05],
        rate=1.8,
        rows=(
            events.HorizonRow(
                horizon=0.02,
                signal_to_noise=5e-324,
                drift=0.0,
                gradients={"k": -1.0},
                errors={"k": 0.1},
            ),
        ),
        reference=0.02,
        chosen=0.02,
        reason="0.02 ps: …",
        advice=(
            events.Advice(text="Set a.", changes={"a.n": 4, "a.x": 0.02, "a.w": "window"}),
            events.Advice(text="Nothing to set."),
        ),
        units={"k": ""},
        reversal_residual=None,
        energy_drift=1e-8,
        temperature=94.4,
        replicas=4,
        segments=1,
        length=0.02,
        precision="float32",
    ),
]
KINDS = [type(event).__name__ for event in EVENTS]


def test_every_event_is_tried():
    assert {type(event) for event in EVENTS} == set(get_args(events.Event))


@pytest.mark.parametrize("event", EVENTS, ids=KINDS)
def test_an_event_survives_the_log(event):
    line = events.encoder.encode(event)
    assert b"\n" not in line
    assert events.event_decoder.decode(line) == event
    msgspec.json.decode(line)  # for other people's readers


@pytest.mark.parametrize("event", EVENTS, ids=KINDS)
def test_an_event_survives_the_pipe(event):
    envelope = events.Envelope(7, 3, event)
    assert wire.read_envelope(io.BytesIO(wire.frame(envelope))) == envelope


def test_the_pipe_keeps_what_is_not_a_number():
    progress = events.Progress(fraction=math.nan, seconds_left=math.inf)
    found = wire.read_envelope(io.BytesIO(wire.frame(events.Envelope(1, 0, progress))))
    assert found is not None and isinstance(found.event, events.Progress)
    assert math.isnan(found.event.fraction) and found.event.seconds_left == math.inf


@pytest.mark.parametrize("command", get_args(commands.Command), ids=lambda c: c.__name__)
def test_a_command_survives_the_pipe(command):
    texts = {"recipe": "[system]", "folder": ".", "run_dir": "runs/1", "paused": True}
    texts |= {"iteration": 3, "replica": 1}
    made = command(**{k: v for k, v in texts.items() if k in command.__struct_fields__})
    order = commands.Order(5, made)
    assert wire.read_order(io.BytesIO(wire.frame(order))) == order
