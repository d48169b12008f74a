"""The converted link in Icarus and GHDL, cycle by cycle, from power-up and without a reset.

A session is a level of ``rx`` for every clock cycle. MyHDL gives the level of ``tx`` for every
cycle; the converted Verilog and VHDL must give the same.
"""

import random
from functools import cache

import pytest
from myhdl import Signal, always, block, instance, instances, intbv

from tests.support.bench import clock, flag, run_bench
from tests.support.hdl import convert, run_tool
from tests.support.link_device import CONTROL
from tests.support.serial_line import DATA_BITS
from volley.firmware import frames
from volley.firmware.frames import DIVISOR_UNIT, RESPONSE, Command, Frame, Status
from volley.firmware.registers import REGION_SHIFT, Region, address
from volley.rtl.convert.myhdl_speedup import quick_inspect
from volley.rtl.link.bus import Bus
from volley.rtl.link.link import link

FIRST, SECOND = 4, 7.25  # divisors, before and after BAUD
WEIGHTS = address(Region.WEIGHTS)


@block
def small_device(clk, rst, rx, tx):
    """The link and 32 words of memory; a program runs until CONTROL is written."""
    bus = Bus()
    link_inst = link(clk, rst, rx, tx, bus, FIRST)
    words = [Signal(intbv(0)[32:]) for _ in range(32)]
    control = CONTROL & (1 << REGION_SHIFT) - 1

    @always(clk.posedge)
    def answer_accesses():
        bus.ready.next = not bus.ready
        bus.read_valid.next = bus.read and bus.ready
        bus.read_data.next = words[bus.address[5:]]
        if bus.write and bus.ready:
            words[bus.address[5:]].next = bus.write_data
            if bus.address == control:
                bus.running.next = False
        if bus.run:
            bus.running.next = True
            words[bus.entry[5:]].next = bus.entry

    return instances()


@cache
def session():
    """(levels of rx, statuses that must be answered)."""
    source = random.Random(2)
    levels, statuses, seq, divisor, rest = [1] * 10, [], 0, FIRST, 0.0
    big = [source.choice([0, source.getrandbits(32)]) for _ in range(32)]

    def line(data):
        nonlocal rest
        for byte in data:
            for bit in [0] + [byte >> k & 1 for k in range(DATA_BITS)] + [1]:
                rest += divisor
                levels.extend([bit] * int(rest))
                rest -= int(rest)

    def ask(command, argument, count, words, status, pause=40):
        nonlocal seq
        line(frames.encode(seq, command, count, argument, words))
        levels.extend([1] * int(pause * divisor))
        statuses.append(status)
        seq = (seq + 1) % 256

    line(b"noise\0\0\x05bad\0")
    ask(Command.WRITE, WEIGHTS, 32, big, Status.OK)
    ask(Command.READ, WEIGHTS, 33, [], Status.OK)
    line(frames.encode(seq, Command.WRITE, 2, WEIGHTS, [1])[:-1] + b"\0")  # wrong length
    ask(Command.RUN, 3, 2, [], Status.OK, 0)
    ask(Command.READ, WEIGHTS, 2, [], Status.BUSY, 0)
    ask(Command.WRITE, CONTROL, 1, [1], Status.OK, 0)
    ask(Command.READ, address(Region.IMAGE), 1, [], Status.BAD_ADDRESS, 0)
    ask(9, 0, 0, [], Status.BAD_COMMAND, 0)
    seq = 200
    ask(Command.IDENTIFY, 0, 3, [], Status.OK, 1500)
    ask(Command.BAUD, int(SECOND * DIVISOR_UNIT), 0, [], Status.OK, 400)
    divisor = SECOND
    ask(Command.READ, WEIGHTS + 5, 2, [], Status.OK, 500)
    return levels, statuses


def received(levels):
    """The frames in a list of levels of ``tx``, the last of them at the second divisor."""

    def read(place, divisor, data):
        while place < len(levels):
            if levels[place]:
                place += 1
                continue
            bits = [levels[int(place + (k + 0.5) * divisor)] for k in range(DATA_BITS + 2)]
            assert bits[0] == 0 and bits[-1] == 1, "no start or stop bit"
            data.append(sum(bit << k for k, bit in enumerate(bits[1:-1])))
            place = int(place + 9.5 * divisor)  # in the stop bit
            if bytes(data).count(0) == len(session()[1]) - 1 and divisor == FIRST:
                return read(place, SECOND, data)
        return bytes(data)

    return [frames.decode(part) for part in read(0, FIRST, bytearray()).split(b"\0")[:-1]]


