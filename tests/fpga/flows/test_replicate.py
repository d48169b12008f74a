"""Copies of drivers in a netlist: the same function, cycle by cycle, and no heavy net left."""

import copy
import json
import random

import pytest

from volley.fpga.flows.replicate import Netlist, replicate, rewrite

CLOCK = 2
INPUTS = [3, 4, 5, 6]


def random_netlist(seed, cells=120):
    """LUTs and flip-flops with random connections, a few of which drive very many."""
    rng = random.Random(seed)
    heavy = list(INPUTS)
    bits, made = list(INPUTS), {}
    for number in range(cells):
        out = 7 + number
        source = [rng.choice(heavy if rng.random() < 0.6 else bits) for _ in range(4)]
        if rng.random() < 0.5:
            made[f"a.b{number % 7}.lut{number}"] = {
                "type": "LUT4",
                "parameters": {"INIT": f"{rng.getrandbits(16):016b}"},
                "port_directions": dict(A="input", B="input", C="input", D="input", Z="output"),
                "connections": {**{p: [b] for p, b in zip("ABCD", source)}, "Z": [out]},
            }
        else:
            made[f"a.b{number % 7}.ff{number}"] = {
                "type": "TRELLIS_FF",
                "parameters": {},
                "port_directions": dict(CLK="input", CE="input", DI="input", LSR="input", Q="output"),
                "connections": {
                    "CLK": [CLOCK], "CE": [source[0]], "DI": [source[1]], "LSR": ["0"], "Q": [out],
                },
            }  # fmt: skip
        bits.append(out)
        if rng.random() < 0.05:
            heavy.append(out)
    outputs = list(range(7 + cells - 20, 7 + cells))
    ports = {
        "clk": {"direction": "input", "bits": [CLOCK]},
        "in": {"direction": "input", "bits": INPUTS},
        "out": {"direction": "output", "bits": outputs},
    }
    names = {f"n{b}": {"hide_name": 0, "bits": [b], "attributes": {}} for b in range(7, 7 + cells)}
    return {"modules": {"top": {"ports": ports, "cells": made, "netnames": names}}}


def run(data, cycles, seed):
    """The output bits in each cycle under random inputs. LUTs only read what was made before them."""
    module = data["modules"]["top"]
    rng, state, seen = random.Random(seed), {}, []
    ffs = {n: c for n, c in module["cells"].items() if c["type"] == "TRELLIS_FF"}
    luts = {n: c for n, c in module["cells"].items() if c["type"] == "LUT4"}
    for _ in range(cycles):
        value = {"0": 0, "1": 1, CLOCK: 0}
        value |= {bit: rng.getrandbits(1) for bit in INPUTS}
        value |= {
            c["connections"]["Q"][0]: state.get(n.split("$copy")[0], 0) for n, c in ffs.items()
        }
        left = dict(luts)
        while left:
            for name, cell in list(left.items()):
                wires = cell["connections"]
                if all(wires[p][0] in value for p in "ABCD"):
                    index = sum(value[wires[p][0]] << k for k, p in enumerate("ABCD"))
                    value[wires["Z"][0]] = int(cell["parameters"]["INIT"][15 - index])
                    del left[name]
        seen.append([value[bit] for bit in module["ports"]["out"]["bits"]])
        after = dict(state)
        for name, cell in ffs.items():
            wires = cell["connections"]
            if value[wires["CE"][0]]:
                after[name.split("$copy")[0]] = value[wires["DI"][0]]
        state = after
    return seen


@pytest.mark.parametrize("seed", range(6))
def test_same_function(seed):
    """Random netlists compute the same, and nothing that can be copied has over 8 loads."""
    before = random_netlist(seed)
    after = copy.deepcopy(before)
    copies = replicate(after, "top", 8)
    assert copies > 0 and len(after["modules"]["top"]["cells"]) == 120 + copies
    assert run(after, 30, seed) == run(before, 30, seed)
    netlist = Netlist(after, "top")
    for bit, loads in netlist.loads.items():
        if bit in netlist.drivers and bit not in netlist.pinned:
            assert len(loads) <= 8
    assert replicate(after, "top", 8) == 0


def flip_flop(number, ce, data_in):
    """A flip-flop that drives net ``number``."""
    directions = dict(CLK="input", CE="input", DI="input", LSR="input", Q="output")
    wires = {"CLK": [2], "CE": [ce], "DI": [data_in], "LSR": ["0"], "Q": [number]}
    return dict(type="TRELLIS_FF", parameters={}, port_directions=directions, connections=wires)


