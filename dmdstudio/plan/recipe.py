"""The recipe: a whole refinement as text (TOML), reproducible alone.

Every section is a frozen struct whose fields carry label, doc, unit and bounds; `catalog.fields_of`
turns them into forms. Sections that choose a registered thing by ``kind``, ``method`` or
``observable`` hold its own settings in ``options``; in the file they stand beside the others.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import tomli_w
from msgspec import Struct

from dmdstudio.base.errors import RecipeError, nearest
from dmdstudio.plan.catalog import convert, require_plain, setting, shown
from dmdstudio.plan.corrections import Correction
from dmdstudio.plan.reading import ReadingPlan
from dmdstudio.plan.regions import Regions, check_regions, regions_from_text

FORMAT = 1
"""Version of the recipe's own layout."""

LIMIT_BYTES = 8 * 2**20
"""Larger recipe files are refused."""


class SystemPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The atoms and their cell."""

    structure: Annotated[
        str, setting("Structure file", "A structure file, relative to the recipe.")
    ]
    replicate: Annotated[
        tuple[int, int, int],
        setting("Replicate", "Copies of the cell along its three vectors."),
    ] = (1, 1, 1)
    density: Annotated[
        Annotated[float, msgspec.Meta(gt=0)] | None,
        setting("Density", "Scale the cell to this density; empty keeps the file's.", "g/cm3"),
    ] = None
    bonds: Annotated[
        Literal["auto", "find", "none"],
        setting(
            "Bonds",
            "find looks for them by the distances in the structure; auto does where a parameter "
            "belongs to bonds. Pairs one or two bonds apart have no pair forces.",
        ),
    ] = "auto"
    types: Annotated[
        str,
        setting(
            "Types",
            "Names for atoms of one element that differ in their bonds, such as HO = H(O); "
            "HC = H(C): all neighbours stand in brackets. Empty tells atoms apart by elements.",
        ),
    ] = ""


class ParameterPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One number of a potential: its start, whether it is refined, and within which bounds."""

    name: Annotated[str, setting("Name", "The parameter, as the potential calls it.")]
    of: Annotated[
        str,
        setting(
            "Of",
            "The atom type, pair (Cl-Na), bond (H-O), angle or triplet (H-O-H), torsion (H-O-O-H) "
            "or improper (C(H,H,O), the centre first); Si(C) is the bond to carbon as silicon has "
            "it, Si(C,Ge) what germanium does to it; empty for all types.",
        ),
    ] = ""
    value: Annotated[float, setting("Value", "The value that the refinement starts from.")]
    unit: Annotated[str, setting("Unit", "The unit of value and bounds.")] = ""
    free: Annotated[bool, setting("Free", "Refine this parameter.")] = True
    tie: Annotated[
        str,
        setting(
            "Tie",
            "Let it follow others, named as in reports: lennard_jones.sigma[Ar] keeps the ratio of "
            "the values; -2 coulomb.charge[H], or 0.5 - coulomb.charge[C] - 3 coulomb.charge[HC], "
            "keeps the sum. It is then refined with those. Empty for none.",
        ),
    ] = ""
    transform: Annotated[
        Literal["none", "log"],
        setting(
            "Transform",
            "Take steps in the logarithm (log): a positive number then changes by factors and "
            "never reaches zero.",
        ),
    ] = "none"
    rate: Annotated[
        float,
        setting(
            "Rate",
            "Factor of the learning rate for this parameter; gauss_newton has none.",
            gt=0,
        ),
    ] = 1.0
    lower: Annotated[float | None, setting("Lower bound", "Never go below.")] = None
    upper: Annotated[float | None, setting("Upper bound", "Never go above.")] = None
    prior: Annotated[
        Annotated[float, msgspec.Meta(gt=0)] | None,
        setting(
            "Prior",
            "Hold the parameter to where it starts by a Gaussian of this standard deviation, as a "
            "fraction of the start: 0.05 for 5 %. Empty for none.",
        ),
    ] = None
    prior_mean: Annotated[
        float | None,
        setting("Prior mean", "Hold it here instead of where it starts."),
    ] = None

    @property
    def owner(self) -> str:
        """What it belongs to, in the one spelling that bonds and angles have."""
        return chain(self.of.split("-"))