@cache
@quick_inspect()
def simulated():
    """The levels of ``tx`` in MyHDL, before each rising clock edge."""
    clk, rst, rx, tx, done = clock(), flag(), flag(True), flag(True), flag()
    levels, answers = session()[0], []

    @instance
    def drive():
        for level in levels:
            rx.next = bool(level)
            yield clk.posedge
            answers.append(int(tx))
            yield clk.negedge
        done.next = True

    run_bench([small_device(clk, rst, rx, tx), drive], clk, done, len(levels) + 10)
    return answers


def test_session_in_myhdl():
    answers = received(simulated())
    assert [answer.code - RESPONSE for answer in answers] == session()[1]
    written = answers[1].words
    assert any(written) and written[0] == written[32]
    assert answers[-1] == Frame(202, RESPONSE, 2, answers[-1].argument, written[5:7])


VERILOG_BENCH = """
module bench;
  reg clk = 0;
  reg rx = 1;
  wire tx;
  reg [1:0] rows [0:{last}];
  integer k;
  small_device dut(.clk(clk), .rst(1'b0), .rx(rx), .tx(tx));
  initial begin
    $readmemb("rows.txt", rows);
    for (k = 0; k <= {last}; k = k + 1) begin
      rx = rows[k][1];
      #1;
      if (tx !== rows[k][0]) begin
        $display("tx is %b in cycle %0d", tx, k);
        $finish;
      end
      clk = 1; #1; clk = 0; #1;
    end
    $display("equal");
    $finish;
  end
endmodule
"""

VHDL_BENCH = """
library ieee; use ieee.std_logic_1164.all; use std.textio.all;
entity bench is end entity;
architecture play of bench is
  signal clk, rst : std_logic := '0';
  signal rx, tx : std_logic := '1';
begin
  dut : entity work.small_device port map (clk => clk, rst => rst, rx => rx, tx => tx);
  process
    file rows : text open read_mode is "rows.txt";
    variable row : line;
    variable levels : string(1 to 2);
    variable cycle : integer := 0;
    variable level : character;
  begin
    while not endfile(rows) loop
      readline(rows, row);
      read(row, levels);
      if levels(1) = '1' then rx <= '1'; else rx <= '0'; end if;
      wait for 1 ns;
      level := std_logic'image(tx)(2);
      assert level = levels(2) report "tx is " & level & " in cycle " & integer'image(cycle)
        severity failure;
      clk <= '1'; wait for 1 ns; clk <= '0'; wait for 1 ns;
      cycle := cycle + 1;
    end loop;
    write(output, "equal" & LF);
    wait;
  end process;
end architecture;
"""


@quick_inspect()
def replay(folder, language):
    """Converts the device and writes the session beside it."""
    dut = small_device(clock(), flag(), flag(True), flag(True))
    path = convert(dut, folder, "small_device", language)
    rows = [f"{rx}{tx}" for rx, tx in zip(session()[0], simulated())]
    (folder / "rows.txt").write_text("\n".join(rows) + "\n")
    return path, len(rows)


@pytest.mark.icarus
def test_icarus(tmp_path):
    path, count = replay(tmp_path, "Verilog")
    (tmp_path / "bench.v").write_text(VERILOG_BENCH.format(last=count - 1))
    run_tool(["iverilog", "-g2005", "-o", "bench.vvp", "bench.v", path.name], tmp_path)
    assert run_tool(["vvp", "bench.vvp"], tmp_path, quiet=False) == "equal\n"


@pytest.mark.ghdl
@pytest.mark.timeout(300)
def test_ghdl(tmp_path):
    path, _ = replay(tmp_path, "VHDL")
    (tmp_path / "bench.vhd").write_text(VHDL_BENCH)
    (package,) = tmp_path.glob("pck_myhdl_*.vhd")
    run_tool(["ghdl", "-a", "--std=08", package.name, path.name, "bench.vhd"], tmp_path)
    found = run_tool(
        ["ghdl", "--elab-run", "--std=08", "bench", "--ieee-asserts=disable-at-0"],
        tmp_path,
        quiet=False,
    )
    assert found == "equal\n"
