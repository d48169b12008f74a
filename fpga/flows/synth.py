"""Yosys scripts, one a device family; plain Yosys, no Tcl. Change passes here."""

from __future__ import annotations

from fpga.flows.top import TOP
from rtl.convert import TOP as CORE

SCRIPT = "synth.ys"
NETLIST = f"{TOP}.json"
STAT = "stat.json"

READ = f"""\
read_verilog {CORE}.v {TOP}.v
"""

WRITE = f"""\
tee -q -o {STAT} stat -json -top {TOP}
stat -top {TOP}
write_json {NETLIST}
"""

ECP5 = f"""\
synth_ecp5 -top {TOP}
"""

GOWIN = f"""\
synth_gowin -top {TOP} -family gw2a
"""

# The pass map_luts of synth_xilinx with abc for abc9, which nearly doubles compressor trees.
XC7 = f"""\
synth_xilinx -family xc7 -top {TOP} -flatten -run begin:map_luts
opt_expr -mux_undef -noclkinv
abc -luts 2:2,3,6:5
clean
xilinx_srl -fixed -minlen 3
techmap -map +/xilinx/lut_map.v -map +/xilinx/cells_map.v -D LUT_WIDTH=6
xilinx_dffopt
opt_lut_ins -tech xilinx
synth_xilinx -family xc7 -top {TOP} -flatten -run finalize:
"""

SCRIPTS = {"ecp5": READ + ECP5 + WRITE, "gowin": READ + GOWIN + WRITE, "xc7": READ + XC7 + WRITE}
