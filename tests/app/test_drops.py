"""What dropped files do, and what is said of them before."""

import pytest
from PySide6.QtCore import QCoreApplication, QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent

from dmdstudio.app.drops import sort_drop


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("recipe.toml", "recipe"),
        ("argon.extxyz", "structure"),
        ("POSCAR", "structure"),
        ("data.csv", "data"),
        ("movie.mp4", "unknown"),
    ],
)
def test_files_are_told_apart(tmp_path, name, kind):
    (tmp_path / name).write_text("")
    assert sort_drop(tmp_path / name, has_recipe=True).kind == kind


def test_folders_are_told_apart(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    assert sort_drop(run, True).kind == "unknown"
    (run / "recipe.toml").write_text("")
    assert sort_drop(run, True).kind == "recipe"
    (run / "run.toml").write_text("")
    assert sort_drop(run, True).kind == "run"


def test_a_structure_needs_a_recipe_to_go_into(tmp_path):
    (tmp_path / "a.xyz").write_text("")
    assert not sort_drop(tmp_path / "a.xyz", has_recipe=False).welcome


def drop(window, paths):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    left, none, copy = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, Qt.DropAction
    enter = QDragEnterEvent(QPoint(50, 50), copy.CopyAction, data, left, none)
    QCoreApplication.sendEvent(window, enter)
    assert enter.isAccepted() and window.drop_target.overlay.isVisible()
    words = window.drop_target.overlay.accessibleDescription()
    dropped = QDropEvent(QPoint(50, 50).toPointF(), copy.CopyAction, data, left, none)
    QCoreApplication.sendEvent(window, dropped)
    assert not window.drop_target.overlay.isVisible()
    return words


def test_a_recipe_then_its_structure_and_data(qtbot, window, example):
    words = drop(window, [example])
    assert words == "recipe.toml: Opens as the recipe"
    qtbot.waitUntil(lambda: window.session.recipe is not None)
    other = example.with_name("other.extxyz")
    other.write_bytes((example.parent / "argon-256.extxyz").read_bytes())
    data = example.with_name("again.csv")
    data.write_bytes((example.parent / "argon-self-diffusion.csv").read_bytes())
    drop(window, [other, data])
    qtbot.waitUntil(lambda: window.session.recipe.system.structure == "other.extxyz")
    qtbot.waitUntil(lambda: window.session.recipe.target[0].data == "again.csv")
    window.actions_by_name["undo"].trigger()
    window.actions_by_name["undo"].trigger()
    assert window.session.recipe.system.structure == "argon-256.extxyz"
    assert window.session.recipe.target[0].data == "argon-self-diffusion.csv"


def test_a_damaged_file_is_told_of_and_changes_nothing(qtbot, window, example):
    window.open_paths([example])
    before = window.session.recipe
    bad = example.with_name("bad.xyz")
    bad.write_text("this is no structure")
    window.open_paths([bad])
    qtbot.waitUntil(lambda: window.notice.isVisible())
    assert window.notice.words.text()
    assert window.session.recipe == before


def test_a_damaged_recipe_is_told_of(window, tmp_path):
    bad = tmp_path / "bad.toml"
    bad.write_text("[system\n")
    window.open_paths([bad])
    assert "TOML" in window.notice.words.text()
    assert window.session.recipe is None
