"""The Tcl that reports power, in tclsh with stand-ins for Vivado's commands."""

import subprocess

import pytest

from volley.fpga.flows import vivado

STAND_INS = """\
foreach name {open_project open_run report_power} { proc $name args "puts \\"$name \\$args\\"" }
"""


@pytest.mark.tclsh
def test_the_routed_run_is_opened_and_its_power_written(tmp_path):
    script = tmp_path / "run.tcl"
    script.write_text(STAND_INS + vivado.power_tcl("arty"))
    done = subprocess.run(["tclsh", script], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "open_project arty.xpr", "open_run impl_1", f"report_power -file {vivado.POWER}"
    ]  # fmt: skip
