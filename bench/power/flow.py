"""The steps of an energy figure, each kept in a folder: synthesis, simulation, sums."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from bench.power import levers, netlist, stillness, stimulus, synthesis
from bench.power.energy import Run
from bench.power.liberty import Library
from bench.power.simulator import LANES, Simulator
from volley.firmware.compiler.program import compile_model
from volley.firmware.files import whole_file
from volley.model import golden


class FlowError(RuntimeError):
    """The netlist computes something else than the golden model, or a step is missing."""


class Job(NamedTuple):
    """What an energy is wanted of.

    pictures: uint8 [N, C, H, W], 1 to 64 of them. every: toggles are counted in one cycle of so many. levers:
    how many of ``levers.LEVERS``.
    """

    model: object
    pictures: np.ndarray
    library: Library
    liberty: Path
    ci: int
    co: int
    every: int
    folder: Path
    levers: int = len(levers.LEVERS)

    @property
    def program(self):
        """The compiled program, all of it on the chip."""
        gate = int(self.levers >= levers.OPTION)
        design = stimulus.design_for(self.model, self.ci, self.co, gate)
        program = compile_model(self.model, design, fuse="none", explain=False)
        if program.segments:
            raise FlowError(f"{self.model.name}: its weights do not stay on the chip")
        return program


def synthesise(job: Job, say) -> Path:
    """The netlist's file."""
    folder = job.folder / levers.variant(job.levers)
    gated = job.levers >= levers.GATES
    return synthesis.netlist(job.program.design, job.library, job.liberty, folder, gated, say)


def netlist_of(job: Job, made: Path) -> netlist.Netlist:
    """The netlist with its levers."""
    return levers.prepared(made, job.library, levers.simulated(job.levers), job.ci)


def simulate(job: Job, made: Path, net: netlist.Netlist, say) -> Run:
    """What the netlist, of ``netlist_of``, does with the pictures; its spikes, maps and scores must be golden's.

    A finished simulation of the same netlist, model and pictures is read back. Raises FlowError.
    """
    program = job.program
    path = job.folder / f"run-{levers.simulated(job.levers)}.npz"
    key = hashlib.sha256(
        b"".join(
            [
                made.with_name("netlist.key").read_bytes(), job.pictures.tobytes(),
                program.to_bytes(), str(job.every).encode(), Path(stillness.__file__).read_bytes(),
            ]
        )
    ).hexdigest()  # fmt: skip
    found = _stored(path, key)
    if found is not None:
        say(f"simulation: read from {path}")
        return found
    simulator = Simulator(job.library, net, job.folder, len(program.layers))
    bus = stimulus.CoreBus(simulator)
    lanes = np.resize(np.arange(len(job.pictures)), LANES)
    pictures = job.pictures[lanes]
    with tqdm(total=stimulus.words_to_load(program), desc="load", unit="words") as progress:
        stimulus.load(bus, program, progress)
    with tqdm(desc="upload", unit="words") as progress:
        stimulus.load_pictures(bus, pictures, progress)
    cycles = program.report["cycles"] if program.report else None
    with tqdm(total=cycles, desc="run at gate level", unit="cycles") as progress:
        bus.run(program.entries[0], job.every, 100_000_000, progress)
    say("reading spikes, maps and scores back")
    _compare(job.model, program, stimulus.read_results(bus, program), pictures)
    cycles, sampled = simulator.cycles()
    run = Run(
        simulator.toggles(), cycles, sampled, *simulator.flip_flop_states(),
        [simulator.accesses(number) for number in range(len(net.memories))], simulator.edges(),
    )  # fmt: skip
    _store(path, key, run)
    return run


def _compare(model, program, results, pictures):
    """Raises FlowError where the netlist's scores, counters or maps are not the golden model's."""
    wanted = golden.run(model, pictures)
    if not np.array_equal(results.scores, wanted.scores):
        raise FlowError("the netlist's scores are not the golden model's")
    firing = [number for number, layer in enumerate(program.layers) if not layer.readout]
    if not np.array_equal(results.spikes[:, firing], wanted.spike_counts):
        raise FlowError("the netlist's spike counts are not the golden model's")
    for index, number in enumerate(firing):
        if not np.array_equal(results.maps[number], wanted.maps[index]):
            raise FlowError(
                f"the netlist's map of layer {program.layers[number].name} is not golden's"
            )


def _store(path, key, run):
    arrays = {name: getattr(run, name) for name in Run._fields if name != "accesses"}
    arrays["accesses"] = np.array(run.accesses)
    with whole_file(path) as part, open(part, "wb") as file:
        np.savez_compressed(file, key=json.dumps(key), **arrays)


def _stored(path, key) -> Run | None:
    try:
        with np.load(path) as file:
            if json.loads(str(file["key"])) != key:
                return None
            accesses = [tuple(pair) for pair in file["accesses"]]
            return Run(
                **{name: file[name] for name in Run._fields if name != "accesses"},
                accesses=accesses,
            )
    except (OSError, KeyError, ValueError):
        return None


@dataclasses.dataclass
class Operations:
    """Of a picture, by layer: peak, two for each processing element and cycle; useful, two for each spike
    that meets a weight (of an encoding layer, each bit of a pixel that is set)."""

    peak: np.ndarray
    useful: np.ndarray


def operations(model, pictures, cycles, pes: int) -> Operations:
    """cycles: of each layer; pes: processing elements."""
    found = golden.run(model, pictures)
    useful, below = [], pictures
    for layer, after in zip(model.layers, [*found.maps, None]):
        bits = np.unpackbits(np.ascontiguousarray(below)[..., None], axis=-1).sum(-1)
        if bits.ndim == 5:  # passes of ticks
            bits = bits.sum(1)
        passes = -(-model.ticks // 8) if layer.encode and not layer.readout else 1
        if layer.kind == "dense":
            pairs = bits.sum() * layer.outputs
        else:
            half = layer.kernel // 2
            rows = _meetings(bits.shape[2], half)
            columns = _meetings(bits.shape[3], half)
            pairs = (bits.sum((0, 1)) * rows[:, None] * columns).sum() * layer.outputs
        useful.append(2 * passes * pairs / len(pictures))
        below = after
    return Operations(2.0 * pes * np.asarray(cycles, float), np.array(useful, float))


def _meetings(size: int, half: int) -> np.ndarray:
    """How many taps of a padded kernel a pixel of a row meets."""
    at = np.arange(size)
    return np.minimum(at, half) + np.minimum(size - 1 - at, half) + 1
