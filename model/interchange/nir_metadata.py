"""The model that a NIR graph of ``to_nir`` stands for, whole in its metadata."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from volley.firmware import modelfile

KEY = "volley"
"""Of the graph's metadata: the model file's bytes, uint8 [n]."""


def of_model(model) -> dict:
    """The metadata of a model's graph."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        modelfile.save(model, path)
        return {KEY: np.frombuffer(path.read_bytes(), np.uint8)}


def model_of(graph, to_nir):
    """The model in a graph's metadata, if the nodes are still those that ``to_nir`` gives; else None."""
    held = (graph.metadata or {}).get(KEY)
    if np.asarray(held).dtype != np.uint8:  # none, or another program's
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        path.write_bytes(np.asarray(held).tobytes())
        try:
            model = modelfile.load(path)
        except modelfile.ModelError:
            return None
    return model if _same(graph, to_nir(model, warn=lambda text: None)) else None


def _same(one, other):
    """Whether two graphs have the same edges, and nodes of the same types and parameters."""
    if {tuple(e) for e in one.edges} != set(other.edges) or one.nodes.keys() != other.nodes.keys():
        return False
    for name, node in one.nodes.items():
        mine, its = node.to_dict(), other.nodes[name].to_dict()
        keys = (mine.keys() | its.keys()) - {"metadata", "input_type", "output_type", "shape"}
        for key in keys:
            a, b = mine.get(key), its.get(key)
            if key == "type":
                if a != b:
                    return False
            elif not np.array_equal(np.asarray(a), np.asarray(b)):
                return False
    return True
