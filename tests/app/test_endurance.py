"""What must survive: an engine that is killed again and again, a window that is killed."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from window_life import destroy

from dmdstudio.app.views.main_window import MainWindow
from dmdstudio.plan.events import Iterated, Phase, Progress, Started

PATIENCE = 240_000
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_an_engine_killed_twenty_times_leaves_the_window_alive_and_the_best_exportable(
    qtbot, application, tiny_recipe
):
    random.seed(20)
    window = MainWindow()
    window.show()
    controller = window.controller
    controller.bridge.start()
    window.open_paths([Path(tiny_recipe.folder) / "recipe.toml"])
    window.session.change(("refinement", "iterations"), 2000)
    heard = []
    controller.bridge.heard.connect(heard.append)
    window.actions_by_name["run"].trigger()
    had_best, at = False, []
    for _ in range(20):
        heard.clear()
        kinds = (Phase, Started, Progress, Iterated)
        wanted = random.choice(kinds if had_best else (Iterated,))
        more = 0 if wanted is Started else random.randrange(3)
        qtbot.waitUntil(
            lambda w=wanted, m=more: sum(isinstance(e, w) for e in heard) > m, timeout=PATIENCE
        )
        psutil.Process(controller.bridge.engine_pid).kill()
        qtbot.waitUntil(lambda: not controller.busy, timeout=20_000)
        at.append(wanted.__name__)
        had_best = True
        assert window.isVisible() and "ended unexpectedly" in window.notice.words.text()
        assert window.session.view.best is not None
        assert window.actions_by_name["export"].isEnabled()
        window.actions_by_name["resume"].trigger()
    began = time.monotonic()
    window.actions_by_name["stop"].trigger()
    qtbot.waitUntil(lambda: not controller.busy, timeout=20_000)
    print(f"\nkilled 20 times, at {at}; {len(window.session.view.steps)} iterations", end="")
    print(f"; the last stop took {time.monotonic() - began:.1f} s")
    numbers = [step.iteration for step in window.session.view.steps]
    assert numbers == list(range(len(numbers)))
    destroy(window)


WINDOW = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from dmdstudio.app.main import make_application

application = make_application()
from dmdstudio.app.views.main_window import MainWindow
from dmdstudio.plan.events import Iterated

window = MainWindow()
window.show()
window.controller.bridge.start()
window.open_paths([Path({recipe!r})])
window.session.change(("refinement", "iterations"), 60)  # more than until the edit is kept
window.actions_by_name["run"].trigger()


def hear(event):
    if isinstance(event, Iterated) and event.report.iteration == 1:
        window.session.change(("sampling", "temperature"), 99.0)
        window.controller.keeper.autosaved.connect(
            lambda _: print(window.session.view.started.run_dir, flush=True)
        )


window.controller.bridge.heard.connect(hear)
application.exec()
"""


@POSIX
@pytest.mark.slow
def test_a_killed_window_loses_neither_its_run_nor_its_edits(qtbot, application, tiny_recipe):
    script = WINDOW.format(recipe=str(Path(tiny_recipe.folder) / "recipe.toml"))
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    assert process.stdout is not None
    run = Path(process.stdout.readline().strip())
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    engine = json.loads((run / "writer.json").read_text())["pid"]
    assert psutil.pid_exists(engine)
    again = MainWindow()
    again.show()
    with qtbot.waitSignal(again.controller.keeper.offered, timeout=20_000):
        again.controller.keeper.look_for_left()
    again.notice.choices[0].click()
    assert again.session.recipe.sampling.temperature == 99.0
    qtbot.waitUntil(lambda: again.session.view.finished is not None, timeout=PATIENCE)
    assert again.session.view.finished.reason == "completed"
    assert [step.iteration for step in again.session.view.steps] == list(range(60))
    destroy(again)
