"""The list of runs, what is done with them, the queue, and parameters taken back."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from recorded import recorded_run

from dmdstudio.app.run_folders import runs_folder
from dmdstudio.app.run_list import RunIndex
from dmdstudio.app.run_queue import RunQueue
from dmdstudio.app.run_reading import with_own_pace
from dmdstudio.app.views.runs_view import COLUMNS
from dmdstudio.app.views.status_line import phase_words
from dmdstudio.files.event_log import EventTail
from dmdstudio.files.run_store import RunStore
from dmdstudio.plan.commands import Run
from dmdstudio.plan.events import Finished, Iterated, Phase, Started
from dmdstudio.plan.recipe import read_recipe


def stored_run(example, name, events=None):
    """Write a run folder; its parameters are those of the example."""
    folder = runs_folder() / name
    with RunStore.create(folder, read_recipe(example)) as store:
        for event in recorded_run() if events is None else events:
            store.append(event)
    return folder


@pytest.fixture
def with_runs(qtbot, window, example, monkeypatch, tmp_path):
    """A window with the example and two runs on the shelf; the trash is a folder of the test."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    done = recorded_run()
    stored_run(example, "first", done)
    stored_run(example, "second", recorded_run()[:2])
    window.open_paths([example])
    window.actions_by_name["runs"].trigger()
    qtbot.waitUntil(lambda: len(window.controller.shelf.rows) == 2)
    return window


def row_named(window, name):
    return next(row for row in window.controller.shelf.rows if row.name == name)


def test_the_list_tells_how_runs_stand(with_runs):
    rows = {row.name: row for row in with_runs.controller.shelf.rows}
    first, second = rows["first"], rows["second"]
    assert (first.state, second.state) == ("completed", "interrupted")
    assert first.done == len([e for e in recorded_run() if isinstance(e, Iterated)])
    model = with_runs.runs.model
    texts = [model.index(0, c).data() for c in range(len(COLUMNS))]
    assert any("of" in str(text) for text in texts)


def test_what_was_read_is_not_read_again_and_growth_is_seen(example):
    events = recorded_run()
    folder = stored_run(example, "live", events[:2])
    index = RunIndex()
    (before,) = index.rows([folder])
    with open(folder / "events.jsonl", "ab") as file:  # half a line does not count
        line = (RunStore.open(folder).path / "events.jsonl").read_bytes().splitlines()[-1]
        file.write(line[:20])
    assert index.rows([folder])[0].done == before.done
    with RunStore.open(folder, write=True) as store:
        assert index.rows([folder])[0].state == "at work"
        for event in events[2:]:
            store.append(event)
    (after,) = index.rows([folder])
    assert after.done > before.done and after.state == "completed"


def test_a_log_that_was_replaced_is_read_anew(tmp_path):
    log = tmp_path / "events.jsonl"
    log.write_bytes(b'{"type":"log","level":"info","text":"a longer line"}\n')
    tail = EventTail(tmp_path)
    assert [e.text for e in tail.poll()] == ["a longer line"] and not tail.poll()
    log.write_bytes(b'{"type":"log","level":"info","text":"b"}\n')
    assert [e.text for e in tail.poll()] == ["b"] and tail.restarted


def test_a_run_is_shown_beside_the_recipe_under_edit(qtbot, with_runs):
    window = with_runs
    window.session.change(("sampling", "temperature"), 99.0)
    window.running._show(row_named(window, "first"))
    qtbot.waitUntil(lambda: len(window.session.view.steps) > 0)
    assert window.session.recipe.sampling.temperature == 99.0
    assert Path(window.session.view.started.run_dir).name == "first"
    assert window.actions_by_name["resume"].isEnabled()


def test_compared_runs_are_drawn_and_taken_away(qtbot, with_runs):
    window = with_runs
    window.running._show(row_named(window, "first"))
    qtbot.waitUntil(lambda: len(window.session.view.steps) > 0)
    window.show_tab("loss")
    place = next(i for i, r in enumerate(window.controller.shelf.rows) if r.name == "second")
    cell = window.runs.model.index(place, 0)
    role = Qt.ItemDataRole.CheckStateRole
    assert window.runs.model.setData(cell, Qt.CheckState.Checked.value, role)
    plot = window.panels["loss"].loss
    qtbot.waitUntil(lambda: "compared 0" in plot.contents.series)
    assert plot.contents.series["compared 0"].label == "second"
    window.runs.model.setData(cell, Qt.CheckState.Unchecked.value, role)
    qtbot.waitUntil(lambda: "compared 0" not in plot.contents.series)


