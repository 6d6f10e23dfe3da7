"""What is known before a run: its cost by what was measured, what it resolves, what stops it."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from dmdstudio.app.edits import segment_ps
from dmdstudio.app.matter import matter_of
from dmdstudio.app.measured_pace import (
    estimate,
    kind_of,
    known_rates,
    measured_rate,
    remember_pace,
    work_of,
)
from dmdstudio.app.preflight import Setting, memory_bytes, preflight
from dmdstudio.app.state import RunView, reduce
from dmdstudio.files.structures import read_structure, with_bonds
from dmdstudio.plan.events import Diagnosed, Iterated, Started, StepReport
from dmdstudio.plan.recipe import read_recipe, recipe_to_table, recipe_to_toml

EXAMPLES = Path(__file__).parents[2] / "resources" / "examples"
CPU = Setting("CPU, 2 cores", 2, None, 8 * 2**30)


@pytest.fixture(scope="module")
def catalog():
    from dmdstudio.service.build import describe

    return describe().catalog


@pytest.fixture(scope="module")
def water():
    return read_recipe(EXAMPLES / "water-infrared" / "recipe-harmonic.toml")


@pytest.fixture(scope="module")
def argon():
    return read_recipe(EXAMPLES / "argon-diffusion")


@pytest.fixture(scope="module")
def matter(water):
    return matter_of(with_bonds(read_structure(water.path(water.system.structure))))


def lines(recipe, catalog, matter, setting=CPU, diagnosed=None, blocked=""):
    return {x.label: x for x in preflight(recipe, catalog, matter, setting, diagnosed, blocked)}


def with_dynamics(recipe, **changes):
    return replace(recipe, dynamics=replace(recipe.dynamics, **changes))


def test_a_spectrum_says_what_it_resolves_and_what_its_frames_tell(water, catalog, matter):
    found = lines(water, catalog, matter)
    assert found["Resolution"].words == "About 56 cm⁻¹"  # 0.3 ps
    assert found["Frames"].words == "Tell wavenumbers up to 4170 cm⁻¹"  # 4 fs
    assert all(line.state != "blocked" for line in found.values())
    coarse = lines(with_dynamics(water, record_every=20), catalog, matter)["Frames"]
    assert coarse.state == "blocked" and "4000" in coarse.words and "1668" in coarse.words


def test_windows_longer_than_a_piece_and_cutoffs_wider_than_the_cell_stop(water, catalog, matter):
    assert segment_ps(recipe_to_table(water)) == 0.5
    pieces = with_dynamics(water, segments=5)
    assert lines(pieces, catalog, matter)["Window"].state == "blocked"
    wide = replace(water.potential[2], options={"cutoff": 6.3})
    wide = replace(water, potential=(*water.potential[:2], wide, *water.potential[3:]))
    assert lines(wide, catalog, matter)["Cutoff"].state == "blocked"
    tight = replace(water.potential[2], options={"cutoff": 6.15})
    tight = replace(water, potential=(*water.potential[:2], tight, *water.potential[3:]))
    assert lines(tight, catalog, matter)["Cutoff"].state == "warning"  # it is npt


def test_what_blocks_is_said_once(water, catalog, matter):
    assert lines(water, catalog, matter, blocked="System: no file")["Run"].state == "blocked"
    pieces = with_dynamics(water, segments=5)
    words = lines(pieces, catalog, matter)["Window"].words
    assert "Run" not in lines(pieces, catalog, matter, blocked=f"Experiment: Window: {words}")


def test_chaos_is_a_warning_once_it_is_measured(argon, catalog):
    argon_matter = matter_of(read_structure(argon.path(argon.system.structure)))
    assert lines(argon, catalog, argon_matter)["Gradient"].state == "unknown"
    calm = Diagnosed(
        lag=[], growth=[], growth_low=[], growth_high=[], rate=1.8, rows=(), reference=2.0,
        chosen=2.0, reason="", advice=(), units={}, reversal_residual=0.0, energy_drift=0.0,
        temperature=94.4, replicas=8, segments=1, length=2.0, precision="float32",
    )  # fmt: skip
    told = lines(argon, catalog, argon_matter, diagnosed=calm)["Gradient"]
    assert told.state == "plain" and "3.6 times" in told.words
    wild = lines(argon, catalog, argon_matter, diagnosed=replace(calm, rate=10.0))["Gradient"]
    assert wild.state == "warning"
    options = {"truncation": "window", "horizon": 0.3}
    cut = replace(argon, gradient=replace(argon.gradient, options=options))
    cut = lines(cut, catalog, argon_matter, diagnosed=replace(calm, rate=10.0))["Gradient"]
    assert cut.state == "plain" and "0.3 ps" in cut.words
    optimizer = replace(argon.optimizer, kind="gauss_newton", sensitivity_step=0.03)
    apart = lines(replace(argon, optimizer=optimizer), catalog, argon_matter)["Gradient"]
    assert apart.state == "plain" and "differences" in apart.words


def ran(recipe, seconds, resampled, atoms=256):
    """A run of a recipe whose iterations took that long."""
    started = Started(
        run_dir="r", recipe=recipe_to_toml(recipe), title="", formula="Ar256", atoms=atoms,
        replicas=32, iterations=3, first_iteration=0, device="CPU, 2 cores", precision="float32",
        method="reversible_adjoint", parameters=(), targets=(), version="0", time=0.0,
    )  # fmt: skip
    view = reduce(RunView(), started)
    for number, (time, drawn) in enumerate(zip(seconds, resampled, strict=True)):
        step = StepReport(
            iteration=number, loss=1.0, loss_error=0.0, parameters=(), targets=(),
            gradient_norm=1.0, learning_rate=0.1, effective_sample_fraction=1.0,
            resampled=drawn, reversal_residual=0.0, energy_drift=0.0, temperature=94.4,
            seconds=time,
        )  # fmt: skip
        view = reduce(view, Iterated(report=step))
    return view


def test_time_is_what_runs_of_its_kind_took_here_and_unknown_else(argon, catalog):
    """Whatever the starts that were redrawn: a step costs the same. The first one does not count.

    Half as many atoms take half as long; of a tenth as many nothing is said.
    """
    matter = matter_of(read_structure(argon.path(argon.system.structure)))
    kind = kind_of(argon, CPU.device)
    assert lines(argon, catalog, matter)["Time"].state == "unknown"
    assert measured_rate(ran(argon, [90.0], [True])) is None
    rate = 1e-4
    took = [90.0, rate * work_of(argon, 1.0), rate * work_of(argon, 0.0)]
    remember_pace(ran(argon, took, [True, True, False]))
    assert known_rates(kind) == {256: pytest.approx(rate)}
    assert known_rates(kind_of(argon, "NVIDIA H100")) == {}
    found = estimate(argon, 256, known_rates(kind))
    assert found.seconds == pytest.approx(rate * 32 * (4 * 2000 + 250))
    told = lines(argon, catalog, matter, replace_rates(known_rates(kind)))["Time"]
    assert told.words == "About 26 s an iteration, 7 min in all"
    assert estimate(argon, 128, known_rates(kind)).seconds == pytest.approx(found.seconds / 2)
    assert estimate(argon, 25, known_rates(kind)) is None


def replace_rates(rates):
    return Setting(CPU.device, CPU.devices, rates, CPU.room_bytes)


def test_memory_grows_with_the_frames_of_a_batch_and_is_held_against_what_is_free(argon, catalog):
    matter = matter_of(read_structure(argon.path(argon.system.structure)))
    one = memory_bytes(argon, 256, CPU)
    more = memory_bytes(with_dynamics(argon, record_every=1), 256, CPU)
    assert more > one and memory_bytes(argon, 256, Setting("NVIDIA H100")) > one
    stored = replace(argon, gradient=replace(argon.gradient, method="backpropagation"))
    assert memory_bytes(stored, 256, CPU) > one
    for device in (CPU.device, "NVIDIA H100"):
        scarce = Setting(device, 2, None, 2**20)
        assert lines(argon, catalog, matter, scarce)["Memory"].state == "warning"
    words = lines(argon, catalog, matter, Setting("NVIDIA H100", 1, None, 2**28))["Memory"].words
    assert "the device has 0.2 GB" in words, "what is free of it is not known"
    assert lines(argon, catalog, matter, Setting())["Memory"].state == "unknown"


def test_the_card_follows_every_edit(qtbot, window, water, catalog):
    window.open_paths([EXAMPLES / "water-infrared" / "recipe-harmonic.toml"])
    window.session.hear(ready())
    window.show_step("Refine")
    card = window.settings_panel.preflight
    qtbot.waitUntil(lambda: any(x.label == "Cutoff" for x in card.lines))
    assert window.actions_by_name["run"].isEnabled()
    window.session.change(("dynamics", "record_every"), 20)
    qtbot.waitUntil(lambda: any(x.state == "blocked" for x in card.lines))
    assert not window.actions_by_name["run"].isEnabled()
    window.actions_by_name["undo"].trigger()
    qtbot.waitUntil(lambda: not any(x.state == "blocked" for x in card.lines))


def ready():
    from dmdstudio.service.build import describe

    return describe()
