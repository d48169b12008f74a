"""Clock gates against energies by hand, and registers that lose clocks without losing a value."""

import random

import numpy as np
import pytest

from bench.power import clock_gates, stillness
from bench.power.energy import KINDS, Energies, Run
from bench.power.liberty import read
from bench.power.netlist import FlipFlop, GatedClock, Netlist
from bench.power.simulator import LANES, Simulator
from tests.support.tiny_liberty import GATED, LATCHED, TEXT

BITS, STAGES, CYCLES = 8, 4, 120
CLOCK, ENABLE, INPUTS = 2, 3, 4


@pytest.fixture
def load(tmp_path):
    """load(TEXT): the library."""

    def load(text):
        (tmp_path / "tiny.lib").write_text(text)
        return read(tmp_path / "tiny.lib")

    return load


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where simulators are compiled, once for all tests."""
    return tmp_path_factory.mktemp("simulators")


def test_the_librarys_own_cell(load):
    gate = clock_gates.clock_gate(load(GATED))
    assert (gate.cell, gate.enable_pin, gate.clock_pin, gate.output_pin) == (
        "CLOCK_GATE",
        "EN",
        "CK",
        "GCK",
    )
    assert (gate.cycle, gate.passed, gate.toggle) == pytest.approx((0.04e-12, 0.6e-12, 0.07e-12))
    assert (gate.clock, gate.enable, gate.leakage) == pytest.approx((5e-15, 2e-15, 6e-9))


def test_one_that_is_made_of_a_latch(load):
    """V = 2: charging a farad takes 2 J a toggle. Inverter, latch's clock, one input of the AND."""
    gate = clock_gates.clock_gate(load(LATCHED))
    assert gate.cell == clock_gates.MADE and gate.leakage == pytest.approx((4 + 1 + 2) * 1e-9)
    assert gate.clock == pytest.approx((10 + 10) * 1e-15)
    assert gate.cycle == pytest.approx(2 * (0.2e-12 + 3e-15 * 2 + 0.02e-12))
    assert gate.passed == pytest.approx(2 * (0.15e-12 + 0.6e-12) / 2, rel=0.2)
    assert gate.toggle == pytest.approx(0.01e-12 + 0.5e-12 + 20e-15 * 2)
    assert clock_gates.clock_gate(load(TEXT)) is None


def test_energy_of_a_gated_clock(load):
    """Eight flip-flops of the neurons, whose clock passes in 4 of 10 cycles; all their states are 0."""
    library, f, p = load(GATED), 1e-15, 1e-12
    flops = [FlipFlop("DFF", 0, 4 + k, False, clock=0) for k in range(8)]
    names = {4 + k: "core_neuron0_v" for k in range(8)}
    net = Netlist({}, [], flops, [], names, 12, 2, [GatedClock(3)])
    ten, none = np.array([10], np.uint64), np.zeros((1, 8), np.uint64)
    toggles = np.zeros((1, 12), np.uint64)
    toggles[0, 3] = 5 * LANES
    run = Run(toggles, ten, ten, none, none, none, [], np.array([[4 * LANES]], np.uint64))
    found = Energies(library, net, run, 1e-15, 1e8)
    joules = found.table[0, found.blocks.index("neuron"), KINDS.index("clock")]
    pins = 4 * 8 * ((0.3 + 0.4) * p + (4 + 1) * f * 4)
    gate = 10 * (0.04 * p + (5 + 1) * f * 4) + 4 * 0.6 * p + 5 * (0.07 * p + (2 + 1) * f * 2)
    assert joules == pytest.approx(pins + gate)


def pipeline(library):
    """Stages of registers behind one with an enable, an XOR of neighbours between them."""
    ports = {"clk": [CLOCK], "enable": [ENABLE], "inputs": list(range(INPUTS, INPUTS + BITS))}
    net = Netlist(ports, [], [], [], {}, INPUTS + BITS, CLOCK, [GatedClock(ENABLE)])
    builder = stillness.Builder.__new__(stillness.Builder)
    builder.net, builder.cells = net, {"xor": library.cells["XOR2"]}
    data, clock = ports["inputs"], 0
    for stage in range(STAGES):
        outputs = [builder.new() for _ in data]
        for place, (d, q) in enumerate(zip(data, outputs)):
            net.flip_flops.append(FlipFlop("DFF", d, q, False, clock=clock))
            net.names[q], net.places[q] = f"core_window{stage}_row", place
        ports[f"stage{stage}"] = outputs
        clock = None
        data = [builder.gate("xor", q, outputs[k - 1]) for k, q in enumerate(outputs)]
    return net


def stimulus(seed):
    """(enable, inputs) of each cycle, 64 of each; inputs often stay."""
    rng, before = random.Random(seed), [0] * LANES
    for _ in range(CYCLES):
        before = [rng.randrange(1 << BITS) if rng.random() < 0.3 else old for old in before]
        yield [rng.random() < 0.3 for _ in range(LANES)], before


def outputs(library, net, folder):
    """What all stages show behind each cycle, and the edges of each gated clock."""
    simulator, found = Simulator(library, net, folder, 1), []
    for enable, inputs in stimulus(1):
        simulator.set("enable", enable)
        simulator.set("inputs", inputs)
        simulator.settle()
        simulator.cycle(counted=True)
        found.append([simulator.get(f"stage{k}") for k in range(STAGES)])
    return np.array(found), simulator.edges()[0] / (CYCLES * LANES)


def test_registers_behind_one_that_holds_are_not_clocked(load, folder):
    library = load(GATED)
    wanted, _ = outputs(library, pipeline(library), folder)
    net = pipeline(library)
    assert stillness.gate_still(net, library) == BITS * (STAGES - 1)
    found, edges = outputs(library, net, folder)
    np.testing.assert_array_equal(found, wanted)
    assert len(edges) == STAGES and (abs(edges - 0.3) < 0.05).all()


def test_registers_that_would_take_what_they_hold_are_not_clocked(load, folder):
    library = load(GATED)
    wanted, _ = outputs(library, pipeline(library), folder)
    net = pipeline(library)
    assert stillness.gate_same(net, library, BITS) == BITS * STAGES
    found, edges = outputs(library, net, folder)
    np.testing.assert_array_equal(found, wanted)
    # clock 0 is the enable alone, which no register has any more
    assert len(edges) == 1 + STAGES and (edges[1:] < 0.25).all() and (edges[1:] > 0.05).all()


def test_a_source_that_is_forgotten_shows(load, folder, monkeypatch):
    """Where the first stage were taken for constant, the second would not move."""
    library = load(GATED)
    wanted, _ = outputs(library, pipeline(library), folder)
    right = stillness.causes

    def wrong(net):
        found = right(net)
        for part in net.flip_flops[:BITS]:
            found[part.output] = frozenset([0])
        return [frozenset([0]) if each == frozenset([ENABLE]) else each for each in found]

    monkeypatch.setattr(stillness, "causes", wrong)
    net = pipeline(library)
    stillness.gate_still(net, library)
    found, _ = outputs(library, net, folder)
    assert (found != wanted).any()


def test_what_counts_itself_keeps_its_clock(load):
    """A register whose next value depends on its own, or on a port, may change in every cycle."""
    library = load(GATED)
    net = pipeline(library)
    for part in net.flip_flops[:BITS]:
        part.clock = None
    assert stillness.gate_still(net, library) == 0
