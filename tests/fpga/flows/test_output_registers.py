"""Flip-flops behind a block RAM that go into it, and those that must not."""

import copy
import random

import pytest

from volley.fpga.flows.output_registers import absorb

CLOCK, OTHER_CLOCK, ENABLE = 2, 3, 4
BITS = 4


def flip_flop(source, output, **changes):
    """A TRELLIS_FF of Yosys' netlist that takes ``source`` in every cycle."""
    parameters = {"CEMUX": "1 ", "CLKMUX": "CLK", "LSRMUX": "LSR", "REGSET": "RESET"}
    wires = {"CLK": [CLOCK], "DI": [source], "LSR": ["0"], "Q": [output]}
    for key, value in changes.items():
        (wires if key in ("CLK", "CE", "LSR") else parameters)[key] = value
    directions = {port: "output" if port == "Q" else "input" for port in wires}
    return {
        "type": "TRELLIS_FF", "parameters": parameters, "port_directions": directions,
        "connections": wires,
    }  # fmt: skip


def netlist():
    """A block RAM whose port B shows four bits, a flip-flop behind each, and one behind those."""
    outputs = {f"DOB{k}": [10 + k] for k in range(BITS)}
    inputs = {"CLKA": [CLOCK], "CLKB": [CLOCK], "CEB": [ENABLE], "OCEB": ["0"]}
    inputs |= {f"ADB{k}": [30 + k] for k in range(3)}
    ram = {
        "type": "DP16KD", "parameters": {"REGMODE_A": "NOREG", "REGMODE_B": "NOREG"},
        "port_directions": {**dict.fromkeys(inputs, "input"), **dict.fromkeys(outputs, "output")},
        "connections": {**inputs, **outputs},
    }  # fmt: skip
    cells = {"ram": ram}
    for k in range(BITS):
        cells[f"shown{k}"] = flip_flop(10 + k, 20 + k)
        cells[f"later{k}"] = flip_flop(20 + k, 40 + k)
    ports = {"out": {"direction": "output", "bits": [40 + k for k in range(BITS)]}}
    return {"modules": {"top": {"ports": ports, "cells": cells, "netnames": {}}}}


def run(data, cycles):
    """What port ``out`` shows in each cycle; the words of the RAM, its reads and addresses are random."""
    rng = random.Random(5)
    words = [rng.getrandbits(BITS) for _ in range(8)]
    cells, seen = data["modules"]["top"]["cells"], []
    ram = cells["ram"]
    value, latched, registered = {}, 0, 0
    state = dict.fromkeys((name for name in cells if name != "ram"), 0)
    for _ in range(cycles):
        for name, bit in state.items():
            value[cells[name]["connections"]["Q"][0]] = bit
        word = registered if ram["parameters"]["REGMODE_B"] == "OUTREG" else latched
        for k in range(BITS):
            value[ram["connections"][f"DOB{k}"][0]] = word >> k & 1
        seen.append([value[40 + k] for k in range(BITS)])
        state = {name: value[cells[name]["connections"]["DI"][0]] for name in state}
        if ram["connections"]["OCEB"] == ["1"]:
            registered = latched
        address = rng.randrange(8)
        if rng.random() < 0.6:  # CEB
            latched = words[address]
    return seen


def test_registers_go_into_the_block_ram():
    before = netlist()
    after = copy.deepcopy(before)
    assert absorb(after, "top") == BITS
    cells = after["modules"]["top"]["cells"]
    assert sorted(cells) == ["later0", "later1", "later2", "later3", "ram"]
    assert cells["ram"]["parameters"] == {"REGMODE_A": "NOREG", "REGMODE_B": "OUTREG"}
    assert run(after, 200) == run(before, 200)
    again = copy.deepcopy(after)
    assert absorb(again, "top") == 0 and again == after


@pytest.mark.parametrize(
    "changes",
    [
        {"CEMUX": "CE", "CE": [ENABLE]}, {"LSR": [ENABLE]}, {"REGSET": "SET"},
        {"CLK": [OTHER_CLOCK]}, {"CLKMUX": "INV"},
    ],
)  # fmt: skip
def test_other_flip_flops_stay(changes):
    data = netlist()
    data["modules"]["top"]["cells"]["shown2"] = flip_flop(12, 22, **changes)
    before = copy.deepcopy(data)
    assert absorb(data, "top") == 0 and data == before


def test_a_bit_that_goes_elsewhere_too_keeps_the_port():
    data = netlist()
    data["modules"]["top"]["cells"]["also"] = flip_flop(11, 60)
    assert absorb(data, "top") == 0
    data = netlist()
    data["modules"]["top"]["ports"]["out"]["bits"].append(13)
    assert absorb(data, "top") == 0


def test_a_word_of_both_ports_is_taken_whole_or_not():
    data = netlist()
    cells = data["modules"]["top"]["cells"]
    cells["ram"]["connections"]["DOA0"], cells["ram"]["port_directions"]["DOA0"] = [70], "output"
    cells["above"] = flip_flop(70, 71, CEMUX="CE", CE=[ENABLE])
    assert absorb(data, "top") == 0
    cells["above"] = flip_flop(70, 71)
    assert absorb(data, "top") == BITS + 1
    assert cells["ram"]["parameters"] == {"REGMODE_A": "OUTREG", "REGMODE_B": "OUTREG"}


def multiplier():
    """A multiplier of whose product three bits are used, with a flip-flop behind each."""
    inputs = {f"A{k}": [30 + k] for k in range(18)} | {f"B{k}": [50 + k] for k in range(18)}
    outputs = {f"P{k}": [100 + k] for k in range(36)}
    cell = {
        "type": "MULT18X18D", "parameters": {},
        "port_directions": {**dict.fromkeys(inputs, "input"), **dict.fromkeys(outputs, "output")},
        "connections": {**inputs, **outputs},
    }  # fmt: skip
    cells = {"product": cell} | {f"shown{k}": flip_flop(100 + k, 200 + k) for k in range(3)}
    ports = {"out": {"direction": "output", "bits": [200, 201, 202]}}
    return {"modules": {"top": {"ports": ports, "cells": cells, "netnames": {}}}}


def test_registers_go_into_the_multiplier():
    data = multiplier()
    assert absorb(data, "top") == 3
    (cell,) = data["modules"]["top"]["cells"].values()
    assert [cell["connections"][f"P{k}"] for k in range(4)] == [[200], [201], [202], [103]]
    assert cell["parameters"]["REG_OUTPUT_CLK"] == "CLK0"
    assert [cell["connections"][port] for port in ("CLK0", "CE0", "RST0")] == [
        [CLOCK],
        ["1"],
        ["0"],
    ]
    again = copy.deepcopy(data)
    assert absorb(again, "top") == 0 and again == data


@pytest.mark.parametrize(
    "change",
    [
        {"shown1": flip_flop(101, 201, LSR=[ENABLE])}, {"shown1": flip_flop(101, 201, CLK=[OTHER_CLOCK])},
        {"also": flip_flop(102, 210)},
    ],
)  # fmt: skip
def test_a_product_that_goes_elsewhere_keeps_its_flip_flops(change):
    data = multiplier()
    data["modules"]["top"]["cells"] |= change
    before = copy.deepcopy(data)
    assert absorb(data, "top") == 0 and data == before
