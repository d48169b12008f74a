"""Energy of the accelerator as an ASIC of standard cells, by simulation of its netlist at gate level.

    python bench/energy.py                                   # MNIST on OSU 0.18 um
    python bench/energy.py --liberty sg13g2_stdcell_typ_1p20V_25C.lib --write docs/energy.md
    python bench/energy.py --model model/pretrained/cifar10.safetensors --images cifar10 --every 64 --levers 5
    python bench/energy.py --only synthesis                  # one step; what is done is kept

The core is converted, mapped to the cells of a Liberty file, and runs whole networks with delays: 64
inputs at once, every gate a unit of time, so that glitches count. Scores, spike counts and maps are
compared with the golden model's in the same simulation. Toggles, states and accesses times the
library's tables are summed by layer, block and kind. Memories are SRAM macros.

Levers are applied one after the other (``bench/power/levers.py``), and a table says what each of them saves.

In it: cells, their inputs, wires (--wire at each load), flip-flops' clocks and a tree of buffers,
leakage of the cells, accesses of the macros. Not in it: the link and the upload of the picture, the macros'
leakage and what chooses between them, the difference between gates' delays, pads, regulators.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import page

from bench.power import flow, levers, liberty, macros, netlist, simulator, stimulus, synthesis
from bench.power.energy import KINDS, Energies
from volley.firmware import modelfile
from volley.firmware.design import parse_settings
from volley.firmware.files import BUILD, EXAMPLES, whole_file
from volley.model.data import datasets
from volley.model.data.sets import SETS

OSU = Path("/usr/share/qflow/tech/osu018/osu018_stdcells.lib")
STEPS = ("synthesis", "simulation", "sums")
ERRORS = (
    ValueError, OSError, flow.FlowError, netlist.NetlistError, simulator.SimulationError,
    stimulus.RunError, synthesis.SynthesisError,
)  # fmt: skip
PUBLISHED = [
    ("VSA", "40 nm", "25.9", "synthesised core, by its authors (arXiv 2205.00780)"),
    ("OpenSpike", "130 nm (sky130)", "0.057", "whole chip (arXiv 2302.01015)"),
    ("FINN CNV-W1A1", "Arty A7-100T", "", "board, 3.42 mJ an image of CIFAR-10 (MLPerf Tiny)"),
]


def options(arguments):
    """The command line."""
    parser = page.parser("energy.py", __doc__, page=True)
    add = parser.add_argument
    add("--liberty", type=Path, default=OSU, metavar="FILE",
        help="standard cells (default: Debian's package qflow-tech-osu018)")  # fmt: skip
    add("--model", type=Path, default=page.SHIPPED, help="model file (default: the shipped MNIST)")
    add(
        "--images",
        metavar="FILE",
        help="pictures, as infer takes them, or the test pictures of a data set such as cifar10 "
        "(default: shipped MNIST digits)",
    )
    add("--pictures", type=int, default=16, metavar="N", help="pictures, 1 to 64 (default: 16)")
    add("--set", default="ci=8,co=2", metavar="ci=8,co=2", help="the array (default: %(default)s)")
    add("--every", type=int, default=16, metavar="N",
        help="count toggles in one cycle of N, and scale (default: 16)")  # fmt: skip
    add("--levers", type=int, choices=range(len(levers.LEVERS) + 1), metavar="N",
        help=f"the first N levers alone, without the table of all (0 to {len(levers.LEVERS)})")  # fmt: skip
    add("--wire", type=float, default=5.0, metavar="FF", help="wire at a load, fF (default: 5)")
    add("--clock", type=float, default=100.0, metavar="MHZ", help="for the leakage (default: 100)")
    add("--only", choices=STEPS, help="end behind this step; the steps before it are read if done")
    add("--png", type=Path, metavar="FILE", help="a plot: energy of each layer by block")
    found = parser.parse_args(arguments)
    if not 1 <= found.pictures <= simulator.LANES:
        parser.error(f"--pictures {found.pictures}: 1 to {simulator.LANES}, one a lane")
    if found.every < 1:
        parser.error(f"--every {found.every}: 1 or more")
    return found


def job_of(chosen) -> flow.Job:
    """What the options ask for; raises one of ERRORS."""
    if chosen.liberty == OSU and not OSU.exists():
        raise ValueError(
            f"{OSU} is not there: apt-get install qflow-tech-osu018, or name another --liberty"
        )
    library = liberty.read(chosen.liberty)
    model = modelfile.load(chosen.model)
    array = parse_settings(chosen.set)
    if set(array) - {"ci", "co"}:
        raise ValueError(
            f"--set {chosen.set}: ci and co alone; memories are as large as the model needs"
        )
    pictures = pictures_of(chosen, model)
    ci, co = array.get("ci", 8), array.get("co", 2)
    folder = BUILD / "energy" / f"{library.name}-{model.name}-{ci}x{co}"
    count = len(levers.LEVERS) if chosen.levers is None else chosen.levers
    return flow.Job(model, pictures, library, chosen.liberty, ci, co, chosen.every, folder, count)


def pictures_of(chosen, model) -> np.ndarray:
    """uint8 [N, C, H, W], N as many as the options say or as there are."""
    if chosen.images in SETS:
        pictures, _ = datasets.load(chosen.images, "test", limit=chosen.pictures)
        if pictures.shape[1:] != tuple(model.layers[0].in_shape):
            raise ValueError(
                f"--images {chosen.images}: pictures of {pictures.shape[1:]}, {model.name} takes "
                f"{tuple(model.layers[0].in_shape)}"
            )
        return np.ascontiguousarray(pictures[: chosen.pictures])
    from volley.host import images

    source = chosen.images or next(EXAMPLES.glob("*images*"))
    return images.load(source, model.layers[0].in_shape, limit=chosen.pictures).images


def picojoules(joules) -> str:
    """Energy for a table, in nJ."""
    return f"{1e9 * joules:,.1f}"


def tables(job, run, energies) -> list[str]:
    """The lines of Markdown."""
    names = [layer.name for layer in job.model.layers]
    table, program = energies.table, job.program
    operations = flow.operations(job.model, job.pictures, run.cycles, program.design.pes)
    layer_joules = table.sum((1, 2))
    total, cycles = layer_joules.sum(), int(run.cycles.sum())
    rates = []
    for index, name in enumerate([*names, "all"]):
        part = slice(index, index + 1) if index < len(names) else slice(None)
        joules, peak = layer_joules[part].sum(), operations.peak[part].sum()
        useful = operations.useful[part].sum()
        rates.append([
            name, int(run.cycles[part].sum()), picojoules(joules),
            f"{1e12 * joules / peak:.3f}", f"{peak / joules * 1e-12:.3f}",
            f"{1e12 * joules / useful:.3f}", f"{useful / joules * 1e-12:.3f}",
        ])  # fmt: skip
    lines = [
        f"{job.library.name}, {job.library.volts:g} V, CI = {job.ci}, CO = {job.co} "
        f"({program.design.pes:,} processing elements): {len(energies.net.gates):,} gates, "
        f"{sum(not part.second for part in energies.net.flip_flops):,} flip-flops, {len(energies.net.memories)} memories. "
        f"{job.model.name}, T = {job.model.ticks}, mean of {len(job.pictures)} pictures, toggles of one "
        f"cycle in {job.every}. Scores, spike counts and maps of all {len(job.pictures)} are the golden model's.",
        "", f"**{1e6 * total:.2f} uJ an image**, {cycles:,} cycles, "
        f"{1e12 * total / cycles:.1f} pJ a cycle.", "",
        *page.table(
            ["layer", "cycles", "nJ", "pJ an operation, peak", "TOPS/W, peak",
             "pJ an operation, useful", "TOPS/W, useful"], rates,
        ),
        "", "An operation is a multiplication or an addition: two for each processing element and cycle (peak), "
        "or for each spike that meets a weight (useful).", "", "## Blocks, nJ an image", "",
        *page.table(
            ["block", *names, "all", "share"],
            [[block, *(picojoules(n) for n in table[:, k].sum(1)), picojoules(table[:, k].sum()),
              f"{table[:, k].sum() / total:.1%}"] for k, block in enumerate(energies.blocks)],
        ),
        "", "## Kinds, nJ an image", "",
        *page.table(
            ["block", *KINDS],
            [[block, *(picojoules(n) for n in table[:, k].sum(0))]
             for k, block in enumerate(energies.blocks)]
            + [["all", *(picojoules(n) for n in table.sum((0, 1)))]],
        ),
    ]  # fmt: skip
    return lines


def measure(job, chosen) -> Energies | None:
    """The energies with the job's levers; None behind the step that ends it. Raises one of ERRORS."""
    made = flow.synthesise(job, print)
    if chosen.only == "synthesis":
        return None
    net = flow.netlist_of(job, made)
    run = flow.simulate(job, made, net, print)
    if chosen.only == "simulation":
        return None
    small = job.levers >= levers.SMALL
    return Energies(job.library, net, run, chosen.wire * 1e-15, chosen.clock * 1e6, small)


