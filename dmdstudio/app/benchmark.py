"""How quick the window is: from start to first paint, from drop to plot, from frame to frame, and
from a click on Run or Stop to what comes of it.

    dmdstudio benchmark window [--repeats 7]

Medians of repeats in milliseconds, with the quickest and the slowest, and how much of it was work
of this process: the rest it waited, for the disk or for others on the machine. Where there is no
display the window is painted offscreen. The settings and runs of the user are left alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from msgspec.structs import replace
from PySide6.QtCore import QCoreApplication, QEvent, QEventLoop, QObject, QSettings, Qt, QTimer

from dmdstudio.app.main import make_application
from dmdstudio.app.state import reduce
from dmdstudio.app.views.main_window import MainWindow
from dmdstudio.plan.events import Failed, Finished, Iterated, Started, StepReport, TargetReport

POINTS = (4_000, 100_000)
PATIENCE_SECONDS = 120.0
RUN_PATIENCE_SECONDS = 900.0
_BEGAN = "DMDSTUDIO_BENCHMARK_BEGAN"
_SHORTER = {
    "replicas": 4,
    "equilibration_steps": 40,
    "decorrelation_steps": 20,
    "steps": 100,
    "window": 0.05,
    "iterations": 4,
}
"""Settings that make a run of the argon example a matter of seconds."""

Figures = dict[str, Any]


def window_figures(repeats: int, run: bool = True) -> Figures:
    """Measure the window.

    Args:
        repeats: of each measurement.
        run: whether the gaps of the event loop are measured through a short run too.
    """
    if sys.platform.startswith("linux") and not any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    ):
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["DMDSTUDIO_RUNS"] = str(folder / "runs")
        os.environ["DMDSTUDIO_STATE"] = str(folder / "state")
        _keep_settings_apart(folder)
        figures: Figures = {"repeats": repeats}
        started = [_start(folder) for _ in range(repeats)]
        figures["start_to_first_paint_ms"] = _spread([first for first, _ in started])
        figures["start_to_usable_ms"] = _spread([usable for _, usable in started])
        make_application()
        window = MainWindow()
        window.resize(1440, 900)
        window.show()
        _wait_until(lambda: not window._idle.isActive())
        for points in POINTS:
            dropped = [_drop(window, folder, points, number) for number in range(repeats)]
            figures[f"drop_to_plot_{points}_points_ms"] = _spread(dropped)
        for points in (POINTS[-1] // 4, POINTS[-1]):
            figures |= _frames(window, points, 4 * max(repeats, 5))
        window.keeping.close_unasked("stops")
        if run:
            recipe = _short_recipe(folder)
            figures |= _gaps(recipe)
            figures |= _run_and_stop(recipe, repeats)
    return figures


def _keep_settings_apart(folder: Path) -> None:
    scope = QSettings.Scope.UserScope
    QSettings.setPath(QSettings.Format.IniFormat, scope, str(folder / "settings"))


class Stopwatch:
    """Milliseconds since it was made: by the clock, and of the processor's work for this process.

    On a machine that others use too, the second is what the window itself takes.
    """

    def __init__(self) -> None:
        self._clock, self._work = time.perf_counter(), time.process_time()

    def read(self) -> tuple[float, float]:
        """Return both."""
        clock, work = time.perf_counter() - self._clock, time.process_time() - self._work
        return 1000.0 * clock, 1000.0 * work


def _spread(times: Sequence[tuple[float, float]]) -> str:
    clock, work = zip(*times, strict=True)
    return (
        f"{np.median(clock):.0f} (from {min(clock):.0f} to {max(clock):.0f}), "
        f"of which work {np.median(work):.0f}"
    )


def _wait_until(done: Callable[[], bool]) -> None:
    """Let the window work until something is so, for two minutes at most."""
    patient_until = time.monotonic() + PATIENCE_SECONDS
    while not done():
        if time.monotonic() > patient_until:
            raise TimeoutError("The window did not come to rest within two minutes.")
        QCoreApplication.processEvents()


class _Painted(QObject):
    """Counts how often a widget has been painted."""

    def __init__(self, widget: QObject) -> None:
        super().__init__()
        self.count = 0
        self._widget = widget
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if event.type() == QEvent.Type.Paint:
            self.count += 1
        return False


# -------------------------------------------------------------------------------------- the start


def _start(folder: Path) -> tuple[tuple[float, float], tuple[float, float]]:
    """Open a window in a process of its own; return times to first paint and to usable."""
    environment = {**os.environ, "XDG_CONFIG_HOME": str(folder), _BEGAN: repr(time.time())}
    command = [sys.executable, "-m", "dmdstudio.app.benchmark"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    first, usable = json.loads(done.stdout.splitlines()[-1])
    return first, usable


def _started() -> None:
    """Open the window as the program does, and print when it was painted and when it answered."""
    began = float(os.environ[_BEGAN])
    application = make_application()
    window = MainWindow()
    painted = _Painted(window.pages)
    window.show()
    _wait_until(lambda: painted.count > 0)
    first = _since(began)
    window.controller.bridge.start()
    answered: list[tuple[float, float]] = []
    QTimer.singleShot(0, lambda: answered.append(_since(began)))
    _wait_until(lambda: bool(answered))
    print(json.dumps([first, answered[0]]))
    window.keeping.close_unasked("stops")
    application.processEvents()


def _since(began: float) -> tuple[float, float]:
    return 1000.0 * (time.time() - began), 1000.0 * time.process_time()


# ------------------------------------------------------------------------------- dropping, frames


def _drop(window: MainWindow, folder: Path, points: int, number: int) -> tuple[float, float]:
    """Drop a spectrum on the window; return the time until it is painted."""
    panel = window.panels["compare"]
    window.open_paths([_example("water-infrared")])
    window.show_tab("compare")
    _wait_until(lambda: not panel.plot.is_empty and window.session.matter is not None)
    _wait_until(lambda: not window._idle.isActive())
    path = folder / f"spectrum-{points}-{number}.csv"
    axis = np.linspace(1.0, 4000.0, points)
    value = 1e3 * np.exp(-(((axis - 1640.0) / 90.0) ** 2)) + number + np.sin(axis)
    with path.open("w", encoding="utf-8") as file:
        file.write("# quantity: n_alpha\nwavenumber [1/cm],n_alpha [1/cm]\n")
        np.savetxt(file, np.stack([axis, value], axis=1), "%.6g", ",")
    painted = _Painted(panel.plot._widget.viewport())

    def drawn() -> bool:
        series = panel.plot.contents.series.get("experiment")
        if series is None or len(series.x) != points:
            painted.count = 0
        return painted.count > 0

    watch = Stopwatch()
    window.open_paths([path])
    _wait_until(drawn)
    return watch.read()


def _frames(window: MainWindow, points: int, frames: int) -> Figures:
    """Show iterations of a spectrum on the Compare tab; return what each takes to be seen.

    A frame is everything from the event to the last pixel: the state, the panel, the painting. The
    experiment, the first, best and latest prediction have so many points each, and below them are
    the differences of three.
    """
    panel = window.panels["compare"]
    axis = np.linspace(1.0, 4000.0, points)
    curve = 1e3 * np.exp(-(((axis - 1640.0) / 90.0) ** 2))
    noise = np.random.default_rng(0).normal(0.0, 5.0, (8, points))
    experiment, shared = (curve + noise[0]).tolist(), axis.tolist()
    reports = [_report(shared, experiment, (curve + rest).tolist()) for rest in noise]
    window.session.show_run(reduce(window.session.view, _begin(reports[0])))
    painted = _Painted(panel.plot._widget.viewport())
    shown, moved = [], []
    for number in range(frames):
        report = replace(reports[number % 8], iteration=number)
        painted.count = 0
        watch = Stopwatch()
        window.session.show_run(reduce(window.session.view, Iterated(report=report)))
        _wait_until(lambda: painted.count > 0)
        shown.append(watch.read())
        _come_to_rest()
    view = panel.plot._plot.getViewBox()
    for number in range(frames):
        painted.count = 0
        watch = Stopwatch()
        view.setXRange(10.0 * number, 2000.0 + 10.0 * number, padding=0.0)
        _wait_until(lambda: painted.count > 0)
        moved.append(watch.read())
        _come_to_rest()
    panel.plot.reset_view()
    name = f"4_curves_of_{points}_points_ms"
    return {f"live_update_{name}": _spread(shown[2:]), f"moving_{name}": _spread(moved[2:])}


def _come_to_rest() -> None:
    """Let the window do what is left to do, which belongs to no measurement."""
    for _ in range(5):
        QCoreApplication.processEvents()


def _report(axis: list[float], experiment: list[float], value: list[float]) -> StepReport:
    target = TargetReport(
        name="infrared_spectrum",
        observable="infrared_spectrum",
        label="Infrared spectrum",
        unit="1/cm",
        value=value,
        error=[],
        experiment=experiment,
        axis=axis,
        axis_label="Wavenumber",
        axis_unit="1/cm",
    )
    return StepReport(
        iteration=0,
        loss=0.1,
        loss_error=0.01,
        parameters=(),
        targets=(target,),
        gradient_norm=1.0,
        learning_rate=0.01,
        effective_sample_fraction=1.0,
        resampled=True,
        reversal_residual=0.0,
        energy_drift=0.0,
        temperature=300.0,
        seconds=1.0,
    )


def _begin(report: StepReport) -> Started:
    target = replace(report.targets[0], value=[])
    return Started(
        run_dir="benchmark", recipe="", title="", formula="H2O", atoms=3, replicas=2,
        iterations=100, first_iteration=0, device="", precision="float32", method="",
        parameters=(), targets=(target,), version="", time=0.0,
    )  # fmt: skip


# --------------------------------------------------------------------------- gaps of the event loop


class LoopWatch(QObject):
    """Measures for how long the event loop keeps a timer of 2 ms waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.gaps: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer(self, interval=2)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def _tick(self) -> None:
        now = time.perf_counter()
        self.gaps.append(1000.0 * (now - self._last) - 2.0)
        self._last = now

    def percentile(self, percent: float) -> float:
        """Return a gap that so many percent are no longer than, ms."""
        return float(np.percentile(self.gaps, percent, method="lower"))


