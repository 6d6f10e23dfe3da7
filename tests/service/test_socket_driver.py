"""The driver of i-PI's protocol: the same forces through a socket, and sentences where it fails."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import numpy as np
import pytest
from ase.calculators.socketio import SocketIOCalculator

from dmdstudio.base.errors import EngineError
from dmdstudio.cli import main
from dmdstudio.service.socket_driver import Address, serve, served_atoms


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("localhost", 0))
        return one.getsockname()[1]


@pytest.fixture
def argon(tiny_recipe):
    """Atoms of the tiny recipe with its potential."""
    return served_atoms(Path(tiny_recipe.folder) / "recipe.toml")


@pytest.mark.parametrize("unix", [False, True])
def test_a_server_gets_the_same_energies_forces_and_stresses(argon, unix, tmp_path):
    where = {"unixsocket": f"test-{free_port()}"} if unix else {"port": free_port()}
    address = Address(port=where.get("port", 0), unix=where.get("unixsocket", ""))
    answered = []
    with SocketIOCalculator(timeout=60, **where) as server:
        driver = threading.Thread(target=lambda: answered.append(serve(argon, address, 60.0)))
        driver.start()
        atoms = argon.copy()
        atoms.calc = server
        wanted = served_atoms_again(argon)
        for seed in range(3):
            for one in (atoms, wanted):
                one.rattle(0.1, seed=seed)
                one.set_cell(one.cell[:] @ (np.eye(3) + 0.01 * np.eye(3, k=1)), scale_atoms=True)
            assert atoms.get_potential_energy() == pytest.approx(
                wanted.get_potential_energy(), rel=1e-12
            )
            forces = wanted.get_forces()
            assert np.abs(atoms.get_forces() - forces).max() < 1e-11 * np.abs(forces).max()
            stress = wanted.get_stress()
            assert np.abs(atoms.get_stress() - stress).max() < 1e-11 * np.abs(stress).max()
        server.server.protocol.end()
        driver.join(60)
    assert answered == [3]


def served_atoms_again(atoms):
    again = atoms.copy()
    again.calc = type(atoms.calc)(atoms.calc.terms)
    return again


def test_what_goes_wrong_is_said(argon, tiny_recipe, tmp_path, capsys):
    recipe = str(Path(tiny_recipe.folder) / "recipe.toml")
    port = str(free_port())
    assert main(["serve", recipe, "--port", port]) == 4
    assert f"Nobody can be reached at localhost:{port}" in capsys.readouterr().err
    assert main(["serve", recipe, "--unix", "nobody-there"]) == 4
    assert "/tmp/ipi_nobody-there" in capsys.readouterr().err
    assert main(["serve", str(tmp_path / "a.in")]) == 2
    assert "--structure FILE" in capsys.readouterr().err
    assert main(["serve", recipe, "--structure", str(tmp_path / "missing.extxyz")]) == 2
    assert "no structure file at" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["serve", recipe, "--port", "99999"])


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"", "has not answered for 0.5 s"),
        (b"NONSENSE    ", "sends something else"),
        (b"POSDATA     " + bytes(144) + (2).to_bytes(4, "little") + bytes(48), "same atoms"),
        (b"POSDATA     " + bytes(8), "in mid-sentence"),
    ],
)
def test_a_bad_server_ends_in_a_sentence(argon, said, words):
    with socket.create_server(("localhost", 0)) as server:
        address = Address(port=server.getsockname()[1])
        taken = []

        def answer() -> None:
            connection, _ = server.accept()
            taken.append(connection)
            connection.sendall(said)
            if "mid" in words:
                connection.close()

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(EngineError, match=words):
            serve(argon, address, 0.5)
        thread.join(10)
        taken[0].close()