def test_loads_stay_together():
    """The loads of a copy are those of one block, not one of each."""
    cells, names = {"enable": flip_flop(4, "1", 3)}, {}
    for number in range(40):
        cells[f"x{number * 7 % 40}"] = flip_flop(10 + number, 4, 3)
        names[f"block{number % 4}_r{number}"] = {"hide_name": 0, "bits": [10 + number]}
    data = {"modules": {"top": {"ports": {}, "cells": cells, "netnames": names}}}
    assert replicate(data, "top", 10) == 3
    netlist = Netlist(data, "top")
    groups = [
        {netlist.names[cells[cell]["connections"]["Q"][0]].split("_")[0] for cell, port, _ in loads}
        for bit, loads in netlist.loads.items()
        if {port for _, port, _ in loads} == {"CE"}
    ]
    assert sorted(map(sorted, groups)) == [["block0"], ["block1"], ["block2"], ["block3"]]


def test_block_rams_lie_far_apart():
    """A register that drives 10 block RAMs and 20 flip-flops: as few RAMs a copy as is asked for."""
    cells = {"address": flip_flop(4, "1", 3)}
    for number in range(20):
        cells[f"x{number}"] = flip_flop(10 + number, "1", 4)
    for number in range(10):
        cells[f"ram{number}"] = dict(
            type="DP16KD", port_directions={"ADA0": "input"}, connections={"ADA0": [4]}
        )
    data = {"modules": {"top": {"ports": {}, "cells": cells, "netnames": {}}}}
    assert replicate(data, "top", 64) == 0
    assert replicate(data, "top", 64, {"DP16KD": 4}) >= 2
    netlist = Netlist(data, "top")
    for loads in netlist.loads.values():
        assert sum(user.startswith("ram") for user, _, _ in loads) <= 4
    assert replicate(data, "top", 64, {"DP16KD": 4}) == 0


@pytest.mark.parametrize("kind, copies", [("TRELLIS_FF.CE", 3), ("TRELLIS_FF.LSR", 0)])
def test_a_port_has_a_limit_of_its_own(kind, copies):
    """An enable of 40 flip-flops, 10 a copy where enables are limited, whole where resets are."""
    cells = {"enable": flip_flop(4, "1", 3)}
    cells |= {f"x{number}": flip_flop(10 + number, 4, 3) for number in range(40)}
    data = {"modules": {"top": {"ports": {}, "cells": cells, "netnames": {}}}}
    assert replicate(data, "top", 64, {kind: 10}) == copies


def test_files_and_errors(tmp_path):
    """A file is replaced whole; one without the module says so."""
    path = tmp_path / "top.json"
    path.write_text(json.dumps(random_netlist(1)))
    assert rewrite(path, lambda data: replicate(data, "top", 8)) > 0
    assert rewrite(path, lambda data: replicate(data, "top", 8)) == 0 and list(
        tmp_path.iterdir()
    ) == [path]
    with pytest.raises(ValueError, match="no module other"):
        rewrite(path, lambda data: replicate(data, "other"))


def test_each_channel_has_a_copy_of_what_all_take():
    """But for the channel's own nets, which are whole, and for loads that are copies."""
    cell = {
        "type": "TRELLIS_FF",
        "parameters": {},
        "port_directions": {"DI": "input", "Q": "output"},
    }

    def flip_flop(source, out):
        return {**cell, "connections": {"DI": [source], "Q": [out]}}

    cells = {"shared": flip_flop(2, 3), "own": flip_flop(2, 4), "control": flip_flop(3, 5)}
    names = {"taps": 3, "core_channel0_psum": 4, "control": 5}
    for channel in range(3):
        for number in range(2):
            out = 10 + 2 * channel + number
            cells[f"ff{out}"] = flip_flop(3 if number else 4, out)
            names[f"core_channel{channel}_sum{number}"] = out
    netnames = {n: {"hide_name": 0, "bits": [bit], "attributes": {}} for n, bit in names.items()}
    ports = {"in": {"direction": "input", "bits": [2]}}
    data = {"modules": {"top": {"ports": ports, "cells": cells, "netnames": netnames}}}
    assert replicate(data, "top", 32, {"DP16KD": 6}) == 2
    drivers = {cells[f"ff{11 + 2 * channel}"]["connections"]["DI"][0] for channel in range(3)}
    assert len(drivers) == 3
    assert cells["control"]["connections"]["DI"] == [3]  # with the first channel's
    assert {cells[f"ff{10 + 2 * channel}"]["connections"]["DI"][0] for channel in range(3)} == {4}
