"""The traps of MyHDL conversion: each is converted here, seen, and rejected by the checks.

A test shows three things where a tool is at hand: that MyHDL converts the trap without complaint,
that the tool refuses it, and that ``volley.rtl.convert.hdl_lint`` or ``volley.rtl.convert.converter`` catches it.
"""

import os
import subprocess
import sys

import pytest
from myhdl import ConcatSignal, Signal, always, block, instances, intbv

from tests.support import hdl
from volley.firmware import boards
from volley.rtl.convert import hdl_lint
from volley.rtl.convert.converter import ConversionError, convert, convert_board, main


def bits(width):
    return Signal(intbv(0)[width:])


def bit():
    return Signal(bool(0))


@block
def indexed_slice(clk, word, index, result):
    part = word(8, 4)

    @always(clk.posedge)
    def pick():
        result.next = part[index]

    return instances()


@block
def copied_slice(clk, word, index, result):
    part = bits(4)

    @always(clk.posedge)
    def copy():
        part.next = word[8:4]

    @always(clk.posedge)
    def pick():
        result.next = part[index]

    return instances()


@block
def variable_slice(clk, word, result):
    @always(clk.posedge)
    def mix():
        total = intbv(0)[4:]
        for i in range(4):
            total[:] = total ^ word[4 * i + 4 : 4 * i]
        result.next = total

    return instances()


@block
def signed_concat(clk, high, low, result):
    both = ConcatSignal(high, low)

    @always(clk.posedge)
    def copy():
        result.next = both

    return instances()


@block
def memory_word(clk, write, address, data, result):
    words = [bits(8) for _ in range(16)]

    @always(clk.posedge)
    def use_memory():
        if write:
            words[address].next = data
        result.next = words[address][4:]

    return instances()


@block
def memory_slice_indexed(clk, write, address, data, index, result):
    words = [bits(8) for _ in range(16)]

    @always(clk.posedge)
    def use_memory():
        if write:
            words[address].next = data
        result.next = words[address][4:][index]

    return instances()


@block
def undriven(clk, result):
    nothing = bits(4)

    @always(clk.posedge)
    def copy():
        result.next = nothing

    return instances()


@block
def unread(clk, value, result):
    lost = bits(4)

    @always(clk.posedge)
    def copy():
        lost.next = value
        result.next = value

    return instances()


@block
def unused_port(clk, value, ignored, result):
    @always(clk.posedge)
    def copy():
        result.next = value

    return instances()


def signed_bits():
    return Signal(intbv(0, min=-8, max=8))


CASES = {
    "indexed_slice": lambda: indexed_slice(bit(), bits(16), bits(2), bit()),
    "copied_slice": lambda: copied_slice(bit(), bits(16), bits(2), bit()),
    "variable_slice": lambda: variable_slice(bit(), bits(16), bits(4)),
    "signed_concat": lambda: signed_concat(bit(), signed_bits(), signed_bits(), bits(8)),
    "memory_word": lambda: memory_word(bit(), bit(), bits(4), bits(8), bits(4)),
    "memory_slice_indexed": lambda: memory_slice_indexed(
        bit(), bit(), bits(4), bits(8), bits(2), bit()
    ),
    "undriven": lambda: undriven(bit(), bits(4)),
    "unread": lambda: unread(bit(), bits(4), bits(4)),
    "unused_port": lambda: unused_port(bit(), bits(4), bits(4), bits(4)),
}
SUFFIX = {"verilog": ".v", "vhdl": ".vhd"}


def raw(name, language, folder):
    """What MyHDL writes for a case, unchecked."""
    path = folder / (name + SUFFIX[language])
    extra = {"testbench": False} if language == "verilog" else {}
    CASES[name]().convert(
        hdl=language,
        path=str(folder),
        name=name,
        no_myhdl_header=True,
        initial_values=True,
        **extra,
    )
    return path


@pytest.mark.icarus
@pytest.mark.parametrize("name", ["indexed_slice", "variable_slice", "memory_slice_indexed"])
def test_verilog_trap_is_written_by_myhdl_refused_by_icarus_and_caught(name, tmp_path):
    path = raw(name, "verilog", tmp_path)
    with pytest.raises(
        hdl_lint.TrapError, match=rf"{name}\.v:\d+: '(word|words)': a slice"
    ) as caught:
        hdl_lint.check(path.read_text(), "verilog", path.name)
    line = int(str(caught.value).split(":")[1])
    assert "[" in path.read_text().splitlines()[line - 1]
    assert path.read_text().splitlines()[line - 1].strip() in str(caught.value)
    with pytest.raises(ConversionError, match="a slice"):
        convert(CASES[name](), "verilog", tmp_path / "out" / f"{name}.v")
    assert not list((tmp_path / "out").iterdir())
    with pytest.raises(AssertionError, match="iverilog"):
        hdl.check_icarus(path)


