"""The tab with the picture of the structure, by mouse, keys and files."""

import ase.io
import numpy as np
import pytest
from msgspec.structs import replace
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QMessageBox

from dmdstudio.app.structure_drawing import Style
from dmdstudio.app.structure_scene import scene_of
from dmdstudio.app.theme import set_theme, theme
from dmdstudio.app.views.structure_canvas import StructureCanvas
from dmdstudio.files.run_store import RunStore
from dmdstudio.plan.events import Frames, Started
from dmdstudio.plan.recipe import read_recipe, recipe_to_toml
from dmdstudio.plan.structure import Structure

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def panel(qtbot, window, example):
    window.open_paths([example])
    window.show_tab("structure")
    panel = window.panels["structure"]
    qtbot.waitUntil(lambda: panel.canvas.scene is not None, timeout=20000)
    panel.canvas.picture(1.0)
    return panel


@pytest.fixture
def canvas(qtbot, application):
    canvas = StructureCanvas()
    qtbot.addWidget(canvas)
    canvas.resize(300, 300)
    canvas.show()
    return canvas


def atoms_seen_down_c():
    """An oxygen in front of a nitrogen, and a carbon beside them."""
    positions = np.array([[5.0, 5.0, 8.0], [5.0, 5.0, 2.0], [8.0, 5.0, 5.0]])
    return scene_of(Structure(("O", "N", "C"), positions, 10 * np.eye(3), np.ones(3)))


def place_of(canvas, atom):
    seen = canvas._seen()
    return QPoint(*(int(v) for v in seen.xy[atom]))


