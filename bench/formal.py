"""Proves properties of the link's blocks by Yosys and Bitwuzla, and prints what is proven.

    python bench/formal.py [NAME ...] [--write docs/formal.md]

Exit code 1 if a proof fails; its counterexample is printed.
"""

import sys
import time

import page
from tqdm import tqdm

from tests.formal.proofs import PROOFS

NOTE = """\
Each block is converted to Verilog as for a board, at its full size, and gets a checker inside it
(`tests/formal/*.sv`) that states the properties. By induction: no assertion fails in the first `depth` cycles,
and after any `depth` cycles in which none fails none fails in the next; together a proof for all time. From any
state: whatever the registers hold, the assertions hold `depth` cycles later. No proof here is a bounded one.
What a checker assumes of a block's surroundings is in it behind `assume`: the executor's requests keep the rules
of a stream, a WRITE promises at most 240 words (which `frame_rx` proves), and the accelerator answers a read
once and runs only what was started. The FIFO between two clocks is proven between resets, for clocks that tick in any
order. `tests/formal/test_proofs.py` plants a fault into each block and demands that
its proof fails.
"""


def prove(proof):
    """(cells of the table's row, counterexample or None)."""
    began = time.perf_counter()
    outcomes = proof.outcomes()
    holds = all(outcome.holds for outcome in outcomes)
    seconds = f"{time.perf_counter() - began:.0f} s"
    cells = [
        proof.name, "; ".join(proof.claims), proof.method, proof.depth,
        "proven" if holds else "FAILS", seconds,
    ]  # fmt: skip
    return cells, None if holds else outcomes[-1].trace


def main(arguments=None):
    """The command line; returns the exit code."""
    parser = page.parser("formal.py", __doc__, page=True)
    parser.add_argument("names", nargs="*", metavar="NAME", help="proofs; all by default")
    options = parser.parse_args(arguments)
    unknown = set(options.names) - {proof.name for proof in PROOFS}
    if unknown:
        known = ", ".join(proof.name for proof in PROOFS)
        return page.failed("formal.py", f"no proof {', '.join(sorted(unknown))}; there are {known}")
    chosen = [proof for proof in PROOFS if not options.names or proof.name in options.names]
    rows, traces = [], {}
    for proof in tqdm(chosen, desc="prove", leave=False, disable=None):
        cells, trace = prove(proof)
        rows.append(cells)
        if trace is not None:
            traces[proof.name] = trace
    heads = ["proof", "what", "how", "depth", "result", "time"]
    lines = [NOTE, *page.table(heads, rows)]
    print("\n".join(lines))
    for name, trace in traces.items():
        print(f"\n{name}:")
        for signal, values in trace.items():
            print(f"  {signal}: {values}")
    if options.write:
        page.write(options.write, "Formal proofs", "formal.py", arguments, lines)
    return 1 if traces else 0


if __name__ == "__main__":
    sys.exit(main())
