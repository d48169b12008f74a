"""Netlists after synthesis, simulated with models of the device's cells."""

import dataclasses
import random

import pytest
from myhdl import Signal, intbv

from tests.ladder.test_core import converted
from tests.support import netlist
from tests.support.core_bench import simulate
from tests.support.cosimulation import icarus_core
from tests.support.hdl import convert, run_tool
from tests.support.ladder import SMALL, check_against_golden, small_jobs
from volley.fpga.flows import output_registers, replicate, synth
from volley.rtl.array.popcount import products_instance, products_latency
from volley.rtl.convert import converter
from volley.rtl.convert.myhdl_speedup import quick_inspect
from volley.rtl.convert.shared_modules import modules_apart
from volley.rtl.memory.ram import address_bits, ram

DEPTH, WIDTH, CYCLES = 1000, 18, 3000
FAMILIES = list(netlist.PASSES)

RAM_BENCH = f"""
module bench;
  reg clk = 0;
  reg [{2 + 2 * address_bits(DEPTH) + WIDTH - 1}:0] given [0:{CYCLES - 1}];
  wire [{WIDTH - 1}:0] data;
  integer k;
  reg write = 0, read = 0;
  reg [{address_bits(DEPTH) - 1}:0] to = 0, from = 0;
  reg [{WIDTH - 1}:0] word = 0;
  ram dut(.clk(clk), .write(write), .write_address(to), .write_data(word), .read(read),
          .read_address(from), .read_data(data));
  initial begin
    $readmemb("given.txt", given);
    for (k = 0; k < {CYCLES}; k = k + 1) begin
      {{write, read, to, from, word}} = given[k];
      #1 clk = 1; #1 clk = 0;
      #1 $display("%b", data);
    end
    $finish;
  end
endmodule
"""


def ram_session():
    """(lines of inputs, texts of what is read); no word is read in the cycle that writes it."""
    source, words, shown = random.Random(1), [0] * DEPTH, 0
    bits = address_bits(DEPTH)
    lines, expected = [], []
    for _ in range(CYCLES):
        to = source.choice([source.randrange(DEPTH), 0, DEPTH - 1])
        at = (to + source.randrange(1, DEPTH)) % DEPTH
        write, read, word = source.random() < 0.7, source.random() < 0.7, source.getrandbits(WIDTH)
        lines.append(f"{write:b}{read:b}{to:0{bits}b}{at:0{bits}b}{word:0{WIDTH}b}")
        shown = words[at] if read else shown
        words[to] = word if write else words[to]
        expected.append(f"{shown:0{WIDTH}b}")
    return lines, expected


@pytest.mark.yosys
@pytest.mark.icarus
@pytest.mark.parametrize("family", FAMILIES)
def test_block_ram(family, tmp_path):
    """One memory, in block RAM: the models of the cells and what Yosys makes of volley.rtl.memory.ram."""
    bits = address_bits(DEPTH)
    flags = [Signal(bool(0)) for _ in range(3)]
    addresses = [Signal(intbv(0)[bits:]) for _ in range(2)]
    data = [Signal(intbv(0)[WIDTH:]) for _ in range(2)]
    dut = ram(flags[0], flags[1], addresses[0], data[0], flags[2], addresses[1], data[1], DEPTH)
    with quick_inspect():
        source = convert(dut, tmp_path, "ram", "Verilog")
    path = netlist.synthesise(source, "ram", family, tmp_path)
    models, options = netlist.cell_models(family, tmp_path)
    assert any(cell in path.read_text() for cell in ("DP16KD", "DPX9B", "RAMB18E1"))
    lines, expected = ram_session()
    (tmp_path / "given.txt").write_text("\n".join(lines) + "\n")
    (tmp_path / "bench.v").write_text(RAM_BENCH)
    sources = [str(each) for each in ("bench.v", path, *models)]
    run_tool(["iverilog", *options, "-s", "bench", "-o", "bench.vvp", *sources], tmp_path)
    found = run_tool(["vvp", "bench.vvp"], tmp_path, quiet=False).splitlines()
    assert [line for line in found if set(line) <= set("01xz")] == expected


TAPS, LUT, VECTORS = 9, 4, 2000

TREE_BENCH = """
module bench;
  reg clk = 0;
  reg [{taps} * {ci} - 1:0] given [0:2 * {vectors} - 1];
  reg [{taps} * {ci} - 1:0] s = 0, w = 0;
  wire [{bits} - 1:0] count;
  integer k;
  tree dut(.clk(clk), {ports}, .count(count));
  initial begin
    $readmemb("given.txt", given);
    for (k = 0; k < {vectors} + {latency}; k = k + 1) begin
      if (k >= {latency}) $display("%b", count);
      if (k < {vectors}) begin s = given[2 * k]; w = given[2 * k + 1]; end
      #1 clk = 1; #1 clk = 0; #1;
    end
    $finish;
  end
endmodule
"""


