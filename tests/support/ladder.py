"""The same small models and pictures for every rung of the ladder of equality."""

import dataclasses
from functools import cache

import numpy as np

from tests.support.random_models import network, random_model
from volley.firmware import modelfile
from volley.firmware.compiler.fit import FitError
from volley.firmware.compiler.lanes import drops_last
from volley.firmware.compiler.lower import lower
from volley.firmware.compiler.program import compile_model
from volley.firmware.design import Design
from volley.firmware.isa import LANES
from volley.firmware.results import class_scores
from volley.model import golden

SMALL = Design(
    ci=4, co=2, spike_words=512, weight_words=256, param_words=128, program_words=64, row_max=16,
    scores=64, pack=1, pair=1, leak=1, odd=1,
)  # fmt: skip
"""Small enough for MyHDL; row_max and depths hold the small random models."""


KINDS = (
    {
        "ticks": 4,
        "layers": 3,
        "size": 6,
        "outputs": 9,
        "spikes": False,
    },  # packed, a picture in pairs
    {"ticks": 20, "layers": 2, "size": 6, "outputs": 9, "spikes": True},  # several passes
    {"layers": 3},
)
"""Options of the random models, in turn; those that fix the ticks leak, and pool an odd width first."""


def load_random(seed, folder, **options):
    """The random model of a seed as ``firmware.modelfile`` reads it, and two pictures."""
    model = random_model(seed, **options)
    return modelfile.load(model.save(folder / f"random{seed}.safetensors")), model.images(2)


def small_jobs(count, folder, design=SMALL, cycles=1500):
    """Returns ``count`` (model, program, image) that take at most ``cycles`` of the array each."""
    jobs, seed = [], 0
    while len(jobs) < count:
        options = KINDS[len(jobs) % len(KINDS)]
        model, images = load_random(seed, folder, **options)
        seed += 1
        if "ticks" in options and not _reaches(model, design):
            continue
        try:
            program = compile_model(model, design, explain=False)
        except FitError:
            continue
        words = sum(len(words) for _, words in program.sections)
        if program.report["cycles"] <= cycles and words < 1500 and not program.segments:
            jobs.append((model, program, images[0]))
    return jobs


def _reaches(model, design):
    """Whether a first convolution leaks and drops a column, and its reset is after the leak."""
    first = lower(model, design).layers[0]
    if not first.leak or not drops_last(first, model, design):
        return False
    packed = model.layers[1].kind == "conv" and bool(model.layers[1].leak)
    if model.ticks < LANES:
        return packed and first.pair == bool(design.pair)
    return packed or first.leak_first and model.reset == "soft"


def streamed_job(folder):
    """(model, program, image) for so little memory that weights are streamed, and maps spilled."""
    random = network("6C3-5C3-P2-3", (1, 6, 6))
    model = modelfile.load(random.save(folder / "streamed.safetensors"))
    little = dataclasses.replace(SMALL, spike_words=32, weight_words=16, param_words=4)
    program = compile_model(model, little, fuse="none")
    program.design = SMALL  # it has more
    assert any(s.ahead for s in program.segments) and any(s.downs for s in program.segments)
    return model, program, random.images(1)[0]


def check_against_golden(job, result):
    """A result of ``core_bench.simulate`` equals the golden model in every spike and score."""
    model, program, image = job
    scores, counters, total, maps = result
    reference = golden.run(model, image[None])
    if program.layers[-1].readout:
        fired = reference.spike_counts[0, -1] if program.counts_votes else 0
        found = class_scores(program, np.array(scores, np.int64), fired)
        assert list(found) == list(reference.scores[0])
    fired = 0
    for layer, (cycles, spikes), row, found in zip(
        model.layers, counters, program.report["layers"], maps
    ):
        assert cycles == row["cycles"], layer.name
        if not layer.readout:
            assert spikes == reference.spike_counts[0, fired], layer.name
            assert np.array_equal(found, reference.maps[fired][0]), layer.name
            fired += 1
    assert total >= sum(cycles for cycles, _ in counters)


def check_quantised(model, images):
    """PyTorch on the model file's integers gives the golden model's scores and spikes."""
    from volley.model import reference

    wanted = golden.run(model, images)
    spikes, _, scores = reference.run(model, images)
    assert np.array_equal(scores.numpy(), wanted.scores)
    for found, fired in zip(spikes, wanted.spikes):
        as_bytes = np.packbits(found.numpy().astype(bool), axis=0, bitorder="little")[0]
        assert np.array_equal(as_bytes, fired)


@cache
def recorded(count, folder):
    """(jobs, results, transcript) of a MyHDL simulation of small models, run once."""
    from tests.support.core_bench import Transcript, simulate

    jobs, transcript = small_jobs(count - 1, folder) + [streamed_job(folder)], Transcript()
    results = simulate(
        [(program, image) for _, program, image in jobs], SMALL, 60_000, transcript=transcript
    )
    return jobs, results, transcript
