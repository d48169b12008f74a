"""The golden model against PyTorch's layers and other people's neurons, and its errors."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.random_models import models, pictures
from volley.firmware import modelfile
from volley.firmware.modelfile import Layer, Model
from volley.model import golden, reference

TOP, BOTTOM = 2**23 - 1, -(2**23)


def as_bytes(spikes):
    """Pack spikes [T,N,C,H,W] into the golden model's bytes."""
    groups = [
        np.packbits(spikes[at : at + 8].numpy().astype(np.uint8), 0, "little")[0]
        for at in range(0, len(spikes), 8)
    ]
    return groups[0] if len(groups) == 1 else np.stack(groups, 1)


def compare(model, images):
    """Assert that golden and quantised agree in every spike, map, count and score."""
    found = golden.run(model, images)
    spikes, maps, scores = reference.run(model, images)
    assert len(found.spikes) == len(spikes)
    for ours, theirs in zip(found.spikes + found.maps, spikes + maps):
        np.testing.assert_array_equal(ours, as_bytes(theirs))
    np.testing.assert_array_equal(found.scores, scores.numpy())
    for index, theirs in enumerate(spikes):
        np.testing.assert_array_equal(
            found.spike_counts[:, index], theirs.sum((0, 2, 3, 4)).numpy()
        )
    return found


def one_neuron(ticks, reset, bias, threshold, v_init, fraction_bits=0, weight=1):
    """A model of one neuron that sees one pixel."""

    def row(value):
        return np.array([value], np.int32)

    layer = Layer(
        "n",
        "dense",
        1,
        1,
        encode=True,
        weight=np.array([[weight]], np.int8),
        bias=row(bias),
        threshold=row(threshold),
        v_init=row(v_init),
    )
    model = Model("one", ticks, fraction_bits, reset, 1, 1, 1, 8, ["x"], [layer])
    modelfile.validate(model)
    return model


def train_of(model, pixel):
    """The neuron's spikes as a text of 0 and 1, tick 0 first."""
    result = compare(model, np.full((1, 1, 1, 1), pixel, np.uint8))
    groups = np.atleast_1d(result.spikes[0].reshape(-1))
    return "".join(f"{int(b):08b}"[::-1] for b in groups)[: model.ticks]


@settings(max_examples=60, deadline=None)
@given(models(bits=None, most_ticks=8), st.integers(0, 1000))
def test_equals_pytorch(random, seed):
    model = random.model()
    compare(model, pictures(model, 4, seed))


@settings(max_examples=15, deadline=None)
@given(models(bits=None))
def test_equals_pytorch_many_ticks(random):
    model = random.model()
    compare(model, pictures(model, 3))


@pytest.mark.parametrize(
    "reset, pixel, bias, threshold, v_init, wanted",
    [
        ("soft", 3, 0, 8, 4, "01010010"),  # 7; 10 fires, 2; 5; 8 fires, 0; 3; 6; 9 fires; 4
        ("hard", 3, 0, 8, 4, "01001001"),  # after a spike three ticks to 9
        ("soft", 0, 0, 1, 0, "00000000"),
        ("soft", 0, -1, 1, 0, "11111111"),  # the bias is subtracted
        ("soft", 255, 0, 1, 0, "11111111"),
        ("hard", 0, 0, TOP, TOP, "10000000"),
        ("soft", 0, 0, TOP, TOP, "10000000"),
        ("soft", 0, BOTTOM, TOP, TOP, "11111111"),  # saturates at the top at each tick
        ("soft", 0, TOP, 1, BOTTOM, "00000000"),  # stays at the bottom
    ],
)
def test_by_hand(reset, pixel, bias, threshold, v_init, wanted):
    assert train_of(one_neuron(8, reset, bias, threshold, v_init), pixel) == wanted