def test_indexed_slice_is_caught_in_vhdl_too(tmp_path):
    path = raw("indexed_slice", "vhdl", tmp_path)
    with pytest.raises(hdl_lint.TrapError, match="'word': a slice is indexed"):
        hdl_lint.check(path.read_text(), "vhdl", path.name)


@pytest.mark.icarus
@pytest.mark.ghdl
@pytest.mark.parametrize("language", list(SUFFIX))
@pytest.mark.parametrize("name", ["copied_slice", "memory_word"])
def test_the_safe_forms_pass(name, language, tmp_path):
    path = convert(CASES[name](), language, tmp_path / (name + SUFFIX[language]))
    if language == "verilog":
        assert name != "memory_word" or "][" in path.read_text()  # a memory word may be sliced
        hdl.check_icarus(path)
    else:
        hdl.check_ghdl(next(tmp_path.glob("pck_*.vhd")).name, path)


@pytest.mark.ghdl
def test_signed_concat_is_refused_by_ghdl_and_caught(tmp_path):
    path = raw("signed_concat", "vhdl", tmp_path)
    with pytest.raises(hdl_lint.TrapError, match="'high' is signed") as caught:
        hdl_lint.check(path.read_text(), "vhdl", path.name)
    assert "'low' is signed" in str(caught.value)
    with pytest.raises(AssertionError, match="ghdl"):
        hdl.check_ghdl(next(tmp_path.glob("pck_*.vhd")).name, path)


@pytest.mark.parametrize("language", list(SUFFIX))
@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("undriven", "Signal is not driven: nothing"),
        ("unread", "Signal is driven but not read: lost"),
        ("unused_port", "Port is not used: ignored"),
    ],
)
def test_warnings_of_myhdl_are_errors(name, complaint, language, tmp_path):
    with pytest.raises(ConversionError, match=complaint):
        convert(CASES[name](), language, tmp_path / (name + SUFFIX[language]))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("line", "caught"),
    [
        ("assign a = b[8-1:4][i];", True),
        ("assign a = b[8-1:4] [i];", True),
        ("assign a = b[c[1]][i];", True),
        ("assign a = m[c[1]];", False),
        ("assign a = m[i][3:0];", False),
        ("assign a = m[i][3:0][1];", True),
        ("assign a = b[((4 * i) + 4)-1:(4 * i)];", True),
        ("assign a = b[c[7:4]];", False),
        ("assign a = b[i+:4];", False),
        ("assign a = b[(i ? 1 : 0)];", False),
        ("assign a = b[8-1:4]; // b[8-1:4][i]", False),
        ("assign a = {b[3:0], c[i]};", False),
    ],
)
def test_verilog_lines(line, caught):
    text = f"reg [8-1:0] m [0:16-1];\nwire [7:0] b;\n{line}\n"
    assert bool(hdl_lint.verilog_traps(text)) == caught
    assert all(number == 3 for number, _ in hdl_lint.verilog_traps(text))


def test_other_languages_are_an_error(tmp_path):
    with pytest.raises(ValueError, match="'systemc', allowed is verilog or vhdl"):
        hdl_lint.check("", "systemc", "x")
    with pytest.raises(ValueError, match="'systemc', allowed is verilog or vhdl"):
        convert(CASES["memory_word"](), "systemc", tmp_path / "x")


def sets_in_order(seed):
    """How a process with that hash seed orders the names of a set, as MyHDL does."""
    code = "print(*{f'signal_{i}' for i in range(20)})"
    environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
    return subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)


def test_the_order_of_text_follows_the_hash_seed():
    assert sets_in_order(1) != sets_in_order(2)
    assert sets_in_order(0) == sets_in_order(0)


def test_the_command_line_converts_with_hash_seed_0(tmp_path, monkeypatch):
    seeds = []

    def note(command, **options):
        seeds.append(options.get("env", os.environ)["PYTHONHASHSEED"])
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setenv("PYTHONHASHSEED", "7")
    monkeypatch.setattr("volley.rtl.convert.converter.subprocess.run", note)
    assert main(["-o", str(tmp_path / "volley.v")]) == 0
    assert seeds == ["0"]


def test_a_board_is_converted_with_hash_seed_0(tmp_path, monkeypatch):
    seeds, start = [], subprocess.Popen

    def note(command, **options):
        seeds.append(options["env"]["PYTHONHASHSEED"])
        return start([sys.executable, "-c", "import sys; sys.exit('no signal x')"], **options)

    monkeypatch.setenv("PYTHONHASHSEED", "7")
    monkeypatch.setattr("volley.rtl.convert.converter.subprocess.Popen", note)
    with pytest.raises(ConversionError, match="^no signal x$"):
        convert_board(boards.load("sim"), "verilog", tmp_path / "volley.v")
    assert seeds == ["0"]
