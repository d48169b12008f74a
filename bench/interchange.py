"""How near imported and exported networks are to the libraries' own, spike by spike.

    python bench/interchange.py

Each row compares every neuron at every tick of random pictures, layers behind one another:
networks with dyadic parameters (weights +-1, biases on 1/4), which are exact, as are ternary weights, up to five
levels and sums of spikes (SEW ADD); networks with real-valued batch normalisation, by fraction bits; the
PyTorch twins of the shipped models; NIR, both ways. Needs the extras train, interchange and test.
"""

import argparse
import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":  # as a script: import from the repository's root
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import numpy as np  # noqa: E402

from volley.firmware import modelfile  # noqa: E402
from volley.firmware.files import PRETRAINED  # noqa: E402
from volley.model import golden  # noqa: E402

LIBRARIES = ("snntorch", "spikingjelly")
RESETS = ("soft", "hard")
TICKS = 8
PICTURES = 20


def row(what, wrong, count, more=""):
    """Prints one comparison."""
    print(f"{what:58} {wrong:12,} of {count:15,}   {wrong / max(1, count):.1e}{more}", flush=True)


def compared(module, shape, ticks, scale, pictures, **options):
    """(differing, compared, classes that differ) of a module and what it is imported as."""
    from volley.model.interchange import check, torch_import

    net = torch_import.read(module, shape)
    model = torch_import.from_torch(module, shape, ticks=ticks, scale=scale, **options)
    images = np.random.default_rng(1).integers(0, 256, (pictures, *net.shape), dtype=np.uint8)
    found = check.compare(module, net.walk, model, images, scale)
    return (
        sum(x[4] for x in found.layers),
        sum(x[3] for x in found.layers),
        int((found.classes[0] != found.classes[1]).sum()),
    )


def dyadic(count, tau=None):
    """Random networks of 1 to 32 ticks, even and odd pools."""
    from tests.support.peer_networks import network

    for library in LIBRARIES:
        for reset in RESETS:
            made = [network(library, reset, 1000 + seed, tau) for seed in range(count)]
            found = [compared(*net, 1.0, 4) for net in made]
            wrong, total, _ = np.sum(found, 0)
            kind = f"LIF tau {tau:g}" if tau else "IF"
            row(f"dyadic: {count} networks, {library}, {kind}, {reset} reset", wrong, total)


def copied(count):
    """Networks of ternary weights, of four and five levels, and of SEW ADD blocks."""
    from tests.support.peer_networks import network, sew_network

    levels = {"ternary": (-1.0, 0.0, 1.0), "5 levels": (-2.0, -1.0, 0.0, 1.0, 2.0)}
    makers = {
        name: lambda library, reset, seed, given=given: network(library, reset, seed, None, given)
        for name, given in levels.items()
    }
    for name, make in {**makers, "SEW ADD": sew_network}.items():
        for library in LIBRARIES:
            for reset in RESETS:
                made = [make(library, reset, 2000 + seed) for seed in range(count)]
                wrong, total, _ = np.sum([compared(*net, 1.0, 4) for net in made], 0)
                row(f"{name}: {count} networks, {library}, IF, {reset} reset", wrong, total)


def normalised(count, bits, tau=None):
    """Networks with real batch normalisation, by fraction bits (None: the importer's choice)."""
    from tests.support.peer_networks import normalised_network

    for library in LIBRARIES:
        for reset in RESETS:
            made = [normalised_network(library, reset, seed, tau) for seed in range(count)]
            for f in bits:
                found = [compared(*net, TICKS, 1 / 255, PICTURES, fraction_bits=f) for net in made]
                wrong, total, classes = np.sum(found, 0)
                row(f"real BN: {count} networks, {library}, {f'LIF tau {tau:g}' if tau else 'IF'}, {reset}, "
                    f"F = {'chosen' if f is None else f}", wrong, total,
                    f"   {classes} of {count * PICTURES} classes")  # fmt: skip


