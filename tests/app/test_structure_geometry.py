"""What the structure view computes: molecules, projection, picking, measures, order of paint."""

import itertools

import ase
import ase.build
import numpy as np
import pytest
from ase.data.colors import jmol_colors

from dmdstudio.app.colours import DARK, LIGHT
from dmdstudio.app.structure_camera import Camera, Projected, oblique, pick
from dmdstudio.app.structure_drawing import EDGE, STICK, Model, Style, bounding_ball
from dmdstudio.app.structure_measures import measure, measure_words
from dmdstudio.app.structure_scene import Frame, placed, scene_of
from dmdstudio.app.structure_shading import LEAST_CONTRAST, contrast, fogged, readable
from dmdstudio.app.structure_source import Replicas
from dmdstudio.plan.structure import Structure

SKEWED = np.array([[9.0, 0.0, 0.0], [5.5, 8.0, 0.0], [-4.0, 5.0, 7.5]])


def structure(atoms):
    return Structure(
        tuple(atoms.get_chemical_symbols()),
        atoms.get_positions(),
        np.array(atoms.cell),
        atoms.get_masses(),
    )


def peroxide(shift=(0.0, 0.0, 0.0), wrap=True):
    """Two molecules of hydrogen peroxide in a skewed cell, cut by its faces."""
    one = ase.build.molecule("H2O2")
    other = one.copy()
    one.translate(shift)
    other.translate([4.0, 4.0, 4.0])
    atoms = ase.Atoms(one + other, cell=SKEWED, pbc=True)
    if wrap:
        atoms.wrap()
    return atoms


def test_molecules_that_the_cell_cuts_are_shown_in_one_piece():
    scene = scene_of(structure(peroxide()))
    assert scene.counts == [("H", 4), ("O", 4)]
    assert len(scene.bonds) == 6 and scene.molecules.max() == 1
    cut = placed(scene, scene.frame, "wrapped")
    whole = placed(scene, scene.frame, "whole")
    first, second = scene.bonds.T
    lengths = np.linalg.norm(whole.positions[first] - whole.positions[second], axis=1)
    assert np.all(lengths < 1.6)
    assert np.any(np.linalg.norm(cut.positions[first] - cut.positions[second], axis=1) > 3.0)
    fractions = cut.positions @ np.linalg.inv(SKEWED)
    assert np.all((fractions >= 0) & (fractions < 1))
    for molecule in range(2):
        centre = whole.positions[scene.molecules == molecule].mean(axis=0) @ np.linalg.inv(SKEWED)
        assert np.all((centre > -1e-9) & (centre < 1))


def test_a_crystal_without_molecules_stays_in_its_cell():
    scene = scene_of(structure(ase.build.bulk("C", "diamond", a=3.57, cubic=True).repeat(2)))
    assert len(scene.bonds) == 2 * len(scene.symbols)
    shown = placed(scene, scene.frame, "whole")
    fractions = shown.positions @ np.linalg.inv(shown.cell)
    assert np.all((fractions > -1e-9) & (fractions < 1))


def test_a_long_chain_hangs_together():
    count = 200
    positions = np.zeros((count, 3))
    positions[:, 0] = 1.5 * np.arange(count)
    cell = np.diag([1000.0, 10.0, 10.0])
    scene = scene_of(Structure(("C",) * count, positions + 900.0, cell, np.full(count, 12.0)))
    whole = placed(scene, scene.frame, "whole")
    assert np.allclose(np.diff(whole.positions[:, 0]), 1.5)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_view_along_a_vector_has_the_next_one_to_the_right(axis):
    camera = Camera(perspective=False).along(SKEWED, axis)
    seen = SKEWED @ camera.rotation.T
    assert np.allclose(seen[axis, :2], 0.0) and seen[axis, 2] > 0
    assert seen[(axis + 1) % 3, 0] > 0 and seen[(axis + 2) % 3, 1] > 0
    assert np.isclose(seen[(axis + 2) % 3, 0], 0.0)
    assert np.isclose(np.linalg.det(camera.rotation), 1.0)


def test_turning_keeps_lengths_and_moves_the_front_with_the_mouse():
    camera = Camera()
    for _ in range(500):
        camera = camera.turned(0.07, 0.03, 0.01)
    assert np.allclose(camera.rotation @ camera.rotation.T, np.eye(3), atol=1e-12)
    front = np.array([[0.0, 0.0, 1.0]])
    middle = Camera().project(front, 200, 200).xy[0]
    right = Camera().turned(0.1, 0.0).project(front, 200, 200).xy[0]
    down = Camera().turned(0.0, 0.1).project(front, 200, 200).xy[0]
    assert right[0] > middle[0] and down[1] > middle[1]


@pytest.mark.parametrize("perspective", [True, False])
def test_a_fitted_view_holds_everything_and_fills_the_picture(perspective):
    frame = scene_of(structure(peroxide())).frame
    centre, radius = bounding_ball(frame, np.full(8, 0.4))
    camera = Camera(oblique(SKEWED), centre, radius, perspective=perspective)
    camera = camera.fitted(frame.corners, 0.1, 300, 500)
    seen = camera.project(frame.corners, 300, 500)
    assert np.all((seen.xy > 0) & (seen.xy < (300, 500)))
    assert np.ptp(seen.xy, axis=0)[0] > 0.85 * 300