def _short_recipe(folder: Path) -> Path:
    """Write the argon example as a recipe that takes seconds."""
    source = _example("argon-diffusion").parent
    recipe = folder / "argon" / "recipe.toml"
    recipe.parent.mkdir()
    for file in source.iterdir():
        if file.name != "recipe.toml":
            (recipe.parent / file.name).write_bytes(file.read_bytes())
    lines = (source / "recipe.toml").read_text("utf-8").splitlines()
    recipe.write_text("\n".join(_shortened(line) for line in lines), "utf-8")
    return recipe


def _gaps(recipe: Path) -> Figures:
    """Run a recipe; return the gaps through import, compile and run."""
    window = MainWindow()
    window.resize(1440, 900)
    window.show()
    window.open_paths([recipe])
    window.show_tab("diffusion")
    _wait_until(lambda: not window._idle.isActive())
    loop, ended = QEventLoop(), []

    def hear(event: object) -> None:
        if isinstance(event, (Finished, Failed)):
            ended.append(event)
            loop.quit()

    window.controller.bridge.heard.connect(hear)
    window.controller.bridge.start()
    watch = LoopWatch()
    window.actions_by_name["run"].trigger()
    QTimer.singleShot(round(1000 * RUN_PATIENCE_SECONDS), loop.quit)
    loop.exec()
    window.keeping.close_unasked("stops")
    if not ended or isinstance(ended[0], Failed):
        return {"event_loop_gaps": "the run failed" if ended else "the run did not end"}
    return {
        "event_loop_gap_p99_ms": watch.percentile(99),
        "event_loop_gap_longest_ms": max(watch.gaps),
    }


