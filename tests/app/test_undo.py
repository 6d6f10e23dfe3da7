"""Every edit can be taken back: random sequences of edits on a session, undone and redone."""

import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recorded import recorded_run

from dmdstudio.app.restoring import recipe_with_parameters
from dmdstudio.app.session import Session
from dmdstudio.base.errors import RecipeError
from dmdstudio.plan.events import Iterated
from dmdstudio.plan.recipe import read_recipe

APP = Path(__file__).parents[2] / "dmdstudio" / "app"
EXAMPLES = Path(__file__).parents[2] / "resources" / "examples"
PLACES = [
    ("sampling", "temperature"),
    ("sampling", "replicas"),
    ("sampling", "equilibration_steps"),
    ("dynamics", "steps"),
    ("dynamics", "record_every"),
    ("optimizer", "learning_rate"),
    ("refinement", "iterations"),
    ("potential", 0, "parameter", 0, "value"),
    ("potential", 0, "parameter", 0, "free"),
    ("potential", 0, "parameter", 1, "lower"),
    ("potential", 0, "parameter", 1, "prior"),
    ("potential", 0, "cutoff"),
    ("target", 0, "weight"),
    ("target", 0, "data"),
    ("target", 0, "regions"),
    ("title",),
]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 400),
    st.floats(0.001, 400.0, allow_nan=False),
    st.sampled_from(["", "other.csv", "Argon"]),
    st.lists(st.fixed_dictionaries({"low": st.just(1.0), "high": st.floats(0.0, 9.0)}), max_size=2),
)
STEPS = [e.report for e in recorded_run() if isinstance(e, Iterated)]
EDIT = st.one_of(
    st.tuples(st.just("change"), st.sampled_from(PLACES), VALUES),
    st.tuples(st.just("restore"), st.sampled_from(STEPS), st.none()),
    st.tuples(st.just("twice"), st.none(), st.none()),
    st.tuples(st.just("undo"), st.none(), st.none()),
    st.tuples(st.just("redo"), st.none(), st.none()),
)


def make(session, edit):
    kind, what, value = edit
    if kind == "change":
        session.change(what, value)
    elif kind == "restore":
        table, _ = recipe_with_parameters(session.recipe, what)
        session.replace_recipe(table, "parameters")
    elif kind == "twice":  # a list that grows: another target
        table = session.table()
        extra = {**table["target"][0], "name": f"again {len(table['target'])}"}
        session.replace_recipe({**table, "target": [*table["target"], extra]}, "target")
    elif kind == "undo":
        session.undo_stack.undo()
    else:
        session.undo_stack.redo()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(edits=st.lists(EDIT, max_size=25))
def test_undo_of_all_gives_the_first_recipe_and_redo_of_all_the_last(application, edits):
    session = Session()
    first = read_recipe(EXAMPLES / "argon-diffusion" / "recipe.toml")
    session.open_recipe(first, None)
    for edit in edits:
        try:
            make(session, edit)
        except RecipeError:  # refused: nothing may have changed
            continue
    stack, last = session.undo_stack, session.recipe
    place = stack.index()
    passed = [session.recipe]
    while stack.canUndo():
        stack.undo()
        passed.append(session.recipe)
    assert session.recipe == first
    again = [session.recipe]
    while stack.index() < place:
        stack.redo()
        again.append(session.recipe)
    assert session.recipe == last and again == passed[::-1]


def test_what_does_not_fit_changes_nothing_and_is_no_edit(application):
    session = Session()
    first = read_recipe(EXAMPLES / "argon-diffusion" / "recipe.toml")
    session.open_recipe(first, None)
    assert session.change(("dynamics", "record_every"), 7)
    assert session.recipe is first and not session.undo_stack.canUndo()
    with pytest.raises(RecipeError):
        session.replace_recipe({**session.table(), "sampling": {}}, "nonsense")
    assert session.recipe is first and not session.undo_stack.canUndo()


def test_nothing_but_the_session_sets_the_recipe():
    """Every edit action goes through `Session.change` or `replace_recipe`, which can be undone."""
    sets = re.compile(r"session\.(recipe|_recipe)\s*=[^=]|\.show_edit\(")
    found = {
        path.name: sets.findall(path.read_text("utf-8"))
        for path in APP.rglob("*.py")
        if path.name != "session.py"
    }
    assert not [name for name, hits in found.items() if hits]