def chain(names: Sequence[str]) -> str:
    """Return the name of a bond or an angle; ``H-O`` from either end."""
    return "-".join(min(list(names), list(names)[::-1]))


class PotentialPlan(Struct, frozen=True, kw_only=True):
    """One term of the potential energy, or a surface; the terms of a recipe are added."""

    kind: Annotated[str, setting("Kind", "A registered potential or surface.")]
    name: Annotated[str, setting("Name", "A name of your own; the kind where empty.")] = ""
    rate: Annotated[
        float,
        setting(
            "Rate",
            "Factor of the learning rate for all parameters of this term; gauss_newton has none.",
            gt=0,
        ),
    ] = 1.0
    parameter: tuple[ParameterPlan, ...] = ()
    options: dict[str, Any] = {}

    @property
    def key(self) -> str:
        """The name by which parameters refer to this term."""
        return self.name or self.kind


class SamplingPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the starting phases are drawn, at constant volume (nvt) or constant pressure (npt)."""

    temperature: Annotated[
        float, setting("Temperature", "Temperature of the starting ensemble.", "K", gt=0)
    ]
    ensemble: Annotated[
        Literal["nvt", "npt"],
        setting(
            "Ensemble",
            "nvt keeps the volume of the cell; npt lets it follow the pressure, every start with a "
            "volume of its own. The trajectories themselves run at constant volume.",
        ),
    ] = "nvt"
    pressure: Annotated[
        float,
        setting(
            "Pressure",
            "Pressure of the npt ensemble; nvt has none.",
            "bar",
            only_with={"ensemble": ("npt",)},
            ge=0,
        ),
    ] = 1.0
    replicas: Annotated[int, setting("Replicas", "Independent starts, run side by side.", ge=2)] = (
        32
    )
    timestep: Annotated[
        float, setting("Time step", "Step of the thermostatted sampler.", "fs", gt=0, le=1000)
    ] = 4.0
    friction: Annotated[
        float, setting("Friction", "Coupling of the Langevin thermostat.", "1/ps", gt=0)
    ] = 1.0
    equilibration_steps: Annotated[
        int, setting("Equilibration", "Steps before the first pool of starts.", ge=0)
    ] = 2000
    decorrelation_steps: Annotated[
        int, setting("Decorrelation", "Steps between one pool of starts and the next.", ge=1)
    ] = 500
    effective_sample_fraction: Annotated[
        float,
        setting(
            "Effective sample fraction",
            "Draw fresh starts while the reweighted pool is worth less than this fraction of its "
            "size; 1 draws afresh at every iteration.",
            ge=0.0,
            le=1.0,
        ),
    ] = 0.9
    reuse_limit: Annotated[
        int,
        setting(
            "Reuse limit",
            "Iterations that a sample may serve. Sharing is cheap but keeps the samples' "
            "statistical error; 1 draws afresh at every iteration.",
            ge=1,
        ),
    ] = 2
    references: Annotated[
        int,
        setting(
            "References",
            "Parameter sets that the pool's samples may come from. Where the pool is worth too "
            "little, only its oldest samples, one part in this many, are drawn afresh.",
            ge=1,
        ),
    ] = 1


class DynamicsPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The microcanonical trajectory that the observables are measured on."""

    timestep: Annotated[
        float, setting("Time step", "Step of the leapfrog.", "fs", gt=0, le=1000)
    ] = 1.0
    steps: Annotated[int, setting("Steps", "Steps of each trajectory.", ge=1)] = 2000
    record_every: Annotated[
        int, setting("Record every", "Steps between two recorded frames.", ge=1)
    ] = 5
    segments: Annotated[
        int,
        setting(
            "Segments",
            "Pieces that a trajectory is cut into. Each is analysed by itself, and the gradient "
            "never runs back further than its start; a piece must hold the longest window.",
            ge=1,
        ),
    ] = 1
    both_ways: Annotated[
        bool,
        setting(
            "Both ways",
            "Run every start both ways in time, a second trajectory with its velocities reversed: "
            "twice the data from the same number of starts, for twice the time.",
        ),
    ] = False

    @property
    def all_steps(self) -> int:
        """Steps that are run from every start."""
        return 2 * self.steps if self.both_ways else self.steps


