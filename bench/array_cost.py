"""LUTs per processing element of popcount trees: the ones tried, and the array's own.

    python bench/array_cost.py [--ci 32] [--family xc7 --family ecp5] [--write docs/array-cost.md]

Each tree counts the set bits of s & w, 9 x CI of each, for one lane of one output channel, and is
synthesised alone with the passes of the boards' builds. The array of CO channels is 8 x CO trees and,
once for all channels, the count of the spikes.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import page
from myhdl import Signal, block, intbv

from volley.fpga.flows import synth
from volley.fpga.target import capacity
from volley.fpga.target.top import TOP
from volley.rtl.array.popcount import products_instance
from volley.rtl.array.spike_count import count_spikes, spike_count_latency
from volley.rtl.array.window import WindowEdges
from volley.rtl.convert.converter import convert
from volley.rtl.convert.shared_modules import modules_apart

TAPS = 9
PASSES = {"xc7": synth.XC7, "ecp5": synth.ECP5, "gowin": synth.GOWIN}
AS_TREE = PASSES | {"xc7": synth.xc7(TOP)}
"""What the builds run for the array's own tree, which is a module there."""
COUNTED = """\
Counted are the LUT cells of Yosys' netlist; a cell that a carry chain only passes through is none."""
CHANNELS = (1, 4, 8)
TITLES = {"xc7": "six-input LUTs, XC7", "ecp5": "LUT4, ECP5", "gowin": "LUT4, Gowin"}


class Text:
    """A Verilog module with ports clk, s, w and count, written line by line."""

    def __init__(self, bits):
        self.bits, self.lines, self.number = bits, [], 0

    def register(self, expression, width=1):
        """The name of a register of an expression."""
        self.number += 1
        self.lines.append(f"reg [{width - 1}:0] r{self.number};")
        self.lines.append(f"always @(posedge clk) r{self.number} <= {expression};")
        return f"r{self.number}"

    def module(self, count):
        """The whole text."""
        width = self.bits.bit_length()
        return "\n".join([
            f"module tree(input clk, input [{self.bits - 1}:0] s, input [{self.bits - 1}:0] w, "
            f"output [{width - 1}:0] count);",
            *self.lines,
            f"assign count = {count};",
            "endmodule",
        ])  # fmt: skip


def loop_of_additions(bits):
    """One register, and a loop that adds bit by bit."""
    width = bits.bit_length()
    return "\n".join([
        f"module tree(input clk, input [{bits - 1}:0] s, input [{bits - 1}:0] w, "
        f"output reg [{width - 1}:0] count);",
        f"integer k; reg [{width - 1}:0] sum;",
        "always @(posedge clk) begin",
        f"sum = 0; for (k = 0; k < {bits}; k = k + 1) sum = sum + (s[k] & w[k]);",
        "count <= sum; end endmodule",
    ])  # fmt: skip


def adder_tree(bits):
    """A binary tree of adders, each with a register."""
    text = Text(bits)
    terms = [f"(s[{k}] & w[{k}])" for k in range(bits)]
    width = 1
    while len(terms) > 1:
        width += 1
        pairs = [terms[k : k + 2] for k in range(0, len(terms), 2)]
        terms = [text.register(" + ".join(pair), width) for pair in pairs]
    return text.module(terms[0])


def compressor_tree(bits, size):
    """Compressors of ``size`` bits of one weight, a register a level; three products first."""
    text = Text(bits)
    columns = [[]]
    triples = [range(k, min(k + 3, bits)) for k in range(0, bits, 3)]
    for triple in triples:
        compress(text, [f"(s[{k}] & w[{k}])" for k in triple], columns, 0)
    while max(map(len, columns)) > 2:
        following = [[] for _ in columns]
        for weight, column in enumerate(columns):
            while len(column) >= 3:
                taken, column = column[:size], column[size:]
                compress(text, taken, following, weight)
            while len(following) <= weight:
                following.append([])
            following[weight] += [text.register(bit) for bit in column]
        columns = following
    rows = [
        "{" + ", ".join(column[k] if k < len(column) else "1'b0" for column in columns[::-1]) + "}"
        for k in range(2)
    ]
    return text.module(text.register(" + ".join(rows), bits.bit_length()))


def compress(text, bits, columns, weight):
    """Adds the registers of the count of up to six bits to the columns from ``weight`` on.

    Each bit of the count is a table of the bits: what a LUT is.
    """
    for bit in range(len(bits).bit_length()):
        ones = [n for n in range(1 << len(bits)) if n.bit_count() >> bit & 1]
        table = sum(1 << n for n in ones)
        index = "{" + ", ".join(bits[::-1]) + "}"
        size = 1 << len(bits)
        constant = f"{size}'h{table:x}"
        text.lines.append(f"wire [{size - 1}:0] t{text.number} = {constant};")
        source = f"t{text.number}[{index}]"
        while len(columns) <= weight + bit:
            columns.append([])
        columns[weight + bit].append(text.register(source))


