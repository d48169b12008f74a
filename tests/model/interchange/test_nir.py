"""NIR: files that the libraries write are imported, exported ones are read by a library."""

import numpy as np
import pytest
import torch
from torch import nn

from tests.support.nir_networks import hard, network, written
from tests.support.peer_networks import bits, dyadic, neuron, run
from tests.support.random_models import network as random_network
from volley.model import golden
from volley.model.interchange import nir_import, nir_library
from volley.model.interchange.chain import InterchangeError
from volley.model.interchange.nir_export import to_nir
from volley.model.interchange.nir_import import from_nir
from volley.model.interchange.torch_import import from_torch

nir = pytest.importorskip("nir")


@pytest.mark.parametrize("tau", [None, 2.0])
@pytest.mark.parametrize(
    "library, reset", [("spikingjelly", "hard"), ("snntorch", "hard"), ("snntorch", "soft")]
)
def test_written_by_a_library(library, reset, tau, tmp_path):
    for seed in range(3):
        module, shape, ticks = network(library, reset, seed, tau)
        path = written(library, module, shape, tmp_path / "net.nir")
        model = from_nir(path, ticks=ticks, reset=reset, above=library == "snntorch", scale=1.0)
        images = np.random.default_rng(seed).integers(0, 256, (4, *shape), dtype=np.uint8)
        theirs, total = run(module, images, ticks)
        ours = golden.run(model, images)
        if reset == "hard":
            del theirs[1]  # the neuron that pools
        wrong = count = 0
        for mine, other in zip(ours.spikes, theirs, strict=True):
            wrong += int((bits(mine, ticks).reshape(other.shape) != other).sum())
            count += other.size
        if tau:  # a leak is rounded, see test_from_torch.test_leak
            assert wrong <= 5e-3 * count
        else:
            assert wrong == 0
            assert np.array_equal(ours.scores, total * 2**model.fraction_bits)
        assert ours.spike_counts.sum() > 0


def test_exported_is_read_by_spikingjelly(tmp_path):
    exchange = pytest.importorskip("spikingjelly.activation_based.nir_exchange")
    seen, said = set(), []
    for seed in range(4):
        model = hard(seed)
        nir_library.write(nir_export(model, said.append), tmp_path / "net.nir")
        images = np.random.default_rng(seed).integers(0, 256, (20, 2, 8, 6), dtype=np.uint8)
        net, state, scores = exchange.import_from_nir(tmp_path / "net.nir", dt=1.0), None, 0
        with torch.no_grad():
            for _ in range(model.ticks):
                out, state = net(torch.from_numpy(images).float(), state)
                scores = scores + out
        ours = golden.run(model, images)
        assert np.array_equal(ours.scores, scores.numpy())
        seen |= set(ours.scores.flat)
    assert said == [] and len(seen) > 20


def nir_export(model, warn):
    from volley.model.interchange.nir_export import to_nir

    return to_nir(model, warn)


def test_mean_kernel_and_votes(tmp_path):
    """What format 2 adds, exported: the library's scores are the model's, a vote their sum."""
    exchange = pytest.importorskip("spikingjelly.activation_based.nir_exchange")
    torch.manual_seed(1)
    conv, fc, last = nn.Conv2d(2, 5, 5, 2, 1), nn.Linear(20, 9), nn.Linear(9, 6)
    module = nn.Sequential(conv, neuron("spikingjelly", "hard", 300.0), nn.AvgPool2d(2), nn.Flatten(), fc,
                           neuron("spikingjelly", "hard"), last)  # fmt: skip
    rng = np.random.default_rng(1)
    for part in (conv, fc, last):
        dyadic(part, rng)
    model, said = from_torch(module, (2, 10, 10), ticks=5, scale=1.0), []
    model.votes, model.classes = 2, ["a", "b", "c"]
    graph = nir_export(model, said.append)
    net, state, scores = exchange.import_from_nir(graph, dt=1.0), None, 0
    images = rng.integers(0, 256, (20, 2, 10, 10), dtype=np.uint8)
    with torch.no_grad():
        for _ in range(model.ticks):
            out, state = net(torch.from_numpy(images).float(), state)
            scores = scores + out
    assert np.array_equal(golden.run(model, images).scores, scores.numpy()) and said == []
    assert len(np.unique(scores)) > 10
    nir_library.write(graph, tmp_path / "net.nir")
    assert from_nir(tmp_path / "net.nir").layers[0].kernel == 5
    for layer in model.layers[:2]:
        layer.leak = 2
    nir_export(model, said.append)
    assert len(said) == 1 and "no rounding of a leak" in said[0]


