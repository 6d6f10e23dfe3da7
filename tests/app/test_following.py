"""A run that another process writes and that does not stop when it is asked to."""

import json
import os
import subprocess
import sys
import time

import pytest
from recorded import recorded_run

from dmdstudio.app.run_folders import runs_folder
from dmdstudio.app.views.status_line import phase_words
from dmdstudio.app.words import moment_words
from dmdstudio.files import event_log
from dmdstudio.files.run_store import RunStore
from dmdstudio.files.run_writer import writer_of
from dmdstudio.plan.events import Finished, Iterated, Started, encoder
from dmdstudio.plan.recipe import read_recipe

_DEAF = """
import sys, time
from dmdstudio.files import event_log
from dmdstudio.files.run_store import RunStore
with RunStore.open(sys.argv[-1], write=True):
    print("writing", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def run(example):
    """A run after its first two iterations, which nobody writes at the moment."""
    events = [e for e in recorded_run() if isinstance(e, Started | Iterated)][:3]
    folder = runs_folder() / "deaf"
    with RunStore.create(folder, read_recipe(example)) as store:
        for event in events:
            store.append(event)
    return folder


@pytest.fixture
def written(run):
    """Have another process write the run, which hears nothing; return it."""
    processes = []

    def begin(*words):
        command = [sys.executable, "-c", _DEAF, *words, str(run)]
        processes.append(subprocess.Popen(command, stdout=subprocess.PIPE))
        processes[-1].stdout.readline()
        return processes[-1]

    yield begin
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr("dmdstudio.app.following.STOP_SECONDS", 0.2)
    monkeypatch.setattr("dmdstudio.app.following.FAR_STOP_SECONDS", 0.2)
    monkeypatch.setattr("dmdstudio.app.following.POLL_MILLISECONDS", 50)


def follow(qtbot, window, run):
    window.open_paths([run])
    qtbot.waitUntil(lambda: window.controller.desk.is_following)
    window.actions_by_name["stop"].trigger()


def test_an_engine_of_ours_is_ended_and_its_run_can_be_resumed(
    qtbot, window, impatient, run, written
):
    deaf = written("dmdstudio")
    follow(qtbot, window, run)
    assert phase_words(window.session.view) == "Stopping…"
    qtbot.waitUntil(lambda: not window.controller.desk.is_following, timeout=10_000)
    deaf.wait(5)
    assert "was in a long piece of work and was ended" in window.notice.words.text()
    assert not window.session.view.running and len(window.session.view.steps) == 2
    assert window.actions_by_name["resume"].isEnabled()


def test_the_process_of_somebody_else_is_only_ended_when_the_user_says_so(
    qtbot, window, impatient, run, written
):
    other = written()
    follow(qtbot, window, run)
    qtbot.waitUntil(lambda: bool(window.notice.choices))
    assert f"Process {other.pid}" in window.notice.words.text() and other.poll() is None
    window.notice.choices[0].click()
    qtbot.waitUntil(lambda: not window.controller.desk.is_following, timeout=10_000)
    other.wait(5)


def test_a_run_whose_machine_is_gone_is_let_go_when_the_user_says_so(qtbot, window, impatient, run):
    about = {"pid": 4711, "host": "node17.elsewhere", "since": 1.0}
    (run / "writer.json").write_text(json.dumps(about), "utf-8")
    follow(qtbot, window, run)
    qtbot.waitUntil(lambda: bool(window.notice.choices))
    assert "4711 on node17.elsewhere" in window.notice.words.text()
    window.notice.choices[0].click()
    qtbot.waitUntil(lambda: not window.controller.desk.is_following)
    assert "wrote this run is gone. Resume" in window.notice.words.text()
    assert writer_of(run) is None and not window.session.view.running
    assert window.actions_by_name["resume"].isEnabled()
    assert not (run / "stop.request").exists()


def test_a_writer_elsewhere_that_gives_no_sign_of_life_is_told_of(qtbot, window, impatient, run):
    about = {"pid": 4711, "host": "node17.elsewhere", "since": 1.0, "beats": True}
    file = run / "writer.json"
    file.write_text(json.dumps(about), "utf-8")
    window.open_paths([run])
    qtbot.waitUntil(lambda: window.controller.desk.is_following)
    assert phase_words(window.session.view).startswith("At work")
    hour_ago = time.time() - 3600.0
    os.utime(file, (hour_ago, hour_ago))
    qtbot.waitUntil(lambda: phase_words(window.session.view).startswith("No sign of life"))
    assert moment_words(hour_ago) in phase_words(window.session.view)
    window.controller.shelf.refresh()
    qtbot.waitUntil(lambda: [row.state for row in window.controller.shelf.rows] == ["silent"])
    os.utime(file)
    qtbot.waitUntil(lambda: phase_words(window.session.view).startswith("At work"))


@pytest.mark.parametrize("ends", [True, False])
def test_a_question_about_a_run_goes_with_it(qtbot, window, impatient, run, written, ends):
    """Its answer would meet the run that is shown next."""
    other = written()
    follow(qtbot, window, run)
    qtbot.waitUntil(lambda: bool(window.notice.choices))
    if ends:  # as asked, after all
        end = Finished(reason="stopped", iterations=2, best_iteration=1, seconds=1.0)
        with (run / event_log.NAME).open("ab") as log:
            log.write(encoder.encode(end) + b"\n")
    else:
        window.controller.desk.follow_nothing()
    qtbot.waitUntil(lambda: not window.controller.desk.is_following)
    assert not window.notice.choices and window.notice.isHidden() and other.poll() is None
