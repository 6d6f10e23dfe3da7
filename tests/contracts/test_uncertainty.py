"""Standard errors of parameters: where the answer is known, and on argon."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from gaussian import Model

from dmdstudio.engine.uncertainty import uncertainty


@pytest.mark.parametrize("uneven", [False, True])
def test_intervals_cover_the_truth_as_often_as_they_say(uneven):
    """With noise of experiment and simulation alike, few replicas, whatever the points weigh."""
    model = Model(noise=0.15)
    weight = np.linspace(0.3, 3.0, len(model.jacobian)) if uneven else None
    covered, shifts, claimed = [], [], []
    start = model.truth * 1.01
    for _ in range(600):
        target = dataclasses.replace(model.measure(), point_weight=weight)
        found = uncertainty(*_unpacked(model, target, start))
        estimate = start + found.remaining
        # at the estimate nothing remains
        arrived = _arrived(found)
        covered.append(np.abs(estimate - model.truth) < arrived.half_width)
        shifts.append(estimate - model.truth)
        claimed.append(np.diag(found.covariance))
    share = np.mean(covered, axis=0)
    assert np.all(share > 0.92) and np.all(share < 0.98)
    scatter = np.mean(np.square(shifts), axis=0)
    assert np.mean(claimed, axis=0) == pytest.approx(scatter, rel=0.2)


def _unpacked(model, target, parameters, **prior):
    made, found = model.simulate(target, parameters, **prior)
    return made, parameters, found


def _arrived(found):
    return type(found)(**{**vars(found), "remaining": np.zeros(2)})


def test_where_the_weights_are_the_errors_it_is_the_inverse_information():
    model = Model(noise=1e-9)
    target = model.measure()
    found = uncertainty(*_unpacked(model, target, model.truth))
    information = (model.jacobian.T / model.error**2) @ model.jacobian
    assert found.covariance == pytest.approx(np.linalg.inv(information), rel=1e-6)
    deviation = np.sqrt(np.diag(found.covariance))
    assert found.correlation == pytest.approx(found.covariance / np.outer(deviation, deviation))
    assert found.error == pytest.approx(np.hypot(deviation, found.remaining))
    assert np.all(found.half_width == pytest.approx(1.959964 * found.error))


def test_what_remains_is_the_way_to_the_optimum():
    model = Model(noise=1e-9, error=1e-9)
    start = model.truth * np.array([1.1, 0.8])
    found = uncertainty(*_unpacked(model, model.measure(), start))
    assert found.remaining == pytest.approx(model.truth - start, rel=1e-6)


def test_a_direction_without_data_is_named():
    model = Model(points=1, noise=1e-6, error=1e-3)
    found = uncertainty(*_unpacked(model, model.measure(), model.truth))
    (direction,) = found.undetermined
    assert abs(model.jacobian[0] * model.truth @ direction) < 1e-4
    assert not found.held[0]
    assert np.all(np.isinf(found.error)) and np.all(np.isinf(found.half_width))
    known = model.jacobian[0]  # what is determined is so to the experiment's error
    assert known @ found.covariance @ known == pytest.approx(model.error[0] ** 2, rel=1e-3)


def test_a_direction_lost_in_noise_is_not_taken_for_data():
    model = Model(noise=0.3, replicas=8)
    model.jacobian[:, 1] = 0.0
    found = uncertainty(*_unpacked(model, model.measure(), model.truth))
    assert len(found.undetermined) == 1
    assert abs(found.undetermined[0, 1]) > 0.9
    assert np.isinf(found.error[1])


def test_a_prior_holds_what_is_lost_in_noise():
    model = Model(noise=0.3, replicas=8)
    model.jacobian[:, 1] = 0.0
    deviation = np.array([np.inf, 0.2])
    found = uncertainty(*_unpacked(model, model.measure(), model.truth, deviation=deviation))
    assert found.held.tolist() == [True]
    assert np.sqrt(found.covariance[1, 1]) == pytest.approx(0.2, rel=0.05)
    assert np.isfinite(found.error[0])


def test_a_prior_holds_what_the_data_do_not():
    """One point, two parameters: with the weight of a likelihood it is the Bayesian posterior."""
    model = Model(points=1, noise=1e-9, error=0.05)
    deviation = np.array([0.1, 0.3])
    found = uncertainty(*_unpacked(model, model.measure(), model.truth, deviation=deviation))
    row = model.jacobian[0]
    posterior = np.linalg.inv(np.outer(row, row) / model.error[0] ** 2 + np.diag(deviation**-2.0))
    assert found.covariance == pytest.approx(posterior, rel=1e-5)
    assert found.held.tolist() == [True]
    assert np.all(np.isfinite(found.error))


def test_a_prior_pulls_towards_its_mean():
    model = Model(points=1, noise=1e-9, error=1e3)  # the data say nothing
    start = model.truth * np.array([1.1, 0.8])
    found = uncertainty(*_unpacked(model, model.measure(), start, deviation=np.array([0.1, 0.1])))
    assert found.remaining == pytest.approx(model.truth - start, rel=1e-2)
