"""Nothing is lost: saving, autosaves, recovery, and what is asked at the end."""

import shutil

import pytest
from window_life import destroy

from dmdstudio.app import keeper as keeper_module
from dmdstudio.app.autosave import Slot, left_behind
from dmdstudio.app.run_folders import recent, state_folder
from dmdstudio.app.views.main_window import MainWindow
from dmdstudio.files.project_file import read_project


def edit(window, temperature):
    assert not window.session.change(("sampling", "temperature"), temperature)


def save(qtbot, window, path=None):
    with qtbot.waitSignal(window.controller.keeper.saved):
        window.controller.keeper.save(path)
    return window.controller.keeper.path


def vanish(window):
    """End a window as a kill would: the system gives its locks back, nothing else is done."""
    slot = window.controller.keeper._slot
    if slot._lock is not None:
        slot._lock.release()
    slot._folder = slot._lock = None
    window.controller.keeper._baseline = window.controller.keeper.snapshot()
    window.controller.keeper.note_change()
    destroy(window)


@pytest.fixture
def new_window(qtbot, application):
    windows = []

    def make():
        window = MainWindow()
        window.show()
        windows.append(window)
        return window

    yield make
    for window in windows:
        destroy(window)


def test_the_title_marks_what_is_not_saved(qtbot, window, example, tmp_path):
    window.open_paths([example])
    assert not window.isWindowModified()
    edit(window, 100.0)
    assert window.isWindowModified() and "[*]" in window.windowTitle()
    path = save(qtbot, window, tmp_path / "mine")
    assert path == tmp_path / "mine.dmdproj" and not window.isWindowModified()
    assert window.windowTitle().startswith("mine[*]") and recent()[0] == path
    window.actions_by_name["undo"].trigger()
    assert window.isWindowModified()
    window.actions_by_name["redo"].trigger()
    assert not window.isWindowModified()
    edit(window, 101.0)
    window.actions_by_name["save"].trigger()
    qtbot.waitUntil(lambda: not window.isWindowModified())
    assert read_project(path).project.recipe.sampling.temperature == 101.0


def test_a_project_opens_as_it_was(qtbot, window, example, tmp_path, new_window):
    window.open_paths([example])
    edit(window, 100.0)
    window.show_tab("loss")
    path = save(qtbot, window, tmp_path / "mine.dmdproj")
    other = new_window()
    other.open_paths([path])
    qtbot.waitUntil(lambda: other.session.recipe is not None)
    assert other.session.recipe.sampling.temperature == 100.0
    assert other.tabs.currentWidget() is other.panels["loss"]
    assert not other.isWindowModified()


def test_of_two_windows_the_second_does_not_overwrite_the_first(
    qtbot, window, example, tmp_path, new_window
):
    window.open_paths([example])
    path = save(qtbot, window, tmp_path / "mine.dmdproj")
    other = new_window()
    other.open_paths([path])
    qtbot.waitUntil(lambda: other.session.recipe is not None)
    edit(other, 111.0)
    save(qtbot, other)
    edit(window, 99.0)
    window.actions_by_name["save"].trigger()
    qtbot.waitUntil(lambda: "changed by another window" in window.notice.words.text())
    assert read_project(path).project.recipe.sampling.temperature == 111.0
    assert window.isWindowModified()
    [button] = [b for b in window.notice.choices if b.text() == "Replace it"]
    with qtbot.waitSignal(window.controller.keeper.saved):
        button.click()
    assert read_project(path).project.recipe.sampling.temperature == 99.0


def test_edits_of_a_killed_window_are_offered_by_the_next(
    qtbot, window, example, new_window, monkeypatch
):
    assert keeper_module.AUTOSAVE_SECONDS <= 30
    window.open_paths([example])
    edit(window, 100.0)
    window.controller.keeper._timer.setInterval(10)  # what else takes ten seconds
    edit(window, 105.0)
    window.controller.keeper._timer.start()
    with qtbot.waitSignal(window.controller.keeper.autosaved):
        pass
    assert "Autosaved" in window.statusBar().kept.text()
    other = new_window()
    with qtbot.assertNotEmitted(other.controller.keeper.offered, wait=300):
        other.controller.keeper.look_for_left()  # the first window lives
    vanish(window)
    with qtbot.waitSignal(other.controller.keeper.offered):
        other.controller.keeper.look_for_left()
    assert other.notice.isVisible() and "Unsaved edits" in other.notice.words.text()
    third = new_window()
    with qtbot.assertNotEmitted(third.controller.keeper.offered, wait=300):
        third.controller.keeper.look_for_left()  # one window offers it, not two
    other.notice.choices[0].click()
    assert other.session.recipe.sampling.temperature == 105.0 and other.isWindowModified()
    recipe = other.session.recipe
    assert recipe.path(recipe.system.structure).samefile(example.parent / "argon-256.extxyz")
    other.close()  # unsaved still: the next window has it
    assert [left.unsaved for left in left_behind(state_folder())] == [True]


def test_what_is_forgotten_is_put_away(qtbot, window, example, new_window):
    window.open_paths([example])
    edit(window, 100.0)
    window.close()
    other = new_window()
    with qtbot.waitSignal(other.controller.keeper.offered):
        other.controller.keeper.look_for_left()
    other.notice.choices[1].click()
    assert not other.notice.isVisible() and not left_behind(state_folder())
    assert len(list((state_folder() / "forgotten").iterdir())) == 1


def test_opening_something_else_keeps_unsaved_edits(qtbot, window, example, tmp_path):
    shutil.copytree(example.parent, tmp_path / "other")
    window.open_paths([example])
    edit(window, 100.0)
    with qtbot.waitSignal(window.controller.keeper.offered):
        window.open_paths([tmp_path / "other" / "recipe.toml"])
    assert window.session.recipe.sampling.temperature == 94.4 and not window.isWindowModified()
    window.notice.choices[0].click()
    assert window.session.recipe.sampling.temperature == 100.0


def test_a_closed_window_without_edits_leaves_nothing(window, example):
    window.open_paths([example])
    edit(window, 100.0)
    window.controller.keeper.autosave()
    window.actions_by_name["undo"].trigger()
    window.close()
    assert not list((state_folder() / "sessions").glob("*/*"))


def test_edits_that_cannot_be_kept_are_asked_about(qtbot, window, example, monkeypatch):
    def full(slot, project):
        raise keeper_module.FileError("The disk is full.")

    window.open_paths([example])
    edit(window, 100.0)
    monkeypatch.setattr(Slot, "write", full)
    assert not window.close() and window.isVisible()
    assert "cannot be kept: The disk is full." in window.notice.words.text()
    window.notice.choices[1].click()
    assert not window.isVisible()


def test_a_lost_file_can_be_pointed_at(qtbot, window, example, tmp_path, new_window):
    window.open_paths([example])
    path = save(qtbot, window, example.parent / "mine.dmdproj")
    (example.parent / "argon-256.extxyz").rename(tmp_path / "found.extxyz")
    other = new_window()
    other.open_paths([path])
    qtbot.waitUntil(lambda: bool(other.notice.choices))
    assert "argon-256.extxyz, is not there" in other.notice.words.text()
    other.controller.intake.point_at(("system", "structure"), tmp_path / "found.extxyz")
    assert other.session.recipe.system.structure == str(tmp_path / "found.extxyz")
    other.actions_by_name["undo"].trigger()
    assert other.session.recipe.system.structure == "argon-256.extxyz"