def test_saturation_is_seen():
    """A membrane held at its top or bottom gives other spikes than one that goes on past it."""
    # Unbounded, v would be -2^23 - 3 * 2^22 after three ticks, and back at 0 later than tick 31.
    down_and_up = one_neuron(8, "soft", TOP, 1, BOTTOM)
    assert train_of(down_and_up, 0) == "00000000"
    # Soft reset by the threshold, from a membrane held at the top: fires at each tick, then stops
    # growing. Unbounded it would hold 2^23 more after the first tick.
    held = one_neuron(2, "soft", BOTTOM, TOP, TOP)
    assert train_of(held, 0) == "11"
    result = compare(one_neuron(32, "hard", BOTTOM, TOP, BOTTOM), np.zeros((1, 1, 1, 1), np.uint8))
    assert result.spike_counts.tolist() == [[31]]


def test_tie_takes_the_lowest_index():
    layer = Layer(
        "r",
        "dense",
        1,
        3,
        encode=True,
        readout=True,
        weight=np.array([[-1], [1], [1]], np.int8),
        bias=np.zeros(3, np.int32),
    )
    model = Model("tie", 4, 2, "soft", 1, 1, 1, 8, list("abc"), [layer])
    modelfile.validate(model)
    result = compare(model, np.array([5, 0], np.uint8).reshape(2, 1, 1, 1))
    assert result.scores.tolist() == [[-80, 80, 80], [0, 0, 0]]
    assert result.labels.tolist() == [1, 0]


def test_score_saturates():
    """Scores stay in 32 bits: 32 ticks of the largest drives pass both ends."""
    inputs = 65 * 1025
    layer = Layer(
        "r",
        "dense",
        inputs,
        2,
        encode=True,
        readout=True,
        weight=np.stack([np.ones(inputs), -np.ones(inputs)]).astype(np.int8),
        bias=np.zeros(2, np.int32),
    )
    model = Model("big", 32, 8, "soft", 1, 65, 1025, 8, list("ab"), [layer])
    modelfile.validate(model)
    result = compare(model, np.full((1, 1, 65, 1025), 255, np.uint8))
    assert result.scores.tolist() == [[2**31 - 1, -(2**31)]]


@pytest.mark.parametrize("channels", [227, 228, 500])
def test_wide_layers(channels):
    """Both sides of the border where two ticks share a float32."""
    rng = np.random.default_rng(channels)

    def layer(name, inputs, out, **more):
        return Layer(
            name,
            "conv",
            inputs,
            out,
            3,
            1,
            weight=np.ones((out, inputs, 3, 3), np.int8),
            bias=np.zeros(out, np.int32),
            threshold=np.full(out, 9, np.int32),
            v_init=rng.integers(0, 9, out).astype(np.int32),
            **more,
        )

    model = Model(
        "wide",
        7,
        0,
        "soft",
        1,
        3,
        3,
        8,
        list("ab"),
        [layer("a", 1, channels, encode=True), layer("b", channels, 2)],
    )
    modelfile.validate(model)
    model.layers[1].weight[1] = -1
    compare(model, pictures(model, 3))


def test_chunks_and_threads_change_nothing(monkeypatch):
    rng = np.random.default_rng(3)
    layer = Layer(
        "c",
        "conv",
        1,
        8,
        3,
        1,
        True,
        2,
        weight=rng.choice(np.array([-1, 1], np.int8), (8, 1, 3, 3)),
        bias=np.zeros(8, np.int32),
        threshold=np.full(8, 300, np.int32),
        v_init=np.full(8, 150, np.int32),
    )
    model = Model("m", 8, 0, "hard", 1, 8, 8, 8, list("abcdefgh"), [layer])
    modelfile.validate(model)
    images = pictures(model, 50)
    whole = golden.run(model, images)
    monkeypatch.setattr(golden, "CHUNK_NEURONS", 3 * 8 * 64)
    parts = golden.run(model, images, threads=3)
    for key in ("scores", "labels", "spike_counts"):
        np.testing.assert_array_equal(getattr(whole, key), getattr(parts, key))
    np.testing.assert_array_equal(whole.spikes[0], parts.spikes[0])
    bare = golden.run(model, images, layers=False)
    assert bare.spikes == [] and bare.maps == []
    np.testing.assert_array_equal(bare.scores, whole.scores)
    assert golden.run(model, images[:0]).scores.shape == (0, 8)


