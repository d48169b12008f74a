"""Gates, flip-flops and memories against Icarus, which counts every toggle with a delay of one a gate."""

import json
import random
import re
import subprocess

import numpy as np
import pytest

from bench.power import netlist
from bench.power.liberty import read
from bench.power.netlist import FlipFlop, Gate, Memory, Netlist, NetlistError, ReadPort, WritePort
from bench.power.simulator import LANES, Simulator
from tests.support.tiny_liberty import TEXT, TWO_OUTPUTS

INPUTS, GATES, FLOPS, CYCLES = 6, 60, 8, 40
VERILOG = {"INV": "~{0}", "AND2": "{0} & {1}", "XOR2": "{0} ^ {1}"}


@pytest.fixture
def library(tmp_path):
    (tmp_path / "tiny.lib").write_text(TEXT)
    return read(tmp_path / "tiny.lib")


def random_netlist(seed):
    """Nets 2 up: clock, inputs, flip-flops, gates in an order in which inputs come first."""
    rng = random.Random(seed)
    clock, first = 2, 3
    ports = {"clk": [clock], "inputs": list(range(first, first + INPUTS))}
    flops = list(range(first + INPUTS, first + INPUTS + FLOPS))
    known, gates = ports["inputs"] + flops, []
    for output in range(flops[-1] + 1, flops[-1] + 1 + GATES):
        cell = rng.choice(list(VERILOG))
        inputs = tuple(rng.choice(known[-20:]) for _ in range(1 if cell == "INV" else 2))
        gates.append(Gate(cell, inputs, output))
        known.append(output)
    chosen = rng.sample(known[-30:], FLOPS)
    flip_flops = [FlipFlop("DFF", d, q, False) for d, q in zip(chosen, flops)]
    names = {q: f"core_neuron{k}_v" for k, q in enumerate(flops)}
    return Netlist(ports, gates, flip_flops, [], names, known[-1] + 1, clock)


def icarus(net, words, folder):
    """Toggles of each net over the cycles of words, by Icarus."""
    lines = ["`timescale 1ns/1ns", "module bench; reg clk = 0;"]
    lines += [f"reg n{n} = 0;" for n in net.ports["inputs"]]
    lines += [f"reg n{part.output} = 0;" for part in net.flip_flops]
    for gate in net.gates:
        inputs = [f"n{n}" for n in gate.inputs]
        lines.append(f"wire #1 n{gate.output} = {VERILOG[gate.cell].format(*inputs)};")
    lines += [f"always @(posedge clk) n{p.output} <= n{p.data};" for p in net.flip_flops]
    lines += ["initial begin", "#200;"]
    for number, word in enumerate(words):
        for k, n in enumerate(net.ports["inputs"]):
            lines.append(f"n{n} = {word >> k & 1};")
        lines.append("#200;")  # the inputs settle; only edges are counted
        lines.append(f'if ({number} == 0) begin $dumpfile("toggles.vcd"); $dumpvars(0, bench); end')
        lines.append("$dumpon; #10; clk = 1; #200; $dumpoff; #10; clk = 0;")
    lines += ["$finish; end endmodule"]
    (folder / "bench.v").write_text("\n".join(lines))
    subprocess.run(["iverilog", "-o", "bench.vvp", "bench.v"], cwd=folder, check=True)
    subprocess.run(["vvp", "-n", "bench.vvp"], cwd=folder, check=True, capture_output=True)
    return vcd_toggles((folder / "toggles.vcd").read_text(), net.nets)


def vcd_toggles(text, nets):
    """Toggles in the stretches in which the dump is on."""
    found, names, values = np.zeros(nets, int), {}, {}
    snapshot = False
    for line in text.splitlines():
        if match := re.match(r"\$var \w+ 1 (\S+) n(\d+) ", line):
            names[match[1]] = int(match[2])
        elif line in ("$dumpvars", "$dumpon", "$dumpoff"):
            snapshot = True
        elif line == "$end":
            snapshot = False
        elif line and line[0] in "01" and line[1:] in names:
            net, value = names[line[1:]], line[0]
            if not snapshot and values.get(net, value) != value:
                found[net] += 1
            values[net] = value
    return found


