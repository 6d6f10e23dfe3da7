"""Elastic constants: of silicon's published potential, of an ideal gas, and against LAMMPS."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import msgspec
import numpy as np
import pytest
from engines import WITHOUT_LAMMPS, lammps_environment, run_lammps

from dmdstudio.base.units import BOLTZMANN
from dmdstudio.engine.core import Configuration, Phase, System, configuration
from dmdstudio.engine.observable import Clock
from dmdstudio.engine.observables.elastic_constant import ElasticConstant, ElasticConstantOptions
from dmdstudio.engine.potential import ForceField
from dmdstudio.engine.potentials.stillinger_weber import StillingerWeber, StillingerWeberOptions
from dmdstudio.engine.voigt import COLUMNS, ROWS, STRAINS
from dmdstudio.files.potentials import Provenance, export
from dmdstudio.plan.structure import Structure
from dmdstudio.plan.terms import PotentialTerm

GPA = 160.2176634
PROVENANCE = Provenance("test", "test", 0, "0", "2025-01-01", temperature=300.0)
CLOCK = Clock(10.0, 2)


def silicon():
    """The published potential's example, disturbed in a skewed cell under strain."""
    example = StillingerWeber.examples("float64", 64, "cpu")["silicon"]
    system = example.system
    lattice = system.to_lattice(jnp.asarray(example.positions))
    field = ForceField(system, (("silicon", example.potential),))
    cell = jnp.asarray(0.98 * system.cell)
    return field.fitted(lattice, cell), {"silicon": example.parameters}, lattice, cell


def constant(system, temperature=300.0, **options):
    return ElasticConstant.build(ElasticConstantOptions(**options), system, CLOCK, temperature)


def predicted(observable, phases) -> float:
    """Return the prediction of phases [sample, ...] that count alike."""
    features = jax.vmap(observable.frame)(phases)
    return float(observable.curve(jax.tree.map(lambda a: a.mean(axis=0), features))[0])


def test_stiffness_is_the_second_derivative_of_the_energy():
    """Along any strain e, with W the virial: d^2 U(1 + h e)/dh^2 = e.D.e + tr(e e W)."""
    field, theta, lattice, cell = silicon()
    stiffness = np.asarray(jax.jit(field.stiffness)(theta, lattice, cell))
    virial = np.asarray(jax.jit(field.virial)(theta, lattice, cell))
    energy = jax.jit(lambda h, e: field.energy(theta, lattice, cell @ (jnp.eye(3) + h * e)))
    random, h = np.random.default_rng(3), 3e-4
    for _ in range(8):
        share = random.normal(size=6)
        e = np.einsum("k,kxy->xy", share, STRAINS)
        u = [float(energy(k * h, e)) for k in (-2, -1, 0, 1, 2)]
        second = np.dot([-1, 16, -30, 16, -1], u) / (12 * h**2)
        assert share @ stiffness @ share + np.trace(e @ e @ virial) == pytest.approx(
            second, abs=1e-7 * np.abs(stiffness).max()
        )


def test_silicon_has_the_published_constants_at_zero_temperature():
    """C44 too, half of which sublattices that give way take off.

    The harmonic ensemble is that of its modes, each at plus and minus its root mean square. Source:
    E. R. Cowley, Phys. Rev. Lett. 60, 2379 (1988): 151.4, 76.4 and 56.4 GPa.
    """
    basis = np.array([[0, 0, 0], [0, 2, 2], [2, 0, 2], [2, 2, 0]])
    basis = np.concatenate([basis, basis + 1]) / 4
    copies = np.stack(np.meshgrid(*[np.arange(2)] * 3, indexing="ij"), -1).reshape(-1, 3)
    sites = (copies[:, None] + basis).reshape(-1, 3) * 5.43095
    system = System(
        ("Si",), np.zeros(64, int), np.full(64, 28.0855), np.eye(3) * 10.8619, "float64", 64
    )
    term = StillingerWeber.build(StillingerWeberOptions(), system)
    theta = {"silicon": StillingerWeber.examples("float64", 64, "cpu")["silicon"].parameters}
    lattice, cell = system.to_lattice(jnp.asarray(sites)), jnp.asarray(system.cell)
    field = ForceField(system, (("silicon", term),)).fitted(lattice, cell)

    def energy(offset):
        moved = Configuration(lattice, offset, cell)
        return field.terms[0][1].energy(theta["silicon"], moved)

    def row(w):
        return jax.jvp(jax.grad(energy), (jnp.zeros((64, 3)),), (w,))[1].ravel()

    hessian = jax.jit(lambda w: jax.lax.map(row, w))(jnp.eye(192).reshape(192, 64, 3))
    stiff, modes = (np.asarray(a)[..., 3:] for a in np.linalg.eigh(hessian))
    thermal = 1e-12
    moved = (modes * np.sqrt(thermal * len(stiff) / stiff)).T.reshape(-1, 64, 3)
    moved = np.concatenate([moved, -moved])

    def phase(offset):
        at = system.to_lattice(sites + offset)
        virial, stiffness = field.virial(theta, at, cell), field.stiffness(theta, at, cell)
        return Phase(configuration(system, at, cell), offset, virial=virial, stiffness=stiffness)

    phases = jax.jit(lambda w: jax.lax.map(phase, w))(jnp.asarray(moved))
    found = {
        component: predicted(constant(system, thermal / BOLTZMANN, component=component), phases)
        for component in ("11", "12", "44", "bulk", "shear")
    }
    assert found["11"] == pytest.approx(151.4, abs=0.1)
    assert found["12"] == pytest.approx(76.4, abs=0.1)
    assert found["44"] == pytest.approx(56.4, abs=0.1)
    assert found["bulk"] == pytest.approx((found["11"] + 2 * found["12"]) / 3, rel=1e-6)
    shear = (found["11"] - found["12"] + 3 * found["44"]) / 5
    assert found["shear"] == pytest.approx(shear, rel=1e-6)


