"""Tests of the engine: JAX is set up as in use, before its first array."""

from dmdstudio.service import machine

machine.prepare()