def test_a_run_is_renamed_and_trashed_and_put_back(qtbot, with_runs):
    window, shelf = with_runs, with_runs.controller.shelf
    folder = row_named(window, "second").folder
    shelf.rename(folder, "  The short one ")
    qtbot.waitUntil(lambda: any(r.name == "The short one" for r in shelf.rows))
    assert folder.name == "second"
    before = sorted(p.name for p in folder.rglob("*"))
    window.controller.drop_run(folder)
    qtbot.waitUntil(lambda: bool(window.notice.choices))
    assert (not folder.exists() and len(shelf.rows) == 1) or shelf.refresh() is None
    window.notice.choices[0].click()
    qtbot.waitUntil(folder.is_dir)
    qtbot.waitUntil(lambda: any(r.name == "The short one" for r in shelf.rows))
    assert sorted(p.name for p in folder.rglob("*")) == before


def test_a_run_at_work_is_not_trashed(qtbot, with_runs):
    folder = row_named(with_runs, "second").folder
    with RunStore.open(folder, write=True):
        with_runs.controller.drop_run(folder)
        assert "at work" in with_runs.notice.words.text() and folder.is_dir()


def test_the_parameters_of_an_iteration_are_an_edit(qtbot, with_runs):
    window = with_runs
    row = row_named(window, "first")
    step = row.view.steps[1]
    before = window.session.recipe
    window.controller.desk.open_run(row.folder)
    qtbot.waitUntil(lambda: len(window.session.view.steps) > 0)
    window.show_tab("parameters")
    panel = window.panels["parameters"]
    qtbot.waitUntil(panel.restore.isEnabled)
    panel.iteration.setValue(1)
    panel.restore.click()
    values = {p.key: p.value for p in step.parameters}
    sigma = window.session.recipe.potential[0].parameter[0]
    assert sigma.value == pytest.approx(values["lennard_jones.sigma"])
    assert sigma.value != before.potential[0].parameter[0].value
    window.actions_by_name["undo"].trigger()
    assert window.session.recipe == before


def test_the_queue_runs_one_after_another_and_waits_after_a_stop(window, example, monkeypatch):
    sent = []
    controller = window.controller
    monkeypatch.setattr(controller.bridge, "submit", sent.append)
    window.open_paths([example])

    def end(reason):
        controller._hear(Finished(reason=reason, iterations=1, best_iteration=0, seconds=1.0))
        controller._set_busy(False)

    for temperature in (90.0, 91.0, 92.0):
        window.session.change(("sampling", "temperature"), temperature)
        window.actions_by_name["queue"].trigger()
    assert len(sent) == 1 and controller.busy and len(controller.queue.recipes) == 2
    assert "Next:" in window.runs._waiting.text()
    end("completed")
    assert [isinstance(c, Run) and "91.0" in c.recipe for c in sent] == [False, True]
    controller.stop()
    controller._hear(Phase(name="propagating"))
    assert phase_words(window.session.view) == "Stopping…"
    end("stopped")
    assert phase_words(window.session.view) != "Stopping…"
    assert len(controller.queue.recipes) == 1 and not controller.busy
    assert window.runs._go_on.isVisibleTo(window.runs)
    window.runs._go_on.click()
    assert controller.busy and not controller.queue.recipes
    end("completed")
    assert not controller.busy


def test_a_queue_that_comes_from_a_file_waits(example):
    from PySide6.QtCore import QObject

    queue = RunQueue(owner := QObject())
    queue.fill([read_recipe(example)])
    assert owner is not None and queue.take() is None and queue.is_held
    queue.go_on()
    assert queue.take() is not None and queue.take() is None


def test_the_time_left_of_a_followed_run_is_that_of_its_iterations():
    import functools

    from dmdstudio.app.state import RunView, reduce

    events = [e for e in recorded_run() if isinstance(e, Started | Iterated)]
    view = with_own_pace(functools.reduce(reduce, events, RunView()))
    done, planned = len(view.steps), view.started.iterations
    seconds = sorted(s.seconds for s in view.steps[-5:])[len(view.steps[-5:]) // 2]
    assert view.progress.fraction == pytest.approx(min(1.0, done / planned))
    assert view.progress.seconds_left == pytest.approx(seconds * (planned - done))
