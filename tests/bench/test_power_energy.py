"""The sum of energies against one by hand, a planted error, and the macros against their Liberty files."""

import os
import re
from pathlib import Path

import numpy as np
import pytest

from bench.power import energy, macros
from bench.power.energy import KINDS, Energies, Run
from bench.power.liberty import read
from bench.power.netlist import FlipFlop, Gate, Memory, Netlist, ReadPort
from bench.power.simulator import LANES
from tests.support.tiny_liberty import TEXT

WIRE, HERTZ = 1e-15, 1e8
TREE, NEURON, PARAM = 3, 4, 5
"""Nets: an inverter in front of a register of a tree, its output, and what a memory shows."""


@pytest.fixture
def library(tmp_path):
    (tmp_path / "tiny.lib").write_text(TEXT)
    return read(tmp_path / "tiny.lib")


def small():
    """shown -> inverter -> flip-flop of the trees, which an inverter of the neurons reads."""
    memory = Memory("core_param_store0_words", 512, 64, [ReadPort((), (PARAM,) * 64, 7)], [])
    gates = [Gate("INV", (PARAM,), TREE), Gate("INV", (NEURON,), 6)]
    flops = [FlipFlop("DFF", TREE, NEURON, False), FlipFlop("DFF", 6, 8, False)]
    names = {NEURON: "core_popcount0_total", 8: "core_neuron0_v"}
    return Netlist({}, gates, flops, [memory], names, 9, 2)


def counted():
    """Ten cycles of one layer, all of them sampled; each of the 64 inputs does the same."""
    toggles = np.zeros((1, 9), np.uint64)
    toggles[0, [TREE, NEURON, PARAM, 6, 8]] = np.array([4, 3, 4, 2, 1]) * LANES
    states = [np.array([[a, b]], np.uint64) * LANES for a, b in ((6, 1), (5, 2), (4, 0))]
    accesses = [(np.array([5 * LANES], np.uint64), np.array([0], np.uint64))]
    ten = np.array([10], np.uint64)
    return Run(toggles, ten, ten, *states, accesses, np.zeros((1, 0), np.uint64))


def by_hand():
    """{(block, kind): joules}: V = 2, so that charging a farad takes 2 J a toggle."""
    f, p = 1e-15, 1e-12
    clock = {(1, 1): 0.1 + 0.2, (0, 0): 0.3 + 0.4, (0, 1): 0.5, (1, 0): 0.6}  # (q, d)
    # of flip-flop 0: q and d 4, q alone 2, d alone 1, neither 3; of flip-flop 1: 0, 1, 2, 7
    first = 4 * clock[1, 1] + 2 * clock[1, 0] + 1 * clock[0, 1] + 3 * clock[0, 0]
    second = 1 * clock[1, 0] + 2 * clock[0, 1] + 7 * clock[0, 0]
    per_cycle = (4 + 1) * f * 4
    return {
        ("trees", "switching"): 4 * 6 * f * 2 + 3 * 10 * f * 2,
        ("trees", "wires"): 4 * 1 * f * 2 + 3 * 1 * f * 2,
        ("trees", "internal"): 4 * (0.2 + 0.05) * p + 3 * 1.5 * p,
        ("trees", "clock"): first * p + 10 * per_cycle,
        ("trees", "leakage"): (1 + 5) * 1e-9 * 10 / HERTZ,
        ("neuron", "switching"): 2 * 6 * f * 2,
        ("neuron", "wires"): 2 * 1 * f * 2,
        ("neuron", "internal"): 2 * (0.2 + 0.05) * p + 1 * 1.5 * p,
        ("neuron", "clock"): second * p + 10 * per_cycle,
        ("neuron", "leakage"): (1 + 5) * 1e-9 * 10 / HERTZ,
        # what the memory shows charges the inverter behind it
        ("parameter memory", "switching"): 4 * 10 * f * 2,
        ("parameter memory", "wires"): 4 * 1 * f * 2,
        ("parameter memory", "memory"): 5 * 69 * p * (2.0 / 1.2) ** 2,
    }


def difference(library):
    """The largest relative difference from the sum by hand, over all entries."""
    found = Energies(library, small(), counted(), WIRE, HERTZ)
    wanted = np.zeros_like(found.table)
    for (block, kind), joules in by_hand().items():
        wanted[0, found.blocks.index(block), KINDS.index(kind)] = joules
    return np.abs(found.table - wanted).max() / wanted[wanted > 0].min()


def test_the_sum_is_that_by_hand(library):
    assert difference(library) < 1e-9


@pytest.mark.parametrize(
    "name", ["output_energy", "input_energy", "data_energy", "clock_energy", "tree_buffers"]
)
def test_a_planted_error_shows(library, monkeypatch, name):
    """Three per cent too much in one of the parts, or a buffer that there is not."""
    part = getattr(energy, name)
    if name == "tree_buffers":
        # the tiny library's inverters are no buffers
        monkeypatch.setattr(energy, "clock_buffer", lambda library: library.cells["INV"])
        monkeypatch.setattr(energy, name, lambda loads: 1)
    elif name == "input_energy":
        monkeypatch.setattr(energy, name, lambda pin: part(pin) + 1e-15)
    else:
        monkeypatch.setattr(energy, name, lambda *arguments: 1.03 * part(*arguments))
    assert difference(library) > 1e-3


def test_sampled_cycles_stand_for_all(library):
    run = counted()
    run = run._replace(
        cycles=run.cycles * 4, accesses=[(4 * reads, w) for reads, w in run.accesses]
    )
    four = Energies(library, small(), run, WIRE, HERTZ).table
    one = Energies(library, small(), counted(), WIRE, HERTZ).table
    np.testing.assert_allclose(four, 4 * one)


def test_macros_are_those_of_their_liberty_files():
    """An access is a rise of A_CLK with A_MEN set."""
    folder = Path(os.environ.get("VOLLEY_DATA", "../shared/data")) / "liberty"
    for words, energies in macros.MACROS.items():
        path = folder / f"ihp_sram_{words}x64.lib"
        if not path.exists():
            pytest.skip(f"no {path.name}: VOLLEY_DATA names no folder with it")
        text = path.read_text()
        found = {}
        for kind, condition in (
            ("write", "A_MEN  & A_WEN  & !A_REN"),
            ("read", "A_MEN  & !A_WEN & A_REN"),
        ):
            at = re.search(
                re.escape(f'"{condition}"').replace(r"\ \ ", r"\s+").replace(r"\ ", r"\s+"), text
            )
            found[kind] = float(re.search(r"values \(([\d.]+)\)", text[at.end() :])[1])
        assert (round(found["read"]), round(found["write"])) == pytest.approx(energies, abs=1)


def test_energy_of_depths_between_and_beyond_the_macros(library):
    sizes = [16, 64, 256, 300, 512, 2048, 8192]
    found = [macros.macro_energy(words, False) for words in sizes]
    assert found == sorted(found) and found[3] == found[4]
    assert macros.macro_energy(256, True) == pytest.approx(64e-12)
    small = macros.access_energy(1312, 16, False, library, small=True)
    assert small == pytest.approx(macros.access_energy(256, 16, False, library))