def test_zooming_keeps_what_is_under_the_mouse():
    camera = Camera(oblique(SKEWED), pan=(0.3, -0.2), perspective=False, radius=5.0)
    point = np.array([[1.0, 2.0, -1.0]])
    x, y = camera.project(point, 400, 300).xy[0]
    closer = camera.zoomed(1.7, 400, 300, x, y)
    assert np.allclose(closer.project(point, 400, 300).xy[0], (x, y))
    assert closer.zoom == pytest.approx(1.7)


def test_of_atoms_behind_each_other_the_one_in_front_is_picked():
    xy = np.array([[50.0, 50.0], [52.0, 50.0], [90.0, 50.0]])
    seen = Projected(xy, np.array([-1.0, 3.0, 0.0]), np.full(3, 10.0))
    radii = np.ones(3)
    assert pick(seen, radii, 51, 50) == 1
    assert pick(seen, radii, 41, 50) == 0
    assert pick(seen, radii, 103, 50) is None
    assert pick(seen, radii, 103, 50, reach=5.0) == 2


def test_measures_go_to_the_nearest_image_as_ase_has_them():
    atoms = peroxide(shift=(8.7, -0.2, 0.1))
    frame = Frame(atoms.get_positions(), SKEWED)
    o1, o2, h1, h2 = 0, 1, 2, 3
    found = measure(frame, [h1, o1, o2, h2])
    assert found.name == "Dihedral" and -180 <= found.value <= 180
    expected = atoms.get_dihedral(h1, o1, o2, h2, mic=True)
    assert (found.value - expected + 180) % 360 - 180 == pytest.approx(0.0, abs=1e-8)
    angle = measure(frame, [h1, o1, o2])
    assert angle.value == pytest.approx(atoms.get_angle(h1, o1, o2, mic=True))
    assert measure(frame, [3]) is None


def test_a_distance_in_a_very_skewed_cell_is_the_shortest_of_all():
    generator = np.random.default_rng(5)
    cell = np.array([[6.0, 0.0, 0.0], [5.9, 3.0, 0.0], [5.5, 2.9, 4.0]])
    positions = generator.uniform(-10, 10, (6, 3))
    shifts = np.array(list(itertools.product(range(-6, 7), repeat=3))) @ cell
    for i, j in itertools.combinations(range(6), 2):
        every = np.linalg.norm(positions[j] - positions[i] + shifts, axis=1)
        assert measure(Frame(positions, cell), [i, j]).value == pytest.approx(every.min())


def test_collinear_atoms_have_no_dihedral_and_it_is_said():
    scene = scene_of(
        Structure(("Ar",) * 4, np.outer(np.arange(4), [2.0, 0, 0]), 20 * np.eye(3), np.ones(4))
    )
    assert "on a line" in measure_words(scene, scene.frame, [0, 1, 2, 3])


def test_pieces_come_from_far_to_near_and_a_bond_at_the_eye_covers_its_atom():
    positions = np.array([[5.0, 5.0, 5.0], [5.0, 5.0, 6.2]])  # the second is nearer
    bonded = Structure(("C", "O"), positions, 10 * np.eye(3), np.ones(2))
    scene = scene_of(bonded)
    model = Model(scene, scene.frame, Style(edges=False), 6)
    camera = Camera(np.eye(3), np.full(3, 5.0), 8.0)
    pieces = model.pieces(camera, 200, 200)
    carbon, oxygen = scene.elements.index("C"), scene.elements.index("O")
    order = [(int(c), bool(s == STICK)) for c, s in zip(pieces.colour, pieces.size, strict=True)]
    assert order == [(carbon, False), (carbon, True), (oxygen, True), (oxygen, False)]
    assert len(model.pieces(camera, 200, 200, bonds=False)) == 2


def test_what_lies_outside_the_picture_is_not_painted():
    scene = scene_of(structure(peroxide()))
    model = Model(scene, scene.frame, Style(), 6)
    camera = Camera(np.eye(3), scene.frame.positions[0], 10.0, zoom=60.0)
    everything = model.pieces(Camera(np.eye(3), scene.frame.positions[0], 10.0), 300, 300)
    assert np.sum(everything.size == EDGE) > 100
    assert 0 < len(model.pieces(camera, 300, 300)) < 20


@pytest.mark.parametrize("colours", [LIGHT, DARK])
def test_every_element_can_be_seen_on_the_panel(colours):
    background = np.array([int(colours.panel[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    for colour in jmol_colors[1:104]:
        assert contrast(readable(colour, background), background) >= LEAST_CONTRAST
    bright = np.array([1.0, 0.2, 0.1])
    assert np.array_equal(readable(bright, background), bright)
    assert np.array_equal(fogged(bright, background, 0.0), bright)


def test_lattice_positions_of_replicas_become_angstrom():
    lattice = np.array([[[2**30, -(2**30), 0]], [[0, 0, -(2**31)]]], np.int32)
    replicas = Replicas(lattice, np.array([SKEWED, 2.0 * SKEWED]))
    assert np.allclose(replicas.frame(0).positions, 0.25 * (SKEWED[0] - SKEWED[1]))
    assert np.allclose(replicas.frame(1).positions, -SKEWED[2])
    assert len(replicas) == 2