def test_an_ideal_gas_has_the_bulk_modulus_of_its_pressure_alone():
    system = System(("A",), np.zeros(50, int), np.ones(50), np.eye(3) * 20.0)
    where = configuration(system, jnp.zeros((1, 50, 3), jnp.int32), jnp.asarray(system.cell)[None])
    phases = Phase(where, where.offset, virial=jnp.zeros((1, 3, 3)), stiffness=jnp.zeros((1, 6, 6)))
    pressure = 50 * BOLTZMANN * 300.0 / 8000.0 * GPA
    for component, value in {"bulk": pressure, "12": pressure, "44": 0.0, "shear": 0.0}.items():
        found = predicted(constant(system, component=component), phases)
        assert found == pytest.approx(value, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize(("component", "symmetry", "i", "j"), [("13", "none", 0, 2),
    ("45", "cubic", 3, 4), ("66", "uniaxial", 5, 5)])  # fmt: skip
def test_fluctuations_are_those_at_one_volume(component, symmetry, i, j):
    """Of stresses that fluctuate about a mean that goes with the volume, as at constant pressure,
    where the latter by itself would take all of the bulk modulus away.
    """
    system = System(("A",), np.zeros(8, int), np.ones(8), np.eye(3) * 10.0)
    random = np.random.default_rng(0)
    mixed, count, deviation = random.normal(size=(6, 6)), 4000, 4e-3
    for spread in (0.0, 0.01):
        x = spread * random.normal(size=count)
        cells = system.cell * np.exp(x / 3.0)[:, None, None]
        root = np.sqrt(np.linalg.det(cells))[:, None]
        stress = 0.02 * random.normal(size=6) + 0.5 * x[:, None] * random.normal(size=6)
        virial = root * (deviation * random.normal(size=(count, 6)) @ mixed.T) + root**2 * stress
        tensor, none = np.zeros((count, 3, 3)), jnp.zeros((count, 6, 6))
        tensor[:, ROWS, COLUMNS] = tensor[:, COLUMNS, ROWS] = virial
        where = configuration(system, jnp.zeros((count, 8, 3), jnp.int32), jnp.asarray(cells))
        phases = Phase(where, where.offset, virial=jnp.asarray(tensor), stiffness=none)
        observable = constant(system, component=component, symmetry=symmetry)
        found = predicted(observable, phases) / GPA
        size = deviation**2 / (BOLTZMANN * 300.0)
        pressure = np.mean((virial + 8 * BOLTZMANN * 300.0) / root**2, axis=0)[[i, j]].mean()
        expected = (pressure if j < 3 else 0.0) - size * (mixed @ mixed.T)[i, j]
        assert found == pytest.approx(expected, abs=0.1 * size * np.abs(mixed @ mixed.T).max())


@pytest.mark.skipif(lammps_environment() is None, reason=WITHOUT_LAMMPS)
def test_the_born_term_is_that_of_lammps(tmp_path):
    """Whose strain is Lagrange's: V C = D - (d_ik S_jl + d_jk S_il + d_il S_jk + d_jl S_ik)/2."""
    field, theta, lattice, cell = silicon()
    system, ((_, term),) = field.system, field.terms
    numbers = {name: float(value[0]) for name, value in theta["silicon"].items()}
    owners = {f.name: "Si-Si-Si" if f.per == "triplet" else "Si-Si" for f in term.parameters}
    plan = PotentialTerm(
        "stillinger_weber",
        msgspec.structs.asdict(StillingerWeberOptions()),
        {name: {owners[name]: value} for name, value in numbers.items()},
    )
    positions = np.asarray(system.to_positions(lattice, cell))
    structure = Structure(("Si",) * system.atoms, positions, np.asarray(cell), system.masses)
    export("lammps", (plan,), structure, tmp_path / "silicon.in", PROVENANCE)
    lines = [
        'include "silicon.in"',
        "compute pull all pressure NULL virial",
        "compute born all born/matrix numdiff 1e-5 pull",
        "thermo_style custom step c_born[1]",
        "run 0",
        *(f'print "$(c_born[{k + 1}]:%.17g)" append born.txt' for k in range(21)),
    ]
    (tmp_path / "born.in").write_text("\n".join(lines) + "\n")
    run_lammps(tmp_path / "born.in")
    theirs = np.loadtxt(tmp_path / "born.txt")
    d = np.asarray(jax.jit(field.stiffness)(theta, lattice, cell))
    pull = -np.asarray(jax.jit(field.virial)(theta, lattice, cell))
    one, (i, j) = np.eye(3), (ROWS[:, None], COLUMNS[:, None])
    k, l = ROWS, COLUMNS  # noqa: E741
    turned = one[i, k] * pull[j, l] + one[j, k] * pull[i, l] + one[i, l] * pull[j, k]
    born = d - 0.5 * (turned + one[j, l] * pull[i, k])
    above = np.triu_indices(6, 1)
    ours = np.concatenate([np.diag(born), born[above]])
    assert np.allclose(ours, theirs, rtol=0, atol=1e-8 * theirs.max())
    assert np.allclose(born, born.T, rtol=0, atol=1e-12 * theirs.max())
