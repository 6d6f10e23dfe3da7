import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

import gc
import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QSettings
from window_life import destroy

EXAMPLE = Path(__file__).parents[2] / "resources" / "examples" / "argon-diffusion"


@pytest.fixture(autouse=True)
def own_settings(tmp_path, monkeypatch):
    """Keep the settings and runs of whoever runs the tests out of them."""
    QSettings.setPath(
        QSettings.Format.IniFormat, QSettings.Scope.UserScope, str(tmp_path / "settings")
    )
    monkeypatch.setenv("DMDSTUDIO_RUNS", str(tmp_path / "runs"))
    monkeypatch.setenv("DMDSTUDIO_STATE", str(tmp_path / "state"))


@pytest.fixture(autouse=True, scope="package")
def old_objects():
    """Leave what was there before out of each test's collection, which would take long."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def garbage(qapp):
    """As in the application: circles of widgets are broken up between events, by this thread."""
    gc.disable()
    yield
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    gc.collect()
    gc.enable()


@pytest.fixture
def example(tmp_path):
    """The shipped argon recipes in a folder of their own, far shorter: seconds, not minutes."""
    folder = tmp_path / "argon"
    shutil.copytree(EXAMPLE, folder)
    shorter = {
        "replicas": 4,
        "equilibration_steps": 40,
        "decorrelation_steps": 20,
        "steps": 100,
        "window": 0.05,
        "iterations": 4,
    }
    for recipe in folder.glob("*.toml"):
        lines = []
        for line in recipe.read_text("utf-8").splitlines():
            name = line.partition("=")[0].strip()
            lines.append(f"{name} = {shorter[name]}" if name in shorter else line)
        recipe.write_text("\n".join(lines), "utf-8")
    return folder / "recipe.toml"


@pytest.fixture
def application():
    """The one application of the process."""
    from dmdstudio.app.main import make_application

    return make_application()


@pytest.fixture
def window(qtbot, application):
    """The window, its engine not started."""
    from dmdstudio.app.views.main_window import MainWindow

    shown = MainWindow()
    shown.show()
    yield shown
    destroy(shown)