@pytest.mark.icarus
@pytest.mark.parametrize("seed", range(4))
def test_toggles_are_those_of_icarus(library, tmp_path, seed):
    net, rng = random_netlist(seed), random.Random(seed + 100)
    words = [rng.getrandbits(INPUTS) for _ in range(CYCLES)]
    simulator = Simulator(library, net, tmp_path, 1)
    for word in words:
        simulator.set("inputs", word)
        simulator.settle()
        simulator.cycle(counted=True)
    found = simulator.toggles()[0]
    assert (found % LANES == 0).all()
    wanted = icarus(net, words, tmp_path)
    chosen = [gate.output for gate in net.gates] + [part.output for part in net.flip_flops]
    assert wanted[chosen].sum() > 20
    np.testing.assert_array_equal(found[chosen] // LANES, wanted[chosen])


def test_every_input_has_a_simulation_of_its_own(library, tmp_path):
    net, rng = random_netlist(7), random.Random(5)
    together = Simulator(library, net, tmp_path, 1)
    words = [[rng.getrandbits(INPUTS) for _ in range(LANES)] for _ in range(10)]
    net.ports["state"] = [part.output for part in net.flip_flops]
    for lanes in words:
        together.set("inputs", lanes)
        together.settle()
        together.cycle()
    states = together.get("state")
    for lane in (0, 17, LANES - 1):
        alone = Simulator(library, net, tmp_path, 1)
        for lanes in words:
            alone.set("inputs", lanes[lane])
            alone.settle()
            alone.cycle()
        assert (alone.get("state") == states[lane]).all()


def test_a_memory_reads_before_it_writes_and_counts(library, tmp_path):
    """Address 2 bits, data 3 bits, with an enable a bit."""
    names = ["clk", "address", "data", "enable", "read"]
    sizes = [1, 2, 3, 3, 1]
    ports, at = {}, 2
    for name, size in zip(names, sizes):
        ports[name] = list(range(at, at + size))
        at += size
    ports["shown"] = list(range(at, at + 3))
    memory = Memory(
        "core_weight_store0_words", 4, 3,
        [ReadPort(tuple(ports["address"]), tuple(ports["shown"]), ports["read"][0])],
        [WritePort(*(tuple(ports[name]) for name in ("address", "data", "enable")))],
    )  # fmt: skip
    gate = Gate("INV", (ports["shown"][0],), at + 3)
    net = Netlist(ports, [gate], [FlipFlop("DFF", at + 3, at + 4, False)], [memory], {}, at + 5, 2)
    simulator = Simulator(library, net, tmp_path, 1)
    rng, words = random.Random(3), [0] * 4
    expected, reads, writes = 0, 0, 0
    for _ in range(60):
        address, data, enable, read = (rng.randrange(1 << n) for n in (2, 3, 3, 1))
        for name, value in zip(names[1:], (address, data, enable, read)):
            simulator.set(name, value)
        simulator.settle()
        simulator.cycle(counted=True)
        if read:
            expected = words[address]
        words[address] = words[address] & ~enable | data & enable
        reads, writes = reads + read, writes + bool(enable)
        assert (simulator.get("shown") == expected).all()
    assert [int(n[0]) for n in simulator.accesses(0)] == [LANES * reads, LANES * writes]


def test_a_memory_without_a_clock_shows_its_word_at_once(library, tmp_path):
    """A word that is written shows behind the edge; a read is counted where the address moves."""
    ports = {"clk": [2], "address": [3, 4], "data": [5], "enable": [6], "shown": [7]}
    read, write = ReadPort((3, 4), (7,), None), WritePort((3, 4), (5,), (6,))
    memory = Memory("core_accumulate0_row", 4, 1, [read], [write])
    net = Netlist(
        ports, [Gate("INV", (7,), 8)], [FlipFlop("DFF", 8, 9, False)], [memory], {}, 10, 2
    )
    net.ports["q"] = [9]
    simulator = Simulator(library, net, tmp_path, 1)
    rng, words, before, moves, toggles, shown = random.Random(1), [0] * 4, 0, 0, 0, 0
    for _ in range(50):
        address, data, enable = rng.randrange(4), rng.randrange(2), rng.randrange(2)
        for name, value in (("address", address), ("data", data), ("enable", enable)):
            simulator.set(name, value)
        simulator.settle()
        assert (simulator.get("shown") == words[address]).all()
        shown = words[address]
        simulator.cycle(counted=True)
        assert (simulator.get("q") == 1 - shown).all()
        if enable:
            words[address] = data
        toggles += words[address] != shown
        moves, before = moves + (address != before), address
        assert (simulator.get("shown") == words[address]).all()
    assert simulator.toggles()[0][7] == LANES * toggles and toggles
    assert int(simulator.accesses(0)[0][0]) == LANES * moves


def test_loops_are_refused():
    net = Netlist({}, [Gate("INV", (3,), 2), Gate("INV", (2,), 3)], [], [], {}, 4, 2)
    with pytest.raises(NetlistError, match="2 gates form loops"):
        netlist.nodes(net)


def test_both_outputs_of_a_flip_flop(tmp_path):
    """As Yosys writes them; the second is no flip-flop of its own for the energies."""
    (tmp_path / "two.lib").write_text(TWO_OUTPUTS)
    library = read(tmp_path / "two.lib")
    cells = {
        "ff": {"type": "DFFQN", "connections": {"CLK": [2], "D": [3], "Q": [4], "QN": [5]}},
        "and": {"type": "AND2", "connections": {"A": [5], "B": [3], "Y": [6]}},
    }
    module = {
        "attributes": {"top": "1"}, "cells": cells,
        "ports": {name: {"bits": [bit]} for name, bit in
                  {"clk": 2, "d": 3, "q": 4, "qn": 5, "y": 6}.items()},
        "netnames": {"core_neuron0_v": {"hide_name": 0, "bits": [4]}},
    }  # fmt: skip
    (tmp_path / "netlist.json").write_text(json.dumps({"modules": {"top": module}}))
    net = netlist.read(tmp_path / "netlist.json", library)
    assert [(part.inverted, part.second) for part in net.flip_flops] == [
        (False, False),
        (True, True),
    ]
    blocks = netlist.blocks(net)
    assert [blocks[net.ports[name][0]] for name in ("q", "qn")] == ["neuron", "neuron"]
    simulator = Simulator(library, net, tmp_path, 1)
    for bit in (1, 0, 0, 1, 1):
        simulator.set("d", bit)
        simulator.settle()
        simulator.cycle(counted=True)
        assert (simulator.get("q") == bit).all() and (simulator.get("qn") == 1 - bit).all()
    assert [int(simulator.toggles()[0][net.ports[name][0]]) for name in ("q", "qn")] == [
        3 * LANES
    ] * 2