def test_there_and_back(tmp_path):
    """A soft model comes back from the metadata, with a warning at export; not from changed nodes."""
    model, said = random_network("6C3-P2-9-4", (2, 8, 6), 1).model(), []
    graph = nir_export(model, said.append)
    assert "no soft reset" in said[0] and "v_init of conv1, fc1" in said[1]
    nir_library.write(graph, tmp_path / "net.nir")
    back = from_nir(tmp_path / "net.nir", ticks=1)
    assert (back.reset, back.ticks, back.name) == ("soft", model.ticks, model.name)
    for mine, its in zip(back.layers, model.layers, strict=True):
        for key in ("weight", "bias", "threshold", "v_init"):
            assert np.array_equal(getattr(mine, key), getattr(its, key))
    graph.nodes["conv1"].weight *= -1
    assert from_nir(graph, ticks=3).ticks == 3


def test_read_without_the_metadata():
    """The nodes alone give the spikes of the model: half a step is what the import rounds away."""
    model = hard(7)
    graph = nir_export(model, print)
    graph.metadata = {}
    said = []
    images = np.random.default_rng(7).integers(0, 256, (20, 2, 8, 6), dtype=np.uint8)
    made = from_nir(graph, ticks=model.ticks, scale=1.0, log=said.append)
    mine, its = golden.run(made, images), golden.run(model, images)
    for ours, theirs in zip(mine.spikes, its.spikes, strict=True):
        assert np.array_equal(ours, theirs) and ours.any()
    assert "exact" in said[-1]


def chain(*nodes, shape=(1, 4, 4), edges=None):
    """A graph of nodes 0, 1, ... after the input."""
    named = {"input": nir.Input(input_type={"input": np.array(shape)})}
    named |= {str(i): node for i, node in enumerate(nodes)}
    named["output"] = nir.Output(output_type={"output": np.array([1])})
    keys = list(named)
    return nir.NIRGraph(named, edges or list(zip(keys, keys[1:])), type_check=False)


def conv():
    return nir.Conv2d((4, 4), np.ones((2, 1, 3, 3)), 1, 1, 1, 1, np.zeros(2))


def fire(threshold=1.0, r=1.0, shape=(2, 4, 4)):
    return nir.IF(np.full(shape, r), np.full(shape, threshold))


def pool():
    return nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))


ONE = np.ones((2, 4, 4))
REFUSED = [
    (chain(conv(), nir.LIF(ONE * 3, ONE, ONE * 0, ONE)), "node '1': leaks with tau 3"),
    (chain(conv(), nir.LIF(ONE * 2, ONE, ONE, ONE)), "node '1': leaks to another value"),
    (chain(conv(), nir.CubaLIF(ONE, ONE, ONE, ONE, ONE)), "node '1': is CubaLIF; use IF"),
    (chain(conv(), fire(r=7.0)), "node '1': has r 7"),
    (chain(conv(), fire(), pool()), "node '2': is a mean that no dense layer follows"),
    (chain(conv(), fire(), pool(), nir.Conv2d((2, 2), np.ones((1, 2, 1, 1)), 1, 0, 1, 1, np.zeros(1))),
     "node '3': is a convolution behind the mean"),
    (chain(conv(), fire(), pool(), fire(0.5)), "node '3': fires at 0.5 of the AvgPool2d '2'"),
    (chain(conv(), pool(), fire(0.125)), "node '1': pools something else"),
    (chain(conv(), fire(), edges=[("input", "0"), ("0", "1"), ("1", "output"), ("1", "0")]),
     "node '0': is reached from 1, input, recurrently"),
    (chain(conv(), fire(), edges=[("input", "0"), ("input", "1"), ("0", "1"), ("1", "output")]),
     "node 'input': leads to 0, 1"),
    (chain(conv(), fire(), edges=[("input", "0"), ("0", "output")]), "node '1': is not on the way"),
    (chain(conv(), fire(), shape=(1, 1, 1, 1, 4)), "node 'input': has the shape"),
    (chain(conv(), nir.IF(ONE, np.arange(1, 33.0).reshape(2, 4, 4))), "node '1': v_threshold of"),
    (chain(nir.Conv2d((4, 4), np.ones((1, 1, 5, 5)), 1, 2, 2, 1, np.zeros(1))),
     "node '0': kernel (5, 5)"),
    (chain(conv(), fire(), nir.Scale(np.array([1.0, 2.0])), nir.Flatten({"input": None}, 0),
           nir.Linear(np.ones((2, 32)))), "node '2': scales the channels of spikes"),
]  # fmt: skip


