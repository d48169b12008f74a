"""Verilog of ``rtl.core.core`` in Icarus, as the device under test of a MyHDL bench."""

import shutil
import subprocess
import sys
from pathlib import Path

from myhdl import Cosimulation

from tests.support.core_bench import Transcript
from tests.support.tools import need, skip_or_fail

VPI_SOURCES = Path(sys.prefix) / "share" / "myhdl" / "cosimulation" / "icarus"


def icarus_core(sources, folder, options=()):
    """Compiles Verilog files that hold module ``core``; returns dut(clk, bus, design) for
    ``core_bench.simulate``.

    folder: where to work. options: of iverilog. Where a tool is missing, ``tools.need`` decides.
    """
    need("cosimulation")
    if not VPI_SOURCES.is_dir():
        skip_or_fail(f"MyHDL's VPI sources are not in {VPI_SOURCES}; install MyHDL with pip")
    shutil.copytree(VPI_SOURCES, folder, dirs_exist_ok=True)
    subprocess.run(["make", "myhdl.vpi"], cwd=folder, check=True, capture_output=True)
    names = [*Transcript.INPUTS, *Transcript.OUTPUTS]
    (folder / "bench.v").write_text(bench_text())
    subprocess.run(
        [
            *("iverilog", "-g2005", *options, "-o", "bench.vvp", "-s", "bench", "bench.v"),
            *(str(Path(source).resolve()) for source in sources),
        ],
        cwd=folder,
        check=True,
    )

    def icarus(clk, bus, design):
        signals = {f"bus_{name}": getattr(bus, name) for name, _ in names}
        return Cosimulation(f"vvp -M {folder} -m myhdl {folder / 'bench.vvp'}", clk=clk, **signals)

    return icarus


def bench_text():
    """The Verilog that connects module ``core`` with MyHDL."""
    inputs = {"clk": 1, **{f"bus_{name}": width for name, width in Transcript.INPUTS}}
    outputs = {f"bus_{name}": width for name, width in Transcript.OUTPUTS}
    lines = ["module bench;"]
    lines += [f"reg [{width - 1}:0] {name} = 0;" for name, width in inputs.items()]
    lines += [f"wire [{width - 1}:0] {name};" for name, width in outputs.items()]
    lines += ["initial begin", f"$from_myhdl({', '.join(inputs)});"]
    lines += [f"$to_myhdl({', '.join(outputs)});", "end"]
    lines += [f"core dut({', '.join(f'.{name}({name})' for name in [*inputs, *outputs])});"]
    return "\n".join([*lines, "endmodule", ""])
