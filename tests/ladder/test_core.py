"""The accelerator in MyHDL and, converted, in Icarus and GHDL: equal to the golden model."""

import dataclasses
import os
import subprocess

import pytest
from myhdl import Signal

from tests.support.core_bench import Transcript, simulate
from tests.support.cosimulation import icarus_core
from tests.support.hdl import run_tool
from tests.support.ladder import SMALL, check_against_golden, load_random, recorded, small_jobs
from volley.firmware.compiler.program import compile_model
from volley.rtl.convert.converter import convert
from volley.rtl.core import core
from volley.rtl.link.bus import Bus
from volley.rtl.link.identity import identity_words

JOBS = 3


def converted(language, folder, design=SMALL):
    """The core as Verilog or VHDL, converted once into a folder."""
    path = folder / ("core.v" if language == "verilog" else "core.vhd")
    if not path.exists():
        clk, bus = Signal(bool(0)), Bus()
        instance = core(clk, bus, identity_words(design, 100_000_000, "myhdl"), design)
        convert(instance, language, path)
    return path


def test_myhdl(ladder_folder):
    jobs, results, _ = recorded(JOBS, ladder_folder)
    for job, result in zip(jobs, results):
        check_against_golden(job, result)


@pytest.mark.parametrize("option", ["short", "gate", "reach", "pack", "share", "transposed"])
def test_a_build_parameter(ladder_folder, option):
    """The same spikes, in the cycles that the compiler says; ``transposed`` with ``reach``, as boards have it."""
    co, reach = 2 if option == "share" else 1, int(option == "transposed")
    options = {"pack": 0, "pair": 0, "leak": 0, "reach": reach, option: 1}
    design = dataclasses.replace(SMALL, co=co, **options)
    model, images = load_random(30, ladder_folder, layers=2, size=5, outputs=5)
    program = compile_model(model, design, explain=False)
    results = simulate([(program, images[0])], design, 60_000)
    check_against_golden((model, program, images[0]), results[0])


@pytest.mark.slow
def test_what_is_not_used_is_not_read(ladder_folder):
    """The build parameter ``gate``: the same spikes in the same cycles."""
    plain = dataclasses.replace(SMALL, pair=0)
    jobs = small_jobs(JOBS - 1, ladder_folder, plain)
    runs = [(program, image) for _, program, image in jobs]
    expected = simulate(runs, plain, 60_000)
    gated = simulate(runs, dataclasses.replace(plain, gate=1), 60_000)
    for found, wanted, job in zip(gated, expected, jobs):
        check_against_golden(job, found)
        assert found[:3] == wanted[:3]


@pytest.mark.cosimulation
def test_icarus_cosimulation(ladder_folder):
    """The converted Verilog in Icarus, under the same MyHDL bench."""
    jobs, expected, _ = recorded(JOBS, ladder_folder)
    icarus = icarus_core([converted("verilog", ladder_folder)], ladder_folder / "icarus")
    results = simulate([(program, image) for _, program, image in jobs], SMALL, 60_000, dut=icarus)
    for found, wanted, job in zip(results, expected, jobs):
        check_against_golden(job, found)
        assert found[:3] == wanted[:3]


GHDL_BENCH = """
library ieee; use ieee.std_logic_1164.all; use ieee.numeric_std.all; use std.textio.all;
entity bench is end entity;
architecture play of bench is
  signal clk : std_logic := '0';
{declarations}
begin
  dut : entity work.core port map (clk => clk, {ports});
  process
    file transcript : text open read_mode is "transcript.txt";
    variable row : line;
    variable given : string(1 to {inputs});
    variable wanted : string(1 to {outputs});
    variable gap : character;
    variable number, place : integer := 0;
    function bit_of(c : character) return std_logic is
    begin
      if c = '1' then return '1'; else return '0'; end if;
    end function;
  begin
    while not endfile(transcript) loop
      readline(transcript, row);
      read(row, given); read(row, gap); read(row, wanted);
      number := number + 1;
{drive}
      wait for 1 ns;
{compare}
      clk <= '1'; wait for 5 ns; clk <= '0'; wait for 4 ns;
    end loop;
    report "cycles equal: " & integer'image(number);
    wait;
  end process;
end architecture;
"""


def ghdl_bench():
    """A VHDL bench that plays the inputs of a transcript and compares the outputs in each cycle."""
    declarations, drive, compare, ports = [], [], [], []
    names = [name for name, _ in Transcript.OUTPUTS]
    valid = 1 + sum(width for _, width in Transcript.OUTPUTS[: names.index("read_valid")])
    for signals, lines, text in (
        (Transcript.INPUTS, drive, "given"),
        (Transcript.OUTPUTS, compare, "wanted"),
    ):
        place = 1
        for name, width in signals:
            ports.append(f"bus_{name} => s_{name}")
            kind = "std_logic" if width == 1 else f"unsigned({width - 1} downto 0)"
            initial = "'0'" if width == 1 else "(others => '0')"
            declarations.append(f"  signal s_{name} : {kind} := {initial};")
            for k in range(width):
                bit = f"s_{name}" if width == 1 else f"s_{name}({width - 1 - k})"
                if text == "given":
                    lines.append(f"      {bit} <= bit_of(given({place}));")
                else:
                    # outputs have no value before the first edge, and data only where it is valid
                    known = "number = 1"
                    if name == "read_data":
                        known += f" or wanted({valid}) = '0'"
                    lines.append(
                        f"      assert {known} or {bit} = bit_of(wanted({place})) report "
                        f'"{bit} differs in cycle " & integer\'image(number) severity failure;'
                    )
                place += 1
        if text == "given":
            inputs = place - 1
        else:
            outputs = place - 1
    return GHDL_BENCH.format(
        declarations="\n".join(declarations), ports=", ".join(ports), inputs=inputs,
        outputs=outputs, drive="\n".join(drive), compare="\n".join(compare),
    )  # fmt: skip


@pytest.mark.ghdl
def test_ghdl(ladder_folder):
    """The converted VHDL in GHDL repeats every cycle of the MyHDL simulation's bus."""
    _, _, transcript = recorded(JOBS, ladder_folder)
    path = converted("vhdl", ladder_folder)
    folder = path.parent
    (folder / "transcript.txt").write_text("\n".join(transcript.lines) + "\n")
    (folder / "bench.vhd").write_text(ghdl_bench())
    package = next(folder.glob("pck_myhdl_*.vhd")).name
    run_tool(["ghdl", "-a", "--std=08", package, path.name, "bench.vhd"], folder)
    done = subprocess.run(
        ["ghdl", "--elab-run", "--std=08", "bench", "--ieee-asserts=disable-at-0"],
        cwd=folder, capture_output=True, text=True, check=False, env={**os.environ},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"cycles equal: {len(transcript.lines)}" in done.stdout + done.stderr
