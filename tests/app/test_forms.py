"""Forms made from the plan: values in, the same values out; what does not fit is said in place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dmdstudio.app.forms import Form, Wrong, text_of, value_of
from dmdstudio.plan.catalog import Field, fields_of
from dmdstudio.plan.recipe import read_recipe, recipe_to_table, sections

NUMBER = Field(name="x", type="float", unit="fs", lower=0.0, upper=10.0)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_survives_to_twelve_digits(number):
    field = Field(name="x", type="float")
    assert value_of(field, text_of(number)) == pytest.approx(number, rel=1e-11)


@pytest.mark.parametrize(("text", "value"), [("1e-3", 0.001), (" 2 ", 2.0), ("", None)])
def test_numbers_are_read_as_people_write_them(text, value):
    assert value_of(NUMBER, text) == value


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        (NUMBER, "abc", "abc is not a number"),
        (NUMBER, "-1", "below 0 fs"),
        (NUMBER, "11", "above 10 fs"),
        (NUMBER, "inf", "finite"),
        (Field(name="n", type="integer"), "1.5", "whole number"),
        (Field(name="n", type="float", required=True), "", "needed"),
        (Field(name="n", type="integers", default="1 1 1"), "1 2", "3 whole numbers"),
    ],
)
def test_what_does_not_fit_is_said_in_a_sentence(field, text, words):
    with pytest.raises(Wrong, match=words):
        value_of(field, text)


def test_every_section_of_a_recipe_goes_through_its_form(qtbot, example):
    table = recipe_to_table(read_recipe(example))
    for name, struct in sections().items():
        found = table.get(name, [])  # no surface in the argon example
        items = found if isinstance(found, list) else [found]
        for item in items:
            form = Form(fields_of(struct))
            qtbot.addWidget(form)
            form.set_values(item)
            shown = form.values()
            for key in form.fields:
                if key in item:
                    assert shown[key] == item[key], (name, key)


def test_every_editor_has_a_name_and_a_description_for_a_screen_reader(qtbot):
    for struct in sections().values():
        form = Form(fields_of(struct))
        qtbot.addWidget(form)
        for name in form.fields:
            assert form.editor(name).accessibleName()
            assert form.editor(name).accessibleDescription()


def test_a_wrong_text_stays_and_is_marked(qtbot):
    form = Form([NUMBER])
    qtbot.addWidget(form)
    form.show()
    edits, mistakes = [], []
    form.edited.connect(lambda *e: edits.append(e))
    form.mistaken.connect(lambda *e: mistakes.append(e))
    line = form.editor("x")
    qtbot.keyClicks(line, "-4\r")
    assert not edits and mistakes == [("x", "Must not be below 0 fs.")]
    assert form.error("x") and line.property("wrong") and line.text() == "-4"
    line.selectAll()
    qtbot.keyClicks(line, "2.5e-1\r")
    assert edits == [("x", 0.25)] and not form.error("x")


def test_a_setting_that_does_not_matter_is_faded_and_says_with_which_choice_it_does(qtbot):
    form = Form(fields_of(sections()["sampling"]))
    qtbot.addWidget(form)
    form.set_values({"temperature": 94.4, "ensemble": "nvt"})
    pressure = form.editor("pressure")
    assert not pressure.isEnabled() and "ensemble NPT" in pressure.toolTip()
    ensemble = form.editor("ensemble")
    assert ensemble.currentText() == "NVT" and form.values()["ensemble"] == "nvt"
    ensemble.setCurrentIndex(ensemble.findText("NPT"))
    assert pressure.isEnabled() and "Matters only" not in pressure.toolTip()


def test_conditions_name_choices_that_exist():
    conditions = 0
    for struct in sections().values():
        fields = {field.name: field for field in fields_of(struct)}
        for field in fields.values():
            for name, choices in field.only_with.items():
                assert set(choices) < set(fields[name].choices), (field.name, name)
                conditions += 1
    assert conditions
