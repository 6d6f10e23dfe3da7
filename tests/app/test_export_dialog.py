"""The result of an export as the window shows it, and the process that makes it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PySide6.QtGui import QGuiApplication

from dmdstudio.app.exporter import Exported, Exporter, answer
from dmdstudio.app.views.certificate_view import CertificateView
from dmdstudio.base.errors import DmdError
from dmdstudio.plan.certificate import Certificate, Differences, EngineCheck


def certificate(**changes) -> Certificate:
    off = Differences(energy=2e-15, forces=3.14e-14, pressure=8.4e-8)
    check = {"engine": "LAMMPS", "version": "20250722", "verdict": "agrees", "differences": (off,)}
    return Certificate(
        title="Water", run="r", iteration=0, version="", date="", format="lammps", formula="H2O",
        files=(), configurations=(), engines=(EngineCheck(**{**check, **changes}),),
    )  # fmt: skip


def test_the_table_says_what_engines_found_and_can_be_copied(qtbot, tmp_path: Path):
    main, page = tmp_path / "water.in", tmp_path / "water.certificate.html"
    main.write_text("units metal\n")
    view = CertificateView()
    qtbot.addWidget(view)
    view.show_export(Exported((main, page), certificate()))
    view.copy_table.click()
    copied = QGuiApplication.clipboard().text()
    assert copied.splitlines()[1].split("\t") == [
        "LAMMPS 20250722", "2.0e-15", "3.1e-14", "8.4e-08", "Agrees",
    ]  # fmt: skip
    assert view.preview.toPlainText() == "units metal\n"
    note = "LAMMPS ended with status 1: ERROR"
    view.show_export(
        Exported((main, page), certificate(verdict="failed", differences=(), note=note))
    )
    assert view.table.item(0, 4).text() == "Failed" and view.note.text() == note
    view.show_export(Exported((main,), None))
    assert view.table.isHidden() and view.open_page.isHidden()
    (tmp_path / "n.npz").write_bytes(b"PK\0\0")
    view.show_export(Exported((tmp_path / "n.npz",), None))
    assert "no text" in view.preview.toPlainText()


def test_what_the_command_line_says_is_understood():
    found = answer(json.dumps({"files": ["a.in"], "certificate": None}).encode())
    assert found == Exported((Path("a.in"),), None)
    with pytest.raises(DmdError, match=r"There is no run\. Look"):
        answer(json.dumps({"error": "There is no run.", "advice": "Look"}).encode())


def test_the_process_tells_what_went_wrong(qtbot, tmp_path: Path):
    exporter = Exporter(str(tmp_path / "nowhere"))
    with qtbot.waitSignal(exporter.failed, timeout=60_000) as failed:
        exporter.start("ase", str(tmp_path / "a.py"), "best", False)
    assert "nowhere" in str(failed.args[0])