@pytest.mark.parametrize("graph, text", REFUSED, ids=[text for _, text in REFUSED])
def test_refused(graph, text):
    with pytest.raises(InterchangeError) as error:
        from_nir(graph, ticks=4)
    assert text in str(error.value) and "\n" not in str(error.value)


def test_nodes_of_the_same_name():
    """Layers may be called as the graph's own nodes are."""
    rng = np.random.default_rng(3)
    module = nn.Sequential()
    for name, part in (
        ("input", dyadic(nn.Conv2d(1, 2, 1), rng)),
        ("a", neuron("spikingjelly", "hard", 50.0)),
        ("input_if", dyadic(nn.Conv2d(2, 2, 1), rng)),
        ("b", neuron("spikingjelly", "hard")),
        ("flat", nn.Flatten()),
        ("output", dyadic(nn.Linear(32, 3), rng)),
    ):
        module.add_module(name, part)
    model = from_torch(module, (1, 4, 4), ticks=5, scale=1.0)
    graph = to_nir(model)
    assert from_nir(graph).layers[2].name == "output"
    graph.metadata = {}
    images = rng.integers(0, 256, (6, 1, 4, 4), dtype=np.uint8)
    again = golden.run(from_nir(graph, ticks=5, scale=1.0), images)
    assert np.array_equal(again.labels, golden.run(model, images).labels)


def test_biases():
    """None is no bias; one of a wrong shape is refused."""
    graph = chain(conv(), fire())
    graph.nodes["0"].bias = None
    assert not from_nir(graph, ticks=2, scale=1.0).layers[0].bias.any()
    graph.nodes["0"].bias = np.zeros((1, 2))
    with pytest.raises(InterchangeError, match=r"node '0': has a bias of shape \[1, 2\] for 2"):
        from_nir(graph, ticks=2)


@pytest.mark.parametrize("dt", [0.0, -1.0, float("nan")])
def test_refused_ticks(dt):
    with pytest.raises(InterchangeError, match="dt: found .*; allowed: seconds of a tick, above 0"):
        from_nir(chain(conv(), fire()), ticks=2, dt=dt)


def test_metadata_of_another_program():
    graph = to_nir(from_nir(chain(conv(), fire()), ticks=6, scale=1.0))
    graph.metadata = {"volley": "of another program"}
    assert from_nir(graph, ticks=3, scale=1.0).ticks == 3


def test_scale_and_tick():
    """Scale folds into the layer after or before it; r times dt is the gain of the neuron."""
    images = np.random.default_rng(0).integers(0, 256, (8, 1, 4, 4), dtype=np.uint8)
    half, plain = np.array(0.5), chain(conv(), fire(300.0))
    first = from_nir(plain, ticks=5, scale=0.5)
    for graph in (
        chain(nir.Scale(half), conv(), fire(300.0)),
        chain(conv(), nir.Scale(np.full((2, 4, 4), 0.5)), fire(300.0)),
    ):
        model = from_nir(graph, ticks=5, scale=1.0)
        assert np.array_equal(golden.run(model, images).scores, golden.run(first, images).scores)
    slow = from_nir(chain(conv(), fire(300.0, r=25.0)), ticks=5, scale=1.0, dt=0.02)
    assert np.array_equal(golden.run(slow, images).scores, golden.run(first, images).scores)
    assert golden.run(first, images).scores.any()


def test_files_that_are_none(tmp_path):
    (tmp_path / "text.nir").write_text("no")
    for path, text in (("absent.nir", "no such file"), ("text.nir", "not a NIR file that nir")):
        with pytest.raises(InterchangeError, match=text):
            from_nir(tmp_path / path, ticks=1)
    with pytest.raises(InterchangeError, match="reset: found 'sudden'"):
        from_nir(chain(conv(), fire()), ticks=1, reset="sudden")


def test_without_the_package(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "nir", None)
    with pytest.raises(InterchangeError, match="the package nir is missing"):
        nir_import.from_nir("any.nir", ticks=1)