def lever_table(job, found: list[Energies]) -> list[str]:
    """What each lever saves; found: without levers, with the first, and so on. Raises FlowError."""
    rows, first = [], found[0].table.sum()
    clock, memory = KINDS.index("clock"), KINDS.index("memory")
    peak = 2.0 * job.program.design.pes * found[0].run.cycles.sum()
    for number, energies in enumerate(found):
        if (energies.run.cycles != found[0].run.cycles).any():
            raise flow.FlowError(f"lever {levers.LEVERS[number - 1].name} takes other cycles")
        table, total = energies.table, energies.table.sum()
        before = found[number - 1].table.sum() if number else total
        name, text = levers.LEVERS[number - 1] if number else ("none", "as boards are built")
        rows.append([
            name, f"{1e6 * total:.2f}", f"{1e6 * (before - total):.2f}",
            f"{(before - total) / first:.1%}", f"{1e6 * table[..., clock].sum():.2f}",
            f"{1e6 * table[..., memory].sum():.2f}", f"{peak / total * 1e-12:.3f}",
            f"{first / total:.2f}", text,
        ])  # fmt: skip
    lines = [
        "", "## Levers", "", "One after the other, at the same cycles and spikes; uJ an image.", "",
        *page.table(
            ["lever", "all", "saved", "of the first", "clock", "memories", "TOPS/W, peak", "times",
             "what it is"], rows,
        ),
    ]  # fmt: skip
    names = [row[0] for row in rows]
    for title, kind in (("Clock", "clock"), ("Memories", "memory")):
        by_block = np.array([each.table[..., KINDS.index(kind)].sum(0) for each in found]).T
        lines += ["", f"{title} by block, uJ an image, behind each lever:", ""]
        lines += page.table(
            ["block", *names],
            [[block, *(f"{1e6 * joules:.2f}" for joules in row)]
             for block, row in zip(found[0].blocks, by_block) if row[0] > 1e-4 * first],
        )  # fmt: skip
    return lines