def drag(qtbot, canvas, start, end, button=LEFT):
    qtbot.mousePress(canvas, button, pos=start)
    for share in (0.5, 1.0):
        place = QPointF(start) + share * QPointF(end - start)
        event = QMouseEvent(
            QEvent.Type.MouseMove,
            place,
            canvas.mapToGlobal(place),
            Qt.MouseButton.NoButton,
            button,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(canvas, event)
    qtbot.mouseRelease(canvas, button, pos=end)


def test_near_atoms_cover_far_ones_in_their_colours(canvas):
    scene = atoms_seen_down_c()
    canvas.set_style(Style(size=0.6, edges=False, fog=False))
    canvas.show_scene(scene, scene.frame)
    canvas.look_along(2)
    image = canvas.picture(2.0)
    assert (image.width(), image.height()) == (600, 600)
    middle = image.pixelColor(2 * place_of(canvas, 0))
    assert middle.red() > 200 and middle.red() > 2 * max(middle.green(), middle.blue())
    assert image.pixelColor(590, 10) == QColor(theme().panel)
    assert canvas.picture(1.0, transparent=True).pixelColor(290, 10).alpha() == 0


def test_the_mouse_turns_moves_zooms_and_chooses(qtbot, canvas):
    scene = atoms_seen_down_c()
    canvas.show_scene(scene, scene.frame)
    canvas.look_along(2)
    canvas.picture(1.0)
    told = []
    canvas.told.connect(told.append)
    qtbot.mouseClick(canvas, LEFT, pos=place_of(canvas, 0))
    qtbot.mouseClick(canvas, LEFT, pos=place_of(canvas, 2))
    assert canvas.chosen == [0, 2]
    assert "Distance O1 – C3: 4.243 Å" in told[-1]
    before = canvas.camera
    drag(qtbot, canvas, QPoint(20, 20), QPoint(80, 40))
    assert canvas.chosen == [0, 2], "a drag is no click"
    assert not np.allclose(canvas.camera.rotation, before.rotation)
    turned = canvas.camera
    drag(qtbot, canvas, QPoint(20, 20), QPoint(80, 40), Qt.MouseButton.RightButton)
    assert canvas.camera.pan != turned.pan
    assert np.array_equal(canvas.camera.rotation, turned.rotation)
    wheel = QWheelEvent(
        QPointF(40, 40), canvas.mapToGlobal(QPointF(40, 40)), QPoint(), QPoint(0, 120),
        Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(canvas, wheel)
    assert canvas.camera.zoom > turned.zoom
    qtbot.mouseClick(canvas, LEFT, pos=QPoint(295, 295))
    assert canvas.chosen == []


def test_the_keys_do_what_the_mouse_does(qtbot, canvas):
    scene = atoms_seen_down_c()
    canvas.show_scene(scene, scene.frame)
    canvas.picture(1.0)
    before = canvas.camera
    qtbot.keyClick(canvas, Qt.Key.Key_Right)
    assert not np.allclose(canvas.camera.rotation, before.rotation)
    qtbot.keyClick(canvas, Qt.Key.Key_C)
    assert np.allclose(canvas.camera.rotation[2], (0, 0, 1))
    zoom = canvas.camera.zoom
    qtbot.keyClick(canvas, Qt.Key.Key_Plus)
    assert canvas.camera.zoom > zoom
    for _ in range(3):
        qtbot.keyClick(canvas, Qt.Key.Key_N)
        qtbot.keyClick(canvas, Qt.Key.Key_Return)
    assert canvas.chosen == [0, 1, 2]
    assert "Angle" in canvas.accessibleDescription()
    qtbot.keyClick(canvas, Qt.Key.Key_Escape)
    assert canvas.chosen == [] and "Atom 3, C" in canvas.accessibleDescription()


def test_the_recipe_is_shown_as_it_is_edited(qtbot, window, panel):
    assert len(panel.canvas.scene.symbols) == 256
    assert "Ar256" in panel._heading.text() and panel.canvas.legend()[0][1:] == ("Ar", "256")
    table = window.session.table()
    table["system"]["replicate"] = [2, 1, 1]
    window.session.replace_recipe(table, "replicate")
    qtbot.waitUntil(lambda: len(panel.canvas.scene.symbols) == 512, timeout=20000)
    table["system"]["replicate"] = [10, 10, 10]
    window.session.replace_recipe(table, "replicate")
    qtbot.waitUntil(lambda: panel.canvas.scene is None, timeout=20000)
    assert "256,000 atoms are too many" in panel.canvas.accessibleDescription()
    table["system"]["replicate"] = [1, 1, 1]
    window.session.replace_recipe(table, "replicate")
    qtbot.waitUntil(lambda: panel.canvas.scene is not None, timeout=20000)
    table["system"]["structure"] = "nowhere.extxyz"
    window.session.replace_recipe(table, "structure")
    qtbot.waitUntil(lambda: panel.canvas.scene is None, timeout=20000)
    assert "nowhere.extxyz" in panel.canvas.accessibleDescription()
    assert not panel.tools.save.isEnabled()
    panel.grab()


def test_window_wide_actions_show_the_tab_and_turn_it(qtbot, window, panel):
    window.show_tab("loss")
    assert window.actions_by_name["view_b"].isEnabled()
    window.actions_by_name["view_b"].trigger()
    assert window.tabs.currentWidget() is panel
    assert np.allclose(panel.canvas.camera.rotation[2], (0, 1, 0))
    window.actions_by_name["reset_structure"].trigger()
    assert not np.allclose(panel.canvas.camera.rotation[2], (0, 1, 0))


def test_display_changes_and_themes_change_the_picture(panel):
    canvas = panel.canvas
    seen = [canvas.picture(1.0)]
    for change in (
        lambda: panel.tools.switches["perspective"].setChecked(False),
        lambda: panel.tools.switches["fog"].setChecked(False),
        lambda: panel.tools.switches["edges"].setChecked(False),
        lambda: panel.tools.ball_size.setValue(90),
        lambda: set_theme("dark"),
    ):
        change()
        seen.append(canvas.picture(1.0))
        assert seen[-1] != seen[-2]
    set_theme("system")


def test_a_picture_is_saved_with_its_resolution_or_copied(qtbot, panel, tmp_path):
    panel.save_picture(tmp_path / "argon.png", 192)
    image = QImage(str(tmp_path / "argon.png"))
    canvas = panel.canvas
    assert (image.width(), image.height()) == (2 * canvas.width(), 2 * canvas.height())
    assert image.dotsPerMeterX() == pytest.approx(192 / 0.0254, abs=1)
    assert "Saved" in panel.readout.text()
    panel.save_picture(tmp_path / "nowhere" / "argon.png", 96)
    (box,) = panel.findChildren(QMessageBox)
    assert "cannot be written" in box.text()
    box.close()
    qtbot.keyClick(canvas, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    copied = QApplication.clipboard().image()
    assert (copied.width(), copied.height()) == (image.width(), image.height())


@pytest.fixture
def run_panel(qtbot, window, panel, tmp_path):
    """The panel on the starts of a run of three replicas; an atom of the last has moved."""
    recipe = read_recipe(window.session.recipe_path)
    scene = panel.canvas.scene
    lattice = np.zeros((3, len(scene.symbols), 3), np.int32)
    lattice[2, 7] = (2**30, 0, 0)
    cells = np.array([scene.frame.cell] * 3)
    with RunStore.create(tmp_path / "run", recipe) as store:
        store.write_state(0, {"parameters": np.zeros(2)})
        store.write_state(1, {"pool/lattice": lattice, "pool/cell": cells})
        started = Started(
            run_dir=str(store.path), recipe=recipe_to_toml(recipe), title="", formula="Ar256",
            atoms=256, replicas=3, iterations=4, first_iteration=0, device="cpu",
            precision="float32", method="reversible_adjoint", parameters=(), targets=(),
            version="0", time=0.0,
        )  # fmt: skip
    window.session.show_run(replace(window.session.view, started=started))
    qtbot.waitUntil(lambda: panel.source.count() == 2, timeout=20000)
    panel.source.setCurrentIndex(1)
    qtbot.waitUntil(lambda: panel.player.isVisible(), timeout=20000)
    return panel


def test_the_starts_of_every_replica_of_a_run_can_be_looked_at(qtbot, run_panel):
    panel, camera = run_panel, run_panel.canvas.camera
    panel.player.replica.setValue(3)
    edge = panel.canvas.scene.frame.cell[0, 0]
    assert panel.canvas.frame.positions[7, 0] == pytest.approx(edge / 4)
    assert panel.canvas.camera is camera, "the same atoms are seen from where they were"
    assert panel.player.replica_words.text() == "3 of 3"
    panel.source.setCurrentIndex(0)
    qtbot.waitUntil(lambda: not panel.player.isVisible(), timeout=20000)
    assert np.ptp(panel.canvas.frame.positions[:, 0]) > 0.9 * edge


def frames(first, count, iteration=0, replica=1):
    """Two frames in which all atoms move along a, an eighth of the cell per frame."""
    lattice = np.zeros((2, 256, 3), "<i4")
    lattice[:, :, 0] = (2**29 * np.arange(first, first + 2))[:, None]
    return Frames(
        iteration=iteration, replica=replica, first=first, count=count, atoms=256, interval=0.5,
        lattice=lattice.tobytes(), cell=(8.0 * np.eye(3)).tolist(),
    )  # fmt: skip


def test_the_trajectory_of_a_replica_is_run_played_and_saved(
    qtbot, window, run_panel, monkeypatch, tmp_path
):
    panel, player = run_panel, run_panel.player
    commands = []
    monkeypatch.setattr(window.controller.bridge, "submit", commands.append)
    player.replica.setValue(2)
    qtbot.mouseClick(player.run, LEFT)
    assert [(c.iteration, c.replica) for c in commands] == [(0, 1)]
    assert commands[0].run_dir == window.session.view.started.run_dir
    assert not player.run.isEnabled(), "the engine does one thing at a time"
    window.controller._hear(frames(0, 4, replica=0))
    assert not player.frame.isVisible(), "another replica than the one that is shown"
    window.controller._hear(frames(0, 4))
    assert player.playing and player.frame.maximum() == 4
    player.frame.setValue(4)
    assert player.frame.value() == 2, "the others have not come yet"
    window.controller._hear(frames(2, 4))
    window.controller._set_busy(False)
    player.frame.setValue(4)
    assert player.frame_words.text() == "4 of 4, 1.500 ps"
    assert np.allclose(panel.canvas.frame.positions[:, 0], 3.0)
    panel.save_trajectory(tmp_path / "all.extxyz")
    qtbot.waitUntil(lambda: "Saved" in panel.readout.text(), timeout=20000)
    written = ase.io.read(tmp_path / "all.extxyz", ":")
    assert [round(atoms.positions[5, 0], 6) for atoms in written] == [0.0, 1.0, 2.0, 3.0]
    assert "1.5 ps" in written[3].info["title"] and written[3].cell[1, 1] == 8.0
    qtbot.waitUntil(lambda: player.frame.value() == 2, timeout=5000)  # it loops
    qtbot.keyClick(panel.canvas, Qt.Key.Key_Space)
    assert not player.playing
    player.loop.setChecked(False)
    qtbot.mouseClick(player.play, LEFT)
    qtbot.waitUntil(lambda: not player.playing, timeout=5000)
    assert player.frame.value() == 4
    player.replica.setValue(1)
    assert not player.frame.isVisible() and player.run.isEnabled()


def test_many_atoms_move_as_points_and_rest_as_balls(qtbot, canvas, monkeypatch):
    monkeypatch.setattr("dmdstudio.app.views.structure_atoms.LARGE", 2)
    monkeypatch.setattr("dmdstudio.app.views.structure_still.PIECES_AT_ONCE", 7)

    def shown():
        return canvas.grab().toImage().copy(120, 60, 170, 200)  # without what is written over it

    def with_all_care():
        return (
            canvas.picture(1.0).convertToFormat(QImage.Format.Format_RGB32).copy(120, 60, 170, 200)
        )

    scene = atoms_seen_down_c()
    canvas.set_style(Style(size=0.6, fog=False))
    canvas.show_scene(scene, scene.frame)
    canvas.look_along(2)
    with qtbot.waitSignal(canvas.still.done):
        middle = canvas.grab().toImage().pixelColor(place_of(canvas, 0))
        assert middle.red() > 2 * max(middle.green(), middle.blue()), "near ones cover far ones"
        assert shown() != with_all_care()
    assert shown() == with_all_care()
    with qtbot.waitSignal(canvas.still.done):
        drag(qtbot, canvas, QPoint(20, 20), QPoint(80, 40))
        assert shown() != with_all_care()
    assert shown() == with_all_care()
