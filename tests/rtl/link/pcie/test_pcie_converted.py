"""The endpoint converts strictly, and Icarus takes the Verilog; in Icarus it answers as in MyHDL."""

from cocotbext.pcie.core.tlp import TlpType

from tests.rtl.link.pcie.axi import Arrival
from tests.rtl.link.pcie.packets import check_completions, dwords, request
from tests.support.hdl import check_icarus, run_tool
from volley.firmware.pcie import Control, control
from volley.rtl.convert.converter import convert
from volley.rtl.convert.myhdl_speedup import quick_inspect
from volley.rtl.link.pcie.pcie_endpoint import endpoint_instance

COMPLETER = 0x2A08
BENCH = """\
`timescale 1ns/1ns
module bench;
reg user_clk = 0, clk = 0, user_rst = 1;
always #5 user_clk = !user_clk;
always #4 clk = !clk;
reg [63:0] rx_tdata; reg [7:0] rx_tkeep; reg rx_tlast; reg rx_tvalid = 0; wire rx_tready;
reg [21:0] rx_tuser;
wire [63:0] tx_tdata; wire [7:0] tx_tkeep; wire tx_tlast, tx_tvalid; wire [3:0] tx_tuser;
wire [31:0] bus_address, bus_write_data; wire bus_write, bus_read, bus_run; wire [15:0] bus_entry;
reg [31:0] bus_read_data = 0; reg bus_read_valid = 0;
reg [31:0] words [0:31];
pcie_endpoint dut(.user_clk(user_clk), .user_rst(user_rst), .rx_tdata(rx_tdata), .rx_tkeep(rx_tkeep),
  .rx_tlast(rx_tlast), .rx_tvalid(rx_tvalid), .rx_tready(rx_tready), .rx_tuser(rx_tuser),
  .tx_tdata(tx_tdata), .tx_tkeep(tx_tkeep), .tx_tlast(tx_tlast), .tx_tvalid(tx_tvalid),
  .tx_tready(1'b1), .tx_tuser(tx_tuser), .device_id_bus(8'h2a), .device_id_device(5'h1),
  .device_id_function(3'h0), .clk(clk), .bus_address(bus_address), .bus_write(bus_write),
  .bus_write_data(bus_write_data), .bus_read(bus_read), .bus_run(bus_run), .bus_entry(bus_entry),
  .bus_ready(1'b1), .bus_read_data(bus_read_data), .bus_read_valid(bus_read_valid),
  .bus_running(1'b0));
always @(posedge clk) begin
  bus_read_valid <= bus_read;
  bus_read_data <= words[bus_address[4:0]];
  if (bus_write) words[bus_address[4:0]] <= bus_write_data;
end
always @(posedge user_clk) if (tx_tvalid) $display("%h %h %b", tx_tdata, tx_tkeep, tx_tlast);
task beat(input [63:0] data, input [7:0] keep, input last, input [21:0] user);
  begin
    rx_tdata <= data; rx_tkeep <= keep; rx_tlast <= last; rx_tuser <= user; rx_tvalid <= 1;
    @(posedge user_clk); while (!rx_tready) @(posedge user_clk);
    rx_tvalid <= 0;
  end
endtask
initial begin
  repeat (4) @(posedge user_clk); user_rst <= 0; repeat (64) @(posedge user_clk);
BEATS
  repeat (400) @(posedge user_clk); $finish;
end
endmodule
"""


def icarus_packets(folder, arrivals):
    """The packets, lists of DW, that the converted endpoint answers."""
    with quick_inspect():
        design = convert(endpoint_instance(), "verilog", folder / "pcie_endpoint.v")
    beats = [
        f"  beat(64'h{data:x}, 8'h{keep:x}, {int(last)}, 22'h{user:x});"
        for arrival in arrivals
        for data, keep, last, user in arrival.beats()
    ]
    bench = folder / "bench.v"
    bench.write_text(BENCH.replace("BEATS", "\n".join(beats)))
    check_icarus(design)
    run_tool(["iverilog", "-g2005", "-o", "bench.vvp", bench.name, design.name], folder)
    out = run_tool(["vvp", "-n", "bench.vvp"], folder, quiet=False)
    packets, words = [], []
    for line in out.splitlines():
        if len(line.split()) == 3:
            data, keep, last = line.split()
            words.append(int(data[8:], 16))
            if keep == "ff":
                words.append(int(data[:8], 16))
            if last == "1":
                packets.append(words)
                words = []
    assert not words
    return packets


def test_icarus_agrees(tmp_path):
    data = bytes(range(100, 200))
    written = request(TlpType.MEM_WRITE_64, 0x40, 10, data=data[:40])
    asked = request(TlpType.MEM_READ, 0x40, 10, first_be=12, last_be=7)
    page = request(TlpType.MEM_READ_64, 4 * control(Control.PAGE))
    locked = request(TlpType.MEM_READ_LOCKED, 0x44, 2)
    arrivals = [Arrival(dwords(tlp)) for tlp in (written, asked, page, locked)]
    first, second, third = icarus_packets(tmp_path, arrivals)
    check_completions(asked, [first], COMPLETER, data[:40])
    check_completions(page, [second], COMPLETER, bytes(4))
    check_completions(locked, [third], COMPLETER)
