"""Checkpoints of training, OUT.ckpt: to go on with, to start another run from, to hand on.

Drop what only --resume needs, the optimiser's state and, where there are averaged weights, the
others, and keep the latent weights as bfloat16, which keeps every sign; what is left serves --init
and --teacher (run from the repository's root):

    python model/training/checkpoint.py OUT.ckpt small.ckpt
"""

import argparse
import hashlib
import io
import os
import sys
from pathlib import Path

if __name__ == "__main__":  # as a script: import from the repository's root
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from volley.firmware import pipe  # noqa: E402
from volley.firmware.files import read_input, regular, write_whole  # noqa: E402
from volley.firmware.texts import shown  # noqa: E402

KEYS = {"settings", "net", "average", "rows", "log_scale", "optimiser"}

LATER = {
    "neuron": "if", "tau": 2, "pictures": None, "real": False, "centre": False, "tet": 0.0,
    "width": None, "mix": "none", "picture": None, "prune": None, "widen": False,
}  # fmt: skip
"""Settings that earlier versions did not write, as they were then."""

NAME_ONE = "name a checkpoint of train.py (OUT.ckpt)"


class ResumeError(ValueError):
    """A checkpoint that cannot be used; says why and what to do."""


def read(path, remedy=NAME_ONE):
    """A checkpoint's dict, with KEYS, every number finite.

    Raises ResumeError, which ends with the remedy, when it is absent or damaged, and
    finite.NotFiniteError, which names the tensor, when it holds NaN or infinity.
    """
    import torch

    from volley.model.nets import finite

    try:
        file = regular(path)
    except FileNotFoundError:
        raise ResumeError(f"{path}: no such checkpoint; {remedy}") from None
    except OSError as error:
        raise ResumeError(f"{path}: {error.strerror or error}; {remedy}") from None
    try:
        state = torch.load(file, weights_only=True, map_location="cpu")
    except Exception as error:  # of a torn file OSError too
        if isinstance(error, OSError) and error.filename is not None:
            raise ResumeError(f"{path}: {error.strerror or error}; {remedy}") from None
        raise ResumeError(
            f"{path}: not a checkpoint of this program, or a damaged one ({type(error).__name__}); {remedy}"
        ) from None
    if not isinstance(state, dict) or KEYS - set(state):
        raise ResumeError(f"{path}: a checkpoint of another version; {remedy}")
    wrong = _wrong_type(state)
    if wrong:
        raise ResumeError(f"{path}: {wrong}; {remedy}")
    finite.check(path, {key: state[key] for key in ("net", "average", "log_scale")}, remedy)
    if state["optimiser"]:
        finite.check(path, {"optimiser": state["optimiser"]["state"]}, remedy)
    return state


def write(path, state):
    """Write a checkpoint whole or not at all; raises OSError.

    By way of memory: torch.save to a path makes a RuntimeError without its name of a full disk.
    """
    import torch

    data = io.BytesIO()
    torch.save(state, data)
    write_whole(path, data.getvalue())


def _wrong_type(state):
    """What is of another type than ``Trainer.checkpoint`` writes, or None."""
    import torch

    rows, average, optimiser = state["rows"], state["average"], state["optimiser"]
    if not isinstance(state["settings"], dict):
        return "settings are no dict"
    if not isinstance(rows, list) or not all(isinstance(x, dict) and "stage" in x for x in rows):
        return "rows are no list of epochs"
    if average is not None and not (isinstance(average, dict) and "net" in average):
        return "average is no dict with a net"
    if optimiser is not None and not (
        isinstance(optimiser, dict) and isinstance(optimiser.get("state"), dict)
    ):
        return "optimiser is no dict with a state"
    for name, net in (("net", state["net"]), ("average.net", average and average["net"])):
        if net is None and name != "net":
            continue
        if not isinstance(net, dict):
            return f"{name} is no dict of tensors"
        for key, value in net.items():
            if not _plain(value):
                return f"{shown(key)} of {name} is no plain tensor"
    scale = state["log_scale"]
    if not _plain(scale) or scale.numel() != 1 or not torch.is_floating_point(scale):
        return "log_scale is no number"
    return None


def _plain(value):
    """Whether a value is a dense tensor whose every number the file holds."""
    import torch

    return (
        isinstance(value, torch.Tensor)
        and value.layout == torch.strided
        and value.numel() * value.element_size() <= value.untyped_storage().nbytes()
    )


def load_into(path, module, tensors, remedy=NAME_ONE):
    """Loads a checkpoint's tensors into a module; raises ResumeError that names one that does not fit."""
    wanted = module.state_dict()
    for key in sorted(wanted.keys() | tensors.keys(), key=str):
        if key not in tensors:
            raise ResumeError(f"{path}: tensor {key} is missing; {remedy}")
        if key not in wanted:
            raise ResumeError(f"{path}: tensor {shown(key)} is of no layer; {remedy}")
        if tensors[key].shape != wanted[key].shape:
            raise ResumeError(
                f"{path}: tensor {key} has the shape {list(tensors[key].shape)}, the network "
                f"{list(wanted[key].shape)}; {remedy}"
            )
    module.load_state_dict(tensors)


def digest(path):
    """A checkpoint file as an option's value in other checkpoints: its SHA-256, 16 digits."""
    try:
        content = read_input(path)
    except FileNotFoundError:
        raise ResumeError(f"{path}: no such checkpoint; {NAME_ONE}") from None
    return f"sha256 {hashlib.sha256(content).hexdigest()[:16]}"


def weights(state):
    """The weights that a checkpoint's dict stands for: the averaged ones where there are any."""
    return (state["average"] or state)["net"]


def slim(state):
    """A checkpoint's dict without what only --resume needs, the latent weights as bfloat16."""
    net = {
        key: value.bfloat16() if key.endswith(".weight") else value
        for key, value in weights(state).items()
    }
    return {**state, "net": net, "average": None, "optimiser": None}


def main(arguments=None):
    """Command line; returns the exit code."""
    parser = pipe.Parser(
        prog="checkpoint.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("checkpoint", metavar="CKPT", help="OUT.ckpt of train.py")
    parser.add_argument("out", metavar="OUT", help="small checkpoint to write")
    options = parser.parse_args(arguments)
    try:
        state = read(options.checkpoint)
        write(options.out, slim(state))
    except (ValueError, OSError) as error:
        return pipe.fail("checkpoint.py", error)
    print(f"{options.out}: {os.path.getsize(options.out)} bytes, {len(state['rows'])} epochs")
    return 0


if __name__ == "__main__":
    sys.exit(pipe.run(main))
