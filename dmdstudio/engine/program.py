"""The compiled functions of a problem; compiled once, used at every iteration."""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from dmdstudio.engine import both_ways
from dmdstudio.engine.adjoint import Adjoint, Backward, Truncation
from dmdstudio.engine.core import Phase, Start, State, Tree
from dmdstudio.engine.dynamics import Trajectory
from dmdstudio.engine.gradient import Work
from dmdstudio.engine.problem import Problem
from dmdstudio.engine.sampling import Chain, Sampler, maxwell
from dmdstudio.engine.tangents import Tangents


class Program:
    """The compiled functions of a problem; compiled once, used at every iteration."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.replicas = problem.replicas

    def compiling(self, name: str) -> Generator[Work, None, None]:
        """Say so where a function is about to be compiled, that is, at its first use."""
        if name not in vars(self):
            yield Work("compiling", 0.0)

    def own(self, name: str, function: Callable[..., Tree]) -> Callable[..., Any]:
        """Return what a gradient method computes of one replica, compiled at its first use.

        Args:
            name: of the method.
            function: as for `Replicas.compile`; it may depend on the problem alone.
        """
        if name not in vars(self):
            vars(self)[name] = self.replicas.compile(function)
        return vars(self)[name]

    @cached_property
    def potential(self) -> Callable[..., Any]:
        """(parameters, lattice, cell) -> U."""

        def one(parameters: Array, lattice: Array, cell: Array) -> Array:
            return self.problem.field.energy(self.problem.theta(parameters), lattice, cell)

        return self.replicas.compile(one)

    @cached_property
    def sample(self) -> Callable[..., Any]:
        """((parameters, steps, adapt), chain, key) -> chain."""
        sampler = Sampler(self.problem.field, self.problem.sampling)

        def one(shared: tuple[Array, Array, Array], chain: Chain, key: Array) -> Chain:
            parameters, steps, adapt = shared
            theta = self.problem.theta(parameters)
            return sampler.advance(theta, chain, jax.random.wrap_key_data(key), steps, adapt)

        return self.replicas.compile(one, donated=(1,))

    @cached_property
    def velocities(self) -> Callable[..., Any]:
        """(_, key) -> velocities."""
        temperature = self.problem.sampling.temperature

        def one(_: Tree, key: Array) -> Array:
            return maxwell(self.problem.system, jax.random.wrap_key_data(key), temperature)

        return self.replicas.compile(one)

    @cached_property
    def loss(self) -> Callable[..., Any]:
        """Means -> loss and its derivative by them."""
        return self.replicas.compile_one(jax.value_and_grad(self.problem.loss))

    @cached_property
    def forward(self) -> Callable[..., Any]:
        """(parameters, start) -> trajectory, with all that the way back needs."""
        method = self.problem.method
        return self._forward(method.keeps_features, method.anchor_every > 0)

    @cached_property
    def measure(self) -> Callable[..., Any]:
        """(parameters, start) -> trajectory, only for its summaries and samples."""
        return self._forward(keep=False, every_mark=False)

    def _forward(self, keep: bool, every_mark: bool) -> Callable[..., Any]:
        leapfrog, problem = self.problem.leapfrog(), self.problem

        def one(parameters: Array, start: Start) -> Trajectory:
            def sample(phase: Phase) -> Any:
                return problem.sample(parameters, phase, start.cell)

            def run(start: Start) -> Trajectory:
                return leapfrog.forward(theta, start, sample, keep, every_mark)

            theta = problem.theta(parameters)
            return both_ways.forward(run, start) if problem.both_ways else run(start)

        return self.replicas.compile(one)

    @cached_property
    def backward(self) -> Callable[..., Any]:
        """((parameters, cotangents, truncation), trajectory, cell, half) -> gradient, residual."""
        leapfrog, problem = self.problem.leapfrog(), self.problem

        def one(shared: Any, trajectory: Trajectory, cell: Array, half: Array) -> Any:
            parameters, cotangents, truncation = shared
            cotangent = jax.tree.map(lambda c: c[half], cotangents)
            theta, to_parameters, fixed = jax.vjp(problem.parted, parameters, has_aux=True)

            def pull(trajectory: Trajectory) -> Adjoint:
                return Backward(leapfrog, fixed)(theta, cell, trajectory, cotangent, truncation)

            if not problem.both_ways:
                adjoint = pull(trajectory)
                return to_parameters(adjoint.theta)[0], adjoint.residual
            slopes, residual = both_ways.backward(pull, trajectory)
            mean = jax.tree.map(lambda a: a.mean(axis=0), slopes)
            return to_parameters(mean)[0], jnp.max(residual)

        return self.replicas.compile(one)

    @cached_property
    def tangents(self) -> Callable[..., Any]:
        """((parameters, truncation), start) -> derivatives of summaries by free parameters."""
        problem = self.problem
        tangents = Tangents(problem.leapfrog())

        def one(shared: tuple[Array, Truncation], start: Start) -> Any:
            values, truncation = shared
            directions = jnp.diag(problem.scale)[np.flatnonzero(problem.free)]
            along = jax.vmap(lambda d: jax.jvp(problem.theta, (values,), (d,))[1])
            theta, slopes = problem.theta(values), along(directions)

            def run(start: Start) -> Tree:
                return tangents(theta, slopes, start, truncation)

            if problem.both_ways:
                both = both_ways.each_way(run, start)
                found = jax.tree.map(lambda a: a.mean(axis=0), both)
            else:
                found = run(start)
            size = problem.scale[problem.free]
            return jax.tree.map(lambda a: (a.T / size).T, found)

        return self.replicas.compile(one)

    @cached_property
    def growth(self) -> Callable[..., Any]:
        """(parameters, last state, cell, w) -> growth of the adjoint against lag."""
        leapfrog, both = self.problem.leapfrog(), self.problem.both_ways

        def one(parameters: Array, last: State, cell: Array, w: Array) -> Array:
            last = jax.tree.map(lambda a: a[0], last) if both else last
            return Backward(leapfrog, self.problem.theta(parameters)).growth(cell, last, w)

        return self.replicas.compile(one)
