"""What windows and runs leave behind: memory, threads, timers, processes."""

import gc
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import QThreadPool, QTimer
from window_life import destroy

from dmdstudio.app.views.main_window import MainWindow
from dmdstudio.plan.events import Finished

HERE = Path(__file__).parent
PATIENCE = 180_000


def open_and_close(application, recipe):
    window = MainWindow()
    window.show()
    window.open_paths([recipe])
    application.processEvents()
    QThreadPool.globalInstance().waitForDone()
    destroy(window)


def left(application):
    """Return what there is now: widgets, running timers, threads, child processes."""
    application.processEvents()
    gc.collect()
    timers = [o for o in gc.get_objects() if type(o) is QTimer and _active(o)]
    children = [p for p in psutil.Process().children() if p.status() != psutil.STATUS_ZOMBIE]
    threads = [t.name for t in threading.enumerate() if not t.name.startswith("Dummy")]
    return len(application.allWidgets()), len(timers), len(threads), len(children)


def _active(timer):
    try:
        return timer.isActive()
    except RuntimeError:  # its window is gone, and it with it
        return False


def test_windows_leave_no_widget_timer_thread_or_process(application, example):
    open_and_close(application, example)  # what is made once
    before = left(application)
    for _ in range(3):
        open_and_close(application, example)
    assert left(application) == before


GROWTH = """
import gc, sys
sys.path.insert(0, {here!r})
import psutil
from pathlib import Path
from dmdstudio.app.main import make_application
from test_leaks import left, open_and_close

application = make_application()
memory = psutil.Process().memory_full_info
for _ in range(20):
    open_and_close(application, Path({recipe!r}))
gc.collect()
first, before = memory().uss, left(application)
for _ in range(100):
    open_and_close(application, Path({recipe!r}))
gc.collect()
print("growth", (memory().uss - first) / 2**20, "before", *before, "after", *left(application))
"""


@pytest.mark.slow
def test_a_hundred_windows_grow_by_two_megabytes_at_most(example):
    script = GROWTH.format(here=str(HERE), recipe=str(example))
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=1500
    )
    print(done.stdout)
    words = done.stdout.split()
    assert words, done.stderr
    assert words[3:7] == words[8:12], done.stdout
    assert float(words[1]) <= 2.0, done.stdout


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_twenty_runs_leave_nothing(qtbot, application, tiny_recipe):
    window = MainWindow()
    window.show()
    window.controller.bridge.start()
    window.open_paths([Path(tiny_recipe.folder) / "recipe.toml"])
    window.session.change(("refinement", "iterations"), 1)
    memory = psutil.Process().memory_full_info
    sizes, ends = [], []
    window.controller.bridge.heard.connect(
        lambda event: ends.append(event) if isinstance(event, Finished) else None
    )
    for number in range(20):
        window.actions_by_name["run"].trigger()
        qtbot.waitUntil(lambda number=number: len(ends) > number, timeout=PATIENCE)
        qtbot.waitUntil(lambda: not window.controller.busy)
        gc.collect()
        sizes.append(memory().uss / 2**20)
        if number == 9:
            before = left(application)
    print("\nmemory of the window after each run, MiB:", [round(size, 1) for size in sizes])
    assert left(application) == before
    assert (sizes[-1] - sizes[9]) * 10 <= 2.0 * 10, sizes
    destroy(window)