def own_tree(ci, lut):
    """The array's tree for LUTs of so many inputs."""
    return products_instance(ci, lut)


@block
def spike_count_module(clk, row0, row1, row2, edges, count, lut):
    """``volley.rtl.array.spike_count.count_spikes`` of one lane with a port for each row."""
    latency = spike_count_latency(len(row0), lut)
    rows = [row0, row1, row2]
    return count_spikes(clk, latency, rows, edges, lut, [count], None)


def own_spike_count(ci, lut):
    """The count of the spikes under the kernel in one lane, shared by all output channels."""
    rows = [Signal(intbv(0)[ci:]) for _ in range(3)]
    count = Signal(intbv(0)[(TAPS * ci).bit_length() :])
    return spike_count_module(Signal(bool(0)), *rows, WindowEdges(False), count, lut)


VARIANTS = {
    "loop of `+`, one register": loop_of_additions,
    "tree of `+`, a register each": adder_tree,
    "full adders (3:2), a register a level": lambda bits: compressor_tree(bits, 3),
    "compressors 6:3, a register a level": lambda bits: compressor_tree(bits, 6),
}
OWN = {
    6: "carry-chain counters for LUTs of 6 inputs",
    4: "carry-chain counters for LUTs of 4 inputs",
}

CHAINED = "the same, ECP5 with its first level in carry chains (`--chains`)"


def cells(source, module, family, folder, passes=PASSES):
    """{cell type: number} of a Verilog module after synthesis. passes: by family."""
    (folder / "count.ys").write_text(
        f"read_verilog {source}\nrename {module} {TOP}\n{passes[family]}\n"
        f"tee -q -o {synth.STAT} stat -json -top {TOP}\n"
    )
    code = "from pyosys import libyosys as y; y.run_pass('script count.ys', y.Design())"
    with open(folder / "count.log", "wb") as log:
        done = subprocess.run([sys.executable, "-c", code], cwd=folder, stdout=log, stderr=log)
    if done.returncode:
        raise RuntimeError((folder / "count.log").read_text()[-2000:])
    statistic = json.loads((folder / synth.STAT).read_text())
    return statistic["design"]["num_cells_by_type"]


def luts(source, module, family, folder, passes=PASSES):
    """LUTs of a Verilog module; ``capacity`` says what counts as one."""
    return capacity.count(cells(source, module, family, folder, passes), family)["lut"]


def measure(ci, families, folder):
    """Rows of the table: (name, {family: LUTs per PE}) and for the array's own tree a row a CO."""
    bits, rows = TAPS * ci, []
    for name, make in VARIANTS.items():
        (folder / "tree.v").write_text(make(bits))
        rows.append(
            (name, {each: luts("tree.v", "tree", each, folder) / bits for each in families})
        )
        print(rows[-1], file=sys.stderr)
    for lut, name in OWN.items():
        with modules_apart():  # as the builds do: ECP5 has its own form of the first level
            convert(own_tree(ci, lut), "verilog", folder / "own.v")
        convert(own_spike_count(ci, lut), "verilog", folder / "spikes.v")
        trees = {each: luts("own.v", "own", each, folder, AS_TREE) / bits for each in families}
        spikes = {each: luts("spikes.v", "spikes", each, folder) / bits for each in families}
        rows.append((name, trees))
        if lut == min(OWN):
            passes = AS_TREE | {"ecp5": synth.ECP5_CHAINS}
            chained = {each: luts("own.v", "own", each, folder, passes) / bits for each in families}
            rows.append((CHAINED, chained))
        for co in CHANNELS:
            whole = {each: trees[each] + spikes[each] / co for each in families}
            rows.append((f"the same, whole array at CO = {co}", whole))
        print(rows[-1], file=sys.stderr)
    return rows


def table(rows, ci, families):
    """Lines of the table in Markdown."""
    heads = [f"{TITLES[each]}, per PE" for each in families]
    return page.table(
        [f"tree of 9 x CI products, CI = {ci}", *heads],
        [[name, *(f"{found[each]:.2f}" for each in families)] for name, found in rows],
    )


def main(arguments=None):
    """The command line; returns the exit code."""
    parser = page.parser("array_cost.py", __doc__, page=True)
    parser.add_argument("--ci", type=int, default=32, choices=(4, 8, 16, 32, 64))
    parser.add_argument("--family", action="append", choices=list(PASSES), help="default: all")
    options = parser.parse_args(arguments)
    families = options.family or list(PASSES)
    with tempfile.TemporaryDirectory() as folder:
        try:
            rows = measure(options.ci, families, Path(folder))
        except (RuntimeError, OSError) as error:
            return page.failed("array_cost.py", error)
    lines = table(rows, options.ci, families)
    print("\n".join(lines))
    if options.write:
        text = [*lines, "", COUNTED]
        page.write(options.write, "Cost of the array", "array_cost.py", arguments, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