def twin(path, at_least, chunk=10):
    """(differing, compared, pictures) of a model's twin, on noise."""
    import torch

    from volley.model.interchange.twin import IntegrateFire, to_torch

    model = modelfile.load(path)
    module, wrong, total, pictures = to_torch(model), 0, 0, 0
    kept = []
    for part in module:
        if isinstance(part, IntegrateFire):
            found = []
            kept.append(found)
            part.register_forward_hook(lambda m, i, o, found=found: found.append(o.bool().numpy()))
    rng = np.random.default_rng(0)
    top = model.most if model.kind == "spikes" else 2**model.bits - 1
    while total < at_least:
        images = rng.integers(0, top + 1, (chunk, *model.input_shape)).astype(np.uint8)
        images[::2] &= rng.integers(0, top + 1, images[::2].shape).astype(
            np.uint8
        )  # darker ones too
        with torch.no_grad():
            scores = module(torch.from_numpy(images)).numpy()
        ours = golden.run(model, images)
        assert np.array_equal(scores, ours.scores), path
        for found, mine, layer in zip(kept, ours.spikes, model.layers):
            rows, columns = layer.map_shape[1:]
            fired = np.stack(found)
            if fired.ndim == 5:  # without what pooling leaves out
                fired = fired[..., :rows, :columns]
            packed = np.packbits(fired.reshape(model.ticks, -1), 0, bitorder="little")
            mine = mine if mine.ndim == 5 else mine[:, None]
            mine = mine.transpose(1, 0, 2, 3, 4).reshape(packed.shape)
            wrong += int(np.bitwise_count(packed ^ mine).sum())
            total += model.ticks * packed.shape[1]
            found.clear()
        pictures += chunk
    return wrong, total, pictures


def twins(at_least):
    """Every shipped model."""
    for path in sorted(PRETRAINED.glob("*.safetensors")):
        wrong, total, pictures = twin(path, at_least)
        row(f"twin of {path.stem}, {pictures} pictures, scores equal", wrong, total)


def nir_in(count):
    """Files that the libraries write, imported."""
    from tests.support.nir_networks import network, written
    from volley.model.interchange import check, torch_import
    from volley.model.interchange.nir_import import from_nir

    for library, reset in (("spikingjelly", "hard"), ("snntorch", "hard"), ("snntorch", "soft")):
        wrong = total = 0
        for seed in range(count):
            module, shape, ticks = network(library, reset, 100 + seed)
            with tempfile.TemporaryDirectory() as folder:
                path = written(library, module, shape, Path(folder) / "net.nir")
                model = from_nir(path, ticks=ticks, reset=reset, above=library == "snntorch",
                                 scale=1.0)  # fmt: skip
            images = np.random.default_rng(seed).integers(0, 256, (4, *shape), dtype=np.uint8)
            walk = torch_import.trace.walk(module)
            walk.links = [x for x in walk.links if getattr(x[1], "pools", None) is None]
            found = check.compare(module, walk, model, images, 1.0)
            wrong += sum(x[4] for x in found.layers)
            total += sum(x[3] for x in found.layers)
        row(f"NIR written by {library}, {count} networks, {reset} reset", wrong, total)


def nir_out(count):
    """Exported files, read by spikingjelly: scores."""
    import torch
    from spikingjelly.activation_based.nir_exchange import import_from_nir

    from tests.support.nir_networks import hard
    from volley.model.interchange.nir_export import to_nir

    wrong = total = 0
    for seed in range(count):
        model = hard(seed)
        net, state, scores = import_from_nir(to_nir(model), dt=1.0), None, 0
        images = np.random.default_rng(seed).integers(0, 256, (50, 2, 8, 6), dtype=np.uint8)
        with torch.no_grad():
            for _ in range(model.ticks):
                out, state = net(torch.from_numpy(images).float(), state)
                scores = scores + out
        ours = golden.run(model, images).scores
        wrong, total = wrong + int((ours != scores.numpy()).sum()), total + ours.size
    row(f"NIR read by spikingjelly, {count} models: scores", wrong, total)


def main(arguments=None):
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="bench/interchange.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--networks", type=int, default=50, help="dyadic networks a library and reset (50)")
    add("--spikes", type=float, default=1e8, help="compared of each twin, at least (1e8)")
    options = parser.parse_args(arguments)
    import torch

    torch.set_num_threads(1)
    print("neurons x ticks that differ, of all; share")
    for tau in (None, 2.0, 4.0):
        dyadic(options.networks, tau)
    copied(options.networks)
    normalised(6, (4, 5, 6, 7, 8, None))
    normalised(6, (4, 6, None), 2.0)
    nir_in(max(1, options.networks // 5))
    nir_out(max(1, options.networks // 5))
    twins(options.spikes)
    return 0


if __name__ == "__main__":
    sys.exit(main())
