"""The converted top in Icarus behind cocotbext-pcie's root complex: enumerated, loaded, equal to golden."""

import os
from pathlib import Path

import pytest

from tests.rtl.link.pcie.root_complex import SETTINGS
from volley.firmware.design import parse_settings
from volley.fpga.flows import sim
from volley.rtl.convert import converter

ROOT = Path(__file__).resolve().parents[4]
DESIGN = (
    "ci=4,co=1,spike_words=128,weight_words=128,param_words=64,layers=4,row_max=16,scores=16,pcie=1"
)


@pytest.mark.slow
@pytest.mark.icarus
def test_a_root_complex_finds_the_board_and_the_driver_classifies(tmp_path):
    from cocotb_tools.check_results import get_results
    from cocotb_tools.runner import get_runner

    board = sim.simulated("sim", parse_settings(DESIGN))
    source = converter.convert_board(board, "verilog", tmp_path / f"{converter.TOP}.v")
    runner = get_runner("icarus")
    runner.build(
        sources=[source], hdl_toplevel=converter.TOP, build_dir=tmp_path / "build",
        timescale=("1ns", "1ps"), build_args=["-g2005"],
    )  # fmt: skip
    results = runner.test(
        hdl_toplevel=converter.TOP,
        test_module="tests.rtl.link.pcie.root_complex",
        test_dir=tmp_path,
        extra_env={
            SETTINGS: ",".join(f"{name}={value}" for name, value in vars(board.design).items()),
            "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        },
    )
    assert get_results(results) == (1, 0)