@pytest.mark.parametrize(
    "images, words",
    [
        (np.zeros((2, 1, 1), np.uint8), "shape \\[2, 1, 1\\].*\\[N, 1, 1, 1\\]"),
        (np.zeros((2, 1, 2, 1), np.uint8), "shape \\[2, 1, 2, 1\\]"),
        (np.zeros((2, 1, 1, 1), np.float32), "float32.*uint8"),
    ],
)
def test_wrong_images(images, words):
    with pytest.raises(golden.GoldenError, match=words):
        golden.run(one_neuron(1, "soft", 0, 1, 0), images)


def test_too_many_bits():
    model = one_neuron(1, "soft", 0, 1, 0)
    model.bits = 4
    with pytest.raises(golden.GoldenError, match="pixel of 16.*0 to 15"):
        golden.run(model, np.full((1, 1, 1, 1), 16, np.uint8))


def drives_and_spikes(reset, ticks=32):
    """Random pixels into 64 neurons: drives float32 [64] per tick, golden's spikes [T, 64]."""
    rng = np.random.default_rng(5)
    threshold = rng.integers(1, 2000, 64).astype(np.int32)
    layer = Layer(
        "n",
        "dense",
        6,
        64,
        encode=True,
        weight=rng.choice(np.array([-1, 1], np.int8), (64, 6)),
        bias=rng.integers(-300, 300, 64).astype(np.int32),
        threshold=threshold,
        v_init=np.zeros(64, np.int32),
    )
    model = Model("n", ticks, 0, reset, 1, 2, 3, 8, [str(i) for i in range(64)], [layer])
    modelfile.validate(model)
    images = pictures(model, 5, 9)
    drives = images.reshape(5, 6).astype(np.int64) @ layer.weight.T - layer.bias
    spikes = golden.run(model, images).spikes[0].reshape(5, -1, 64)
    trains = np.unpackbits(spikes[:, :, None], axis=2, bitorder="little").reshape(5, ticks, 64)
    return torch.from_numpy(drives).double(), threshold, trains


@pytest.mark.parametrize("reset", ["soft", "hard"])
def test_spikingjelly_neuron(reset):
    """The same spikes as spikingjelly's IFNode, whose threshold is one number for a layer."""
    neuron = pytest.importorskip(
        "spikingjelly.activation_based.neuron",
        reason="spikingjelly is not installed: a comparison, no more",
    )
    drives, threshold, trains = drives_and_spikes(reset)
    for channel in range(64):
        node = neuron.IFNode(
            v_threshold=float(threshold[channel]),
            v_reset=0.0 if reset == "hard" else None,
            step_mode="m",
        ).double()
        with torch.no_grad():
            theirs = node(drives[:, channel].expand(32, -1)).T
        np.testing.assert_array_equal(trains[:, :, channel], theirs.numpy())


@pytest.mark.parametrize("reset", ["soft", "hard"])
def test_snntorch_neuron(reset):
    """The same spikes as snnTorch's Leaky with beta = 1, which resets a tick later.

    Its membrane fires above, not at, the threshold: half a unit less makes the two rules one.
    """
    snn = pytest.importorskip("snntorch", reason="snnTorch is not installed: a comparison, no more")
    drives, threshold, trains = drives_and_spikes(reset)
    if reset == "hard":
        pytest.skip(
            "snnTorch's reset to zero takes effect a tick later and keeps that tick's drive"
        )
    for channel in range(64):
        cell = snn.Leaky(
            beta=1.0,
            threshold=float(threshold[channel]),
            reset_mechanism="subtract",
            inhibition=False,
        )
        membrane = cell.init_leaky()
        for tick in range(32):
            spike, membrane = cell(drives[:, channel] + (0.25 if tick == 0 else 0), membrane)
            np.testing.assert_array_equal(trains[:, tick, channel], spike.numpy())