class GradientPlan(Struct, frozen=True, kw_only=True):
    """How the derivative of the loss with respect to the parameters is taken."""

    method: Annotated[str, setting("Method", "A registered gradient method.")] = (
        "reversible_adjoint"
    )
    options: dict[str, Any] = {}


class TargetPlan(Struct, frozen=True, kw_only=True):
    """One observable, and the measurement it is to match."""

    observable: Annotated[str, setting("Observable", "A registered observable.")]
    name: Annotated[str, setting("Name", "A name of your own; the observable where empty.")] = ""
    data: Annotated[
        str, setting("Experiment", "A data file, relative to the recipe; empty only watches.")
    ] = ""
    weight: Annotated[float, setting("Weight", "Factor of this target's loss.", ge=0)] = 1.0
    loss: Annotated[
        Literal["relative", "chi_squared", "unbiased", "huber"],
        setting(
            "Loss",
            "The mean over points of the squared residual over the experiment's mean square "
            "(relative) or squared standard error (chi_squared); of the product of the residuals "
            "of two halves of the replicas, which sampling noise does not bias (unbiased); or "
            "chi_squared that turns linear for outliers (huber).",
        ),
    ] = "relative"
    relative_error: Annotated[
        Annotated[float, msgspec.Meta(gt=0)] | None,
        setting(
            "Relative error",
            "Standard error of every point as a fraction of the experiment's root mean square; "
            "empty takes the errors of the data file.",
        ),
    ] = None
    huber_threshold: Annotated[
        float,
        setting(
            "Huber threshold",
            "The loss turns linear at this many standard errors.",
            only_with={"loss": ("huber",)},
            gt=0,
        ),
    ] = 1.345
    fit_scale: Annotated[
        bool,
        setting(
            "Fit scale",
            "Multiply the prediction by the factor that fits best: for spectra in arbitrary units, "
            "of which only the shape says something.",
        ),
    ] = False
    reading: ReadingPlan = ReadingPlan()
    corrections: tuple[Correction, ...] = ()
    regions: Regions = ()
    options: dict[str, Any] = {}

    @property
    def key(self) -> str:
        """The name by which reports refer to this target."""
        return self.name or self.observable


_FIRST_ORDER = {"kind": ("adam", "sgd", "rmsprop", "adabelief")}


class OptimizerPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the parameters follow the gradient."""

    kind: Annotated[
        Literal["adam", "sgd", "rmsprop", "adabelief", "gauss_newton"],
        setting(
            "Optimiser",
            "A first-order optimiser of optax; or gauss_newton, which measures the sensitivity of "
            "every prediction and tells parameters apart that only act together: few parameters, "
            "few iterations.",
        ),
    ] = "adam"
    learning_rate: Annotated[
        float,
        setting(
            "Learning rate",
            "Relative change of a parameter per iteration, at first.",
            only_with=_FIRST_ORDER,
            gt=0,
        ),
    ] = 0.004
    momentum: Annotated[
        float,
        setting(
            "Momentum",
            "Share of the past gradients in a step of adam or adabelief (beta 1), or of the past "
            "steps of sgd and rmsprop. Refinements take few iterations: a long memory overshoots. "
            "Without meaning for gauss_newton, which averages over all that is near.",
            only_with=_FIRST_ORDER,
            ge=0,
            lt=1,
        ),
    ] = 0.5
    final_learning_rate: Annotated[
        float,
        setting(
            "Final learning rate",
            "The learning rate falls to this along a half cosine over the iterations.",
            only_with=_FIRST_ORDER,
            gt=0,
        ),
    ] = 0.0005
    largest_step: Annotated[
        float,
        setting(
            "Largest step",
            "Largest relative change of a parameter in one iteration of gauss_newton.",
            only_with={"kind": ("gauss_newton",)},
            gt=0,
        ),
    ] = 0.1
    sensitivity_step: Annotated[
        Annotated[float, msgspec.Meta(gt=0, le=0.5)] | None,
        setting(
            "Sensitivity step",
            "Let gauss_newton measure sensitivities by fresh samples with every parameter moved by "
            "this fraction to either side, and again only once the parameters have gone far. For "
            "flexible molecules, whose vibrations drown what samples say of their own weights: "
            "about a quarter of a band's width. Empty takes tangents along the trajectories.",
            only_with={"kind": ("gauss_newton",)},
        ),
    ] = None
    gradient_clip: Annotated[
        Annotated[float, msgspec.Meta(gt=0)] | None,
        setting(
            "Gradient clip",
            "Largest norm of the relative gradient; empty for none.",
            only_with=_FIRST_ORDER,
        ),
    ] = None

    @property
    def by_differences(self) -> bool:
        """Whether sensitivities are differences between samples, so that there is no gradient."""
        return self.kind == "gauss_newton" and self.sensitivity_step is not None


class RefinementPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long the loop runs."""

    iterations: Annotated[int, setting("Iterations", "Iterations of the refinement.", ge=1)] = 12
    prior_weight: Annotated[
        Annotated[float, msgspec.Meta(ge=0)] | None,
        setting(
            "Prior weight",
            "Factor of the priors in the loss; empty takes one over the number of points "
            "compared, as a loss that is chi squared per point asks for.",
        ),
    ] = None
    uncertainty: Annotated[
        bool,
        setting(
            "Uncertainty",
            "After the last iteration, measure how every prediction depends on every free "
            "parameter, and from it the parameters' standard errors.",
        ),
    ] = True


