"""The command palette, the help and the preferences."""

import re

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtWidgets import QComboBox

from dmdstudio.app.actions import PLANS
from dmdstudio.app.guide import page_of, pages
from dmdstudio.app.palette import Choice, found
from dmdstudio.app.preferences import cache_size, clear_cache, engine_environment, theme_preference
from dmdstudio.app.run_folders import prefer, runs_folder
from dmdstudio.app.theme import set_theme, theme
from dmdstudio.app.views.preferences_dialog import PreferencesDialog
from dmdstudio.app.views.tour import Tour


def _choices(*words):
    return [Choice(word, "Menu", "", True, lambda: None) for word in words]


def test_the_palette_puts_the_closest_first():
    offered = _choices("Attempt", "Sampling: Temperature", "Temperature", "Run")
    names = [choice.words for choice in found("temp", offered)]
    assert names == ["Temperature", "Sampling: Temperature", "Attempt"]
    assert [c.words for c in found("smplg", offered)] == ["Sampling: Temperature"]
    assert not found("xyz", offered)


def test_the_palette_does_what_is_chosen_with_the_keyboard(window, example, qtbot):
    window.open_paths([example])
    palette = window.guidance
    palette.show_palette()
    field = palette._palette.field
    qtbot.keyClicks(field, "loss")
    assert palette._palette.list.currentItem().text() == "Loss"
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert window.tabs.currentWidget() is window.panels["loss"]
    assert not palette._palette.isVisible()


def test_the_palette_leads_to_a_setting(window, example, qtbot):
    window.open_paths([example])
    window.guidance.show_palette()
    field = window.guidance._palette.field
    qtbot.keyClicks(field, "sampling: temp")
    qtbot.keyClick(field, Qt.Key.Key_Return)
    editor = window.settings_panel.form(("sampling",)).editor("temperature")
    qtbot.waitUntil(lambda: editor.isVisible() and window.focusWidget() is editor)


def test_every_action_is_found(window):
    window.guidance.show_palette()
    listed = window.guidance._palette.list
    texts = {listed.item(row).text() for row in range(listed.count())}
    wanted = {window.actions_by_name[p.name].text() for p in PLANS if p.name != "palette"}
    assert wanted <= texts


def test_help_has_a_page_for_every_tab_and_its_links_lead_somewhere(window, qtbot):
    names = {page.name for page in pages()}
    assert {page_of(name) for name in window.panels} <= names
    for page in pages():
        text = page.path.read_text("utf-8")
        for link in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (page.path.parent / link).is_file(), link
    window.actions_by_name["help"].trigger()
    assert "A refinement in four steps" in window.guidance._help.text.toPlainText()
    window.actions_by_name["shortcuts"].trigger()
    assert "Ctrl+R" in window.guidance._help.text.toPlainText()
    window.guidance._help.close()


@pytest.fixture
def back_to_system():
    yield
    set_theme("system")


def test_preferences_count_at_once_and_are_kept(
    window, qtbot, tmp_path, monkeypatch, back_to_system
):
    monkeypatch.delenv("DMDSTUDIO_RUNS")
    monkeypatch.delenv("JAX_PLATFORMS", raising=False)
    dialog = PreferencesDialog(window)
    qtbot.addWidget(dialog)
    for box in dialog.findChildren(QComboBox):
        box.setCurrentIndex(box.count() - 1)
    assert theme().dark and theme_preference() == "dark"
    assert engine_environment()["JAX_PLATFORMS"] == "cpu"
    prefer("runs", str(tmp_path / "mine"))
    assert runs_folder() == tmp_path / "mine"
    monkeypatch.setenv("JAX_PLATFORMS", "cuda")
    assert "JAX_PLATFORMS" not in engine_environment()


def test_clearing_the_cache_leaves_other_files_alone(tmp_path):
    (tmp_path / "jit_f-1234-cache").write_bytes(b"x" * 100)
    (tmp_path / "thesis.tex").write_text("dear reader")
    assert cache_size(tmp_path) == 100
    assert clear_cache(tmp_path) == 100
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_the_tour_is_offered_once_and_can_be_skipped(window, example, qtbot):
    window.open_paths([example])
    window.guidance.offer_tour()
    tour = window.guidance._tour
    titles = []
    while tour.isVisible() and len(titles) < 20:
        titles.append(tour._title.text())
        assert window.rect().contains(tour.geometry())
        qtbot.mouseClick(tour.next, Qt.MouseButton.LeftButton)
    assert len(set(titles)) == len(titles) == 5
    window.guidance.offer_tour()
    assert window.guidance._tour is None
    window.actions_by_name["tour"].trigger()
    qtbot.keyClick(window.guidance._tour, Qt.Key.Key_Escape)
    assert window.guidance._tour is None


def test_the_tour_leaves_what_wants_an_answer_in_sight(window, example, qtbot):
    window.open_paths([example])
    window.notice.ask("Unsaved edits were left.", [("Restore", lambda: None)])
    window.guidance.begin_tour()
    tour = window.findChild(Tour)
    assert tour._stops
    for _ in range(len(tour._stops)):
        assert not in_window(tour).intersects(in_window(window.notice))
        assert tour._words.height() >= tour._words.heightForWidth(tour._words.width())
        tour.next.click()
    assert window.findChild(Tour) is None or not tour.isVisible()


def in_window(widget):
    return QRect(widget.mapTo(widget.window(), QPoint(0, 0)), widget.size())
