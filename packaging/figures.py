"""Draw the figures of the guide from runs made on the spot.

    python packaging/figures.py truncation [--output FOLDER]

Takes about a quarter of an hour on two idle cores. No display is needed.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from dmdstudio.files.spectra import write_measurement
from dmdstudio.files.structures import write_structure
from dmdstudio.plan.events import Diagnosed, Evaluated, Iterated
from dmdstudio.plan.recipe import Recipe, TargetPlan, read_recipe
from dmdstudio.plan.settings import with_settings
from dmdstudio.plan.structure import Measurement, Structure
from dmdstudio.plan.terms import with_values
from dmdstudio.service import loop
from dmdstudio.service.control import Control

ROOT = Path(__file__).resolve().parents[1]
WINDOW = 6.0  # ps
TRUE = {"lennard_jones.sigma": 3.38, "lennard_jones.epsilon": 0.893795}
START = {"lennard_jones.sigma": 3.45, "lennard_jones.epsilon": 1.0}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("figure", choices=["truncation"])
    parser.add_argument("--output", type=Path, default=ROOT / "resources" / "guide")
    arguments = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    arguments.output.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        truncation(Path(folder), arguments.output)
    return 0


def long_recipe(folder: Path) -> Recipe:
    """Return 108 argon atoms whose velocity autocorrelation over 6 ps is to be found again."""
    basis = np.array([[0, 0, 0], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    cells = np.stack(np.meshgrid(*[np.arange(3)] * 3, indexing="ij"), -1).reshape(-1, 3)
    edge = 17.34
    sites = (cells[:, None] + basis).reshape(-1, 3) * edge / 3
    structure = Structure(("Ar",) * 108, sites, np.eye(3) * edge, np.full(108, 39.948))
    write_structure(structure, folder / "argon-108.extxyz")
    recipe = read_recipe(ROOT / "resources" / "examples" / "argon-diffusion" / "recipe.toml")
    recipe = msgspec.structs.replace(
        recipe,
        folder=str(folder),
        target=(TargetPlan(observable="velocity_autocorrelation", options={"window": WINDOW}),),
    )
    recipe = with_settings(
        recipe,
        [
            "system.structure=argon-108.extxyz",
            "potential.cutoff=7.5",
            "potential.switch_start=6.5",
            "sampling.replicas=64",
            "sampling.equilibration_steps=3000",
            "dynamics.timestep=2.0",
            "dynamics.steps=3000",
            "dynamics.record_every=10",
            "optimizer.learning_rate=0.01",
            "refinement.iterations=14",
            "refinement.uncertainty=false",
        ],
    )
    *_, measured = loop.evaluate(with_values(recipe, TRUE), Control(), replicas=400, seed=5)
    assert isinstance(measured, Evaluated)
    (report,) = measured.targets
    curve = Measurement(
        report.observable,
        np.asarray(report.value),
        report.unit,
        axis=np.asarray(report.axis),
        axis_unit=report.axis_unit,
    )
    write_measurement(curve, folder / "curve.csv")
    target = msgspec.structs.replace(recipe.target[0], data="curve.csv")
    return with_values(msgspec.structs.replace(recipe, target=(target,)), START)


def truncation(folder: Path, output: Path) -> None:
    """Draw gradient and noise against the horizon, and the fit with and without truncation."""
    recipe = long_recipe(folder)
    *_, found = loop.diagnose(recipe, Control())
    assert isinstance(found, Diagnosed)
    fits = {}
    for kind in ("auto", "none"):
        settings = [f"gradient.truncation={kind}"]
        events = loop.refine(with_settings(recipe, settings), folder / kind, Control())
        fits[kind] = [e.report for e in events if isinstance(e, Iterated)]
        last = fits[kind][-1]
        print(kind, f"{last.loss:.3g}", [f"{p.key} {p.value:.5g}" for p in last.parameters])
    draw(found, fits, output / "truncation.png")
    print(found.reason)


def draw(found: Diagnosed, fits: dict[str, list[Any]], path: Path) -> None:
    """Draw three panels: growth, gradient against horizon, loss against iteration."""
    import pyqtgraph as pg
    from pyqtgraph.exporters import ImageExporter

    application = pg.mkQApp()
    pg.setConfigOptions(antialias=True, background="w", foreground="#333333")
    blue, orange = "#0b62a4", "#c05a00"
    view = pg.GraphicsLayoutWidget()
    view.resize(1320, 400)
    growth = view.addPlot(title="Growth of the adjoint")
    growth.setLogMode(y=True)
    growth.plot(found.lag, found.growth, pen=pg.mkPen(blue, width=2))
    growth.setLabel("bottom", "Lag [ps]")
    growth.setLabel("left", "Norm over the first")

    gradient = view.addPlot(title="Gradient and its standard error")
    gradient.setLogMode(x=True, y=True)
    key = "lennard_jones.epsilon"
    horizon = [row.horizon for row in found.rows]
    gradient.addLegend(offset=(20, 10), labelTextSize="11pt")
    size = [abs(row.gradients[key]) for row in found.rows]
    noise = [row.errors[key] for row in found.rows]
    marks = {"symbol": "o", "symbolSize": 7, "symbolPen": None}
    gradient.plot(
        horizon, size, pen=pg.mkPen(blue, width=2), symbolBrush=blue, name="size", **marks
    )
    gradient.plot(
        horizon, noise, pen=pg.mkPen(orange, width=2), symbolBrush=orange, name="noise", **marks
    )
    chosen = pg.InfiniteLine(
        np.log10(found.chosen),
        pen=pg.mkPen("#777777", style=pg.QtCore.Qt.DashLine),
        label="auto",
        labelOpts={"position": 0.6, "color": "#555555", "movable": False},
    )
    gradient.addItem(chosen)
    for side in ("bottom", "left"):
        marked = [digit * 10.0**power for power in range(-4, 5) for digit in (1, 2, 5)]
        gradient.getAxis(side).setTicks([[(np.log10(x), f"{x:g}") for x in marked]])
    gradient.setLabel("bottom", "Horizon [ps]")
    gradient.setLabel("left", f"Loss by epsilon [1/({found.units[key]})]")

    loss = view.addPlot(title="The fit")
    loss.setLogMode(y=True)
    loss.addLegend(offset=(20, -10), labelTextSize="11pt")
    for name, colour, text in (("auto", blue, "auto"), ("none", orange, "no truncation")):
        values = [report.loss for report in fits[name]]
        loss.plot(values, pen=pg.mkPen(colour, width=2), symbolBrush=colour, name=text, **marks)
    loss.getAxis("left").enableAutoSIPrefix(False)
    loss.setLabel("bottom", "Iteration")
    loss.setLabel("left", "Loss")
    view.show()
    application.processEvents()
    exporter = ImageExporter(view.scene())
    exporter.parameters()["width"] = 1980
    exporter.export(str(path))


if __name__ == "__main__":
    sys.exit(main())