def _run_and_stop(recipe: Path, repeats: int) -> Figures:
    """Run a recipe and stop it in an iteration; return what each click takes to show.

    At rest is a window that may run again; gone is the engine of a window closed during a run.
    """
    window = MainWindow()
    window.show()
    window.open_paths([recipe])
    _wait_until(lambda: window.session.matter is not None)
    window.session.change(("refinement", "iterations"), 1000)
    controller, act = window.controller, window.actions_by_name
    heard: list[object] = []
    acknowledged: list[str] = []
    controller.bridge.heard.connect(heard.append)
    controller.bridge.acknowledged.connect(acknowledged.append)
    controller.bridge.start()
    painted = _Painted(window.statusBar())
    shown, noticed, rested = [], [], []
    for number in range(repeats):
        heard.clear()
        acknowledged.clear()
        painted.count = 0
        watch = Stopwatch()
        act["run"].trigger()
        _wait_until(lambda: controller.busy and act["stop"].isEnabled() and painted.count > 0)
        shown.append(watch.read())
        _wait_until(lambda: any(isinstance(event, Iterated) for event in heard))
        if number == repeats - 1:
            break
        watch = Stopwatch()
        act["stop"].trigger()
        _wait_until(lambda: "Stop" in acknowledged)
        noticed.append(watch.read())
        _wait_until(lambda: not controller.busy)
        rested.append(watch.read())
    watch = Stopwatch()
    window.keeping.close_unasked("stops")
    _wait_until(controller.bridge.isFinished)
    return {
        "run_click_to_shown_ms": _spread(shown),
        "stop_to_acknowledged_ms": _spread(noticed),
        "stop_to_rest_ms": _spread(rested),
        "close_during_a_run_to_engine_gone_ms": _spread([watch.read()]),
    }


def _shortened(line: str) -> str:
    name = line.partition("=")[0].strip()
    return f"{name} = {_SHORTER[name]}" if name in _SHORTER else line


def _example(name: str) -> Path:
    package = Path(__file__).resolve().parents[1]
    for resources in (package / "resources", package.parent / "resources"):
        if (found := resources / "examples" / name / "recipe.toml").is_file():
            return found
    raise FileNotFoundError(f"The example {name} did not come with this installation.")


if __name__ == "__main__":
    _started()
