"""Plots as files: pictures that are clipped and sized, tables that say units and origin."""

import itertools
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtGui import QImage

from dmdstudio.app.clipping import clipped
from dmdstudio.app.figure_files import (
    figure_bytes,
    figure_image,
    publication_style,
    screen_style,
)
from dmdstudio.app.plot_contents import Provenance, thinned
from dmdstudio.app.plot_table import table_text
from dmdstudio.app.views.image_plot import ImagePlot
from dmdstudio.app.views.plot import Plot

ORIGIN = Provenance(title="Argon, cold", run="/runs/a", iteration=7, version="1.2")
VIEW = ((0.0, 1.0), (0.0, 1.0))
coordinate = st.floats(-3.0, 3.0)


@pytest.fixture
def contents(qtbot, application):
    plot = Plot("Loss by iteration", "Nothing yet.")
    qtbot.addWidget(plot)
    plot.set_labels("Time", "Correlation", "ps", "m2/s2")
    x = np.linspace(-1.0, 2.0, 301)
    plot.line("value", x, np.tan(3.0 * x), "accent", label="Latest")
    plot.band("band", x, np.tan(3.0 * x) - 9.0, np.tan(3.0 * x) + 9.0, "accent", of="value")
    plot.line("few", [0.0, 0.5], [0.2, np.nan], "series 1", label="Few", points=True)
    plot.region("out", 0.2, 0.4, "quiet", "Left out")
    plot.mark("here", 0.6, "good", "Here")
    return plot.contents


def test_a_table_names_every_column_with_its_unit_and_says_where_it_comes_from(contents):
    lines = table_text(contents, ",", ORIGIN).splitlines()
    assert lines[:5] == [
        "# title: Loss by iteration",
        "# recipe: Argon, cold",
        "# run: /runs/a",
        "# iteration: 7",
        "# made by: DMD Studio 1.2",
    ]
    names = ["Time [ps]", "Latest [m2/s2]", "Latest error [m2/s2]", "Time [ps]", "Few [m2/s2]"]
    assert lines[5].split(",") == names
    assert lines[6].split(",") == ["-1", "0.1425465431", "9", "0", "0.2"]
    assert lines[7].endswith(",0.5,") and lines[8].endswith(",,")
    assert len(lines) == 6 + 301


def test_nothing_of_a_drawing_leaves_the_axes(contents):
    svg = figure_bytes("svg", contents, VIEW, publication_style(85.0, 60.0), ORIGIN).decode()
    assert "Argon, cold" in svg and 'width="84.98' in svg
    boxes = [
        tuple(map(float, m))
        for m in re.findall(
            r'<rect x="([\d.-]+)" y="([\d.-]+)" width="([\d.-]+)" height="([\d.-]+)"', svg
        )
    ]
    assert len(boxes) >= 3
    left, top, width, height = sorted(boxes, key=lambda box: box[2] * box[3])[-2]
    drawn = re.findall(r'<poly(?:line|gon) [^>]*points="([^"]+)"', svg)
    curves = [points for points in drawn if len(points.split()) > 2]  # the rest: marks, legend
    assert len(curves) == 2, "the line and its band"
    for points in curves:
        for pair in points.split():
            x, y = map(float, pair.split(","))
            assert left - 0.1 <= x <= left + width + 0.1
            assert top - 0.1 <= y <= top + height + 0.1


def test_pictures_have_the_size_that_was_chosen(contents, tmp_path):
    png = tmp_path / "a.png"
    png.write_bytes(figure_bytes("png", contents, VIEW, publication_style(85, 60), ORIGIN, 300))
    image = QImage(str(png))
    assert (image.width(), image.height()) == (1004, 709)
    assert image.dotsPerMeterX() == 11811 and "iteration: 7" in image.text("Description")
    pdf = figure_bytes("pdf", contents, VIEW, publication_style(85.0, 60.0), ORIGIN)
    box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", pdf)
    assert pdf.startswith(b"%PDF") and box is not None
    assert [float(b) for b in box.groups()] == pytest.approx([240.9, 170.1], abs=1.0)


def test_a_publication_is_black_on_white_whatever_the_window_looks_like(contents):
    paper = figure_image(contents, VIEW, publication_style(85.0, 60.0), 150.0)
    screen = figure_image(contents, VIEW, screen_style(85.0, 60.0), 150.0)
    assert paper.pixelColor(1, 1).name() == "#ffffff" and paper.size() == screen.size()
    blacks = sum(paper.pixelColor(x, 180).lightness() < 60 for x in range(paper.width()))
    assert blacks >= 2, "the frame of the axes"


@given(st.lists(st.tuples(coordinate, coordinate), min_size=2, max_size=12))
def test_a_clipped_line_is_inside_and_loses_nothing_that_was(points):
    line = np.array(points)
    parts = clipped(line, VIEW)
    for part in parts:
        assert (part > -1e-9).all() and (part < 1 + 1e-9).all()
    share = np.linspace(0.0, 1.0, 50)[:, None]
    for begin, end in itertools.pairwise(line):
        dots = begin + share * (end - begin)
        if ((dots > 0.001) & (dots < 0.999)).all(axis=1).sum() > 1:
            assert parts


def test_numbers_are_painted_as_cells_with_their_own_table(qtbot, application):
    image = ImagePlot("Sensitivity")
    qtbot.addWidget(image)
    image.set_labels(("Time", "ps"), ("Per +1 %", "bar"))
    image.show_numbers([0.0, 1.0], ["sigma", "epsilon"], np.array([[-4.0, 0.0], [0.0, 4.0]]))
    picture = figure_image(image.contents, image.view_range(), publication_style(90.0, 60.0), 150.0)
    places = [(x, y) for y in (0.3, 0.65) for x in (0.35, 0.6)]
    width, height = picture.width(), picture.height()
    found = [picture.pixelColor(int(x * width), int(y * height)).name() for x, y in places]
    assert found == ["#0072b2", "#ffffff", "#ffffff", "#d55e00"]
    lines = table_text(image.contents).splitlines()
    names = ["Time [ps]", "sigma, per +1 % [bar]", "epsilon, per +1 % [bar]"]
    assert lines[0].split("\t") == names
    assert lines[1].split("\t") == ["0", "-4", "0"]


def test_thinning_keeps_the_peaks():
    x = np.arange(50_000.0)
    y = np.zeros(50_000)
    y[12_345], y[40_001] = 5.0, -3.0
    few, values = thinned(x, y, 1000)
    assert len(few) <= 1100 and (values.max(), values.min()) == (5.0, -3.0)
    assert few[values.argmax()] == 12_345.0 and (np.diff(few) > 0).all()