def beside(job, energies) -> list[str]:
    """A table of this run's best layer and published figures."""
    peak = 2.0 * job.program.design.pes * energies.run.cycles / energies.table.sum((1, 2))
    return [
        "| system | process | TOPS/W | what it includes |", "| --- | --- | ---: | --- |",
        f"| Volley, this run | {1e3 * macros.node_of(job.library):.0f} nm, {job.library.volts:g} V | "
        f"{peak.max() * 1e-12:.3f} | core with memories, best layer, peak operations |",
        *(f"| {' | '.join(row)} |" for row in PUBLISHED),
    ]  # fmt: skip


def what_is_in_it() -> str:
    """The paragraph of this module's text that says so, on a line."""
    return " ".join(__doc__[__doc__.index("In it:") :].split())


def plot(path, job, energies):
    """A bar a layer, its blocks stacked."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = [layer.name for layer in job.model.layers]
    figure, axis = pyplot.subplots(figsize=(7, 4), layout="constrained")
    base = np.zeros(len(names))
    for index, block in enumerate(energies.blocks):
        heights = 1e9 * energies.table[:, index].sum(1)
        axis.bar(names, heights, bottom=base, label=block)
        base += heights
    axis.set(
        ylabel="nJ an image",
        title=f"{job.model.name} on {job.library.name}, CI = {job.ci}, CO = {job.co}",
    )
    axis.legend(fontsize="small")
    with whole_file(path) as part:
        figure.savefig(part, dpi=120)
    pyplot.close(figure)


def main(arguments=None):
    """Runs the steps; returns the exit code."""
    chosen = options(arguments)
    try:
        job = job_of(chosen)
        steps = range(job.levers + 1) if chosen.levers is None else [job.levers]
        found = [measure(job._replace(levers=step), chosen) for step in steps]
        if chosen.only in STEPS[:2]:
            return 0
        energies = found[-1]
        lines = tables(job, energies.run, energies)
        if len(found) > 1:
            lines += lever_table(job, found)
        lines += ["", "## Beside others", "", *beside(job, energies), "", what_is_in_it()]
        print("\n".join(lines))
        if chosen.png:
            plot(chosen.png, job, energies)
        if chosen.write:
            title = f"Energy of {job.model.name} on {job.library.name}"
            page.write(chosen.write, title, "energy.py", arguments, lines)
    except ERRORS as error:
        return page.failed("energy.py", error)
    except KeyboardInterrupt:
        return page.failed("energy.py", "interrupted; the steps that are done are kept")
    return 0


if __name__ == "__main__":
    sys.exit(main())
