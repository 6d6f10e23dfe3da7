"""Where work begins: examples, recent work, runs that can be resumed, and the device."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from PySide6.QtCore import Qt
from recorded import recorded_run

from dmdstudio.app.device_check import find_device
from dmdstudio.app.run_folders import remember, runs_folder
from dmdstudio.files.project_file import Project, write_project
from dmdstudio.files.run_store import RunStore
from dmdstudio.plan.catalog import Catalog
from dmdstudio.plan.commands import Resume
from dmdstudio.plan.events import Failed, Finished, Iterated, Ready, Started
from dmdstudio.plan.recipe import read_recipe, recipe_to_toml


def stored_run(example, name, events):
    folder, recipe = runs_folder() / name, read_recipe(example)
    with RunStore.create(folder, recipe) as store:
        for event in events:
            is_start = isinstance(event, Started)
            store.append(replace(event, recipe=recipe_to_toml(recipe)) if is_start else event)
    return folder


@pytest.fixture
def sent(window, monkeypatch):
    """What the window sends to its engine, which there is none of."""
    commands = []
    monkeypatch.setattr(window.controller.bridge, "submit", commands.append)
    return commands


def test_the_first_example_determines_its_parameters(window):
    window.start_page.example.click()
    recipe = window.session.recipe
    assert [target.observable for target in recipe.target] == ["self_diffusion", "potential_energy"]
    assert sum(p.free for term in recipe.potential for p in term.parameter) == 2


def test_recent_work_is_listed_by_what_it_is_and_opened_by_a_key(
    qtbot, window, example, tmp_path, sent
):
    run = stored_run(example, "first", recorded_run())
    project = write_project(tmp_path / "argon.dmdproj", Project(read_recipe(example)))
    for path in (example, run, project):
        remember(path)
    window.actions_by_name["home"].trigger()
    table = window.start_page.recent
    rows = [[table.item(r, c).text().strip() for c in range(2)] for r in range(3)]
    assert rows == [["argon", "Project"], ["first", "Run"], ["argon/recipe.toml", "Recipe"]]
    table.setFocus()
    qtbot.keyClick(table, Qt.Key.Key_Down)
    qtbot.keyClick(table, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: len(window.session.view.steps) > 0)
    assert Path(window.session.view.started.run_dir) == run


def test_a_run_that_was_cut_short_is_resumed_from_the_start_page(qtbot, window, example, sent):
    page = window.start_page
    assert not page.resume.isEnabled()
    stored_run(example, "done", recorded_run())
    events = [e for e in recorded_run() if isinstance(e, Started | Iterated)][:3]
    short = stored_run(example, "short", events)
    window.actions_by_name["home"].trigger()
    qtbot.waitUntil(page.resume.isEnabled)
    page.resume.click()
    qtbot.waitUntil(lambda: bool(sent))
    assert sent == [Resume(run_dir=str(short), iterations=None)]
    assert window.session.view.running and len(window.session.view.steps) == 2
    assert window.pages.currentWidget() is window.tabs


def test_the_menu_of_a_run_resumes_it_beside_the_recipe_under_edit(qtbot, window, example, sent):
    events = recorded_run()
    stopped = Finished(reason="stopped", iterations=1, best_iteration=0, seconds=1.0)
    folder = stored_run(example, "stopped", [*events[:3], stopped])
    done = stored_run(example, "done", events)
    window.open_paths([example])
    window.session.change(("sampling", "temperature"), 99.0)
    window.actions_by_name["runs"].trigger()
    qtbot.waitUntil(lambda: len(window.controller.shelf.rows) == 2)
    rows = {row.name: row for row in window.controller.shelf.rows}

    def entries(row):
        menu = window.runs.menu_of(row, window.runs.model.index(0, 0))
        return {action.text(): action for action in menu.actions()}

    assert entries(rows["done"])["Go on for 4 more iterations"].isEnabled()
    entries(rows["stopped"])["Resume"].trigger()
    qtbot.waitUntil(lambda: bool(sent))
    assert sent[0].run_dir == str(folder)
    assert window.session.recipe.sampling.temperature == 99.0
    window.controller.resume_run(done)
    assert "Stop it before" in window.notice.words.text() and len(sent) == 1


def test_the_device_is_what_the_engine_says_and_said(qtbot, window):
    controller, page = window.controller, window.start_page
    assert "starting" in page._device.text()
    controller._hear(Failed(message="The engine does not start.", advice="Run the doctor."))
    qtbot.waitUntil(lambda: "does not start. Run the doctor." in page._device.text())
    ready = Ready(
        catalog=Catalog(), device="CPU, 2 cores", devices=("a", "b"), version="0", seconds=1.0,
        memory_bytes=8 * 2**30,
    )  # fmt: skip
    controller._hear(ready)
    qtbot.waitUntil(lambda: page._device.text() == "Device: CPU, 2 cores, 8 GiB of memory")
    assert find_device(None, None).words.startswith("CPU, 2 cores, 8 GiB of memory the last time")