class ExecutionPlan(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where and with which numbers it is computed."""

    seed: Annotated[int, setting("Seed", "Seed of every random number.", ge=0, lt=2**32)] = 0
    device: Annotated[
        Literal["auto", "cpu", "gpu"], setting("Device", "Where the engine runs.")
    ] = "auto"
    precision: Annotated[
        Literal["float32", "float64"], setting("Precision", "Numbers of forces and gradients.")
    ] = "float32"
    lattice_bits: Annotated[
        Literal[32, 64],
        setting("Lattice bits", "Bits of a coordinate on the integer lattice."),
    ] = 32
    batch: Annotated[
        int, setting("Batch", "Replicas computed together; 0 chooses by device and size.", ge=0)
    ] = 0
    pairs: Annotated[
        Literal["auto", "dense", "cells"],
        setting(
            "Pairs",
            "How pairs within the cutoff are found: all against all, by cells, or whichever is "
            "faster for the number of atoms.",
        ),
    ] = "auto"
    deterministic: Annotated[
        bool,
        setting(
            "Deterministic",
            "On a GPU, take only operations that give the same bits at every run on the same "
            "machine, at some cost in speed. A CPU gives the same bits anyway.",
            only_with={"device": ("auto", "gpu")},
        ),
    ] = False


class Recipe(Struct, frozen=True, kw_only=True):
    """A refinement, whole.

    One without a potential or without targets is a draft: it can be read, edited and written, and
    only what asks for forces says what it lacks.

    Attributes:
        folder: where relative paths start; not part of the file.
    """

    format: int = FORMAT
    title: str = ""
    notes: str = ""
    system: SystemPlan
    potential: tuple[PotentialPlan, ...] = ()
    surface: tuple[PotentialPlan, ...] = ()
    sampling: SamplingPlan
    dynamics: DynamicsPlan = DynamicsPlan()
    gradient: GradientPlan = GradientPlan()
    target: tuple[TargetPlan, ...] = ()
    optimizer: OptimizerPlan = OptimizerPlan()
    refinement: RefinementPlan = RefinementPlan()
    execution: ExecutionPlan = ExecutionPlan()
    folder: str = "."

    @property
    def terms(self) -> tuple[PotentialPlan, ...]:
        """All that has parameters: the terms of the potential, and surfaces."""
        return (*self.potential, *self.surface)

    def path(self, name: str) -> Path:
        """Return where a file named in the recipe lies."""
        return Path(self.folder) / name


_SECTIONS = {
    "system": SystemPlan,
    "potential": PotentialPlan,
    "surface": PotentialPlan,
    "sampling": SamplingPlan,
    "dynamics": DynamicsPlan,
    "gradient": GradientPlan,
    "target": TargetPlan,
    "optimizer": OptimizerPlan,
    "refinement": RefinementPlan,
    "execution": ExecutionPlan,
}


LISTS = ("potential", "surface", "target")
"""Sections of which there are several."""


def sections() -> dict[str, type[Struct]]:
    """Return the sections of a recipe by name, in the order of the file."""
    return dict(_SECTIONS)


def read_recipe(path: str | Path) -> Recipe:
    """Read a recipe file.

    Raises:
        RecipeError: the file is missing, is not TOML, or holds a setting that does not fit.
    """
    text, path = _text_of(path)
    return parse_recipe(text, folder=path.parent, name=path.name)


def _text_of(path: str | Path) -> tuple[str, Path]:
    """Return the text of a recipe file, and the file where its folder was named."""
    path = Path(path)
    try:
        if path.is_dir():
            path = path / "recipe.toml"
        with open(path, "rb") as file:
            content = file.read(LIMIT_BYTES + 1)
    except FileNotFoundError:
        raise RecipeError(f"There is no recipe at {path}.", "Name a .toml file.") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise RecipeError(f"{path} cannot be read: {why}.") from None
    if len(content) > LIMIT_BYTES:
        raise RecipeError(
            f"{path} is larger than {LIMIT_BYTES // 2**20} MB, too large for a recipe.",
            "Keep structures and data in files of their own.",
        )
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecipeError(
            f"{path} is not text: byte {error.start} is no UTF-8.", "Name a .toml file."
        ) from None
    return text, path


_ALONE: dict[str, dict[str, Any]] = {
    "system": {"structure": "none"},
    "sampling": {"temperature": 300.0},
}
"""What a recipe must have and a file of ``[[potential]]`` tables alone has not."""


def read_terms(path: str | Path) -> Recipe:
    """Read a recipe for its potential, or a file of nothing but ``[[potential]]`` tables.

    The latter is what ``import-potential`` and ``fit-forces`` write; it may say ``system.types``.

    Raises:
        RecipeError: as `read_recipe` does.
    """
    text, path = _text_of(path)
    table = _table_of(text, path.name)
    if _terms_alone(table):
        system = table.get("system", {})
        own = system if isinstance(system, dict) else {"types": system}
        table = {**_ALONE, **table, "system": {**_ALONE["system"], **own}}
    return recipe_from_table(table, path.parent, path.name)


def holds_terms_alone(path: str | Path) -> bool:
    """Tell whether a file is one of nothing but ``[[potential]]`` tables; see `read_terms`."""
    try:
        text, path = _text_of(path)
        return _terms_alone(_table_of(text, path.name))
    except RecipeError:
        return False


def _terms_alone(table: dict[str, Any]) -> bool:
    return "potential" in table and table.keys() <= {"potential", "system"}


def parse_recipe(text: str, folder: str | Path = ".", name: str = "recipe") -> Recipe:
    """Turn the text of a recipe into a `Recipe`; raise `RecipeError` as `read_recipe` does."""
    return recipe_from_table(_table_of(text, name), folder, name)


def _table_of(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise RecipeError(f"{name} is nested too deeply to be a recipe.") from None
    except ValueError as error:  # TOMLDecodeError, or a number of thousands of digits
        raise RecipeError(f"{name} is not a TOML file: {error}.") from None


def recipe_from_table(
    table: dict[str, Any], folder: str | Path = ".", name: str = "recipe"
) -> Recipe:
    """Turn nested tables, as in the file, into a `Recipe`; raise `RecipeError` if they misfit."""
    require_plain(table, f"{name}:")
    found = table.get("format", FORMAT)
    if type(found) is not int or not 1 <= found <= FORMAT:
        newer = isinstance(found, int) and found > FORMAT
        raise RecipeError(
            f"{name} has format {shown(found)}, but this version reads 1 to {FORMAT}.",
            "Update DMD Studio." if newer else f"Write format = {FORMAT}.",
        )
    known = [*_SECTIONS, "format", "title", "notes"]
    for key in table:
        if key not in known:
            raise RecipeError(f"{name} has no section {shown(key)}.", nearest(key, known))
    lifted: dict[str, Any] = {}
    for key, value in table.items():
        struct = _SECTIONS.get(key)
        if struct is None:
            lifted[key] = value
        elif key in LISTS:
            if not isinstance(value, list):
                raise RecipeError(f"{name}: {key} must be a list of tables, [[{key}]].")
            lifted[key] = [_lift(item, struct, f"{name}: {key}") for item in value]
            if struct is TargetPlan:
                lifted[key] = [_with_regions(item, f"{name}: target") for item in lifted[key]]
        else:
            lifted[key] = _lift(value, struct, f"{name}: {key}")
    recipe = convert({**lifted, "folder": str(folder)}, Recipe, f"{name}:")
    _check(recipe, name)
    return recipe


def _lift(table: Any, struct: type[Struct], where: str) -> Any:
    """Move the settings that a section does not know itself into its ``options``."""
    if not isinstance(table, dict):
        raise RecipeError(f"{where} must be a table of settings, found {shown(table)}.")
    own = [field for field in struct.__struct_fields__ if field != "options"]
    if "options" not in struct.__struct_fields__:
        for key in table:
            if key not in own:
                raise RecipeError(f"{where} has no setting {shown(key)}.", nearest(key, own))
        return table
    if "options" in table:
        raise RecipeError(f"{where}: write the settings beside the others, not under 'options'.")
    return {
        **{k: v for k, v in table.items() if k in own},
        "options": {k: v for k, v in table.items() if k not in own},
    }


def _with_regions(target: dict[str, Any], where: str) -> dict[str, Any]:
    """Turn the ranges that ``leave_out`` names into regions that weigh nothing."""
    options = target["options"]
    text = options.get("leave_out")
    regions = target.get("regions", [])
    if not isinstance(text, str) or not isinstance(regions, list):
        return target
    return {
        **target,
        "options": {k: v for k, v in options.items() if k != "leave_out"},
        "regions": [*regions, *regions_from_text(text, where)],
    }


def _check(recipe: Recipe, name: str) -> None:
    for key, items in (("potential", recipe.terms), ("target", recipe.target)):
        seen = [item.key for item in items]
        for item in seen:
            if seen.count(item) > 1:
                raise RecipeError(
                    f"{name} has {seen.count(item)} {key}s called {item!r}.",
                    "Give each a `name` of its own.",
                )
    for potential in recipe.terms:
        _check_names(potential, name)
        for parameter in potential.parameter:
            _check_parameter(parameter, f"{name}: {potential.key}.{parameter.name}")
    for target in recipe.target:
        check_regions(target.regions, f"{name}: target {target.key!r}")
    if recipe.dynamics.steps % recipe.dynamics.record_every:
        raise RecipeError(
            f"{name}: dynamics.steps = {recipe.dynamics.steps} is not a multiple of "
            f"dynamics.record_every = {recipe.dynamics.record_every}.",
            f"Set steps to {_next_multiple(recipe.dynamics.steps, recipe.dynamics.record_every)}, "
            "for example.",
        )
    pieces = recipe.dynamics.segments * recipe.dynamics.record_every
    if recipe.dynamics.steps % pieces:
        raise RecipeError(
            f"{name}: dynamics.steps = {recipe.dynamics.steps} is not a multiple of "
            f"dynamics.segments x dynamics.record_every = {pieces}.",
            f"Set steps to {_next_multiple(recipe.dynamics.steps, pieces)}, for example.",
        )
    if min(recipe.system.replicate) < 1:
        raise RecipeError(
            f"{name}: system.replicate = {list(recipe.system.replicate)}: Must be 1 or more along "
            "each vector."
        )


def _check_names(potential: PotentialPlan, name: str) -> None:
    seen = set()
    for parameter in potential.parameter:
        if (parameter.name, parameter.owner) in seen:
            of = f" of {parameter.of}" if parameter.of else ""
            raise RecipeError(
                f"{name}: {potential.key}.{parameter.name}{of} is given twice.", "Remove one."
            )
        seen.add((parameter.name, parameter.owner))


def _next_multiple(number: int, of: int) -> int:
    return -(-number // of) * of


def _check_parameter(parameter: ParameterPlan, where: str) -> None:
    lower = -math.inf if parameter.lower is None else parameter.lower
    upper = math.inf if parameter.upper is None else parameter.upper
    if not lower < upper:
        raise RecipeError(f"{where}: lower bound {lower} is not below upper bound {upper}.")
    if not lower <= parameter.value <= upper:
        raise RecipeError(
            f"{where}: value {parameter.value} is outside its bounds {lower} to {upper}.",
            "Change the value or the bounds.",
        )


_UNSAID = {"rate": 1.0, "transform": "none"}
"""Settings of terms and their parameters that are written only where they are something else."""


def recipe_to_table(recipe: Recipe) -> dict[str, Any]:
    """Return the tables that a recipe file holds (no ``folder``, no empty settings)."""
    table = msgspec.json.decode(msgspec.json.encode(recipe))  # plain lists and dicts
    table.pop("folder")
    for key in ("title", "notes"):
        if not table[key]:
            table.pop(key)
    for key in LISTS:
        if not table[key]:
            table.pop(key)
    for key, struct in _SECTIONS.items():
        if key not in table or "options" not in struct.__struct_fields__:
            continue
        if struct is PotentialPlan:
            table[key] = terms_to_tables(getattr(recipe, key))
            continue
        for item in table[key] if isinstance(table[key], list) else [table[key]]:
            item.update(item.pop("options"))
    for target in table.get("target", []):
        target["reading"] = _without_none(target["reading"])
        for key in ("reading", "corrections", "regions"):
            if not target[key]:
                target.pop(key)
    return _without_none(table)


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_none(v) for k, v in value.items() if v is not None and v != ""}
    if isinstance(value, list):
        return [_without_none(v) for v in value]
    return value


def terms_to_tables(terms: Sequence[PotentialPlan]) -> list[dict[str, Any]]:
    """Return terms as the ``[[potential]]`` tables of a recipe hold them."""
    tables = msgspec.json.decode(msgspec.json.encode(list(terms)))
    for table in tables:
        for item in (table, *table["parameter"]):
            for key in [key for key, plain in _UNSAID.items() if item.get(key) == plain]:
                item.pop(key)
        table.update(table.pop("options"))
    return _without_none(tables)


def recipe_to_toml(recipe: Recipe) -> str:
    """Return a recipe as the text of its file; `parse_recipe` gives the same recipe back."""
    return tomli_w.dumps(recipe_to_table(recipe))
