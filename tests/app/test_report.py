"""A run on one page: what it says, what it must not let in, on the screen and on paper."""

import functools
import re

import numpy as np
import pytest
from matplotlib.figure import Figure
from msgspec.structs import replace
from recorded import recorded_run

from dmdstudio.app.report import report_html, write_report
from dmdstudio.app.report_figures import draw_target
from dmdstudio.app.state import RunView, reduce
from dmdstudio.base.errors import RunError
from dmdstudio.files.run_store import RunStore
from dmdstudio.plan.events import Iterated
from dmdstudio.plan.recipe import read_recipe
from dmdstudio.plan.regions import RegionPlan


@pytest.fixture
def run_dir(tmp_path, example):
    recipe = replace(read_recipe(example), title="Argon <b>& friends</b>")
    with RunStore.create(tmp_path / "run", recipe) as store:
        for event in recorded_run():
            store.append(event)
    return tmp_path / "run"


def test_a_report_says_what_was_refined_and_how_to_cite(run_dir):
    page = report_html(run_dir)
    iterated = [e.report for e in recorded_run() if isinstance(e, Iterated)]
    for target in iterated[-1].targets:
        assert target.label in page
    for parameter in iterated[-1].parameters:
        assert parameter.key in page and f"{parameter.value:.6g}" in page
    assert "10.1038/s41467-025-56061-z" in page
    assert page.count("data:image/svg+xml;base64,") == len(iterated[-1].targets) + 1


def test_regions_are_shaded_and_lines_break_where_points_are_left_out():
    view = functools.reduce(reduce, recorded_run(), RunView())
    target = next(t for t in view.best.targets if len(t.axis) > 8)
    marks = [target.axis[n] for n in (2, 4, 6, 8)]
    out, heavy = marks[:2], marks[2:]
    kept = [n for n, x in enumerate(target.axis) if not out[0] <= x <= out[1]]
    fewer = {
        name: [getattr(target, name)[n] for n in kept]
        for name in ("axis", "value", "error", "experiment")
    }
    regions = (
        RegionPlan(low=out[0], high=out[1]),
        RegionPlan(low=heavy[0], high=heavy[1], weight=3.0),
    )
    axes = Figure().add_subplot()
    draw_target(axes, view, replace(target, **fewer), regions)
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert {"Left out", "Weight 3", "Experiment", "Refined"} <= set(labels)
    lines = {line.get_label(): line.get_ydata() for line in axes.get_lines()}
    assert [np.isnan(lines[name]).sum() for name in ("Experiment", "Refined")] == [1, 1]


def test_a_report_stands_alone_and_takes_words_for_words(run_dir):
    page = report_html(run_dir)
    assert "Argon &lt;b&gt;&amp; friends&lt;/b&gt;" in page and "<b>&" not in page
    assert not re.search(r'(?:src|href)="(?!data:)', page) and "<script" not in page


def test_a_report_is_printed_on_paper(run_dir, application, tmp_path):
    path = write_report(run_dir, tmp_path / "report.pdf")
    content = path.read_bytes()
    assert content.startswith(b"%PDF") and b"/Image" in content
    assert [p.name for p in tmp_path.glob("*report*")] == ["report.pdf"]


def test_a_run_without_iterations_has_no_report(tmp_path, example):
    with RunStore.create(tmp_path / "empty", read_recipe(example)):
        pass
    with pytest.raises(RunError, match="no finished iteration"):
        report_html(tmp_path / "empty")