def tree_bench(ci):
    """The bench of a ``products_module``: a set of operands each cycle, each count in its turn."""
    slices = [
        f".operands_{kind}{tap}({kind}[{ci * (tap + 1) - 1}:{ci * tap}])"
        for tap in range(TAPS)
        for kind in "sw"
    ]
    return TREE_BENCH.format(
        taps=TAPS, ci=ci, vectors=VECTORS, latency=products_latency(ci, LUT),
        bits=(TAPS * ci).bit_length(), ports=", ".join(slices),
    )  # fmt: skip


@pytest.mark.yosys
@pytest.mark.icarus
@pytest.mark.parametrize(
    ("family", "passes", "chained"),
    [("ecp5", None, False), ("ecp5", synth.ECP5_CHAINS, True), ("gowin", None, False)],
)
def test_popcount_tree(family, passes, chained, tmp_path):
    """A tree of small LUTs, on ECP5 also with its first level in carry chains."""
    ci, source = 16, random.Random(2)
    with modules_apart():
        path = converter.convert(products_instance(ci, LUT), "verilog", tmp_path / "tree.v")
    path = netlist.synthesise(path, "tree", family, tmp_path, passes)
    assert (".INIT1(16'h7888)" in path.read_text()) == chained
    models, options = netlist.cell_models(family, tmp_path)
    lines, expected = [], []
    for _ in range(VECTORS):
        few = source.choice([0, 1, 2])  # more ones than zeros, as many, fewer
        s, w = (source.getrandbits(TAPS * ci) for _ in range(2))
        more = source.getrandbits(TAPS * ci)
        s, w = (s | more, w | more) if few == 0 else (s & more, w) if few == 2 else (s, w)
        lines += [f"{s:0{TAPS * ci}b}", f"{w:0{TAPS * ci}b}"]
        expected.append((s & w).bit_count())
    (tmp_path / "given.txt").write_text("\n".join(lines) + "\n")
    (tmp_path / "bench.v").write_text(tree_bench(ci))
    sources = [str(each) for each in ("bench.v", path, *models)]
    run_tool(["iverilog", *options, "-s", "bench", "-o", "bench.vvp", *sources], tmp_path)
    found = run_tool(["vvp", "bench.vvp"], tmp_path, quiet=False).splitlines()
    assert [int(line, 2) for line in found if line and set(line) <= set("01")] == expected


@pytest.mark.yosys
@pytest.mark.cosimulation
@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("family", FAMILIES)
def test_core(family, ladder_folder, tmp_path):
    """The whole core as a netlist under the MyHDL bench: spikes, scores and cycles."""
    check_core(converted("verilog", ladder_folder), SMALL, family, ladder_folder, tmp_path)


@pytest.mark.yosys
@pytest.mark.cosimulation
@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(
    ("family", "passes"), [("ecp5", None), ("ecp5", synth.ECP5_CHAINS), ("gowin", None)]
)
def test_core_of_small_luts(family, passes, ladder_folder, tmp_path):
    """The same as the boards' builds convert it: trees are modules, on ECP5 also in carry chains."""
    design = dataclasses.replace(SMALL, lut=LUT)
    with modules_apart():
        source = converted("verilog", tmp_path, design)
    check_core(source, design, family, ladder_folder, tmp_path, passes)


@pytest.mark.yosys
@pytest.mark.cosimulation
@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_core_as_it_is_placed(ladder_folder, tmp_path):
    """With ``reach``, its registers in block RAMs, and copies of drivers down to a few loads; columns counted once."""
    plain = {"pack": 0, "pair": 0, "leak": 0}
    design = dataclasses.replace(SMALL, lut=LUT, reach=1, transposed=1, **plain)
    with modules_apart():
        source = converted("verilog", tmp_path, design)
    done = []

    def change(data):
        done.append(output_registers.absorb(data, synth.TOP))
        done.append(replicate.replicate(data, synth.TOP, 8, dict.fromkeys(replicate.FAR, 2)))

    check_core(source, design, "ecp5", ladder_folder, tmp_path, change=change)
    assert min(done) > 50


def check_core(source, design, family, ladder_folder, tmp_path, passes=None, change=None):
    """A converted core's netlist, after ``change``, gives the golden model's spikes and scores."""
    path = netlist.synthesise(source, "core", family, tmp_path, passes, change)
    models, options = netlist.cell_models(family, tmp_path)
    dut = icarus_core([path, *models], tmp_path / "icarus", options)
    jobs = small_jobs(2, ladder_folder, design)
    results = simulate([(program, image) for _, program, image in jobs], design, 60_000, dut=dut)
    for job, result in zip(jobs, results):
        check_against_golden(job, result)
