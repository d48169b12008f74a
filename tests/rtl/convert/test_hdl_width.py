"""Sums that lose their carry in a comparison of converted Verilog: seen in Icarus, and caught."""

import importlib.util
import inspect
import warnings

import pytest
from myhdl import Signal, always, block, instances, intbv

from tests.support import hdl
from volley.rtl.convert.converter import ConversionError, convert
from volley.rtl.convert.hdl_width import lost_carries
from volley.rtl.neuron import neuron


@block
def bare_sum(clk, a, b, c, result):
    @always(clk.posedge)
    def compare():
        result.next = a + b >= c

    return instances()


@block
def own_variable(clk, a, b, c, result):
    @always(clk.posedge)
    def compare():
        total = intbv(0)[9:]
        total[:] = a + b
        result.next = total >= c

    return instances()


BENCH = """\
module bench;
reg clk = 0; reg [7:0] a = 200, b = 100, c = 250; wire result;
NAME it (.clk(clk), .a(a), .b(b), .c(c), .result(result));
initial begin #1 clk = 1; #1 $display("%b", result); end
endmodule
"""


def ports():
    return Signal(bool(0)), *(Signal(intbv(0)[8:]) for _ in range(3)), Signal(bool(0))


@pytest.mark.icarus
@pytest.mark.parametrize(("made", "right"), [(bare_sum, False), (own_variable, True)])
def test_a_bare_sum_is_another_one_in_verilog(made, right, tmp_path):
    """300 >= 250 in MyHDL; with eight bits it is 44."""
    name = made.__name__
    path = hdl.convert(made(*ports()), tmp_path, name, "Verilog")
    (tmp_path / "bench.v").write_text(BENCH.replace("NAME", name))
    hdl.run_tool(["iverilog", "-o", "bench", "bench.v", path.name], tmp_path)
    assert hdl.run_tool(["vvp", "bench"], tmp_path, quiet=False).strip() == str(int(right))
    if right:
        convert(made(*ports()), "verilog", tmp_path / "out.v")
        return
    with pytest.raises(ConversionError, match=r"a sum of 0 to 510 has 8 bits .*\( a \+ b \) >= c"):
        convert(made(*ports()), "verilog", tmp_path / "out.v")
    assert not (tmp_path / "out.v").exists()


def test_the_last_tick_without_its_variable_is_caught(tmp_path):
    """The comparison that lost a spike: the lowest membrane and the lowest current."""
    source = inspect.getsource(neuron)
    assert source.count("if total >= threshold_in") == 1
    planted = source.replace("if total >= threshold_in", "if v_in + current >= threshold_in")
    for name, text in (("as_it_is", source), ("planted", planted)):
        path = tmp_path / f"{name}.py"
        path.write_text(text)
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        bits = neuron.MEMBRANE_BITS
        v, threshold = (Signal(intbv(0, min=-(1 << bits - 1), max=1 << bits - 1)) for _ in range(2))
        before = v, threshold, Signal(intbv(0)[neuron.CURRENT_BITS :]), Signal(intbv(0)[4:])
        spikes = Signal(intbv(0)[4:])
        instance = module.last_tick(Signal(bool(0)), 1, Signal(intbv(0)[4:]), before, spikes)
        with warnings.catch_warnings(action="ignore"):  # its inputs are in a tuple: no ports
            instance.convert(hdl="Verilog", path=str(tmp_path), name=name, testbench=False)
        text = (tmp_path / f"{name}.v").read_text()
        found = lost_carries(text)
        assert len(found) == (name == "planted"), found
        if found:
            assert "v_in + current" in text.splitlines()[found[0][0] - 1]


DECLARED = """\
module m (
    clk
);
input clk;
reg [7:0] a = 0;
wire [8-1:0] b;
reg signed [7:0] s;
reg signed [7:0] t = 0;
reg [8:0] wide;
reg [3:0] n;
reg [7:0] memory [0:16-1];
always @(posedge clk) begin: P
    integer i;
    reg [3:0] a4;
"""


@pytest.mark.parametrize(
    ("line", "caught"),
    [
        ("if (((a + b) >= wide)) begin", False),
        ("if (((a + b) >= a)) begin", True),
        ("else if (((a - b) < a)) begin", True),
        ("n <= ((a + b) == b);", True),
        ("n <= ((a + b) == 300);", False),  # an unsized number has 32 bits
        ("n <= ((a - 1) < b);", True),  # 4294967295
        ("n <= ((a - 1) == b);", False),  # which is no b
        ("n <= (($signed({1'b0, a}) - 1) < 3);", False),
        ("if (((s + t) >= s)) begin", True),
        ("if (((s + t) >= 0)) begin", False),
        ("if (((s + t) >= wide)) begin", True),  # unsigned then
        ("n <= ((a & b) == a);", False),
        ("n <= (((a + b) > a) && clk);", True),
        ("n <= (clk ? (a + b) < a : 0);", True),
        ("n <= (memory[n] + a) != b;", True),
        ("n <= ((memory[n][4-1:0] + n) != b);", False),
        ("n <= ((a[3] + n) < wide);", False),
        ("n <= ((a4 + n) < n);", True),
        ("n <= ((a4 + n) < i);", False),
        ("n <= ({a, b} + 1) < 3;", False),
        ("n <= ({4{a}} + n) < n;", True),
        ("n <= ((a << 4) + n) < 5;", False),
        ("assign n = ((a + b) <= b);", True),
        ("n <= (a + b);", False),
        ("n <= ((unknown + b) < n);", False),
        ("n <= (-a + b) < a;", True),
        ("n <= ((~a) == b);", False),
        ("a4 = $unsigned((s + t) < s);", True),
        ("m4[((4 * i) + 4)-1:(4 * i)] <= (a[((4 * i) + 4)-1:(4 * i)] + 1) < 3;", False),
    ],
)
def test_lines(line, caught):
    found = lost_carries(f"{DECLARED}    {line}\nend\n")
    assert len(found) == caught, found
    assert all(number == DECLARED.count("\n") + 1 for number, _ in found)


def test_names_of_a_process_are_its_own():
    other = DECLARED + "end\nalways @(posedge clk) begin: Q\n    n <= ((a4 + n) < n);\nend\n"
    assert lost_carries(other) == []  # a4 is not declared here
    second = DECLARED + "end\nendmodule\nmodule k (\n);\nassign n = ((a + b) < b);\n"
    assert lost_carries(second) == []
