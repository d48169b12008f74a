"""bench/block_cost.py on a netlist of a few cells."""

import json


def cell(kind, inputs, output, port="Z"):
    """A cell of Yosys' JSON."""
    names = "ABCD"[: len(inputs)] if kind == "LUT4" else ["DI"]
    return {
        "type": kind,
        "port_directions": {**dict.fromkeys(names, "input"), port: "output"},
        "connections": {**{name: [bit] for name, bit in zip(names, inputs)}, port: [output]},
    }


def write_build(folder):
    """A build of two LUTs before a register of a neuron, and one before a register of the link."""
    cells = {
        "$abc$1": cell("LUT4", [2, 3], 4),
        "$abc$2": cell("LUT4", [4, 3], 5),
        "ff1": cell("TRELLIS_FF", [5], 6, "Q"),
        "$abc$3": cell("LUT4", [6], 7),
        "ff2": cell("TRELLIS_FF", [7], 8, "Q"),
        "ff3": cell("TRELLIS_FF", [8], 9, "Q"),
    }
    names = {
        "core.core0_pipeline0_channel3_neuron0_fire1_v": 6,
        "core.link0_uart_rx0_shift": 8,
        "x": 9,
    }
    netnames = {name: {"bits": [bit], "hide_name": 0} for name, bit in names.items()}
    module = {"ports": {}, "cells": cells, "netnames": netnames}
    folder.mkdir()
    (folder / "top.json").write_text(json.dumps({"modules": {"top": module}}))
    design = {"ci": 16, "co": 4, "weight_words": 4096, "lut": 4}
    (folder / "stamp.json").write_text(json.dumps({"family": "ecp5", "design": design}))


def test_logic_belongs_to_what_it_drives(bench, tmp_path, capsys, monkeypatch):
    script = bench("block_cost")
    write_build(tmp_path / "mine")
    monkeypatch.setattr(script, "cycles", lambda stamp: {"mnist": stamp["design"]["ci"]})
    assert script.main([str(tmp_path / "mine")]) == 0
    out = capsys.readouterr().out
    assert "| neurons | 2 | 1 |" in out and "| link | 1 | 1 |" in out and "| other | 0 | 1 |" in out
    assert "| all | 3 | 3 |" in out and "| cycles of a picture, mnist | 16 |" in out


def test_a_folder_without_a_build_is_told(bench, tmp_path, capsys):
    assert bench("block_cost").main([str(tmp_path)]) == 2
    assert "no netlist of a build" in capsys.readouterr().err


def test_blocks_of_names(bench):
    script = bench("block_cost")
    for name, block in {
        "$flatten\\core.\\core0_pipeline0_channel12_count_products7_count_use.$x": "popcount trees",
        "core.core0_pipeline0_channel1_accumulate2_row": "psums, row buffers",
        "core.core0_spike_store0_image_writer0_x": "spike memory, picture writer",
        "$abc$12$blif$7": None,
    }.items():
        assert script.block_of(name) == block, name
