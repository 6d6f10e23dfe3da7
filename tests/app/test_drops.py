"""What dropped files do, and what is said of them before."""

import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QMimeData, QPoint, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent

from dmdstudio.app.drops import sort_drop

EXAMPLES = Path(__file__).parents[2] / "resources" / "examples"


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


def test_on_the_start_page_a_structure_begins_anew_whatever_was_open(qtbot, window, example):
    window.open_paths([example])
    window.show_start_page()
    structure, data = (
        example.parent / "argon-346.extxyz",
        example.parent / "argon-self-diffusion.csv",
    )
    before = window.session.recipe
    drop(window, [data])
    qtbot.waitUntil(lambda: window.controller.intake.waiting == [data])
    assert window.session.recipe is before, "which is not what one sees"
    assert "Begins a new refinement" in drop(window, [structure])
    qtbot.waitUntil(lambda: window.session.recipe is not before)
    qtbot.waitUntil(lambda: len(window.session.recipe.target) == 1)
    recipe = window.session.recipe
    assert recipe.path(recipe.system.structure) == structure and not recipe.potential
    assert window.pages.currentWidget() is window.tabs


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


def test_a_raman_spectrum_becomes_a_target_with_a_surface(qtbot, window, tmp_path):
    """Of the bonds that the potential has; a second file goes into the same target.

    An infrared spectrum after it brings its own surface.
    """
    from dmdstudio.plan.recipe import parse_recipe, recipe_to_toml
    from dmdstudio.service.build import build, describe

    folder = tmp_path / "water"
    shutil.copytree(EXAMPLES / "water-flexible", folder)
    window.open_paths([folder / "recipe.toml"])
    window.session.hear(describe())
    for name in ("measured.csv", "again.csv"):
        rows = "\n".join(f"{x},{x % 7 + 1}" for x in range(200, 4000, 10))
        (folder / name).write_text(f"Raman shift (cm-1),Intensity (a.u.)\n{rows}\n")
        window.open_paths([folder / name])
        qtbot.waitUntil(lambda name=name: window.session.recipe.target[-1].data == name)
    recipe = window.session.recipe
    added = recipe.target[1:]
    assert [(t.observable, t.fit_scale) for t in added] == [("raman_spectrum", True)]
    (surface,) = recipe.surface
    numbers = {p.name: (p.of, p.value) for p in surface.parameter}
    (length,) = [p for t in recipe.potential for p in t.parameter if p.name == "length"]
    assert surface.kind == "bond_polarisability" and not any(p.free for p in surface.parameter)
    assert numbers["length"] == ("H-O", length.value) and numbers["anisotropy"][1] > 0.0
    (folder / "infrared.csv").write_text(f"Wavenumber (cm-1),Absorbance\n{rows}\n")
    window.open_paths([folder / "infrared.csv"])
    qtbot.waitUntil(lambda: window.session.recipe.target[-1].data == "infrared.csv")
    recipe = window.session.recipe
    assert [s.kind for s in recipe.surface] == ["bond_polarisability", "potential_charges"]
    window.settings_panel.finish()
    problem, _ = build(parse_recipe(recipe_to_toml(recipe), folder))
    names = [target.observable.name for target in problem.targets[1:]]
    assert names == ["raman_spectrum", "infrared_spectrum"]
