"""A recipe survives its file, and every bad value is refused by name."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dmdstudio.base.errors import RecipeError
from dmdstudio.plan import recipe as plans
from dmdstudio.plan.catalog import fields_of
from dmdstudio.plan.corrections import Absorbance, Baseline, Crop, Scale
from dmdstudio.plan.reading import ReadingPlan
from dmdstudio.plan.recipe import (
    LIMIT_BYTES,
    Recipe,
    parse_recipe,
    read_recipe,
    recipe_to_table,
    recipe_to_toml,
)
from dmdstudio.plan.settings import with_settings

TEXT = """
title = "Argon"

[system]
structure = "argon.xyz"

[[potential]]
kind = "lennard_jones"
cutoff = 7.5

[[potential.parameter]]
name = "sigma"
value = 3.38
unit = "angstrom"
lower = 3.2
upper = 3.6

[[potential.parameter]]
name = "epsilon"
value = 0.9
unit = "kJ/mol"

[sampling]
temperature = 94.4

[[target]]
observable = "self_diffusion"
data = "argon.csv"
window = 0.5
"""


@pytest.fixture
def recipe() -> Recipe:
    return parse_recipe(TEXT, folder="somewhere")


# ------------------------------------------------------------------------------- round trips

words = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), min_size=1)
finite = st.floats(allow_nan=False, allow_infinity=False)
positive = st.floats(min_value=1e-300, max_value=1e300)
options = st.dictionaries(
    st.sampled_from(["cutoff", "switch_start", "mixing", "window", "horizon", "a b.c"]),
    finite | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | words | st.lists(finite),
)


@st.composite
def parameters(draw: st.DrawFn) -> plans.ParameterPlan:
    lower, value, upper = sorted(draw(st.tuples(finite, finite, finite)))
    bounded = draw(st.booleans()) and lower < upper
    return plans.ParameterPlan(
        name=draw(words),
        of=draw(st.just("") | words),
        value=value,
        unit=draw(st.just("") | words),
        free=draw(st.booleans()),
        lower=lower if bounded else None,
        upper=upper if bounded and draw(st.booleans()) else None,
        prior=draw(st.none() | positive),
        prior_mean=draw(st.none() | finite),
    )


CORRECTIONS = st.one_of(
    st.builds(Crop, low=st.none() | finite, high=st.none() | finite),
    st.builds(Scale, by=finite),
    st.builds(Baseline, method=st.sampled_from(["arpls", "modpoly"])),
    st.just(Absorbance()),
)


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    record_every = draw(st.integers(1, 1000))
    names = st.lists(words, unique=True, max_size=3)
    return Recipe(
        title=draw(st.just("") | words),
        notes=draw(st.just("") | words),
        system=plans.SystemPlan(
            structure=draw(words),
            replicate=draw(st.tuples(*[st.integers(1, 2**40)] * 3)),
            density=draw(st.none() | positive),
        ),
        potential=tuple(
            plans.PotentialPlan(
                kind=draw(words),
                name=name,
                parameter=tuple(
                    draw(st.lists(parameters(), unique_by=lambda p: (p.name, p.of), max_size=2))
                ),
                options=draw(options),
            )
            for name in draw(names.filter(len))
        ),
        sampling=plans.SamplingPlan(
            temperature=draw(positive),
            replicas=draw(st.integers(2, 2**62)),
            effective_sample_fraction=draw(st.floats(0, 1)),
        ),
        dynamics=plans.DynamicsPlan(
            timestep=draw(st.floats(1e-6, 1000)),
            steps=record_every * draw(st.integers(1, 1000)),
            record_every=record_every,
        ),
        gradient=plans.GradientPlan(method=draw(words), options=draw(options)),
        target=tuple(
            plans.TargetPlan(
                observable=draw(words),
                name=name,
                data=draw(st.just("") | words),
                weight=draw(st.floats(0, 1e300)),
                loss=draw(st.sampled_from(["relative", "chi_squared", "unbiased", "huber"])),
                relative_error=draw(st.none() | positive),
                huber_threshold=draw(positive),
                reading=ReadingPlan(
                    block=draw(st.just("") | words),
                    value_unit=draw(st.sampled_from(["", "1", "%"])),
                ),
                corrections=tuple(draw(st.lists(CORRECTIONS, max_size=3))),
                options=draw(options),
            )
            for name in draw(names)
        ),
        optimizer=plans.OptimizerPlan(
            kind=draw(st.sampled_from(["adam", "sgd", "rmsprop", "adabelief"])),
            momentum=draw(st.floats(0, 1, exclude_max=True)),
            gradient_clip=draw(st.none() | positive),
        ),
        execution=plans.ExecutionPlan(
            seed=draw(st.integers(0, 2**32 - 1)),
            lattice_bits=draw(st.sampled_from([32, 64])),
        ),
    )


@settings(max_examples=60, deadline=None)
@given(recipes())
def test_a_recipe_survives_its_file(recipe):
    assert parse_recipe(recipe_to_toml(recipe)) == recipe


def test_the_file_leaves_out_what_is_not_set(recipe):
    table = recipe_to_table(recipe)
    assert "folder" not in table
    assert "density" not in table["system"]
    assert table["potential"][0]["cutoff"] == 7.5  # options stand beside the section's own
    assert table["target"][0]["window"] == 0.5


def test_a_folder_stands_for_its_recipe_and_paths_start_there(tmp_path):
    (tmp_path / "recipe.toml").write_text(TEXT)
    recipe = read_recipe(tmp_path)
    assert recipe == read_recipe(tmp_path / "recipe.toml")
    assert recipe.path(recipe.system.structure) == tmp_path / "argon.xyz"


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_bytes(TEXT.replace("\n", "\r\n").encode("utf-8-sig"))
    assert read_recipe(path) == parse_recipe(TEXT, folder=tmp_path)


# ------------------------------------------------------------------------------ with_settings

SCALARS = [
    (section, field)
    for section, struct in plans.sections().items()
    if section not in plans.LISTS
    for field in fields_of(struct)
]


def _another(field):
    """Return a value for a field that is not its default."""
    match field.type:
        case "choice":
            word = next(c for c in field.choices if c != str(field.default))
            return int(word) if word.isdecimal() else word
        case "text":
            return "other"
        case "boolean":
            return not field.default
        case "integers":
            return [2, 3, 4]
        case "integer":
            return (field.default or 0) + 10
        case _:
            return 0.25 if field.default is None else field.default / 2


@pytest.mark.parametrize(("section", "field"), SCALARS, ids=lambda v: getattr(v, "name", v))
def test_every_setting_can_be_changed_by_name(recipe, section, field):
    value = _another(field)
    text = msgspec.json.encode(value).decode()
    settings = [f"{section}.{field.name}={text}"]
    if field.name in ("record_every", "segments"):
        settings.append("dynamics.steps=1650")
    changed = with_settings(recipe, settings)
    found = getattr(getattr(changed, section), field.name)
    assert (list(found) if isinstance(found, tuple) else found) == value
    others = {s for s in plans.sections() if getattr(changed, s) != getattr(recipe, s)}
    assert others == {section}
    assert changed.folder == recipe.folder


@pytest.mark.parametrize(
    ("setting", "look", "value"),
    [
        ("title=Something else", lambda r: r.title, "Something else"),
        ("system.structure=other.xyz", lambda r: r.system.structure, "other.xyz"),
        ("optimizer.kind = sgd", lambda r: r.optimizer.kind, "sgd"),
        ("surface.kind=potential_charges", lambda r: r.surface[0].kind, "potential_charges"),
        ("potential.cutoff=8", lambda r: r.potential[0].options["cutoff"], 8),
        ("potential.0.cutoff=8", lambda r: r.potential[0].options["cutoff"], 8),
        ("potential.lennard_jones.cutoff=8", lambda r: r.potential[0].options["cutoff"], 8),
        ("potential.parameter.sigma.value=3.4", lambda r: r.potential[0].parameter[0].value, 3.4),
        ("potential.parameter.1.free=false", lambda r: r.potential[0].parameter[1].free, False),
        ("target.0.weight=2", lambda r: r.target[0].weight, 2.0),
        ("target.self_diffusion.window=1.5", lambda r: r.target[0].options["window"], 1.5),
        ("gradient.horizon=0.2", lambda r: r.gradient.options["horizon"], 0.2),
        ("target=[]", lambda r: r.target, ()),
    ],
)
def test_items_of_lists_and_options_are_found(recipe, setting, look, value):
    assert look(with_settings(recipe, [setting])) == value


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("sampling.replicas", ("section.field=value",)),
        ("=3", ("section.field=value",)),
        ("smapling.replicas=4", ("smapling", "'sampling'")),
        ("sampling.replicsa=4", ("sampling", "replicsa", "'replicas'")),
        ("sampling.replicas=four", ("sampling.replicas", "four", "a whole number")),
        ("sampling.replicas=", ("sampling.replicas", "''")),
        ("sampling.replicas.more=4", ("not inside a table",)),
        ("potential.parameter.value=3", ("which item", "sigma", "epsilon")),
        ("potential.parameter.7.value=3", ("which item",)),
        ("potential.parameter.².value=3", ("which item",)),
        ("potential=3", ("potential", "list of tables")),
        ("dynamics=3", ("dynamics", "table")),
        ("dynamics.timestep=" + "[" * 5000, ("dynamics.timestep", "a number")),
        ("dynamics.timestep=nan", ("dynamics.timestep", "nan", "finite")),
    ],
)
def test_a_setting_that_fits_nowhere_is_refused(recipe, setting, words):
    with pytest.raises(RecipeError) as caught:
        with_settings(recipe, [setting])
    _says(caught.value, words)


# ------------------------------------------------------------------------------------ refusals


def _says(error: RecipeError, words: tuple[str, ...]) -> None:
    text = str(error)
    assert all(word in text for word in words), text
    assert len(text) < 500
    assert "Traceback" not in text and "msgspec" not in text and "`" not in error.message, text


BAD = {  # a line of the recipe, what stands there instead, and what the error says
    "text for a number": (
        "temperature = 94.4",
        'temperature = "hot"',
        ("sampling.temperature", "hot", "a number", "K"),
    ),
    "number for text": (
        'structure = "argon.xyz"',
        "structure = 3",
        ("system.structure", "3", "text"),
    ),
    "fraction for a whole number": (
        "[[target]]",
        "replicas = 2.5\n[[target]]",
        ("sampling.replicas", "2.5", "whole number"),
    ),
    "boolean for a number": (
        "temperature = 94.4",
        "temperature = true",
        ("sampling.temperature", "True", "a number"),
    ),
    "number for a boolean": (
        "value = 0.9",
        "value = 0.9\nfree = 1",
        ("potential[0].parameter[1].free", "1", "true or false"),
    ),
    "list for a number": ("value = 3.38", "value = [3.38]", ("parameter[0].value", "[3.38]")),
    "table for a number": ("value = 3.38", "value = {a = 1}", ("parameter[0].value", "'a'")),
    "date": ("value = 3.38", "value = 2024-05-01", ("parameter[0].value", "2024-05-01")),
    "nan": ("value = 3.38", "value = nan", ("potential[0].parameter[0].value", "nan", "finite")),
    "infinite": ("upper = 3.6", "upper = inf", ("parameter[0].upper", "inf", "Leave it out")),
    "nan in an option": ("cutoff = 7.5", "cutoff = nan", ("potential[0].cutoff", "nan")),
    "infinite window": ("window = 0.5", "window = inf", ("target[0].window", "inf")),
    "too many digits": ("cutoff = 7.5", f"cutoff = 1{'0' * 30}", ("potential[0].cutoff", "digits")),
    "absurdly many digits": ("cutoff = 7.5", f"cutoff = {'1' * 5000}", ("recipe", "TOML")),
    "too small": (
        "temperature = 94.4",
        "temperature = 0.0",
        ("sampling.temperature", "0.0", "above 0", "K"),
    ),
    "a step of days": (
        "[[target]]",
        "[dynamics]\ntimestep = 1e20\n[[target]]",
        ("dynamics.timestep", "1e+20", "at most 1000", "fs"),
    ),
    "too few replicas": (
        "[[target]]",
        "replicas = 1\n[[target]]",
        ("sampling.replicas", "1", "at least 2"),
    ),
    "too large a seed": (
        "[[target]]",
        "[execution]\nseed = 4294967296\n[[target]]",
        ("execution.seed", "4294967296", "at most 4294967295"),
    ),
    "unknown choice": (
        "[[target]]",
        '[optimizer]\nkind = "adma"\n[[target]]',
        ("optimizer.kind", "adma", "adam", "sgd"),
    ),
    "unknown number choice": (
        "[[target]]",
        "[execution]\nlattice_bits = 33\n[[target]]",
        ("execution.lattice_bits", "33", "32, 64"),
    ),
    "density below zero": (
        "[system]",
        "[system]\ndensity = -1",
        ("system.density", "-1", "above 0", "g/cm3"),
    ),
    "clip of zero": (
        "[[target]]",
        "[optimizer]\ngradient_clip = 0\n[[target]]",
        ("optimizer.gradient_clip", "0", "above 0"),
    ),
    "two copies for three vectors": (
        "[system]",
        "[system]\nreplicate = [1, 2]",
        ("system.replicate", "[1, 2]", "list of 3"),
    ),
    "no copy": ("[system]", "[system]\nreplicate = [1, 0, 1]", ("system.replicate", "1 or more")),
    "missing field": ("temperature = 94.4", "", ("sampling.temperature", "missing", "Add")),
    "missing name": ('name = "epsilon"', "", ("potential[0].parameter[1].name", "missing")),
    "missing section": ("[system]", "[refinement]", ("refinement", "structure")),
    "unknown section": ("[sampling]", "[smapling]", ("smapling", "'sampling'")),
    "unknown setting": (
        "temperature = 94.4",
        "temperatur = 94.4",
        ("sampling", "temperatur", "'temperature'"),
    ),
    "unknown setting of a parameter": (
        "upper = 3.6",
        "uper = 3.6",
        ("parameter[0]", "uper", "'upper'"),
    ),
    "settings under options": (
        "cutoff = 7.5",
        "options = {cutoff = 7.5}",
        ("potential", "beside"),
    ),
    "table for a list": ("[[target]]", "[target]", ("target", "[[target]]")),
    "list for a table": ("[sampling]", "[[sampling]]", ("sampling", "table")),
    "value for a section": ("[[target]]", "", ("recipe",)),
    "newer format": ('title = "Argon"', "format = 2", ("format 2", "Update")),
    "no format": ('title = "Argon"', 'format = "1"', ("format", "'1'", "format = 1")),
    "format zero": ('title = "Argon"', "format = 0", ("format 0", "format = 1")),
    "format true": ('title = "Argon"', "format = true", ("format True",)),
    "title of a number": ('title = "Argon"', "title = 7", ("title", "7", "text")),
    "below its bounds": (
        "value = 3.38",
        "value = 3.1",
        ("lennard_jones.sigma", "3.1", "3.2", "3.6"),
    ),
    "above its bounds": (
        "value = 3.38",
        "value = 3.7",
        ("lennard_jones.sigma", "3.7", "3.2", "3.6"),
    ),
    "bounds the wrong way": ("lower = 3.2", "lower = 4.0", ("lennard_jones.sigma", "4.0", "3.6")),
    "parameter given twice": (
        'name = "epsilon"',
        'name = "sigma"',
        ("lennard_jones.sigma", "twice"),
    ),
    "steps between frames": (
        "[[target]]",
        "[dynamics]\nsteps = 101\nrecord_every = 10\n[[target]]",
        ("dynamics.steps = 101", "dynamics.record_every = 10", "110"),
    ),
    "null character": ('data = "argon.csv"', r'data = "a\u0000b"', ("target[0].data", "null")),
    "not TOML": ("[system]", "[system", ("TOML", "line")),
    "twice the same key": ("cutoff = 7.5", "cutoff = 7.5\ncutoff = 8", ("TOML",)),
    "deep list": (
        "cutoff = 7.5",
        f"cutoff = {'[' * 40}{']' * 40}",
        ("potential[0].cutoff", "deep"),
    ),
    "deeper list": ("cutoff = 7.5", "cutoff = " + "[" * 100_000, ("recipe", "nested")),
    "deep tables": ("cutoff = 7.5", f"c{'.c' * 4000} = 1", ("nested",)),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_recipe_is_refused_by_name(case):
    line, instead, words = BAD[case]
    assert line in TEXT
    with pytest.raises(RecipeError) as caught:
        parse_recipe(TEXT.replace(line, instead, 1))
    _says(caught.value, words)


@pytest.mark.parametrize("key", ["potential", "target"])
def test_two_things_of_one_name_are_refused(key):
    doubled = f'[[{key}]]\n{"kind" if key == "potential" else "observable"} = "x"\n' * 2
    with pytest.raises(RecipeError) as caught:
        parse_recipe(TEXT + doubled)
    _says(caught.value, (f"2 {key}s", "'x'", "`name`"))


def test_a_recipe_without_a_potential_is_a_draft():
    text = "potential = []\n" + TEXT.split("[[potential]]")[0] + "[sampling]\ntemperature = 94.4\n"
    draft = parse_recipe(text)
    assert draft.potential == () and draft.target == ()
    assert parse_recipe(recipe_to_toml(draft)) == draft


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", ("missing",)),
        (b"\x89HDF\r\n\x1a\n\x00\xff\xfe" * 100, ("not text", "UTF-8")),
        (TEXT.encode("utf-16"), ("not text",)),
        (b"\0" * 1000, ("TOML",)),
        (b"# " + b"x" * 10_000_000, (f"{LIMIT_BYTES // 2**20} MB",)),
        (b"\xff" * 10_000_000, (f"{LIMIT_BYTES // 2**20} MB",)),
    ],
    ids=["empty", "binary", "utf-16", "zeros", "10 MB", "10 MB of rubbish"],
)
def test_a_file_that_is_no_recipe_is_refused(tmp_path, content, words):
    path = tmp_path / "recipe.toml"
    path.write_bytes(content)
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    _says(caught.value, ("recipe.toml", *words))


@pytest.mark.parametrize("name", ["absent.toml", "recipe.toml/inside", "x" * 5000, "a\0b"])
def test_a_path_without_a_recipe_is_refused(tmp_path, name):
    (tmp_path / "recipe.toml").write_text(TEXT)
    with pytest.raises(RecipeError):
        read_recipe(tmp_path / name)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda b: b.decode("latin-1")))
def test_rubbish_is_refused_and_nothing_else_happens(text):
    with pytest.raises(RecipeError):
        parse_recipe(text)


tables = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["kind", "name", "value", "parameter", "x"]), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.sampled_from([*plans.sections(), "format", "title", "notes"]), tables))
def test_tables_of_anything_are_taken_or_refused(table):
    try:
        plans.recipe_from_table(table)
    except RecipeError as error:
        assert str(error)
