"""Proves properties of a converted block: Yosys makes an SMT-LIB model of it, Bitwuzla answers.

A checker is Verilog text that stands inside the converted module, where MyHDL has flattened the whole
block: it sees every signal, has registers of its own, and says ``assume`` and ``assert``.

    base      from the initial state, no assertion fails within ``depth`` cycles
    step      after ``depth`` cycles in which all assertions held, from any state, they hold in the next
    reach     ``depth`` cycles after any state at all they hold

base and step together are a proof for all time, by k-induction with k = ``depth``.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

from myhdl import ToVerilogWarning

from volley.rtl.convert.myhdl_speedup import quick_inspect

TOP = "dut"


@dataclass
class Outcome:
    """holds: no counterexample. seconds: of the solver. trace: {signal: value in each cycle} of a
    counterexample, else empty."""

    holds: bool
    seconds: float
    trace: dict[str, list[int]]


def verilog_of(block) -> str:
    """A block instance converted to the module TOP; its bundles are ports like ``bus_address``."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), quick_inspect():
        # a bundle at the top may have signals that this block does not use
        warnings.simplefilter("ignore", ToVerilogWarning)
        block.convert(
            hdl="Verilog", path=folder, name=TOP, initial_values=True, no_myhdl_header=True,
            testbench=False,
        )  # fmt: skip
        text = (Path(folder) / f"{TOP}.v").read_text()
    # a port of the top has no initial value; the signal that it is inside the device has: zero
    return re.sub(r"^(reg (?:\[[^]]*\] )?\w+);$", r"\1 = 0;", text, flags=re.M)


def smt2_model(verilog: str, checker: str, many_clocks: bool = False) -> str:
    """The SMT-LIB model of the module TOP in ``verilog`` with ``checker`` inside it.

    many_clocks: a step of the model is not a cycle of the only clock: clocks are inputs.
    """
    _check_names(verilog, checker)
    verilog, checker = f"`default_nettype none\n{verilog}", resolve(checker, verilog)
    end = verilog.rindex("endmodule")
    with tempfile.TemporaryDirectory() as folder:
        source, script, model = (Path(folder) / f"dut.{suffix}" for suffix in ("sv", "ys", "smt2"))
        source.write_text(verilog[:end] + checker + "\n" + verilog[end:])
        clocks = "clk2fflogic" if many_clocks else "async2sync"
        script.write_text(
            f"read_verilog -formal -sv {source}\nprep -top {TOP}\nflatten\nmemory -nomap\n{clocks}\n"
            f"dffunmap\nchformal -lower\nopt_clean\nwrite_smt2 -wires {model}\n"
        )
        code = f"from pyosys import libyosys as y; y.run_pass('script {script}', y.Design())"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        if done.returncode:
            errors = [line for line in done.stdout.splitlines() if "ERROR" in line]
            raise ValueError("\n".join(errors) or done.stderr)
        return model.read_text()


def resolve(text: str, verilog: str) -> str:
    """Text with the names that ``verilog`` has: MyHDL puts the name of an instance, which depends on the
    version of Python, before some, and ``text`` has none of that."""
    names = _names(verilog)
    for name in _names(text) - names - set(_declared(text)):
        longer = [each for each in names if each.endswith("_" + name)]
        if len(longer) == 1:
            text = re.sub(rf"\b{name}\b", longer[0], text)
    return text


def _names(text):
    return set(re.findall(r"\b[a-zA-Z]\w*", re.sub(r"//.*", "", text)))


def _declared(checker):
    """The names that a checker declares."""
    pattern = r"^ *(?:\(\* anyconst \*\) )?(?:reg|wire|localparam|integer) (?:\[[^]]*\] )?([^;]*);"
    for declaration in re.findall(pattern, checker, re.M):
        parts = re.sub(r"\{[^}]*\}|\([^()]*\)", "", declaration).split(",")
        yield from (part.split("=")[0].strip() for part in parts)


def _check_names(verilog, checker):
    """Yosys joins a name that is declared twice: a checker's must be its own."""
    twice = sorted(_names(verilog) & set(_declared(checker)))
    if twice:
        raise ValueError(f"names of the checker that the block has too: {', '.join(twice)}")


class Model:
    """A block with a checker inside, as a transition system."""

    def __init__(self, verilog: str, checker: str, many_clocks: bool = False):
        self.text = smt2_model(verilog, checker, many_clocks)
        self.wires = re.findall(r"^; yosys-smt2-(?:wire|register) (\S+) \d+", self.text, re.M)

    def base(self, depth: int) -> Outcome:
        """Whether the assertions hold in the first ``depth`` cycles."""
        return self._check(depth - 1, initial=True, held=False)

    def step(self, depth: int) -> Outcome:
        """Whether they hold in a cycle after ``depth`` others in which they held."""
        return self._check(depth, initial=False, held=True)

    def reach(self, depth: int) -> Outcome:
        """Whether they hold ``depth`` cycles after any state of the registers."""
        return self._check(depth, initial=False, held=False)

    def _check(self, last, initial, held):
        import bitwuzla

        script = [self.text]
        for k in range(last + 1):
            script.append(f"(declare-fun s{k} () |{TOP}_s|)")
            script.append(f"(assert (|{TOP}_u| s{k}))")
            script.append(f"(assert (|{TOP}_h| s{k}))")
            if k:
                script.append(f"(assert (|{TOP}_t| s{k - 1} s{k}))")
            if held and k < last:
                script.append(f"(assert (|{TOP}_a| s{k}))")
        if initial:
            script.append(f"(assert (|{TOP}_i| s0))")
            broken = " ".join(f"(not (|{TOP}_a| s{k}))" for k in range(last + 1))
            script.append(f"(assert (or {broken} false))")
        else:
            script.append(f"(assert (not (|{TOP}_a| s{last})))")
        options = bitwuzla.Options()
        options.set(bitwuzla.Option.PRODUCE_MODELS, True)
        terms = bitwuzla.TermManager()
        parser = bitwuzla.Parser(terms, options)
        began = time.perf_counter()
        parser.parse("\n".join(script), True, False)
        solver = parser.bitwuzla()
        holds = solver.check_sat() == bitwuzla.Result.UNSAT
        seconds = time.perf_counter() - began
        trace = {} if holds else self._trace(parser, solver, last)
        return Outcome(holds, seconds, trace)

    def _trace(self, parser, solver, last):
        found = {}
        for name in self.wires:
            values = []
            for k in range(last + 1):
                try:
                    value = solver.get_value(parser.parse_term(f"(|{TOP}_n {name}| s{k})")).value(
                        10
                    )
                except Exception:  # a memory has no value of this kind
                    break
                values.append(int(value))
            else:
                found[name] = values
        return found
