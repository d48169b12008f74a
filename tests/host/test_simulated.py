"""Ports that name a simulated board: what they mean, and what is wrong with others."""

import dataclasses

import pytest

from volley.firmware import boards
from volley.firmware.design import Design
from volley.fpga import sim_board
from volley.host import Device, TransportError, simulated


@pytest.mark.parametrize(
    "port, board, settings",
    [
        ("sim", "sim", {}),
        ("sim:", "sim", {}),
        ("sim:arty", "arty", {}),
        ("sim:ci=8,co=4", "sim", {"ci": 8, "co": 4}),
        ("sim:arty:ci=0x10", "arty", {"ci": 16}),
        ("sim:my/board.toml", "my/board.toml", {}),
        ("sim:my/a=b.toml", "my/a=b.toml", {}),
        ("sim:c:a.toml:co=1", "c:a.toml", {"co": 1}),
    ],
)
def test_forms_of_a_port(port, board, settings):
    assert simulated.is_simulated(port)
    assert simulated.split(port) == (board, settings)


def test_other_ports_are_not_simulated():
    assert not any(map(simulated.is_simulated, ("golden", "/dev/ttyUSB0", "simple")))


@pytest.mark.parametrize(
    "port, texts",
    [
        ("sim:cj=8", ["no parameter 'cj'", "ci, co, spike_words", "sim:ci=8,co=4"]),
        ("sim:ci=x", ["ci is 'x', a whole number is wanted"]),
        ("sim:ci=8,co=3", ["co is 3, allowed is a power of two from 1 to 8"]),
        ("sim:nowhere", ["no board 'nowhere'", "arty", "path of a board file"]),
        ("sim:nowhere:ci=8", ["no board 'nowhere'"]),
        ("sim:no/such.toml", ["no board file no/such.toml"]),
    ],
)
def test_a_wrong_port_names_what_is_allowed(port, texts):
    with pytest.raises(TransportError) as caught:
        Device.open(port)
    for text in [port, *texts]:
        assert text in str(caught.value)


def test_settings_and_the_port_reach_the_board(monkeypatch):
    asked = []
    monkeypatch.setattr(sim_board, "start", lambda *given: asked.append(given))
    simulated.start("sim:arty:ci=8,co=2", {"co": 1}, print)
    assert asked == [("arty", {"ci": 8, "co": 1}, print)]


def test_a_board_file_of_the_users_own(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text((boards.FOLDER / "sim.toml").read_text())
    mine, sim = boards.load(str(path), {"ci": 8, "co": 1}), boards.load("sim", {"ci": 8, "co": 1})
    assert mine == dataclasses.replace(sim, name="mine") and mine.design.ci == 8
    path.write_text("title = ")
    with pytest.raises(boards.BoardError, match="mine.toml: not TOML"):
        boards.load(str(path))
    path.write_bytes(b"title = '\xff'")
    with pytest.raises(boards.BoardError, match="mine.toml: not TOML"):
        boards.load(str(path))


def test_golden_is_no_board_and_the_message_says_what_to_call():
    with pytest.raises(TransportError) as caught:
        Device.open("golden")
    assert "volley.model.golden.run" in str(caught.value)
    assert "no such port" not in str(caught.value)


@pytest.mark.slow
def test_a_design_without_a_board_file_answers():
    with Device.open("sim:ci=8,co=4") as device:
        assert device.identity.design == dataclasses.replace(boards.load("sim").design, ci=8, co=4)
        assert isinstance(device.identity.design, Design)
