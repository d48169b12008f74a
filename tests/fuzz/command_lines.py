"""Command lines of options that there are, with values that are right, odd or missing."""

import numpy as np

from tests.fuzz import inputs
from tests.support.random_models import random_model
from volley.firmware import compile as compiler
from volley.fpga import build
from volley.host import infer
from volley.model import golden

ODD = ["", "x", "-1", "0", "1e9", "nan", "9" * 4400, "é", "\x1b[31m", "a\nb", "\udc80", "$(x)", "'", "/dev/null", "/", ".",
       "a" * 300, "%s", "%(prog)s", "\u202e", "0x10", "--", "-"]  # fmt: skip


def _files(folder):
    """Good and bad files in the folder, made once."""
    if not (folder / "good.safetensors").exists():
        model = random_model(3, layers=2, readout=True, size=6)
        model.save(folder / "good.safetensors")
        np.save(folder / "good.npy", model.images(2))
        np.save(folder / "zeros.npy", np.zeros((2, 6, 8), np.uint8))
        (folder / "bad.safetensors").write_bytes(b"\x08" + bytes(30))
        (folder / "labels.txt").write_text("class 0\n0\n")
        (folder / "bad\x1b[31m\n.png").write_bytes(b"\x89PNG")
        meta, payload = inputs.programs()[0]
        import json

        (folder / "p.program").write_bytes(inputs.sealed(json.dumps(meta).encode(), payload))
    return [str(folder / name) for name in (
        "good.safetensors", "good.npy", "zeros.npy", "bad.safetensors", "labels.txt", "bad\x1b[31m\n.png",
        "p.program", "none", "")]  # fmt: skip


def draw(rng, folder):
    """(command, its main, arguments)."""
    files = _files(folder)
    out = [str(folder / "out"), str(folder / "no" / "out"), str(folder), "/dev/null"]
    boards = ["sim", "ulx3s", "arty", "nowhere", "../x.toml", *ODD]
    sets = [
        "ci=8,co=4",
        "ci=3",
        "ci",
        "x=1",
        "ci=" + "9" * 5000,
        "ci=0x8",
        "clock=nan",
        "clock=80",
        *ODD,
    ]
    commands = {
        "infer": (infer.main, {
            "--port": ["golden", "golden", "golden", "none", "sim:nowhere", "sim:ci=5", "pcie:x", *ODD],
            "--model": files + ODD, "--images": files + ODD, "--labels": files + ODD, "--limit": ["1", *ODD],
            "--fit": None, "--json": out, "--plot": out[1:], "--trace": out[1:], "--baud": ["115200", *ODD],
            "--fuse": ["auto", "none", *ODD], "--list": None, "--verify": None,
        }, ["--port", "golden"]),
        "compile": (compiler.main, {
            "--board": boards, "--set": sets, "--fuse": ["auto", "pairs", "none", *ODD], "-o": out,
            "--disassemble": None,
        }, [rng.choice(files + ODD)]),
        "build": (build.main, {
            "--target": boards, "--like": boards, "--set": sets, "--model": files, "--seed": ["1", *ODD],
            "--folder": out[:1], "--synth-only": None, "--cable": ODD, "--tools": ["system", *ODD],
        }, ["--dry-run"]),
        "golden": (golden.main, {"--data": ["mnist", *ODD], "--data-dir": [str(folder)], "--limit": ["1", *ODD]},
                   [rng.choice(files + ODD), "--data-dir", str(folder / "none")]),
    }  # fmt: skip
    name = rng.choice(("infer", "infer", "compile", "build", "golden"))
    main, options, arguments = commands[name]
    arguments = list(arguments)
    for _ in range(rng.choice((0, 1, 2, 3, 5))):
        option = rng.choice(sorted(options))
        arguments.append(option)
        if options[option] is not None and rng.random() < 0.97:
            arguments.append(rng.choice(options[option]))
    if name == "infer" and rng.random() < 0.7:
        arguments += ["--model", files[0], "--images", rng.choice(files[1:3])]
    # no simulated board is built here, no serial port waited for, no data set fetched
    safe = {
        "infer": not any(a in ("sim", "") for a in arguments),
        "golden": "mnist" not in arguments,
    }
    if not safe.get(name, True):
        arguments = ["--limit", "x"]
    return name, main, arguments
