"""Yosys scripts, one a device family; plain Yosys, no Tcl. Change passes here."""

from __future__ import annotations

from volley.fpga.target import pcie
from volley.fpga.target.top import STAT, TOP
from volley.rtl.array.add_three import ADD_THREE
from volley.rtl.array.popcount import PRODUCTS
from volley.rtl.convert.converter import TOP as CORE

SCRIPT = "synth.ys"
NETLIST = f"{TOP}.json"

NO_COLLISIONS = "setattr -set no_rw_check 1 m:*\n"
"""No memory is read where it is written in the same cycle, so none needs logic for that case."""

READ = f"""\
read_verilog {CORE}.v {TOP}.v
{NO_COLLISIONS}"""

WIDTHS = (4, 8, 16, 32, 64)
"""Input channels that a design may have."""

WRITE = f"""\
tee -q -o {STAT} stat -json -top {TOP}
stat -top {TOP}
write_json {NETLIST}
"""

# Each module is mapped by itself: the popcount tree once, not a hundred times. Wide LUTs from PFU
# multiplexers double a tree: abc takes them for free.


def add_three_chain(width: int) -> str:
    """``volley.rtl.array.add_three`` of ``width`` bits in a carry chain of ECP5, as Verilog.

    A CCU2C is a field of two positions. The lower one puts s0 & w0 into the carry, and its sum
    shows the carry of the field below: that one's twos. The upper one adds s1 & w1, s2 & w2 and
    the carry to ones. A last field shows the carry of the one before. Its COUT and S1 go to wires:
    nextpnr does not pack a chain whose last cell leaves both open.
    """
    last = width - 1
    return f"""\
module {ADD_THREE}_{width}(
  input clk, output reg [{last}:0] ones, twos, input [{last}:0]
  operands_s0, operands_w0, operands_s1, operands_w1, operands_s2, operands_w2);
wire [{width + 1}:0] carry;
wire [{width}:0] below;
wire [{last}:0] sum;
wire unused;
assign carry[0] = 1'b0;
genvar j;
generate for (j = 0; j < {width}; j = j + 1) begin:field
CCU2C #(.INIT0(16'h0008), .INIT1(16'h7888), .INJECT1_0("NO"), .INJECT1_1("NO")) add (
  .CIN(carry[j]), .A0(operands_s0[j]), .B0(operands_w0[j]), .C0(1'b1), .D0(1'b1),
  .A1(operands_s1[j]), .B1(operands_w1[j]), .C1(operands_s2[j]), .D1(operands_w2[j]),
  .S0(below[j]), .S1(sum[j]), .COUT(carry[j + 1]));
end endgenerate
CCU2C #(.INIT0(16'h0000), .INIT1(16'h0000), .INJECT1_0("NO"), .INJECT1_1("NO")) show (
  .CIN(carry[{width}]), .A0(1'b1), .B0(1'b1), .C0(1'b1), .D0(1'b1),
  .A1(1'b1), .B1(1'b1), .C1(1'b1), .D1(1'b1),
  .S0(below[{width}]), .S1(unused), .COUT(carry[{width + 1}]));
always @(posedge clk) begin
ones <= sum;
twos <= below[{width}:1];
end
endmodule
"""


CHAINS = f"""\
design -push
read_verilog <<EOT
{"".join(map(add_three_chain, WIDTHS))}EOT
proc
design -stash chains
design -pop
hierarchy -top {TOP}
techmap -map %chains
"""

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

TREES = f"{PRODUCTS}_*"

# alumacc orders the operands of an addition by chance. In a popcount tree the first one is of bits as
# they are, which the carry chain takes without a LUT; the other one would cost a LUT a bit there.
KEEP_ORDER = """\
design -push
read_verilog -icells <<EOT
(* techmap_celltype = "$add" *)
module ordered_add(A, B, Y);
parameter A_SIGNED = 0;
parameter B_SIGNED = 0;
parameter A_WIDTH = 1;
parameter B_WIDTH = 1;
parameter Y_WIDTH = 1;
input [A_WIDTH-1:0] A;
input [B_WIDTH-1:0] B;
output [Y_WIDTH-1:0] Y;
wire [Y_WIDTH-1:0] X, CO;
\\$alu #(.A_SIGNED(A_SIGNED), .B_SIGNED(B_SIGNED), .A_WIDTH(A_WIDTH), .B_WIDTH(B_WIDTH),
  .Y_WIDTH(Y_WIDTH)) _TECHMAP_REPLACE_ (.A(A), .B(B), .BI(1'b0), .CI(1'b0), .Y(Y), .X(X), .CO(CO));
endmodule
EOT
design -stash ordered_add
design -pop
"""


def xc7(trees: str) -> str:
    """The passes for Xilinx's series 7. trees: Yosys' pattern of the modules that are popcount trees.

    The pass map_luts of synth_xilinx with abc for abc9, which nearly doubles the trees. They come out
    smallest where a small LUT costs less than a large one, all else where each costs the same.
    """
    return f"""\
{KEEP_ORDER}synth_xilinx -family xc7 -top {TOP} -run begin:coarse
wreduce {trees}
techmap -map %ordered_add {trees}
synth_xilinx -family xc7 -top {TOP} -run coarse:map_luts
opt_expr -mux_undef -noclkinv
abc -luts 2:2,3,6:5 {trees}
abc -lut 6 * {trees} %d
clean
xilinx_srl -fixed -minlen 16
techmap -map +/xilinx/lut_map.v -map +/xilinx/cells_map.v -D LUT_WIDTH=6
xilinx_dffopt
opt_lut_ins -tech xilinx
flatten
opt_clean
synth_xilinx -family xc7 -top {TOP} -run finalize:
"""


XC7 = xc7(TREES)


def script(family: str, has_pcie: bool = False, chains: bool = False) -> str:
    """The script of a target; the hard block of PCIe is a black box, of which the ports are read.

    chains: as ``ECP5_CHAINS``, for a family of CHAIN_SCRIPTS.
    """
    stub = f"read_verilog -lib {pcie.STUB}\n" if has_pcie else ""
    return stub + (CHAIN_SCRIPTS if chains else SCRIPTS)[family]


ECP5_CHAINS = CHAINS + ECP5
"""``ECP5`` with the first level of the popcount trees in carry chains: a third less LUT in the trees, but no
design with them has been routed yet (docs/decisions/array-levers.md)."""

SCRIPTS = {"ecp5": READ + ECP5 + WRITE, "gowin": READ + GOWIN + WRITE, "xc7": READ + XC7 + WRITE}
CHAIN_SCRIPTS = {"ecp5": READ + ECP5_CHAINS + WRITE}
"""Scripts of ``fpga/build.py --chains``, of the families that have them."""
