"""Yosys scripts, one a device family; plain Yosys, no Tcl. Change passes here."""

from __future__ import annotations

from fpga.flows.top import TOP
from rtl.convert import TOP as CORE

SCRIPT = "synth.ys"
NETLIST = f"{TOP}.json"
STAT = "stat.json"

# No memory is read where it is written in the same cycle, so none needs logic for that case.
READ = f"""\
read_verilog {CORE}.v {TOP}.v
setattr -set no_rw_check 1 m:*
"""

WRITE = f"""\
tee -q -o {STAT} stat -json -top {TOP}
stat -top {TOP}
write_json {NETLIST}
"""

# Each module is mapped by itself: the popcount tree once, not a hundred times. Wide LUTs from PFU
# multiplexers double a tree: abc takes them for free.
ECP5 = f"""\
synth_lattice -family ecp5 -top {TOP} -noflatten -nowidelut -run begin:map_luts
abc -lut 4
clean
synth_lattice -family ecp5 -top {TOP} -noflatten -nowidelut -run map_cells:check
flatten
opt_clean
blackbox =A:whitebox
"""

# The pads only where there is one module: synth_gowin would give every module's ports some.
GOWIN = f"""\
synth_gowin -top {TOP} -family gw2a -noflatten -nowidelut -noiopads -run begin:map_luts
abc -lut 4
clean
synth_gowin -top {TOP} -family gw2a -noflatten -nowidelut -noiopads -run map_cells:check
flatten
opt_clean
iopadmap -bits -inpad IBUF O:I -outpad OBUF I:O
opt_clean
blackbox =A:whitebox
"""

# The pass map_luts of synth_xilinx with abc for abc9, which nearly doubles the trees.
XC7 = f"""\
synth_xilinx -family xc7 -top {TOP} -run begin:map_luts
opt_expr -mux_undef -noclkinv
abc -luts 2:2,3,6:5
clean
xilinx_srl -fixed -minlen 16
techmap -map +/xilinx/lut_map.v -map +/xilinx/cells_map.v -D LUT_WIDTH=6
xilinx_dffopt
opt_lut_ins -tech xilinx
flatten
opt_clean
synth_xilinx -family xc7 -top {TOP} -run finalize:
"""

SCRIPTS = {"ecp5": READ + ECP5 + WRITE, "gowin": READ + GOWIN + WRITE, "xc7": READ + XC7 + WRITE}
