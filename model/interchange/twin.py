"""``to_torch``: a model file as a PyTorch module, the twin, whose spikes are the file's; as files too."""

from __future__ import annotations

import base64
import io
import json
import textwrap
import zlib
from pathlib import Path

import numpy as np
import torch

from volley.firmware.files import write_whole
from volley.firmware.modelfile import Model
from volley.model.interchange import twin_modules
from volley.model.interchange.twin_modules import IntegrateFire, Twin

__all__ = ["IntegrateFire", "Twin", "save_program", "save_source", "to_torch"]

INTEGERS = ("bias", "threshold", "v_init")
PLAIN = ("kind", "stride", "padding", "pool", "pool_kind", "leak", "leak_first")


def _layers(model):
    """What ``twin_modules.build`` takes, with tensors as numpy arrays."""
    out = []
    for layer in model.layers:
        made = {key: getattr(layer, key) for key in PLAIN}
        made |= {"weight": layer.weight.astype(np.int32) << model.fraction_bits_of(layer)}
        out.append(made | {key: getattr(layer, key) for key in INTEGERS})
    return out


def to_torch(model: Model) -> Twin:
    """The twin of a model: weights +-2^F, integer biases and thresholds; of plain torch modules.

    Float32, where every sum is an integer below 2^24; float64 for a model that can pass it.
    """
    layers = [
        {k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in layer.items()}
        for layer in _layers(model)
    ]
    return twin_modules.build(layers, *_build_arguments(model))


def _build_arguments(model):
    """What ``twin_modules.build`` takes after the layers."""
    most = model.most if model.kind == "spikes" else 2**model.bits - 1
    return model.ticks, model.reset == "hard", most, model.kind == "spikes", model.votes


def save_program(model: Model, path) -> None:
    """Writes the twin for torch.export.load (.pt2): a graph of torch's own operators, any batch."""
    shape = (2, *model.input_shape)
    with torch.no_grad():
        program = torch.export.export(
            to_torch(model),
            (torch.zeros(shape, dtype=torch.uint8),),
            dynamic_shapes=({0: torch.export.Dim("pictures")},),
        )
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    write_whole(path, buffer.getvalue())


DATA = '''

def _signs(text, shape, magnitude):
    """Weights +-magnitude, packed as bits."""
    packed = np.frombuffer(zlib.decompress(base64.b64decode(text)), np.uint8)
    bits = np.unpackbits(packed, count=int(np.prod(shape))).astype(np.float32)
    return torch.from_numpy((2 * bits - 1) * magnitude).view(shape)


def _integers(text):
    """int32, little endian."""
    return torch.from_numpy(np.frombuffer(zlib.decompress(base64.b64decode(text)), "<i4").copy())


def make():
    """The network, in evaluation mode; see Twin."""
    layers = []
    for layer in json.loads(LAYERS):
        layer["weight"] = _signs(layer["weight"], layer.pop("shape"), layer.pop("magnitude"))
        for key in ("bias", "threshold", "v_init"):
            layer[key] = layer[key] and _integers(layer[key])
        layers.append(layer)
    return build(layers, *HOW)
'''


def save_source(model: Model, path) -> None:
    """Writes the twin as a Python file whose ``make()`` gives it; it needs torch and numpy alone."""
    rows = []
    for layer in _layers(model):
        weight = layer["weight"]
        layer |= {"weight": _text(np.packbits(weight > 0)), "shape": list(weight.shape),
                  "magnitude": int(abs(weight.flat[0]))}  # fmt: skip
        layer |= {
            k: layer[k] if layer[k] is None else _text(layer[k].astype("<i4")) for k in INTEGERS
        }
        rows.append(layer)
    head = Path(twin_modules.__file__).read_text()
    head = head[head.index("import torch") :]
    text = json.dumps(rows)
    lines = "\n".join(f"    {line!r}" for line in textwrap.wrap(text, 100, break_on_hyphens=False,
                      drop_whitespace=False))  # fmt: skip
    # in the file's docstring: nothing that could end it
    name = "".join(c if c.isprintable() and c not in "\"'\\" else "_" for c in model.name[:60])
    source = (
        f'"""The network {name}, {model.ticks} ticks, with the spikes and scores of its '
        f'Volley model file.\n\nmake() gives a torch module.\n"""\n\nimport base64\nimport json\n'
        f"import zlib\n\nimport numpy as np\n{head}\n\n"
        f"HOW = {_build_arguments(model)}  # ticks, hard, most, sequence, votes\nLAYERS = (\n{lines}\n)\n{DATA}"
    )
    write_whole(path, source)


def _text(array):
    return base64.b64encode(zlib.compress(array.tobytes(), 9)).decode()
